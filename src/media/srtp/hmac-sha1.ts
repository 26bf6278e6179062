/**
 * HMAC-SHA1 (RFC 2104, FIPS 180-4) with a key that stays: both of its pads are hashed once, so that a packet costs only
 * its own octets. For packets of a call that is faster than the runtime's, which starts anew each time, and it
 * allocates nothing. SHA-1 has no tables and no branches on what it hashes, so its time tells nothing of the key.
 */

const block = 64;

export class HmacSha1 {
  readonly #inner = new Int32Array(5);
  readonly #outer = new Int32Array(5);
  readonly #state = new Int32Array(5);
  readonly #words = new Int32Array(80);
  /** The octets that fill no block, with their padding. */
  readonly #tail = new Uint8Array(2 * block);

  /** @param key at most 64 octets */
  constructor(key: Uint8Array) {
    const pad = new Uint8Array(block);
    for (const [state, fill] of [
      [this.#inner, 0x36],
      [this.#outer, 0x5c],
    ] as const) {
      for (let at = 0; at < block; at++) pad[at] = (key[at] ?? 0) ^ fill;
      begin(state);
      compress(state, this.#words, pad, 0);
    }
  }

  /** The MAC of the first `length` octets, as five words; valid until the next call. */
  digest(octets: Uint8Array, length: number): Int32Array {
    const state = this.#state;
    const words = this.#words;
    const tail = this.#tail;
    state.set(this.#inner);
    let at = 0;
    for (; at + block <= length; at += block) compress(state, words, octets, at);
    const rest = length - at;
    tail.fill(0);
    for (let i = 0; i < rest; i++) tail[i] = octets[at + i] ?? 0;
    this.#finish(rest, block + length);
    // The outer hash is of the inner one: one block in all.
    tail.fill(0);
    for (let i = 0; i < 5; i++) putWord(tail, 4 * i, state[i] ?? 0);
    state.set(this.#outer);
    this.#finish(20, block + 20);
    return state;
  }

  /** Hashes the tail's `rest` octets with the padding of a text of `length` octets. */
  #finish(rest: number, length: number): void {
    const tail = this.#tail;
    tail[rest] = 0x80;
    const size = rest < block - 8 ? block : 2 * block;
    // No packet has 2^29 octets: the bits fit in one word.
    putWord(tail, size - 4, length * 8);
    compress(this.#state, this.#words, tail, 0);
    if (size > block) compress(this.#state, this.#words, tail, block);
  }
}

function putWord(octets: Uint8Array, at: number, word: number): void {
  octets[at] = word >>> 24;
  octets[at + 1] = word >>> 16;
  octets[at + 2] = word >>> 8;
  octets[at + 3] = word;
}

function begin(state: Int32Array): void {
  state[0] = 0x67452301;
  state[1] = 0xefcdab89;
  state[2] = 0x98badcfe;
  state[3] = 0x10325476;
  state[4] = 0xc3d2e1f0;
}

/** FIPS 180-4 §6.1.2: takes the 64 octets at `at` into the state. */
function compress(state: Int32Array, words: Int32Array, octets: Uint8Array, at: number): void {
  for (let t = 0; t < 16; t++) {
    const i = at + 4 * t;
    words[t] =
      ((octets[i] ?? 0) << 24) | ((octets[i + 1] ?? 0) << 16) | ((octets[i + 2] ?? 0) << 8) | (octets[i + 3] ?? 0);
  }
  for (let t = 16; t < 80; t++) {
    const word = (words[t - 3] ?? 0) ^ (words[t - 8] ?? 0) ^ (words[t - 14] ?? 0) ^ (words[t - 16] ?? 0);
    words[t] = (word << 1) | (word >>> 31);
  }
  let a = state[0] ?? 0;
  let b = state[1] ?? 0;
  let c = state[2] ?? 0;
  let d = state[3] ?? 0;
  let e = state[4] ?? 0;
  for (let t = 0; t < 20; t++) {
    const next = (((a << 5) | (a >>> 27)) + (d ^ (b & (c ^ d))) + e + 0x5a827999 + (words[t] ?? 0)) | 0;
    e = d;
    d = c;
    c = (b << 30) | (b >>> 2);
    b = a;
    a = next;
  }
  for (let t = 20; t < 40; t++) {
    const next = (((a << 5) | (a >>> 27)) + (b ^ c ^ d) + e + 0x6ed9eba1 + (words[t] ?? 0)) | 0;
    e = d;
    d = c;
    c = (b << 30) | (b >>> 2);
    b = a;
    a = next;
  }
  for (let t = 40; t < 60; t++) {
    const next = (((a << 5) | (a >>> 27)) + ((b & c) | (d & (b | c))) + e + 0x8f1bbcdc + (words[t] ?? 0)) | 0;
    e = d;
    d = c;
    c = (b << 30) | (b >>> 2);
    b = a;
    a = next;
  }
  for (let t = 60; t < 80; t++) {
    const next = (((a << 5) | (a >>> 27)) + (b ^ c ^ d) + e + 0xca62c1d6 + (words[t] ?? 0)) | 0;
    e = d;
    d = c;
    c = (b << 30) | (b >>> 2);
    b = a;
    a = next;
  }
  state[0] = (state[0] ?? 0) + a;
  state[1] = (state[1] ?? 0) + b;
  state[2] = (state[2] ?? 0) + c;
  state[3] = (state[3] ?? 0) + d;
  state[4] = (state[4] ?? 0) + e;
}
