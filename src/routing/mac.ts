/**
 * What we write into messages to find it again, such as a Record-Route, carries a MAC: nobody else can make one, and none
 * has to be remembered, not even over a restart.
 */

import { sipHash, sipHashDigits, sipKey } from "../sip/siphash.ts";

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
    const right = this.of(text);
    // Without an early end, which would tell how far a guess was right.
    let difference = 0;
    for (let at = 0; at < macLength; at++) difference |= right.charCodeAt(at) ^ mac.charCodeAt(at);
    return difference === 0;
  }
}

/** A key of 32 octets for one purpose, so that what one part signs means nothing to another. */
export function derivedKey(secret: Uint8Array, purpose: string): Uint8Array {
  return new Bun.CryptoHasher("sha256", secret).update(purpose).digest();
}
