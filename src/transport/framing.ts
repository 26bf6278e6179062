/** How SIP messages lie in a connection's octets: one behind the other (RFC 3261 §18.3), or one per WebSocket message. */
import { type FramerLimits, StreamFramer } from "../sip/framer.ts";
import type { ParseFailure, Request, Response } from "../sip/message.ts";
import type { HttpRequest } from "./websocket/http.ts";

/** What a connection's octets say. */
export type Arrival =
  | Request
  | Response
  | ParseFailure
  /** A keep-alive that asks for an answer, and one that does not. */
  | "ping"
  | "pong"
  /** From now on SIP can be spoken. */
  | { readonly type: "ready" }
  /** The framing's own octets, to be sent. */
  | { readonly type: "reply"; readonly bytes: Uint8Array }
  /** It is over: these octets are to be sent, and the connection closed. Nothing comes after it. */
  | { readonly type: "end"; readonly bytes: Uint8Array | undefined; readonly reason: string }
  /** A request of HTTP, which the port's owner answers. Nothing comes after it. */
  | { readonly type: "http"; readonly request: HttpRequest };

/** One per connection, and per direction of connecting. Sans-IO. */
export interface Framing {
  /** Whether SIP can be spoken. */
  readonly ready: boolean;
  /** Octets that wait for the rest of their message. */
  readonly pending: number;
  /** The answer to a "ping". */
  readonly pong: Uint8Array;
  /** What makes a live peer say something, for transports on which we ask for that. */
  readonly probe: Uint8Array | undefined;
  /** Whether a peer that has ended its side may still be sent to. */
  readonly halfOpen: boolean;
  /** What `chunk` completes, in order. The chunk may be reused by its owner afterwards. */
  push(chunk: Uint8Array): readonly Arrival[];
  /** A message, or keep-alive, as it goes onto the wire. */
  encode(message: Uint8Array): Uint8Array;
  /** What is said before the connection is closed from our side; undefined when nothing is. */
  farewell(): Uint8Array | undefined;
}

const crlf = Uint8Array.of(0x0d, 0x0a);

/** SIP over TCP and TLS: messages by Content-Length, keep-alives between them (RFC 5626 §4.4.1). */
export class SipFraming implements Framing {
  readonly ready = true;
  readonly pong = crlf;
  readonly probe = undefined;
  readonly halfOpen = true;
  readonly #framer: StreamFramer;

  constructor(limits: FramerLimits) {
    this.#framer = new StreamFramer(limits);
  }

  get pending(): number {
    return this.#framer.pending;
  }

  push(chunk: Uint8Array): readonly Arrival[] {
    return this.#framer.push(chunk);
  }

  encode(message: Uint8Array): Uint8Array {
    return message;
  }

  farewell(): undefined {
    return undefined;
  }
}
