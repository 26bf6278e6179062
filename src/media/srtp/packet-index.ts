/** The 48-bit index of SRTP packets that only 16 bits are sent of, and which were seen (RFC 3711 §3.3.1, §3.3.2). */

const half = 0x8000;
const whole = 0x10000;
/** How far behind the highest index a packet may come; RFC 3711 §3.3.2 asks for 64 at least. */
const window = 1024;
const windowWords = window / 32;

/** The indices of one source in one direction. */
export class PacketIndex {
  /** -1 before the first packet. */
  #highest = -1;
  /** One bit for each index of the window, at the index modulo its size. */
  readonly #seen = new Uint32Array(windowWords);

  /** The index that a sequence number most likely has: the one nearest to the highest so far. */
  guess(sequence: number): number {
    const highest = this.#highest;
    if (highest < 0) return sequence;
    const rollover = Math.floor(highest / whole);
    const last = highest % whole;
    if (last < half) {
      // Late from before the rollover; before the first one there was none.
      const before = sequence - last > half && rollover > 0;
      return (before ? rollover - 1 : rollover) * whole + sequence;
    }
    return (last - half > sequence ? rollover + 1 : rollover) * whole + sequence;
  }

  /** Whether a packet of that index can still be the first. */
  fresh(index: number): boolean {
    if (index > this.#highest) return true;
    if (index <= this.#highest - window) return false;
    const bit = index % window;
    return ((this.#seen[bit >> 5] ?? 0) & (1 << (bit & 31))) === 0;
  }

  /** Notes an index that is fresh and of an authentic packet. */
  note(index: number): void {
    const seen = this.#seen;
    const ahead = index - this.#highest;
    if (ahead >= window) seen.fill(0);
    else
      for (let next = this.#highest + 1; next < index; next++)
        seen[(next % window) >> 5] = (seen[(next % window) >> 5] ?? 0) & ~(1 << (next & 31));
    const bit = index % window;
    seen[bit >> 5] = (seen[bit >> 5] ?? 0) | (1 << (bit & 31));
    if (ahead > 0) this.#highest = index;
  }
}
