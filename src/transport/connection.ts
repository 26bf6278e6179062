/**
 * One stream connection: octets in through the framing, octets out through a bounded queue. Each of its timers ends a way
 * in which a peer could hold memory: a handshake that does not end, silence, a message that never ends, octets that are
 * never taken.
 */
import type { Timer } from "../sip/clock.ts";
import type { Address, Flow } from "../sip/flow.ts";
import type { Request } from "../sip/message.ts";
import { type Failed, failLater, type TransportContext } from "./context.ts";
import type { StreamTransport } from "./contract.ts";
import type { Arrival, Framing } from "./framing.ts";
import { ReadTurns } from "./read-turns.ts";
import type { HttpRequest } from "./websocket/http.ts";
import { WriteQueue } from "./write-queue.ts";

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
  /** SIP can be spoken on the connection. */
  ready(connection: Connection): void;
  /** The connection takes no more requests: another must be opened for them. */
  retired(connection: Connection): void;
  /** The connection is gone. */
  gone(connection: Connection): void;
  /** Asks for room in the queues of all connections, of which pages may not have all; a negative number gives room back. */
  reserve(octets: number, page: boolean): boolean;
  /** The whole answer to a request of HTTP. Never rejects. */
  answer(request: HttpRequest, connection: Connection): Promise<Uint8Array>;
}

/**
 * connecting -> (preparing ->) open -> (peerEnded ->) flushing -> closed; each may go to closed directly.
 * preparing: TLS or the upgrade to WebSocket is under way. peerEnded: the peer sent FIN but may still read responses.
 * flushing: we close once the queue has left.
 */
type State =
  | { name: "connecting" }
  | { name: "preparing"; socket: StreamSocket; secured: boolean }
  | { name: "open" | "peerEnded"; socket: StreamSocket }
  | { name: "flushing"; socket: StreamSocket; lingers: boolean }
  | { name: "closed"; reason: string };

/** 64*T1 (RFC 3261 §17): as long may a response come for a peer that has ended its side. */
const transactionTime = 32_000;
/** How long a peer may take to answer our FIN with its own, in ms. */
const lingerTime = 2_000;

export interface ConnectionOptions {
  id: string;
  transport: StreamTransport;
  remote: Address;
  inbound: boolean;
  framing: Framing;
}

