/** The record layer of DTLS 1.2 (RFC 6347 §4.1): records in a datagram, their protection by AES_128_GCM, and replays. */
import { createCipheriv, createDecipheriv } from "node:crypto";
import type { WriteKeys } from "./prf.ts";

export const contentType = { changeCipherSpec: 20, alert: 21, handshake: 22, applicationData: 23 } as const;

/** A record as it stands in a datagram. */
export interface DtlsRecord {
  readonly type: number;
  readonly epoch: number;
  /** 48 bits. */
  readonly sequence: number;
  /** Protected in epochs above 0. */
  readonly fragment: Uint8Array;
}

const headerLength = 13;
const version = 0xfefd;
/** A plaintext's most octets (RFC 5246 §6.2.1), and what protection adds. */
const maxFragment = 16_384 + 24;
const explicitNonce = 8;
const tagLength = 16;

/** Is it DTLS, by its first octet (RFC 7983 §7)? */
export function isDtls(datagram: Uint8Array): boolean {
  const first = datagram[0] ?? 0;
  return first >= 20 && first <= 63;
}

/** The whole records of a datagram; reading ends at the first that is none. */
export function readRecords(datagram: Uint8Array): DtlsRecord[] {
  const records: DtlsRecord[] = [];
  const view = new DataView(datagram.buffer, datagram.byteOffset, datagram.length);
  for (let at = 0; at + headerLength <= datagram.length; ) {
    const length = view.getUint16(at + 11);
    const end = at + headerLength + length;
    // ClientHello has the version of DTLS 1.0 in its records (RFC 6347 §4.1).
    if (view.getUint8(at + 1) !== 0xfe || length > maxFragment || end > datagram.length) break;
    records.push({
      type: view.getUint8(at),
      epoch: view.getUint16(at + 3),
      sequence: view.getUint16(at + 5) * 0x1_0000_0000 + view.getUint32(at + 7),
      fragment: datagram.subarray(at + headerLength, end),
    });
    at = end;
  }
  return records;
}

/** Writes one record. */
export function writeRecord(type: number, epoch: number, sequence: number, fragment: Uint8Array): Buffer {
  const record = Buffer.alloc(headerLength + fragment.length);
  writeHeader(record, type, epoch, sequence, fragment.length);
  record.set(fragment, headerLength);
  return record;
}

function writeHeader(into: Buffer, type: number, epoch: number, sequence: number, length: number): void {
  into.writeUInt8(type, 0);
  into.writeUInt16BE(version, 1);
  into.writeUInt16BE(epoch, 3);
  into.writeUIntBE(sequence, 5, 6);
  into.writeUInt16BE(length, 11);
}

/** RFC 6347 §4.1.2.1 and RFC 5246 §6.2.3.3: what is authenticated besides the text. */
function associated(type: number, epoch: number, sequence: number, length: number): Buffer {
  const octets = Buffer.alloc(13);
  octets.writeUInt16BE(epoch, 0);
  octets.writeUIntBE(sequence, 2, 6);
  octets.writeUInt8(type, 8);
  octets.writeUInt16BE(version, 9);
  octets.writeUInt16BE(length, 11);
  return octets;
}

/** Protects a record of epoch 1; the explicit part of the nonce is epoch and sequence number (RFC 5288 §3). */
export function protectRecord(keys: WriteKeys, type: number, sequence: number, text: Uint8Array): Buffer {
  const nonce = Buffer.alloc(12);
  nonce.set(keys.salt, 0);
  nonce.writeUInt16BE(1, 4);
  nonce.writeUIntBE(sequence, 6, 6);
  const cipher = createCipheriv("aes-128-gcm", keys.key, nonce);
  cipher.setAAD(associated(type, 1, sequence, text.length));
  const sealed = cipher.update(text);
  cipher.final();
  return writeRecord(type, 1, sequence, Buffer.concat([nonce.subarray(4), sealed, cipher.getAuthTag()]));
}

/** The text of a protected record; undefined when it is not authentic. */
export function unprotectRecord(keys: WriteKeys, record: DtlsRecord): Uint8Array | undefined {
  const { fragment, type, epoch, sequence } = record;
  const length = fragment.length - explicitNonce - tagLength;
  if (length < 0) return undefined;
  const nonce = Buffer.concat([keys.salt, fragment.subarray(0, explicitNonce)]);
  const decipher = createDecipheriv("aes-128-gcm", keys.key, nonce);
  decipher.setAAD(associated(type, epoch, sequence, length));
  decipher.setAuthTag(fragment.subarray(fragment.length - tagLength));
  try {
    const text = decipher.update(fragment.subarray(explicitNonce, explicitNonce + length));
    decipher.final();
    return text;
  } catch {
    return undefined;
  }
}

/** Which sequence numbers of an epoch came already (RFC 6347 §4.1.2.6): the last 64. */
export class ReplayWindow {
  #highest = -1;
  #seen = 0n;

  /** Whether a record with this number may still be taken. */
  admits(sequence: number): boolean {
    const behind = this.#highest - sequence;
    return behind < 0 || (behind < 64 && (this.#seen & (1n << BigInt(behind))) === 0n);
  }

  /** Notes an authentic record. */
  note(sequence: number): void {
    const ahead = sequence - this.#highest;
    if (ahead > 0) {
      this.#seen = ahead < 64 ? BigInt.asUintN(64, (this.#seen << BigInt(ahead)) | 1n) : 1n;
      this.#highest = sequence;
    } else this.#seen |= 1n << BigInt(-ahead);
  }
}
