/** Capture files (libpcap's format, nanoseconds, raw IP) of messages and RTP headers: each as one datagram, whatever carried it. */
import { addressOctets } from "./addresses.ts";
import type { CaptureAddress } from "./capture.ts";

/** A datagram in a capture file. */
export interface Datagram {
  /** ms since 1970, with fractions. */
  readonly at: number;
  readonly from: CaptureAddress;
  readonly to: CaptureAddress;
  readonly payload: Uint8Array;
  /** How long it was, where only its beginning is here; by default all of it is. */
  readonly length?: number | undefined;
}

const magic = 0xa1b23c4d;
/** LINKTYPE_RAW: what follows begins with an IP header. */
const linkType = 101;
const snapLength = 262_144;
const udpHeader = 8;
const largestIp = 65_535;

/** A datagram as it stands in the file. */
export interface PcapRecord {
  readonly at: number;
  readonly octets: Uint8Array;
}

/** The file, in the order of the datagrams' times. */
export function pcapFile(records: readonly PcapRecord[]): Uint8Array {
  const sorted = [...records].sort((a, b) => a.at - b.at);
  const header = new DataView(new ArrayBuffer(24));
  header.setUint32(0, magic, true);
  header.setUint16(4, 2, true);
  header.setUint16(6, 4, true);
  header.setUint32(16, snapLength, true);
  header.setUint32(20, linkType, true);
  return Buffer.concat([new Uint8Array(header.buffer), ...sorted.map(({ octets }) => octets)]);
}

export function pcapRecord(datagram: Datagram): PcapRecord {
  const { at } = datagram;
  const from = addressOctets(datagram.from.host);
  const to = addressOctets(datagram.to.host);
  const v6 = from.length === 16 && to.length === 16;
  const ip = v6 ? 40 : 20;
  const room = largestIp - (v6 ? 0 : ip) - udpHeader;
  const payload = datagram.payload.subarray(0, room);
  const whole = Math.min(room, Math.max(payload.length, datagram.length ?? 0));
  const octets = new Uint8Array(16 + ip + udpHeader + payload.length);
  const view = new DataView(octets.buffer);
  const seconds = Math.floor(at / 1000);
  view.setUint32(0, seconds, true);
  view.setUint32(4, Math.min(999_999_999, Math.round((at - seconds * 1000) * 1e6)), true);
  view.setUint32(8, ip + udpHeader + payload.length, true);
  view.setUint32(12, ip + udpHeader + whole, true);
  if (v6) writeIp6(octets, view, from, to, udpHeader + whole);
  else writeIp4(octets, view, from, to, udpHeader + whole);
  const udp = 16 + ip;
  view.setUint16(udp, datagram.from.port);
  view.setUint16(udp + 2, datagram.to.port);
  view.setUint16(udp + 4, udpHeader + whole);
  octets.set(payload, udp + udpHeader);
  // Over IPv6 a checksum is a must (RFC 8200 §8.1); of a datagram that is cut nobody can tell.
  if (v6) view.setUint16(udp + 6, udpChecksum(octets.subarray(24), payload.length + udpHeader));
  return { at, octets };
}

function writeIp4(octets: Uint8Array, view: DataView, from: Uint8Array, to: Uint8Array, length: number): void {
  view.setUint8(16, 0x45);
  view.setUint16(18, 20 + length);
  view.setUint8(24, 64);
  view.setUint8(25, 17);
  // Of two families only one can stand here: the other address reads 0.0.0.0.
  if (from.length === 4) octets.set(from, 28);
  if (to.length === 4) octets.set(to, 32);
  view.setUint16(26, checksum(octets.subarray(16, 36)));
}

function writeIp6(octets: Uint8Array, view: DataView, from: Uint8Array, to: Uint8Array, length: number): void {
  view.setUint8(16, 0x60);
  view.setUint16(20, length);
  view.setUint8(22, 17);
  view.setUint8(23, 64);
  octets.set(from, 24);
  octets.set(to, 40);
}

/** RFC 1071. */
function checksum(octets: Uint8Array, begin = 0): number {
  let sum = begin;
  for (let i = 0; i < octets.length; i += 2) sum += ((octets[i] ?? 0) << 8) | (octets[i + 1] ?? 0);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return ~sum & 0xffff;
}

/** RFC 8200 §8.1: `octets` from the addresses on. */
function udpChecksum(octets: Uint8Array, length: number): number {
  return checksum(octets, length + 17) || 0xffff;
}