export class Connection implements Flow {
  readonly transport: StreamTransport;
  readonly reliable = true;
  readonly id: string;
  readonly remote: Address;
  readonly inbound: boolean;
  #local: Address | undefined;
  #state: State = { name: "connecting" };
  readonly #owner: ConnectionOwner;
  readonly #framing: Framing;
  readonly #turns = new ReadTurns({
    take: (octets) => this.#take(octets),
    pause: () => this.#socket?.pause(),
    resume: () => this.#socket?.resume(),
  });
  readonly #queue: WriteQueue;
  #heardAt = 0;
  #heldUntil = 0;
  /** Whether SIP could be spoken at any time. */
  #wasOpen = false;
  /** Requests of the peer without a final response, as far as octets tell. */
  #unanswered = 0;
  /** Connecting, preparing, lingering or the time of a half-closed connection: one at a time. */
  #stateTimer: Timer | undefined;
  #idleTimer: Timer | undefined;
  #messageTimer: Timer | undefined;

  constructor(owner: ConnectionOwner, options: ConnectionOptions) {
    this.#owner = owner;
    this.id = options.id;
    this.transport = options.transport;
    this.remote = options.remote;
    this.inbound = options.inbound;
    this.#framing = options.framing;
    this.#queue = new WriteQueue({
      context: owner.context,
      reserve: (octets, page) => owner.reserve(octets, page),
      stalled: () => this.abort("the peer does not read"),
    });
    if (!this.inbound) {
      const { limits, clock } = owner.context;
      this.#stateTimer = clock.after(limits.connectTimeout, () => this.abort("connecting timed out"));
    }
  }

  get local(): Address {
    return this.#local ?? { host: this.remote.host.includes(":") ? "::" : "0.0.0.0", port: 0 };
  }

  /** Whether `send` can still reach the peer over this connection. */
  get usable(): boolean {
    return this.#state.name !== "flushing" && this.#state.name !== "closed";
  }

  get isClosed(): boolean {
    return this.#state.name === "closed";
  }

  /** Keeps the connection open for at least `ms` more, silent or not. */
  hold(ms: number): void {
    this.#heldUntil = Math.max(this.#heldUntil, this.#owner.context.clock.now() + ms);
  }

  send(bytes: Uint8Array, failed?: Failed): void {
    if (this.#unanswered > 0 && isFinalResponse(bytes)) this.#unanswered--;
    const { tap } = this.#owner.context.deliver;
    if (tap !== undefined) tap.sent(bytes, this.transport, this.local, this.remote);
    this.#write(this.#framing.encode(bytes), failed);
    if (this.#state.name === "peerEnded" && this.#unanswered === 0) this.closeAfterQueue();
  }

  /** `ahead`: octets of the framing itself, which do not wait for the connection to be ready. */
  #write(bytes: Uint8Array, failed: Failed | undefined, ahead = false): void {
    const state = this.#state;
    if (state.name === "closed" || state.name === "flushing") {
      failLater(failed, state.name === "closed" ? state.reason : "connection closing", "lost");
      return;
    }
    const waits = state.name === "connecting" || (state.name === "preparing" && !ahead);
    const fault = this.#queue.write(bytes, failed, waits ? undefined : state.socket, ahead);
    if (fault !== undefined) this.abort(fault);
  }

  /**
   * Lets what is queued leave, then closes. With `lingers` the peer is read, and ignored, until it has closed as well: an
   * RST for what it is still sending could take our last response from it.
   */
  closeAfterQueue(lingers = false): void {
    const state = this.#state;
    if (state.name === "closed" || state.name === "flushing") return;
    if (state.name === "connecting" || (state.name === "preparing" && !state.secured)) {
      this.abort("connection closing");
      return;
    }
    const farewell = this.#framing.farewell();
    if (farewell !== undefined) this.#write(farewell, undefined, true);
    if (this.isClosed) return;
    // Who has been told of the end answers; who has ended already does not.
    const waits = state.name !== "peerEnded" && (lingers || farewell !== undefined);
    this.#state = { name: "flushing", socket: state.socket, lingers: waits };
    this.#owner.retired(this);
    this.#stateTimer?.cancel();
    this.#messageTimer?.cancel();
    if (this.#queue.empty) this.#finish(state.socket, waits);
  }

  /** Closes at once; what is queued fails. */
  abort(reason: string): void {
    const socket = this.#socket;
    this.lost(reason);
    socket?.terminate();
  }

  // What the socket reports, through the pool.

  /** The socket is connected. SIP can be spoken now, or once `secured` is called and the framing is ready. */
  opened(socket: StreamSocket, local: Address, secured: boolean): void {
    if (this.#state.name !== "connecting") {
      socket.terminate();
      return;
    }
    this.#local = local;
    this.#heardAt = this.#owner.context.clock.now();
    this.#state = { name: "preparing", socket, secured };
    if (secured && this.#framing.ready) {
      this.#open();
      return;
    }
    const { limits, clock } = this.#owner.context;
    this.#stateTimer ??= clock.after(limits.handshakeTimeout, () => this.abort("the handshake took too long"));
  }

  /** TLS is established. */
  secured(): void {
    if (this.#state.name !== "preparing") return;
    this.#state.secured = true;
    if (this.#framing.ready) this.#open();
  }

  received(chunk: Uint8Array): void {
    if (this.#state.name !== "open" && this.#state.name !== "preparing") return;
    this.#heardAt = this.#owner.context.clock.now();
    this.#turns.push(chunk);
  }

  /** The socket takes octets again. */
  drained(): void {
    const state = this.#state;
    if (state.name === "connecting" || state.name === "closed" || (state.name === "preparing" && !state.secured))
      return;
    const fault = this.#queue.drain(state.socket);
    if (fault !== undefined) this.abort(fault);
    else if (state.name === "flushing" && this.#queue.empty) this.#finish(state.socket, state.lingers);
  }

  /**
   * The peer sent FIN. It may have ended its side alone and still wait for responses, so those go out; it gets no
   * requests. Nearly always it has left altogether, so nothing is kept open without a request that waits.
   */
  ended(): void {
    this.#turns.end(() => this.#peerEnded());
  }

  /** The connection is gone, or never came to be. */
  lost(reason: string): void {
    if (this.#state.name === "closed") return;
    this.#state = { name: "closed", reason };
    this.#turns.clear();
    for (const timer of [this.#stateTimer, this.#idleTimer, this.#messageTimer]) timer?.cancel();
    this.#queue.fail(reason, this.#wasOpen ? "lost" : "connect");
    this.#owner.gone(this);
    if (this.#wasOpen) this.#owner.context.deliver.closed(this);
  }

  #open(): void {
    if (this.#state.name !== "preparing") return;
    this.#stateTimer?.cancel();
    this.#stateTimer = undefined;
    this.#state = { name: "open", socket: this.#state.socket };
    this.#wasOpen = true;
    const { limits } = this.#owner.context;
    this.#watchIdle(this.#framing.probe === undefined ? limits.idleTimeout : limits.pingInterval);
    this.#owner.ready(this);
    this.drained();
  }

  #take(octets: Uint8Array): void {
    if (this.#state.name !== "open" && this.#state.name !== "preparing") return;
    const { deliver } = this.#owner.context;
    let whole = 0;
    let pinged = false;
    try {
      for (const item of this.#framing.push(octets)) {
        whole++;
        if (item === "ping") {
          // One answer shows that we live; thousands would be a flood of writes.
          if (!pinged) this.#write(this.#framing.pong, undefined);
          pinged = true;
        } else if (item !== "pong") this.#arrived(item);
        // A message's handling may have closed the connection.
        if (this.#state.name !== "open" && this.#state.name !== "preparing") return;
      }
    } catch (error) {
      deliver.threw(error, this);
      this.abort("internal error");
      return;
    }
    this.#watchMessage(whole > 0);
  }

  #arrived(item: Exclude<Arrival, string>): void {
    const { deliver } = this.#owner.context;
    switch (item.type) {
      case "request":
        if (item.method !== "ACK") this.#unanswered++;
        deliver.message(item, this.#owner.responseRoute(this, item));
        return;
      case "response":
        deliver.message(item, this);
        return;
      case "failure":
        deliver.failure(item, item.request === undefined ? this : this.#owner.responseRoute(this, item.request));
        if (item.fatal === true) this.closeAfterQueue(true);
        return;
      case "ready":
        this.#open();
        return;
      case "reply":
        this.#write(item.bytes, undefined, true);
        return;
      case "end":
        this.#endWith(item.bytes);
        return;
      case "http":
        // The time of the upgrade goes on: an answer that takes longer comes to nothing.
        this.#owner.answer(item.request, this).then((answer) => this.#endWith(answer));
        return;
    }
  }

  #endWith(bytes: Uint8Array | undefined): void {
    if (bytes !== undefined) this.#write(bytes, undefined, true);
    this.closeAfterQueue(true);
  }

  #peerEnded(): void {
    const state = this.#state;
    if (state.name === "preparing") {
      this.abort("connection closed");
      return;
    }
    if (state.name !== "open") {
      if (state.name === "flushing" && this.#queue.empty) state.socket.end();
      return;
    }
    this.#state = { name: "peerEnded", socket: state.socket };
    this.#owner.retired(this);
    this.#messageTimer?.cancel();
    if (this.#unanswered === 0 || !this.#framing.halfOpen) {
      this.closeAfterQueue();
      return;
    }
    this.#stateTimer = this.#owner.context.clock.after(transactionTime, () => this.closeAfterQueue());
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
    const { probe } = this.#framing;
    this.#idleTimer = clock.after(ms, () => {
      const silent = clock.now() - this.#heardAt;
      if (probe === undefined) {
        const left = Math.max(limits.idleTimeout - silent, this.#heldUntil - clock.now());
        if (left > 0) this.#watchIdle(left);
        else this.closeAfterQueue();
      } else if (silent < limits.pingInterval) this.#watchIdle(limits.pingInterval - silent);
      else if (silent < limits.pingInterval + limits.pongTimeout) {
        this.#write(probe, undefined);
        if (!this.isClosed) this.#watchIdle(limits.pingInterval + limits.pongTimeout - silent);
      } else this.abort("the peer answers no ping");
    });
  }

  /** The time of one message runs from its first octet; a drip of octets does not prolong it. */
  #watchMessage(fresh: boolean): void {
    const { clock, limits } = this.#owner.context;
    if (this.#framing.pending === 0 || fresh) {
      this.#messageTimer?.cancel();
      this.#messageTimer = undefined;
    }
    if (this.#framing.pending > 0) {
      this.#messageTimer ??= clock.after(limits.messageTimeout, () => this.abort("a message took too long to arrive"));
    }
  }
}

/** Whether octets start with `SIP/2.0 ` and a status of 200 or above. */
function isFinalResponse(bytes: Uint8Array): boolean {
  return bytes[0] === 0x53 && bytes[3] === 0x2f && bytes[7] === 0x20 && (bytes[8] ?? 0) >= 0x32;
}
