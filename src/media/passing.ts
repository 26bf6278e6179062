/**
 * Two sessions alone in a room, with one codec: what the peer of one sends goes out to the peer of the other as it comes,
 * neither decoded nor kept, as long as there is nothing that it would have to be mixed with.
 */
import type { RtpHeader } from "./rtp.ts";
import type { Codec } from "./types.ts";

/** What is passed on has ended when nothing has come for so many ms: then it is mixed, as silence is. */
const passingEnds = 1000;
/** Packets between two ticks, at most. */
const packetsPerTick = 10;

export interface PassingEnd {
  now(): number;
  /** The codec of what it sends; undefined: nothing can be passed on to its peer now. */
  takes(): Codec | undefined;
  /** @param anew the first one, or the first after a pause */
  send(packet: Uint8Array, header: RtpHeader, anew: boolean): void;
}

/** One session's side of it: what is passed on to its peer. */
export class Passing {
  partner: Passing | undefined;
  readonly #end: PassingEnd;
  #last = Number.NEGATIVE_INFINITY;
  #count = 0;

  constructor(end: PassingEnd) {
    this.#end = end;
  }

  /** Takes a packet of the partner's peer. */
  take(packet: Uint8Array, header: RtpHeader, codec: Codec): void {
    if (this.#end.takes() !== codec) {
      this.#last = Number.NEGATIVE_INFINITY;
      return;
    }
    const now = this.#end.now();
    const anew = now - this.#last > passingEnds;
    this.#last = now;
    if (++this.#count <= packetsPerTick) this.#end.send(packet, header, anew);
  }

  /** Its peer hears what is passed on: the partner's need not be decoded for it. */
  get active(): boolean {
    if (this.partner === undefined || this.#end.takes() === undefined) return false;
    return this.#end.now() - this.#last < passingEnds;
  }

  tick(): void {
    this.#count = 0;
  }
}
