/**
 * AES in counter mode with HMAC-SHA1 (RFC 3711 §4.1.1, §4.2.1). The key stream of a packet is made in one call of a cipher
 * that stays: AES-ECB over its counter blocks, which costs a third of setting up AES-CTR for each packet. For the tag the
 * runtime's own hasher is the cheapest of what there is (measured: half of node:crypto's, a third of SHA-1 written here).
 */
import { type Cipheriv, createCipheriv } from "node:crypto";
import type { SessionKeys } from "./key-derivation.ts";
import { encryptedFlag, putU32, rtcpHeader, type Transform, u32 } from "./transform.ts";

/** Tags, octets. */
interface Tags {
  readonly rtpTag: number;
  readonly rtcpTag: number;
}

const blockSize = 16;

export class AesCm implements Transform {
  readonly rtcpIndexFromEnd: number;
  readonly #rtp: Half;
  readonly #rtcp: Half;

  constructor(rtp: SessionKeys, rtcp: SessionKeys, { rtpTag, rtcpTag }: Tags) {
    this.#rtp = new Half(rtp, rtpTag);
    this.#rtcp = new Half(rtcp, rtcpTag);
    this.rtcpIndexFromEnd = rtcpTag + 4;
  }

  sealRtp(packet: Uint8Array, length: number, header: number, ssrc: number, index: number): number {
    this.#rtp.crypt(packet, header, length, ssrc, index);
    // The rollover counter is authenticated with the packet, and not sent.
    putU32(packet, length, Math.floor(index / 0x10000));
    return this.#rtp.sign(packet, length + 4, length);
  }

  openRtp(packet: Uint8Array, length: number, header: number, ssrc: number, index: number): number {
    const end = length - this.#rtp.tag;
    if (end < header) return -1;
    this.#rtp.keepTag(packet, end);
    putU32(packet, end, Math.floor(index / 0x10000));
    if (!this.#rtp.verify(packet, end + 4)) return -1;
    this.#rtp.crypt(packet, header, end, ssrc, index);
    return end;
  }

  sealRtcp(packet: Uint8Array, length: number, ssrc: number, index: number): number {
    this.#rtcp.crypt(packet, rtcpHeader, length, ssrc, index);
    putU32(packet, length, encryptedFlag + index);
    return this.#rtcp.sign(packet, length + 4, length + 4);
  }

  openRtcp(packet: Uint8Array, length: number, ssrc: number, index: number): number {
    const end = length - this.#rtcp.tag;
    if (end < rtcpHeader + 4 || u32(packet, end - 4) !== encryptedFlag + index) return -1;
    this.#rtcp.keepTag(packet, end);
    if (!this.#rtcp.verify(packet, end)) return -1;
    this.#rtcp.crypt(packet, rtcpHeader, end - 4, ssrc, index);
    return end - 4;
  }
}

/** SRTP's half or SRTCP's: the same with other keys. */
class Half {
  readonly tag: number;
  readonly #cipher: Cipheriv;
  readonly #authKey: Uint8Array;
  readonly #salt: Uint8Array;
  /** Counter blocks, as many as the longest packet so far had; as words, too, since all that Bun runs on is little-endian. */
  #blocks = new Uint8Array(blockSize * 16);
  #words = new Uint32Array(this.#blocks.buffer);
  /** The first so many octets of the blocks, which most packets of a stream need the same of. */
  #needed = this.#blocks.subarray(0, 0);
  readonly #kept = new Uint8Array(10);
  /** The MAC made last; the hasher wants room for more than its 20 octets. */
  readonly #mac = new Uint8Array(64);

  constructor({ cipher, auth, salt }: SessionKeys, tag: number) {
    this.tag = tag;
    this.#cipher = createCipheriv(cipher.length === 32 ? "aes-256-ecb" : "aes-128-ecb", cipher, null);
    this.#cipher.setAutoPadding(false);
    this.#authKey = auth;
    this.#salt = salt;
  }

  /** Encrypts or decrypts the octets from `from` to `to`. */
  crypt(packet: Uint8Array, from: number, to: number, ssrc: number, index: number): void {
    if (to <= from) return;
    const stream = this.#keyStream(Math.ceil((to - from) / blockSize), ssrc, index);
    for (let at = from, i = 0; at < to; at++, i++) packet[at] = (packet[at] ?? 0) ^ (stream[i] ?? 0);
  }

  #keyStream(count: number, ssrc: number, index: number): Uint8Array {
    if (this.#needed.length !== count * blockSize) this.#resize(count);
    const blocks = this.#blocks;
    const words = this.#words;
    const salt = this.#salt;
    // IV = salt * 2^16 XOR SSRC * 2^64 XOR index * 2^16, and the block's number in the last 16 bits.
    for (let i = 0; i < 14; i++) blocks[i] = salt[i] ?? 0;
    blocks[4] = (blocks[4] ?? 0) ^ (ssrc >>> 24);
    blocks[5] = (blocks[5] ?? 0) ^ (ssrc >>> 16);
    blocks[6] = (blocks[6] ?? 0) ^ (ssrc >>> 8);
    blocks[7] = (blocks[7] ?? 0) ^ ssrc;
    const high = Math.floor(index / 0x100000000);
    blocks[8] = (blocks[8] ?? 0) ^ (high >>> 8);
    blocks[9] = (blocks[9] ?? 0) ^ high;
    blocks[10] = (blocks[10] ?? 0) ^ (index >>> 24);
    blocks[11] = (blocks[11] ?? 0) ^ (index >>> 16);
    blocks[12] = (blocks[12] ?? 0) ^ (index >>> 8);
    blocks[13] = (blocks[13] ?? 0) ^ index;
    blocks[14] = 0;
    blocks[15] = 0;
    const first = words[0] ?? 0;
    const second = words[1] ?? 0;
    const third = words[2] ?? 0;
    const fourth = words[3] ?? 0;
    for (let block = 1, at = 4; block < count; block++, at += 4) {
      words[at] = first;
      words[at + 1] = second;
      words[at + 2] = third;
      words[at + 3] = fourth | ((block >>> 8) << 16) | (block << 24);
    }
    return this.#cipher.update(this.#needed);
  }

  #resize(count: number): void {
    const size = count * blockSize;
    if (size > this.#blocks.length) {
      this.#blocks = new Uint8Array(2 * size);
      this.#words = new Uint32Array(this.#blocks.buffer);
    }
    this.#needed = this.#blocks.subarray(0, size);
  }

  /** Writes the tag of the first `length` octets at `at`; where it ends. */
  sign(packet: Uint8Array, length: number, at: number): number {
    const mac = this.#macOf(packet, length);
    for (let i = 0; i < this.tag; i++) packet[at + i] = mac[i] ?? 0;
    return at + this.tag;
  }

  /** Remembers the tag at `at` for `verify`, so that its place can be used. */
  keepTag(packet: Uint8Array, at: number): void {
    for (let i = 0; i < this.tag; i++) this.#kept[i] = packet[at + i] ?? 0;
  }

  /** Whether the tag kept is that of the first `length` octets; takes the same time wherever they differ. */
  verify(packet: Uint8Array, length: number): boolean {
    const mac = this.#macOf(packet, length);
    let difference = 0;
    for (let i = 0; i < this.tag; i++) difference |= (this.#kept[i] ?? 0) ^ (mac[i] ?? 0);
    return difference === 0;
  }

  /** Valid until the next call. */
  #macOf(packet: Uint8Array, length: number): Uint8Array {
    new Bun.CryptoHasher("sha1", this.#authKey).update(packet.subarray(0, length)).digest(this.#mac);
    return this.#mac;
  }
}
