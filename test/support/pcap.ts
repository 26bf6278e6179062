/** Reads the UDP datagrams of a capture file (libpcap format; Ethernet, Linux cooked or raw IP; IPv4). */
import { readFileSync } from "node:fs";

export interface Captured {
  /** ms since the first packet of the capture. */
  at: number;
  source: string;
  sourcePort: number;
  destinationPort: number;
  payload: Uint8Array;
}

/** The file is not a capture that can be read here. */
export class PcapError extends Error {
  readonly code = "bad-pcap";
}

/** Octets before the IP header, by link type. */
const linkHeaders: Readonly<Record<number, number>> = { 1: 14, 101: 0, 113: 16 };

export function readPcap(path: string): Captured[] {
  const file = readFileSync(path);
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength);
  const magic = view.getUint32(0, true);
  const little = magic === 0xa1b2c3d4 || magic === 0xa1b23c4d;
  if (!little && magic !== 0xd4c3b2a1 && magic !== 0x4d3cb2a1) throw new PcapError(`${path} is no pcap file`);
  const fraction = magic === 0xa1b23c4d || magic === 0x4d3cb2a1 ? 1e6 : 1e3;
  const linkHeader = linkHeaders[view.getUint32(20, little)];
  if (linkHeader === undefined) throw new PcapError(`${path} has a link type that is not read here`);
  const packets: Captured[] = [];
  let first: number | undefined;
  for (let at = 24; at + 16 <= file.length; ) {
    const time = view.getUint32(at, little) * 1000 + view.getUint32(at + 4, little) / fraction;
    const length = view.getUint32(at + 8, little);
    const frame = file.subarray(at + 16, at + 16 + length);
    at += 16 + length;
    // A VLAN tag moves the IP header by four octets.
    const tagged = linkHeader === 14 && frame[12] === 0x81 && frame[13] === 0x00;
    const ip = frame.subarray(linkHeader + (tagged ? 4 : 0));
    const ipHeader = 4 * ((ip[0] ?? 0) & 0x0f);
    if ((ip[0] ?? 0) >> 4 !== 4 || ip[9] !== 17) continue;
    const udp = ip.subarray(ipHeader);
    const fields = new DataView(udp.buffer, udp.byteOffset, udp.byteLength);
    first ??= time;
    packets.push({
      at: time - first,
      source: [...ip.subarray(12, 16)].join("."),
      sourcePort: fields.getUint16(0),
      destinationPort: fields.getUint16(2),
      payload: new Uint8Array(udp.subarray(8, fields.getUint16(4))),
    });
  }
  return packets;
}
