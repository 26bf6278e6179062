/**
 * One TCP connection: bytes in through the framer, bytes out through a bounded queue. Each of its timers ends a way in
 * which a peer could hold memory: silence, a message that never ends, octets that are never taken.
 */
import type { Timer } from "../sip/clock.ts";
import type { Address, Flow } from "../sip/flow.ts";
import { StreamFramer } from "../sip/framer.ts";
import type { Request } from "../sip/message.ts";
import { type Failed, type FailureKind, failLater, type TransportContext } from "./context.ts";
import { ReadTurns } from "./read-turns.ts";

/** The socket as a connection uses it: Bun's, or a test's. */
export interface StreamSocket {
  /** How many octets were taken; negative once the socket is closed. */
  write(bytes: Uint8Array): number;
  /** Sends FIN and reads no more: Bun closes the socket at once, and what the peer still sends is answered with RST. */
  end(): void;
  /** Sends FIN and goes on reading. */
  shutdown(halfClose: true): void;
  /** Closes at once. */
  terminate(): void;
  /** Stops and goes on with reading. */
  pause(): void;
  resume(): void;
}

/** What the pool of connections gives each of them. */
export interface ConnectionOwner {
  readonly context: TransportContext;
  /** The way of responses to `request`, which came over `connection`. */
  responseRoute(connection: Connection, request: Request): Flow;
  /** The connection takes no more requests: another must be opened for them. */
  retired(connection: Connection): void;
  /** The connection is gone. */
  gone(connection: Connection): void;
  /** Asks for room for `octets` in the queues of all connections; a negative number gives room back. */
  reserve(octets: number): boolean;
}

/**
 * connecting -> open -> (peerEnded ->) flushing -> closed; each may go to closed directly.
 * peerEnded: the peer sent FIN but may still read responses. flushing: we close once the queue has left.
 */
type State =
  | { name: "connecting" }
  | { name: "open" | "peerEnded"; socket: StreamSocket }
  | { name: "flushing"; socket: StreamSocket; lingers: boolean }
  | { name: "closed"; reason: string };

interface Chunk {
  bytes: Uint8Array;
  /** Octets that have left. */
  sent: number;
  failed: Failed | undefined;
}

const crlf = Uint8Array.of(0x0d, 0x0a);
/** 64*T1 (RFC 3261 §17): as long may a response come for a peer that has ended its side. */
const transactionTime = 32_000;
/** How long a peer may take to answer our FIN with its own, in ms. */
const lingerTime = 2_000;

