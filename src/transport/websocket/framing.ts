/** SIP over WebSocket, as its server (RFC 7118): the upgrade, then one SIP message per WebSocket message. Sans-IO. */
import { parseMessage } from "../../sip/message.ts";
import type { Arrival, Framing } from "../framing.ts";
import { closeCode, closeFrame, type FrameEvent, FrameReader, messageFrame, pingFrame, pongFrame } from "./frames.ts";
import { type HttpLimits, HttpReader } from "./http.ts";
import { upgrade } from "./upgrade.ts";

/** closing: our close frame is sent, or nothing is to be said any more. */
type State = { name: "http"; reader: HttpReader } | { name: "open"; frames: FrameReader } | { name: "closing" };

export interface WebSocketOptions {
  /** `maxHead` and `maxBody` bound the HTTP request, and together one SIP message. */
  readonly limits: HttpLimits;
  /** The values of Origin that may connect, in lower case; undefined: any. */
  readonly origins: ReadonlySet<string> | undefined;
}

const crlf = Uint8Array.of(0x0d, 0x0a);
const nothing: readonly Arrival[] = [];

export class WebSocketFraming implements Framing {
  readonly pong = messageFrame(crlf);
  readonly probe = pingFrame;
  readonly halfOpen = false;
  readonly #options: WebSocketOptions;
  #state: State;

  constructor(options: WebSocketOptions) {
    this.#options = options;
    this.#state = { name: "http", reader: new HttpReader(options.limits) };
  }

  get ready(): boolean {
    return this.#state.name === "open";
  }

  get pending(): number {
    const state = this.#state;
    return state.name === "http" ? state.reader.pending : state.name === "open" ? state.frames.pending : 0;
  }

  push(chunk: Uint8Array): readonly Arrival[] {
    switch (this.#state.name) {
      case "http":
        return this.#http(this.#state.reader, chunk);
      case "open":
        return this.#frames(this.#state.frames.push(chunk));
      case "closing":
        return nothing;
    }
  }

  encode(message: Uint8Array): Uint8Array {
    return messageFrame(message);
  }

  farewell(): Uint8Array | undefined {
    const { name } = this.#state;
    this.#state = { name: "closing" };
    return name === "open" ? closeFrame(closeCode.goingAway) : undefined;
  }

  #http(reader: HttpReader, chunk: Uint8Array): readonly Arrival[] {
    const arrival = reader.push(chunk);
    if (arrival === undefined) return nothing;
    this.#state = { name: "closing" };
    if (arrival.type === "refused") return [{ type: "end", bytes: arrival.answer, reason: "no request of HTTP" }];
    const outcome = upgrade(arrival.request, this.#options.origins);
    switch (outcome.type) {
      case "plain":
        return [{ type: "http", request: arrival.request }];
      case "refused":
        return [{ type: "end", bytes: outcome.answer, reason: "upgrade refused" }];
      case "accepted": {
        const { maxHead, maxBody } = this.#options.limits;
        const frames = new FrameReader(maxHead + maxBody);
        this.#state = { name: "open", frames };
        const early = arrival.rest.length === 0 ? nothing : this.#frames(frames.push(arrival.rest));
        return [{ type: "reply", bytes: outcome.answer }, { type: "ready" }, ...early];
      }
    }
  }

  #frames(events: readonly FrameEvent[]): readonly Arrival[] {
    const arrivals: Arrival[] = [];
    let ping: Uint8Array | undefined;
    for (const event of events) {
      switch (event.type) {
        case "message":
          arrivals.push(keepAliveOf(event.bytes) ?? parseMessage(event.bytes, "datagram"));
          break;
        case "ping":
          // Only the last of several needs an answer (RFC 6455 §5.5.3).
          ping = event.bytes;
          break;
        case "pong":
          arrivals.push("pong");
          break;
        case "close":
        case "violation": {
          const reason = event.type === "close" ? "closed by the peer" : event.reason;
          this.#state = { name: "closing" };
          arrivals.push({ type: "end", bytes: closeFrame(event.code), reason });
        }
      }
    }
    if (ping !== undefined && this.#state.name === "open") arrivals.push({ type: "reply", bytes: pongFrame(ping) });
    return arrivals;
  }
}

/** A message of line ends alone is a keep-alive (RFC 7118 §6, RFC 5626 §4.4.1). */
function keepAliveOf(message: Uint8Array): "ping" | "pong" | undefined {
  if ((message[0] ?? 0x0d) !== 0x0d) return undefined;
  return message.every((octet) => octet === 0x0d || octet === 0x0a)
    ? message.length >= 4
      ? "ping"
      : "pong"
    : undefined;
}
