/**
 * A quick hash of 64 bits for what must be told apart by more than chance, and need not be proved: two multiplicative
 * hashes (FNV-1a) with starts that nobody else knows. It reads pieces of strings where they stand.
 */

/** Hexadecimal digits of a hash. */
export const hashLength = 16;

export class Hash64 {
  readonly #starts: readonly [number, number];
  #low = 0;
  #high = 0;

  /** Of the key eight octets count. */
  constructor(key: Uint8Array) {
    const view = new DataView(key.buffer, key.byteOffset, key.byteLength);
    this.#starts = [view.getInt32(0), view.getInt32(4)];
  }

  /** Begins anew. Returns itself, as the others do. */
  start(): this {
    [this.#low, this.#high] = this.#starts;
    return this;
  }

  /** A piece of a string. Its end counts: pieces that make the same whole do not hash alike. */
  add(text: string, from = 0, to = text.length): this {
    let low = this.#low;
    let high = this.#high;
    for (let at = from; at < to; at++) {
      const code = text.charCodeAt(at);
      low = Math.imul(low ^ code, 0x01000193);
      high = Math.imul(high ^ code, 0x5bd1e995);
    }
    this.#low = Math.imul(low ^ 0x100, 0x01000193);
    this.#high = Math.imul(high ^ 0x100, 0x5bd1e995) ^ (high >>> 15);
    return this;
  }

  digest(): string {
    return hex32(mixed(this.#low ^ (this.#high >>> 16))) + hex32(mixed(this.#high ^ (this.#low >>> 16)));
  }
}

/** Lets each bit depend on all (the finish of MurmurHash3). */
function mixed(hash: number): number {
  let bits = hash ^ (hash >>> 16);
  bits = Math.imul(bits, 0x85ebca6b);
  bits ^= bits >>> 13;
  bits = Math.imul(bits, 0xc2b2ae35);
  return bits ^ (bits >>> 16);
}

const octets = Array.from({ length: 256 }, (_, octet) => octet.toString(16).padStart(2, "0"));

/** 32 bits as eight digits. */
export function hex32(bits: number): string {
  return `${octets[bits >>> 24]}${octets[(bits >>> 16) & 255]}${octets[(bits >>> 8) & 255]}${octets[bits & 255]}`;
}
