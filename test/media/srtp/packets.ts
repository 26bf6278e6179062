/** RTP packets for tests of SRTP. */
import { maxOverhead } from "../../../src/media/srtp/index.ts";

export const hex = (text: string) => new Uint8Array(Buffer.from(text, "hex"));
export const toHex = (octets: Uint8Array) => Buffer.from(octets).toString("hex");

/** A packet with room behind it for what protection adds. */
export function roomy(text: string): Uint8Array {
  const packet = new Uint8Array(text.length / 2 + maxOverhead);
  packet.set(hex(text));
  return packet;
}

/** An RTP packet of that sequence number and source, with `payload` octets, and room behind it. */
export function rtpPacket(sequence: number, ssrc: number, payload = 160): Uint8Array {
  const packet = new Uint8Array(12 + payload + maxOverhead).fill(sequence & 0xff);
  const view = new DataView(packet.buffer);
  view.setUint16(0, 0x8000);
  view.setUint16(2, sequence & 0xffff);
  view.setUint32(4, sequence * 160);
  view.setUint32(8, ssrc);
  return packet;
}