export class Connection implements Flow {
  readonly transport = "tcp";
  readonly reliable = true;
  readonly id: string;
  readonly remote: Address;
  readonly inbound: boolean;
  #local: Address | undefined;
  #state: State = { name: "connecting" };
  readonly #owner: ConnectionOwner;
  readonly #framer: StreamFramer;
  readonly #turns = new ReadTurns({
    take: (octets) => this.#take(octets),
    pause: () => this.#socket?.pause(),
    resume: () => this.#socket?.resume(),
  });
  #queue: Chunk[] = [];
  #queued = 0;
  #heardAt = 0;
  /** Requests of the peer without a final response, as far as octets tell. */
  #unanswered = 0;
  /** Connecting, lingering or the time of a half-closed connection: one at a time. */
  #stateTimer: Timer | undefined;
  #idleTimer: Timer | undefined;
  #messageTimer: Timer | undefined;
  #writeTimer: Timer | undefined;

  constructor(owner: ConnectionOwner, options: { id: string; remote: Address; inbound: boolean }) {
    this.#owner = owner;
    this.id = options.id;
    this.remote = options.remote;
    this.inbound = options.inbound;
    const { limits, clock } = owner.context;
    this.#framer = new StreamFramer({ maxHead: limits.maxHead, maxBody: limits.maxBody });
    if (!this.inbound) {
      this.#stateTimer = clock.after(limits.connectTimeout, () => this.lost("connecting timed out"));
    }
  }

  get local(): Address {
    return this.#local ?? { host: this.remote.host.includes(":") ? "::" : "0.0.0.0", port: 0 };
  }

  /** Whether `send` can still reach the peer over this connection. */
  get usable(): boolean {
    return this.#state.name === "connecting" || this.#state.name === "open" || this.#state.name === "peerEnded";
  }

  get isClosed(): boolean {
    return this.#state.name === "closed";
  }

  send(bytes: Uint8Array, failed?: Failed): void {
    if (this.#unanswered > 0 && isFinalResponse(bytes)) this.#unanswered--;
    this.#write(bytes, failed);
    if (this.#state.name === "peerEnded" && this.#unanswered === 0) this.closeAfterQueue();
  }

  #write(bytes: Uint8Array, failed: Failed | undefined): void {
    const state = this.#state;
    const { limits } = this.#owner.context;
    if (state.name === "closed") {
      failLater(failed, state.reason, "lost");
      return;
    }
    if (state.name === "flushing") {
      failLater(failed, "connection closing", "lost");
      return;
    }
    let sent = 0;
    if (state.name !== "connecting" && this.#queue.length === 0) {
      sent = state.socket.write(bytes);
      if (sent === bytes.length) return;
      if (sent < 0) {
        failLater(failed, "connection closed", "lost");
        this.lost("connection closed");
        return;
      }
    }
    const rest = bytes.length - sent;
    if (this.#queued + rest > limits.maxQueued) {
      failLater(failed, "the peer does not read", "lost");
      this.abort("the peer does not read");
      return;
    }
    if (!this.#owner.reserve(rest)) {
      failLater(failed, "too much queued for slow peers", "lost");
      // A message of which a part has left cannot be given up without the connection.
      if (sent > 0) this.abort("too much queued for slow peers");
      return;
    }
    this.#queued += rest;
    this.#queue.push({ bytes, sent, failed });
    if (state.name !== "connecting") this.#watchWriting();
  }

  /**
   * Lets what is queued leave, then closes. With `lingers` the peer is read, and ignored, until it has closed as well: an
   * RST for what it is still sending could take our last response from it.
   */
  closeAfterQueue(lingers = false): void {
    const state = this.#state;
    if (state.name === "closed" || state.name === "flushing") return;
    if (state.name === "connecting") {
      this.abort("connection closing");
      return;
    }
    this.#state = { name: "flushing", socket: state.socket, lingers };
    this.#owner.retired(this);
    this.#messageTimer?.cancel();
    if (this.#queue.length === 0) this.#finish(state.socket, lingers);
  }

  /** Closes at once; what is queued fails. */
  abort(reason: string): void {
    const state = this.#state;
    this.lost(reason);
    if (state.name !== "connecting" && state.name !== "closed") state.socket.terminate();
  }

  // What the socket reports, through the pool.

  opened(socket: StreamSocket, local: Address): void {
    if (this.#state.name !== "connecting") {
      socket.terminate();
      return;
    }
    this.#stateTimer?.cancel();
    this.#state = { name: "open", socket };
    this.#local = local;
    this.#heardAt = this.#owner.context.clock.now();
    this.#watchIdle(this.#owner.context.limits.idleTimeout);
    this.drained();
  }

  received(chunk: Uint8Array): void {
    if (this.#state.name !== "open") return;
    this.#heardAt = this.#owner.context.clock.now();
    this.#turns.push(chunk);
  }

  #take(octets: Uint8Array): void {
    if (this.#state.name !== "open") return;
    const { deliver } = this.#owner.context;
    let whole = 0;
    let pinged = false;
    try {
      for (const item of this.#framer.push(octets)) {
        whole++;
        if (item === "pong") continue;
        if (item === "ping") {
          // One answer shows that we live; thousands would be a flood of writes.
          if (!pinged) this.send(crlf);
          pinged = true;
        } else if (item.type === "request") {
          if (item.method !== "ACK") this.#unanswered++;
          deliver.message(item, this.#owner.responseRoute(this, item));
        } else if (item.type === "response") deliver.message(item, this);
        else {
          const flow = item.request === undefined ? this : this.#owner.responseRoute(this, item.request);
          deliver.failure(item, flow);
          if (item.fatal === true) {
            this.closeAfterQueue(true);
            return;
          }
        }
        // A message's handling may have closed the connection.
        if (this.#state.name !== "open") return;
      }
    } catch (error) {
      deliver.threw(error, this);
      this.abort("internal error");
      return;
    }
    this.#watchMessage(whole > 0);
  }

  /** The socket takes octets again. */
  drained(): void {
    const state = this.#state;
    if (state.name === "connecting" || state.name === "closed") return;
    let progress = 0;
    let chunk = this.#queue[0];
    while (chunk !== undefined) {
      const sent = state.socket.write(chunk.sent === 0 ? chunk.bytes : chunk.bytes.subarray(chunk.sent));
      if (sent < 0) {
        this.lost("connection closed");
        return;
      }
      progress += sent;
      chunk.sent += sent;
      if (chunk.sent < chunk.bytes.length) break;
      this.#queue.shift();
      chunk = this.#queue[0];
    }
    if (progress > 0) {
      this.#queued -= progress;
      this.#owner.reserve(-progress);
      this.#writeTimer?.cancel();
      this.#writeTimer = undefined;
    }
    if (this.#queue.length > 0) this.#watchWriting();
    else if (state.name === "flushing") this.#finish(state.socket, state.lingers);
  }

  /**
   * The peer sent FIN. It may have ended its side alone and still wait for responses, so those go out; it gets no
   * requests. Nearly always it has left altogether, so nothing is kept open without a request that waits.
   */
  ended(): void {
    this.#turns.end(() => this.#peerEnded());
  }

  #peerEnded(): void {
    if (this.#state.name !== "open") {
      if (this.#state.name === "flushing" && this.#queue.length === 0) this.#state.socket.end();
      return;
    }
    this.#state = { name: "peerEnded", socket: this.#state.socket };
    this.#owner.retired(this);
    this.#messageTimer?.cancel();
    if (this.#unanswered === 0) {
      this.closeAfterQueue();
      return;
    }
    this.#stateTimer = this.#owner.context.clock.after(transactionTime, () => this.closeAfterQueue());
  }

  /** The connection is gone, or never came to be. */
  lost(reason: string): void {
    const state = this.#state;
    if (state.name === "closed") return;
    this.#state = { name: "closed", reason };
    this.#turns.clear();
    for (const timer of [this.#stateTimer, this.#idleTimer, this.#messageTimer, this.#writeTimer]) timer?.cancel();
    const kind: FailureKind = state.name === "connecting" ? "connect" : "lost";
    for (const chunk of this.#queue) failLater(chunk.failed, reason, kind);
    this.#queue = [];
    this.#owner.reserve(-this.#queued);
    this.#queued = 0;
    this.#owner.gone(this);
    if (kind === "lost") this.#owner.context.deliver.closed(this);
  }

  get #socket(): StreamSocket | undefined {
    return this.#state.name === "connecting" || this.#state.name === "closed" ? undefined : this.#state.socket;
  }

  #finish(socket: StreamSocket, lingers: boolean): void {
    if (lingers) socket.shutdown(true);
    else socket.end();
    if (this.isClosed) return;
    this.#stateTimer?.cancel();
    this.#stateTimer = this.#owner.context.clock.after(lingerTime, () => this.abort("connection closed"));
  }

  /** One timer per connection, not one per message: it looks when the peer was last heard. */
  #watchIdle(ms: number): void {
    const { clock, limits } = this.#owner.context;
    this.#idleTimer = clock.after(ms, () => {
      const left = this.#heardAt + limits.idleTimeout - clock.now();
      if (left > 0) this.#watchIdle(left);
      else this.closeAfterQueue();
    });
  }

  /** The time of one message runs from its first octet; a drip of octets does not prolong it. */
  #watchMessage(fresh: boolean): void {
    const { clock, limits } = this.#owner.context;
    if (this.#framer.pending === 0 || fresh) {
      this.#messageTimer?.cancel();
      this.#messageTimer = undefined;
    }
    if (this.#framer.pending > 0) {
      this.#messageTimer ??= clock.after(limits.messageTimeout, () => this.abort("a message took too long to arrive"));
    }
  }

  #watchWriting(): void {
    const { clock, limits } = this.#owner.context;
    this.#writeTimer ??= clock.after(limits.writeTimeout, () => this.abort("the peer does not read"));
  }
}

/** Whether octets start with `SIP/2.0 ` and a status of 200 or above. */
function isFinalResponse(bytes: Uint8Array): boolean {
  return bytes[0] === 0x53 && bytes[3] === 0x2f && bytes[7] === 0x20 && (bytes[8] ?? 0) >= 0x32;
}
