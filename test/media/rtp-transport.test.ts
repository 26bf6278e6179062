/** A session's ports with keys: what goes out is SRTP, what comes in clear is dropped, and keys outlive configurations. */
import { describe, expect, test } from "bun:test";
import { masterLength, Srtp, type SrtpProfile } from "../../src/media/srtp/index.ts";
import { RtpTransport } from "../../src/media/transport/rtp-transport.ts";
import type { Configuration } from "../../src/media/types.ts";
import { rtpPacket, toHex } from "./srtp/packets.ts";
import { plain } from "./virtual-session.ts";

const profile: SrtpProfile = "AES_CM_128_HMAC_SHA1_80";
const master = (fill: number) => new Uint8Array(masterLength(profile)).fill(fill);
const base64 = (octets: Uint8Array) => Buffer.from(octets).toString("base64");
const keyed = (local: number, remote: number): Configuration => ({
  ...plain,
  security: { profile, localKey: base64(master(local)), remoteKey: base64(master(remote)) },
});
const peerOf = (local: number, remote: number) => new Srtp(profile, master(remote), master(local));
const packet = (sequence: number) => rtpPacket(sequence, 7).subarray(0, 172);
const report = () => Uint8Array.from({ length: 28 }, (_, at) => [0x80, 200, 0, 6][at] ?? at);

function start(configuration: Configuration) {
  const sent: Uint8Array[] = [];
  const taken: Uint8Array[] = [];
  const counts = { refused: 0 };
  const out = (octets: Uint8Array) => void sent.push(octets.slice());
  const take = (octets: Uint8Array) => void taken.push(octets.slice());
  const transport = new RtpTransport({ rtp: out, rtcp: out });
  transport.user = { receiveRtp: take, receiveRtcp: take, refused: () => void counts.refused++ };
  transport.configure(configuration);
  return { transport, sent, taken, counts };
}

describe("without keys", () => {
  test("packets pass as they are", () => {
    const { transport, sent, taken } = start(plain);
    transport.rtp(packet(1), 4000, "h");
    transport.receiveRtp(packet(2), 4000, "h");
    expect(sent).toEqual([packet(1)]);
    expect(taken).toEqual([packet(2)]);
  });
});

describe("with keys", () => {
  test("RTP and RTCP go out protected, over one port or two, and the session's own packets stay as they were", () => {
    const { transport, sent } = start(keyed(1, 2));
    const own: [Uint8Array, Uint8Array, Uint8Array] = [packet(1), report(), report()];
    transport.rtp(own[0], 4000, "h");
    transport.rtp(own[1], 4000, "h");
    transport.rtcp(own[2], 4001, "h");
    expect(own).toEqual([packet(1), report(), report()]);
    const peer = peerOf(1, 2);
    const [first = new Uint8Array(), ...reports] = sent;
    expect(toHex(first.subarray(0, peer.unprotect(first, first.length)))).toBe(toHex(packet(1)));
    for (const one of reports) expect(one.slice(0, peer.unprotectRtcp(one, one.length))).toEqual(report());
    expect(reports).toHaveLength(2);
  });

  test("what the peer protects is taken, what comes in clear or under another key is counted and dropped", () => {
    const { transport, taken, counts } = start(keyed(1, 2));
    const protectedBy = (peer: Srtp, sequence: number) => {
      const octets = rtpPacket(sequence, 7);
      return octets.slice(0, peer.protect(octets, 172));
    };
    const octets = new Uint8Array(60);
    octets.set(report());
    const peer = peerOf(1, 2);
    const srtcp = octets.slice(0, peer.protectRtcp(octets, 28));
    transport.receiveRtp(protectedBy(peer, 1), 4000, "h");
    transport.receiveRtcp(srtcp.slice(), 4001, "h");
    expect(taken).toEqual([packet(1), report()]);
    transport.receiveRtp(packet(2), 4000, "h");
    transport.receiveRtcp(report(), 4001, "h");
    transport.receiveRtp(protectedBy(peerOf(1, 3), 3), 4000, "h");
    transport.receiveRtcp(srtcp, 4001, "h");
    expect([taken.length, counts.refused]).toEqual([2, 4]);
  });

  test("the same keys again change nothing: what came once does not come again", () => {
    const { transport, taken, counts } = start(keyed(1, 2));
    const octets = rtpPacket(1, 7);
    const one = octets.slice(0, peerOf(1, 2).protect(octets, 172));
    transport.receiveRtp(one.slice(), 4000, "h");
    transport.configure({ ...keyed(1, 2), direction: "sendonly" });
    transport.receiveRtp(one.slice(), 4000, "h");
    expect([taken.length, counts.refused]).toEqual([1, 1]);
  });

  test("another key of the peer's does not begin our stream anew: no index is used twice", () => {
    const { transport, sent } = start(keyed(1, 2));
    transport.rtp(packet(1), 4000, "h");
    transport.configure(keyed(1, 3));
    transport.rtp(packet(1), 4000, "h");
    transport.rtp(packet(2), 4000, "h");
    expect(sent).toHaveLength(2);
  });
});
