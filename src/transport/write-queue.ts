/** What waits for a peer to read: bounded in octets and in time, in order. */
import type { Timer } from "../sip/clock.ts";
import { type Failed, type FailureKind, failLater, type TransportContext } from "./context.ts";

interface Chunk {
  bytes: Uint8Array;
  /** Octets that have left. */
  sent: number;
  failed: Failed | undefined;
}

export interface WriteQueueOptions {
  readonly context: TransportContext;
  /** Asks for room in the queues of all connections; a negative number gives room back. */
  reserve(octets: number, unbounded: boolean): boolean;
  /** The peer has taken nothing for too long. */
  stalled(): void;
}

/** As much of a socket as is needed to write: how many octets were taken; negative once it is closed. */
type Sink = { write(bytes: Uint8Array): number };

/** Why the connection cannot go on. */
export type WriteFault = "connection closed" | "the peer does not read" | "too much queued for slow peers";

export class WriteQueue {
  readonly #options: WriteQueueOptions;
  #chunks: Chunk[] = [];
  #octets = 0;
  #timer: Timer | undefined;

  constructor(options: WriteQueueOptions) {
    this.#options = options;
  }

  get empty(): boolean {
    return this.#chunks.length === 0;
  }

  /**
   * Writes at once what the sink takes, and keeps the rest; without a sink all waits. `unbounded`: one large answer,
   * which the bound for a peer that does not read is not meant for. Gives why the connection must end, if it must;
   * `failed` is told then, and also where these octets alone are given up.
   */
  write(
    bytes: Uint8Array,
    failed: Failed | undefined,
    sink: Sink | undefined,
    unbounded: boolean,
  ): WriteFault | undefined {
    let sent = 0;
    if (sink !== undefined && this.#chunks.length === 0) {
      sent = sink.write(bytes);
      if (sent === bytes.length) return undefined;
      if (sent < 0) return fault(failed, "connection closed");
    }
    const rest = bytes.length - sent;
    if (this.#octets + rest > this.#options.context.limits.maxQueued && !unbounded) {
      return fault(failed, "the peer does not read");
    }
    if (!this.#options.reserve(rest, unbounded)) {
      const reason = fault(failed, "too much queued for slow peers");
      // What has left in part cannot be given up without the connection.
      return sent > 0 || unbounded ? reason : undefined;
    }
    this.#octets += rest;
    this.#chunks.push({ bytes, sent, failed });
    if (sink !== undefined) this.#watch();
    return undefined;
  }

  /** The sink takes octets again. */
  drain(sink: Sink): WriteFault | undefined {
    let progress = 0;
    let chunk = this.#chunks[0];
    while (chunk !== undefined) {
      const sent = sink.write(chunk.sent === 0 ? chunk.bytes : chunk.bytes.subarray(chunk.sent));
      if (sent < 0) return "connection closed";
      progress += sent;
      chunk.sent += sent;
      if (chunk.sent < chunk.bytes.length) break;
      this.#chunks.shift();
      chunk = this.#chunks[0];
    }
    if (progress > 0) {
      this.#octets -= progress;
      this.#options.reserve(-progress, false);
      this.#timer?.cancel();
      this.#timer = undefined;
    }
    if (this.#chunks.length > 0) this.#watch();
    return undefined;
  }

  /** Gives up what waits. */
  fail(reason: string, kind: FailureKind): void {
    this.#timer?.cancel();
    for (const { failed } of this.#chunks) failLater(failed, reason, kind);
    this.#chunks = [];
    this.#options.reserve(-this.#octets, false);
    this.#octets = 0;
  }

  #watch(): void {
    const { clock, limits } = this.#options.context;
    this.#timer ??= clock.after(limits.writeTimeout, () => this.#options.stalled());
  }
}

function fault(failed: Failed | undefined, reason: WriteFault): WriteFault {
  failLater(failed, reason, "lost");
  return reason;
}
