/** What the transaction user (TU: user agent, proxy, registrar) and the transaction layer say to each other. */
import type { Flow } from "../flow.ts";
import type { HeaderList, Request, Response } from "../message.ts";

/** The states of figures 5 to 8 of RFC 3261, with those of RFC 6026. */
export type InviteServerState = "proceeding" | "completed" | "confirmed" | "accepted" | "terminated";
export type NonInviteServerState = "trying" | "proceeding" | "completed" | "terminated";
export type InviteClientState = "calling" | "proceeding" | "completed" | "accepted" | "terminated";
export type NonInviteClientState = "trying" | "proceeding" | "completed" | "terminated";

/** Serves what the layer receives. */
export interface TransactionUser {
  /** A new request (never ACK, never CANCEL, never a retransmission). */
  request(transaction: ServerTransaction, request: Request): void;
  /** The ACK for a 2xx: it belongs to a dialog, not to a transaction. Retransmitted ACKs come each time. */
  ack(request: Request, flow: Flow): void;
  /** A CANCEL for an INVITE without a final response yet; the CANCEL is answered already. Answer the INVITE with 487. */
  cancel(transaction: ServerTransaction, cancel: Request): void;
  /**
   * A CANCEL that belongs to no transaction. True: taken, as by a stateless proxy, which sends it on (RFC 3261 §16.10);
   * otherwise, or without this method, the layer answers 481.
   */
  strayCancel?(cancel: Request, flow: Flow): boolean;
  /** A response that belongs to no client transaction. Drop it (RFC 6026 §7.2), unless you are a stateless proxy. */
  strayResponse(response: Response, flow: Flow): void;
  /** A request was refused with 503: too many transactions are open, or we are overloaded. For counting and logging. */
  refused?(request: Request, flow: Flow): void;
}

/** A request being served. Keep it as long as you like; the layer lets go of it with the final response. */
export interface ServerTransaction {
  readonly request: Request;
  /** Where the request came from. */
  readonly flow: Flow;
  readonly state: InviteServerState | NonInviteServerState;
  /** A final response was given, or can be given no more. */
  readonly finalSent: boolean;
  /**
   * Sends a response; for a final one, and a provisional one to an INVITE, sees to its retransmissions, except that
   * of a 2xx to an INVITE, which is the user's: pass it again (RFC 6026 §7.1).
   * False: not sent, since it is too late, or since RFC 4320 forbids it (408 to, or 101-199 to, a non-INVITE).
   */
  respond(response: Response): boolean;
  /**
   * Answers once and forgets the request: no retransmissions, no memory, a To tag that tells the layer to swallow the
   * ACK. For challenges and refusals to sources that may be forged. After a provisional response, when the client does
   * not send its INVITE again, it is sent as by `respond`.
   */
  respondStateless(status: number, options?: StatelessOptions): void;
  /** Forgets the request without an answer: for a stateless proxy, and for silence. */
  forget(): void;
  /** Non-INVITE: 64*T1 passed without a final response; none can be sent any more (RFC 4320 §4.2). INVITE: timer H, no ACK came. */
  onTimeout: (() => void) | undefined;
  /** A response could not be delivered (RFC 3261 §17.2.4). The transaction goes on. */
  onTransportError: ((reason: string) => void) | undefined;
  /** The ACK for a final response from 300 on. */
  onAck: ((ack: Request) => void) | undefined;
}

export interface StatelessOptions {
  /** Instead of the registered reason phrase. */
  reason?: string | undefined;
  headers?: HeaderList | undefined;
}

/** Takes what comes of a request that was sent; not before `TransactionLayer.request` has returned. */
export interface ClientUser {
  /** Each provisional response; the final one once, except 2xx to INVITE, which come each time (and from each fork). */
  response(response: Response, transaction: ClientTransaction): void;
  /** No final response in time: to be treated as a 408 (RFC 3261 §8.1.3.1), which is never sent on (RFC 4320). */
  timeout(transaction: ClientTransaction): void;
  /** The request could not be delivered: to be treated as a 503 (RFC 3261 §8.1.3.1). */
  transportError(reason: string, transaction: ClientTransaction): void;
}

export interface ClientTransaction {
  /** The request that was sent; undefined after the final response, when the layer has let go of it. */
  readonly request: Request | undefined;
  readonly flow: Flow;
  readonly state: InviteClientState | NonInviteClientState;
  /**
   * Cancels an INVITE by RFC 3261 §9.1: waits for a provisional response, sends CANCEL once; 64*T1 later without a final
   * response the user gets `timeout`. Nothing happens after a final response, nor to any other method. `headers` go into
   * the CANCEL, such as its Reason (RFC 3326); those of the first call count.
   */
  cancel(headers?: HeaderList): void;
}
