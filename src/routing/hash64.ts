/**
 * A quick hash of 64 bits for what must be told apart by more than chance, and need not be proved: wyhash with a seed that
 * nobody else knows. It is the platform's own: a loop over the chars of a text costs eight times as much.
 */

/** Hexadecimal digits of a hash. */
export const hashLength = 16;

export class Hash64 {
  readonly #seed: bigint;

  /** Of the key eight octets count. */
  constructor(key: Uint8Array) {
    this.#seed = new DataView(key.buffer, key.byteOffset, key.byteLength).getBigUint64(0);
  }

  of(text: string): string {
    return Bun.hash.wyhash(text, this.#seed).toString(16).padStart(hashLength, "0");
  }
}
