/**
 * Which nonces were used with which count, and by what: an open table in arrays of numbers. A busy registrar adds to it
 * thousands of times a second, and as objects the uses would be most of what the collector of garbage has to look at.
 */

/** Words of an entry: the nonce's number in two halves, its count, three words of the mark. */
const words = 6;
/** Set in the upper half of the number, which has 21 bits, where a place is taken. */
const taken = 0x80000000;
const leastSlots = 256;

export class DigestUses {
  #size = 0;
  #slots = leastSlots;
  /** Signed: numbers beyond 2^31 would leave the compiled code again and again. */
  #table = new Int32Array(leastSlots * words);

  get size(): number {
    return this.#size;
  }

  /**
   * What is known of the use of a nonce, by its number, with the count `nc`: nothing ("unused"), that it was by the same
   * request, or by another one. `mark`: three words of a digest, or more.
   */
  look(number: number, nc: number, mark: Uint32Array): "unused" | "same" | "other" {
    const table = this.#table;
    const at = this.#find(number, nc);
    if (table[at + 1] === 0) return "unused";
    for (let word = 0; word < 3; word++) if (table[at + 3 + word] !== ((mark[word] ?? 0) | 0)) return "other";
    return "same";
  }

  /** Notes a use that is "unused". */
  note(number: number, nc: number, mark: Uint32Array): void {
    // Half full at most: a look ends after a step or two.
    if (2 * ++this.#size > this.#slots) this.#grow();
    const table = this.#table;
    const at = this.#find(number, nc);
    table[at] = number | 0;
    table[at + 1] = upperOf(number);
    table[at + 2] = nc | 0;
    for (let word = 0; word < 3; word++) table[at + 3 + word] = (mark[word] ?? 0) | 0;
  }

  /** Where this use stands, or the free place for it. */
  #find(number: number, nc: number): number {
    const table = this.#table;
    const low = number | 0;
    const high = upperOf(number);
    const count = nc | 0;
    let slot = hash(low, high, count) & (this.#slots - 1);
    for (;;) {
      const at = slot * words;
      if (table[at + 1] === 0) return at;
      if (table[at] === low && table[at + 1] === high && table[at + 2] === count) return at;
      slot = (slot + 1) & (this.#slots - 1);
    }
  }

  #grow(): void {
    const old = this.#table;
    this.#slots *= 2;
    const table = new Int32Array(this.#slots * words);
    this.#table = table;
    for (let from = 0; from < old.length; from += words) {
      const high = old[from + 1] ?? 0;
      if (high === 0) continue;
      const at = this.#find(((old[from] ?? 0) >>> 0) + (high + taken) * 2 ** 32, old[from + 2] ?? 0);
      for (let word = 0; word < words; word++) table[at + word] = old[from + word] ?? 0;
    }
  }
}

function upperOf(number: number): number {
  return (Math.floor(number / 2 ** 32) + taken) | 0;
}

/** Spreads numbers that follow one another, and counts that are nearly all 1. */
function hash(low: number, high: number, nc: number): number {
  let mixed = low ^ Math.imul(high, 0x9e3779b1) ^ Math.imul(nc, 0x85ebca6b);
  mixed = Math.imul(mixed ^ (mixed >>> 16), 0x21f0aaad);
  mixed = Math.imul(mixed ^ (mixed >>> 15), 0x735a2d97);
  return mixed ^ (mixed >>> 15);
}
