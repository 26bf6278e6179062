/** An ear on a UDP port: which RTP packets came, in which order, and how late. */
import { freePort } from "./ports.ts";

export interface HeardPacket {
  sequence: number;
  timestamp: number;
  ssrc: number;
  /** Milliseconds, by this process's clock. */
  at: number;
}

export interface Listener {
  port: number;
  /** The SDP of a phone whose audio goes here: what stands for `@@sdp@@` in SIPp's scenarios. */
  sdp: string;
  packets: HeardPacket[];
  close(): void;
}

export async function listen(host = "127.0.0.1"): Promise<Listener> {
  const port = await freePort();
  const packets: HeardPacket[] = [];
  const socket = await Bun.udpSocket({
    hostname: host,
    port,
    socket: {
      data(_, packet) {
        const view = new DataView(packet.buffer, packet.byteOffset, packet.byteLength);
        // RTP version 2; RTCP has packet types that no RTP payload type with a marker has (RFC 5761 §4).
        if (packet.length < 12 || view.getUint8(0) >> 6 !== 2 || (view.getUint8(1) >= 192 && view.getUint8(1) <= 223))
          return;
        packets.push({
          sequence: view.getUint16(2),
          timestamp: view.getUint32(4),
          ssrc: view.getUint32(8),
          at: performance.now(),
        });
      },
    },
  });
  const sdp = [
    "v=0",
    `o=listener 1 1 IN IP4 ${host}`,
    "s=-",
    `c=IN IP4 ${host}`,
    "t=0 0",
    `m=audio ${port} RTP/AVP 0`,
    "a=rtpmap:0 PCMU/8000",
  ].join("\n");
  return { port, sdp, packets, close: () => socket.close() };
}

/** How many packets are missing between the first and the last, and how many came twice or too late. */
export function losses(packets: readonly HeardPacket[]): { lost: number; disordered: number } {
  let expected: number | undefined;
  let lost = 0;
  let disordered = 0;
  for (const { sequence } of packets) {
    const ahead = expected === undefined ? 0 : (sequence - expected) & 0xffff;
    if (ahead >= 0x8000) {
      disordered++;
      continue;
    }
    lost += ahead;
    expected = (sequence + 1) & 0xffff;
  }
  return { lost: lost - disordered, disordered };
}

/** The milliseconds between neighbouring packets, sorted. */
export function gaps(packets: readonly HeardPacket[]): number[] {
  return packets
    .slice(1)
    .map(({ at }, n) => at - (packets[n]?.at ?? at))
    .sort((a, b) => a - b);
}
