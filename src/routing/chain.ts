/**
 * The receive chain: each receiver takes a request, or passes it on to the next. What stands in `routes:` of a
 * configuration becomes the same chain that a program can build by hand.
 */
import type { Flow } from "../sip/flow.ts";
import type { Request } from "../sip/message.ts";
import type { ServerTransaction } from "../sip/transaction/index.ts";

/**
 * A request on its way along a chain: each new one, and the ACKs and CANCELs that belong to no transaction and no dialog of
 * ours, which concern stateless proxies alone.
 *
 * @example
 * const fromOffice = ({ flow }: Incoming) => flow.remote.host.startsWith("192.0.2.");
 */
export interface Incoming {
  readonly request: Request;
  /** Where it came from, and the way of its responses. */
  readonly flow: Flow;
  /** Nothing is kept for it before it is used. Of an ACK it answers nothing; a stray CANCEL is answered statelessly. */
  readonly tx: ServerTransaction;
  /** Whose credentials the request had; the authorizer sets it. */
  authenticated: Authenticated | undefined;
}

export interface Authenticated {
  readonly user: string;
  readonly realm: string;
  /** The header lines with credentials for us, which nobody behind us needs (RFC 3261 §22.3). */
  readonly lines?: readonly number[] | undefined;
}

/**
 * True: taken, and the receiver sees to the response, now or later. False: the next one's.
 *
 * @example
 * const gone: Receiver = ({ request, tx }) => {
 *   if (!request.uri.startsWith("sip:old@")) return false;
 *   tx.respondStateless(410);
 *   return true;
 * };
 */
export type Receiver = (incoming: Incoming) => boolean;

/**
 * Receivers in order, as one. The first that takes a request ends its way.
 *
 * @example
 * ua.serve(chain(blocker({ SUBSCRIBE: 405 }), chain(ua.createRegistrar(), ua.createStatelessProxy())));
 */
export function chain(...receivers: readonly Receiver[]): Receiver {
  return (incoming) => {
    for (const receive of receivers) if (receive(incoming)) return true;
    return false;
  };
}

/**
 * Lets a receiver see only the requests that `accepts` lets through.
 *
 * @example
 * ua.serve(only(({ flow }) => flow.transport === "tls", ua.createRegistrar()));
 */
export function only(accepts: (incoming: Incoming) => boolean, receiver: Receiver): Receiver {
  return (incoming) => accepts(incoming) && receiver(incoming);
}

/**
 * Lets a receiver see only requests with these methods; the ACK and the CANCEL of an INVITE count as INVITE.
 *
 * @example
 * ua.serve(methods(["REGISTER"], chain(auth, ua.createRegistrar())), ua.createStatelessProxy());
 */
export function methods(names: Iterable<string>, receiver: Receiver): Receiver {
  const served = new Set(names);
  return (incoming) => served.has(methodOf(incoming.request)) && receiver(incoming);
}

/** The method that decides where a request goes: an ACK and a CANCEL follow their INVITE (RFC 3261 §16.10, §16.11). */
export function methodOf(request: Request): string {
  return isHopByHop(request) ? "INVITE" : request.method;
}

/** An ACK or a CANCEL: nobody answers the one, and only a transaction or a stateless proxy knows what to do with the other. */
export function isHopByHop({ method }: Request): boolean {
  return method === "ACK" || method === "CANCEL";
}

/** Is it the client itself that sent it to us, and no proxy? So it says, at least. */
export function isDirect({ lines }: Request): boolean {
  return !lines.mayBeSeveral("via");
}

/** The one implementation of `Incoming`: a request with its transaction. */
export class Arrival implements Incoming {
  readonly tx: ServerTransaction;
  authenticated: Authenticated | undefined = undefined;

  constructor(tx: ServerTransaction) {
    this.tx = tx;
  }

  get request(): Request {
    return this.tx.request;
  }

  get flow(): Flow {
    return this.tx.flow;
  }
}
