/** What Srtp takes and refuses: rollover, replays, sources, wrong keys, garbage. */
import { describe, expect, test } from "bun:test";
import { masterLength, maxOverhead, Srtp, SrtpKeyError, srtpProfiles } from "../../../src/media/srtp/index.ts";
import { below, seeded } from "../../support/random.ts";
import { rtpPacket } from "./packets.ts";

const room = maxOverhead;
const profile = "AES_CM_128_HMAC_SHA1_80";

function pair(of: (typeof srtpProfiles)[number] = profile) {
  const ours = new Uint8Array(masterLength(of)).fill(1);
  const theirs = new Uint8Array(masterLength(of)).fill(2);
  return { one: new Srtp(of, ours, theirs), other: new Srtp(of, theirs, ours) };
}

/** Protected packets of these sequence numbers, which go up from one to the next. */
function sent(srtp: Srtp, sequences: readonly number[], ssrc = 7): Uint8Array[] {
  return sequences.map((sequence) => {
    const packet = rtpPacket(sequence, ssrc);
    return packet.slice(0, srtp.protect(packet, packet.length - room));
  });
}

const taken = (srtp: Srtp, packet: Uint8Array) => srtp.unprotect(packet.slice(), packet.length) > 0;

describe.each(srtpProfiles.map((name) => [name] as const))("%s", (name) => {
  test("RTP of many lengths arrives as it was sent, and grows by no more than was said", () => {
    const { one, other } = pair(name);
    for (let payload = 0; payload < 200; payload++) {
      const packet = rtpPacket(payload, 7, payload);
      const plain = packet.slice(0, 12 + payload);
      const length = one.protect(packet, plain.length);
      expect(length).toBeGreaterThan(plain.length);
      expect(length - plain.length).toBeLessThanOrEqual(maxOverhead);
      if (payload > 8) expect(packet.slice(12, 12 + payload)).not.toEqual(plain.slice(12));
      expect(other.unprotect(packet, length)).toBe(plain.length);
      expect(packet.slice(0, plain.length)).toEqual(plain);
    }
  });

  test("RTCP arrives as it was sent, and once", () => {
    const { one, other } = pair(name);
    for (let count = 0; count < 3; count++) {
      const packet = new Uint8Array(28 + room).fill(count);
      packet[0] = 0x80;
      packet[1] = 200;
      const plain = packet.slice(0, 28);
      const length = one.protectRtcp(packet, 28);
      const again = packet.slice(0, length);
      expect(packet.slice(8, 28)).not.toEqual(plain.slice(8));
      expect(other.unprotectRtcp(packet, length)).toBe(28);
      expect(packet.slice(0, 28)).toEqual(plain);
      expect(other.unprotectRtcp(again, length)).toBe(-1);
    }
  });

  test("not one bit of a packet can be changed", () => {
    const { one, other } = pair(name);
    const [packet = new Uint8Array()] = sent(one, [100]);
    for (let bit = 0; bit < packet.length * 8; bit += 3) {
      const changed = packet.slice();
      changed[bit >> 3] = (changed[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      expect(other.unprotect(changed, changed.length)).toBe(-1);
    }
    const report = new Uint8Array(28 + room);
    const length = one.protectRtcp(report, 28);
    for (let bit = 0; bit < length * 8; bit += 3) {
      const changed = report.slice(0, length);
      changed[bit >> 3] = (changed[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      expect(other.unprotectRtcp(changed, length)).toBe(-1);
    }
    // None of these attempts did any harm.
    expect(taken(other, packet)).toBe(true);
    expect(other.unprotectRtcp(report, length)).toBe(28);
  });

  test("garbage of any length is refused, soon", () => {
    const { one, other } = pair(name);
    const random = seeded(7714);
    const began = performance.now();
    for (let round = 0; round < 3000; round++) {
      const packet = Uint8Array.from({ length: below(random, 300) }, () => random() * 256);
      if (round % 2 === 0) packet[0] = 0x80 | ((packet[0] ?? 0) & 0x3f);
      expect(other.unprotect(packet, packet.length)).toBe(-1);
      expect(other.unprotectRtcp(packet, packet.length)).toBe(-1);
      expect(() => one.protect(packet, packet.length)).not.toThrow();
    }
    expect(performance.now() - began).toBeLessThan(2000);
  });
});

test("a header with CSRCs and an extension stays readable, what follows does not", () => {
  const { one, other } = pair();
  const packet = rtpPacket(1, 7, 60);
  packet[0] = 0x92;
  packet.set([0xbe, 0xde, 0, 2], 20);
  const plain = packet.slice(0, 72);
  const length = one.protect(packet, 72);
  expect(packet.slice(0, 32)).toEqual(plain.slice(0, 32));
  expect(packet.slice(32, 72)).not.toEqual(plain.slice(32));
  expect(other.unprotect(packet, length)).toBe(72);
});

describe("the rollover counter", () => {
  test("goes on as often as the sequence numbers begin anew", () => {
    const { one, other } = pair();
    for (let index = 0; index < 5 * 65536; index += 20_000) {
      const [packet = new Uint8Array()] = sent(one, [index]);
      expect(taken(other, packet)).toBe(true);
    }
  });

  test("is right for packets out of order around the wrap", () => {
    const { one, other } = pair();
    const packets = sent(one, [65533, 65534, 65535, 65536, 65537, 65538]);
    const order = [0, 3, 1, 5, 2, 4];
    expect(order.map((at) => taken(other, packets[at] ?? new Uint8Array()))).toEqual(order.map(() => true));
  });
});

describe("replays", () => {
  test("each packet is taken once, out of order, too", () => {
    const { one, other } = pair();
    const packets = sent(one, [10, 11, 12, 200, 201]);
    expect([0, 3, 2, 1, 4].map((at) => taken(other, packets[at] ?? new Uint8Array()))).toEqual(Array(5).fill(true));
    expect(packets.map((packet) => taken(other, packet))).toEqual(Array(5).fill(false));
  });

  test("what lies further back than the window is too late, what lies within is not", () => {
    const { one, other } = pair();
    const [old = new Uint8Array(), late = new Uint8Array(), last = new Uint8Array()] = sent(one, [1, 2, 1025]);
    expect(taken(other, last)).toBe(true);
    expect(taken(other, old)).toBe(false);
    expect(taken(other, late)).toBe(true);
    expect(taken(other, late)).toBe(false);
  });

  test("a sequence number is not sent twice with one key", () => {
    const { one } = pair();
    const packet = rtpPacket(5, 7);
    expect(one.protect(packet.slice(), 172)).toBe(182);
    expect(one.protect(packet.slice(), 172)).toBe(-1);
  });
});

test("sources count for themselves, and no peer has more than 256", () => {
  const { one, other } = pair();
  for (let ssrc = 0; ssrc < 256; ssrc++) {
    const [packet = new Uint8Array()] = sent(one, [5], ssrc);
    expect(taken(other, packet)).toBe(true);
  }
  expect(one.protect(rtpPacket(5, 256), 172)).toBe(-1);
  const [known = new Uint8Array()] = sent(one, [6], 9);
  expect(taken(other, known)).toBe(true);
});

test("packets of other keys are refused, our own that come back as well", () => {
  const { one } = pair();
  const [packet = new Uint8Array()] = sent(one, [5]);
  expect(taken(one, packet)).toBe(false);
});

test.each([...srtpProfiles])("a key of %s has its length and no other", (name) => {
  const right = new Uint8Array(masterLength(name));
  expect(() => new Srtp(name, right, right.subarray(1))).toThrow(SrtpKeyError);
});
