/** One relayed call in the worker: its m-lines with two sides each, and when nothing has come for too long. */

import { RtcpEnd, RtpEnd } from "./end.ts";
import { RelayLatch } from "./latch.ts";
import type { RelaySocket } from "./socket.ts";
import type { Count, Peer, Side, Stats } from "./types.ts";

/** A pair of ports: RTP on the even one, RTCP on the odd one above it. */
export interface Pair {
  readonly rtp: RelaySocket;
  readonly rtcp: RelaySocket;
}

export class RelayedSession {
  /** Nothing came for so long, ms: it is over. */
  readonly #opened: number;
  readonly #isRelay: (host: string, port: number) => boolean;
  readonly #isOwn: ((host: string) => boolean) | undefined;
  #lines = new Map<number, Record<Side, Half>>();
  #idle: number;
  #since: number;

  /** `idle` and `now` in ms; `isRelay` and `isOwn` as the latch needs them. */
  constructor(
    now: number,
    idle: number,
    isRelay: (host: string, port: number) => boolean,
    isOwn?: (host: string) => boolean,
  ) {
    this.#opened = now;
    this.#since = now;
    this.#idle = idle;
    this.#isRelay = isRelay;
    this.#isOwn = isOwn;
  }

  /** `noted`: where the headers of what comes are noted. */
  open(line: number, a: Pair, b: Pair, noted?: RtpEnd["noted"]): void {
    if (this.#lines.has(line)) return;
    const half = (pair: Pair) => {
      const world = { family: pair.rtp.family, isRelay: this.#isRelay };
      const latch = new RelayLatch(this.#isOwn === undefined ? world : { ...world, isOwn: this.#isOwn });
      return new Half(pair, latch, noted);
    };
    const sides = { a: half(a), b: half(b) };
    sides.a.join(sides.b);
    sides.b.join(sides.a);
    this.#lines.set(line, sides);
  }

  configure(line: number, side: Side, peer: Peer | undefined): void {
    this.#lines.get(line)?.[side].configure(peer);
  }

  /** From now on, how long nothing may come, ms. */
  expect(idle: number, now: number): void {
    this.#idle = idle;
    this.#since = now;
  }

  /** Whether nothing has come for too long. */
  isOver(now: number): boolean {
    if (now - this.#since < this.#idle) return false;
    for (const { a, b } of this.#lines.values()) if (now - Math.max(a.last, b.last) < this.#idle) return false;
    return true;
  }

  /** Whether this is who takes what comes to a port. */
  owns(receiver: object): boolean {
    for (const { a, b } of this.#lines.values()) if (a.has(receiver) || b.has(receiver)) return true;
    return false;
  }

  stats(now: number): Stats {
    const lines = [...this.#lines.values()].map(({ a, b }) => ({ a: a.count(now), b: b.count(now) }));
    return { age: now - this.#opened, lines };
  }

  /** Lets go of the ports; answers the pairs. */
  close(): Pair[] {
    const halves = [...this.#lines.values()].flatMap(({ a, b }) => [a, b]);
    this.#lines.clear();
    return halves.map((half) => half.close());
  }
}

/** One side of one m-line. */
class Half {
  readonly #pair: Pair;
  readonly #latch: RelayLatch;
  readonly #rtp: RtpEnd;
  readonly #rtcp: RtcpEnd;

  constructor(pair: Pair, latch: RelayLatch, noted: RtpEnd["noted"]) {
    this.#pair = pair;
    this.#latch = latch;
    this.#rtp = new RtpEnd(pair.rtp, latch);
    this.#rtcp = new RtcpEnd(pair.rtcp, latch);
    this.#rtp.noted = noted;
    this.#rtp.moved = () => this.#rtcp.follow();
  }

  join(other: Half): void {
    this.#rtp.out = other.#pair.rtp;
    this.#rtcp.out = other.#pair.rtcp;
  }

  /** Nothing is taken before it was configured; until both sides are, the other's socket has nowhere to send to. */
  configure(peer: Peer | undefined): void {
    const { rtp, rtcp } = this.#pair;
    this.#latch.configure(peer);
    if (peer !== undefined) {
      this.#rtp.configure(peer.payloadTypes, peer.rtcpMux, peer.clockRate);
      this.#rtcp.open = peer.payloadTypes === undefined;
    }
    this.#rtp.follow();
    this.#rtcp.follow();
    const first = rtp.receiver === undefined;
    rtp.receiver = peer === undefined ? undefined : this.#rtp;
    rtcp.receiver = peer === undefined ? undefined : this.#rtcp;
    if (first && peer !== undefined) {
      // What waits there is from before.
      rtp.drain();
      rtcp.drain();
    }
  }

  get last(): number {
    return Math.max(this.#rtp.last, this.#rtcp.last);
  }

  has(receiver: object): boolean {
    return receiver === this.#rtp || receiver === this.#rtcp;
  }

  count(now: number): Count {
    const rtp = this.#rtp;
    const rtcp = this.#rtcp;
    return {
      packets: rtp.packets,
      octets: rtp.octets,
      lost: rtp.lost,
      jitter: rtp.jitter,
      dropped: rtp.dropped + rtcp.dropped,
      rtcpPackets: rtp.rtcpPackets + rtcp.packets,
      idle: this.last === 0 ? undefined : now - this.last,
    };
  }

  close(): Pair {
    for (const socket of [this.#pair.rtp, this.#pair.rtcp]) {
      socket.receiver = undefined;
      socket.aim(undefined, 0, false);
    }
    return this.#pair;
  }
}
