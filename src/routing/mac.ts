/**
 * What we write into messages to find it again, such as a Record-Route, carries a MAC: nobody else can make one, and none
 * has to be remembered, not even over a restart.
 */

import { sipHash, sipHashDigits, sipHashed, sipKey } from "../sip/siphash.ts";

/** Hexadecimal digits of a MAC: 64 bits. Each guess costs its maker a message. */
export const macLength = 16;

export class Mac {
  readonly #key: Int32Array;

  /** Of one secret, each `purpose` makes a key of its own. */
  constructor(secret: Uint8Array, purpose: string) {
    this.#key = sipKey(derivedKey(secret, purpose));
  }

  /** The MAC of an octet string: SipHash-2-4 in hexadecimal digits. */
  of(text: string): string {
    sipHash(text, this.#key);
    return sipHashDigits();
  }

  matches(text: string, mac: string): boolean {
    if (mac.length !== macLength) return false;
    sipHash(text, this.#key);
    const { high, low } = sipHashed;
    // Without an early end, which would tell how far a guess was right.
    let difference = 0;
    for (let at = 0; at < 8; at++) {
      difference |= digit(high >>> (28 - 4 * at)) ^ mac.charCodeAt(at);
      difference |= digit(low >>> (28 - 4 * at)) ^ mac.charCodeAt(at + 8);
    }
    return difference === 0;
  }
}

/** The char that stands for the lowest four bits. */
function digit(bits: number): number {
  const value = bits & 15;
  return 0x30 + value + 0x27 * Number(value > 9);
}

/** A key of 32 octets for one purpose, so that what one part signs means nothing to another. */
export function derivedKey(secret: Uint8Array, purpose: string): Uint8Array {
  return new Bun.CryptoHasher("sha256", secret).update(purpose).digest();
}
