/** AES in Galois/counter mode for SRTP and SRTCP (RFC 7714 §8, §9). */
import { createCipheriv, createDecipheriv } from "node:crypto";
import type { SessionKeys } from "./key-derivation.ts";
import { encryptedFlag, putU32, rtcpHeader, type Transform, u32 } from "./transform.ts";

const tagLength = 16;
const ivLength = 12;

export class AesGcm implements Transform {
  /** The index comes last, after the tag. */
  readonly rtcpIndexFromEnd = 4;
  readonly #rtp: SessionKeys;
  readonly #rtcp: SessionKeys;
  readonly #name: "aes-128-gcm" | "aes-256-gcm";
  readonly #iv = new Uint8Array(ivLength);
  /** What of an SRTCP packet is authenticated and not encrypted: its header and its index. */
  readonly #rtcpClear = new Uint8Array(rtcpHeader + 4);

  constructor(rtp: SessionKeys, rtcp: SessionKeys) {
    this.#rtp = rtp;
    this.#rtcp = rtcp;
    this.#name = rtp.cipher.length === 32 ? "aes-256-gcm" : "aes-128-gcm";
  }

  sealRtp(packet: Uint8Array, length: number, header: number, ssrc: number, index: number): number {
    this.#setIv(this.#rtp, ssrc, index);
    return this.#seal(this.#rtp, packet, length, header, packet.subarray(0, header));
  }

  openRtp(packet: Uint8Array, length: number, header: number, ssrc: number, index: number): number {
    this.#setIv(this.#rtp, ssrc, index);
    return this.#open(this.#rtp, packet, length, header, packet.subarray(0, header));
  }

  sealRtcp(packet: Uint8Array, length: number, ssrc: number, index: number): number {
    this.#setIv(this.#rtcp, ssrc, index);
    const end = this.#seal(this.#rtcp, packet, length, rtcpHeader, this.#clear(packet, encryptedFlag + index));
    putU32(packet, end, encryptedFlag + index);
    return end + 4;
  }

  openRtcp(packet: Uint8Array, length: number, ssrc: number, index: number): number {
    const end = length - 4;
    if (end < rtcpHeader || u32(packet, end) !== encryptedFlag + index) return -1;
    this.#setIv(this.#rtcp, ssrc, index);
    return this.#open(this.#rtcp, packet, end, rtcpHeader, this.#clear(packet, encryptedFlag + index));
  }

  /** RFC 7714 §8.1 and §9.1: SSRC and 48 bits of index (of SRTCP 31), XOR the salt. */
  #setIv({ salt }: SessionKeys, ssrc: number, index: number): void {
    const iv = this.#iv;
    iv.set(salt);
    iv[2] = (iv[2] ?? 0) ^ (ssrc >>> 24);
    iv[3] = (iv[3] ?? 0) ^ (ssrc >>> 16);
    iv[4] = (iv[4] ?? 0) ^ (ssrc >>> 8);
    iv[5] = (iv[5] ?? 0) ^ ssrc;
    const high = Math.floor(index / 0x100000000);
    iv[6] = (iv[6] ?? 0) ^ (high >>> 8);
    iv[7] = (iv[7] ?? 0) ^ high;
    iv[8] = (iv[8] ?? 0) ^ (index >>> 24);
    iv[9] = (iv[9] ?? 0) ^ (index >>> 16);
    iv[10] = (iv[10] ?? 0) ^ (index >>> 8);
    iv[11] = (iv[11] ?? 0) ^ index;
  }

  #clear(packet: Uint8Array, word: number): Uint8Array {
    const clear = this.#rtcpClear;
    for (let i = 0; i < rtcpHeader; i++) clear[i] = packet[i] ?? 0;
    putU32(clear, rtcpHeader, word);
    return clear;
  }

  #seal(keys: SessionKeys, packet: Uint8Array, length: number, from: number, clear: Uint8Array): number {
    const cipher = createCipheriv(this.#name, keys.cipher, this.#iv);
    cipher.setAAD(clear);
    if (length > from) packet.set(cipher.update(packet.subarray(from, length)), from);
    cipher.final();
    packet.set(cipher.getAuthTag(), length);
    return length + tagLength;
  }

  #open(keys: SessionKeys, packet: Uint8Array, length: number, from: number, clear: Uint8Array): number {
    const end = length - tagLength;
    if (end < from) return -1;
    const cipher = createDecipheriv(this.#name, keys.cipher, this.#iv, { authTagLength: tagLength });
    cipher.setAAD(clear);
    cipher.setAuthTag(packet.subarray(end, length));
    const plain = end > from ? cipher.update(packet.subarray(from, end)) : undefined;
    try {
      cipher.final();
    } catch {
      // How node:crypto says that the tag is wrong.
      return -1;
    }
    if (plain !== undefined) packet.set(plain, from);
    return end;
  }
}
