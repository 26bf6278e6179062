/** Octets that wait their turn, first in first out, in one buffer that grows up to a limit. */
const nothing = new Uint8Array(0);

export class ByteQueue {
  readonly #limit: number;
  #buffer = nothing;
  #from = 0;
  #to = 0;

  /** @param limit octets that it holds at most */
  constructor(limit: number) {
    this.#limit = limit;
  }

  get length(): number {
    return this.#to - this.#from;
  }

  /** Takes what fits of `octets`, from their beginning; answers how many that were. */
  push(octets: Uint8Array): number {
    // Whole samples of two octets stay whole.
    const room = this.#limit - this.length;
    const taken = octets.length <= room ? octets.length : room - (room % 2);
    if (this.#to + taken > this.#buffer.length) this.#makeRoom(taken);
    this.#buffer.set(taken === octets.length ? octets : octets.subarray(0, taken), this.#to);
    this.#to += taken;
    return taken;
  }

  /** Up to `count` octets off the front; a view that is valid until the next `push`. */
  shift(count: number): Uint8Array {
    const octets = this.#buffer.subarray(this.#from, Math.min(this.#to, this.#from + count));
    this.#from += octets.length;
    if (this.#from === this.#to) this.#from = this.#to = 0;
    return octets;
  }

  clear(): void {
    this.#buffer = nothing;
    this.#from = this.#to = 0;
  }

  #makeRoom(more: number): void {
    const waiting = this.#buffer.subarray(this.#from, this.#to);
    const size = Math.max(4096, waiting.length + more <= this.#buffer.length / 2 ? 0 : 2 * (waiting.length + more));
    if (size <= this.#buffer.length) this.#buffer.copyWithin(0, this.#from, this.#to);
    else {
      this.#buffer = new Uint8Array(size);
      this.#buffer.set(waiting);
    }
    this.#to -= this.#from;
    this.#from = 0;
  }
}
