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

const octets = Array.from({ length: 256 }, (_, octet) => octet.toString(16).padStart(2, "0"));

/** 32 bits as eight digits. */
export function hex32(bits: number): string {
  return `${octets[bits >>> 24]}${octets[(bits >>> 16) & 255]}${octets[(bits >>> 8) & 255]}${octets[bits & 255]}`;
}
