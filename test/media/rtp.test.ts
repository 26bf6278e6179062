import { describe, expect, test } from "bun:test";
import { newRtpHeader, parseRtp, Reception, writeRtpHeader } from "../../src/media/rtp.ts";
import { dataPath } from "../support/data.ts";
import { readPcap } from "../support/pcap.ts";
import { below, seeded } from "../support/random.ts";

const packet = (hex: string) => Uint8Array.fromHex(hex.replaceAll(" ", ""));

describe("an RTP packet", () => {
  const good: [string, string, Partial<ReturnType<typeof newRtpHeader>>][] = [
    [
      "plain",
      "80 80 0001 000000a0 deadbeef aabb",
      { marker: true, payloadType: 0, sequence: 1, timestamp: 160, ssrc: 0xdeadbeef, offset: 12, length: 2 },
    ],
    ["without payload", "80 00 0001 000000a0 deadbeef", { marker: false, offset: 12, length: 0 }],
    [
      "with two contributing sources",
      "82 08 ffff ffffffff 00000001 11111111 22222222 aa",
      { sequence: 65535, timestamp: 0xffffffff, offset: 20, length: 1 },
    ],
    ["with an extension", "90 00 0001 000000a0 deadbeef bede 0001 11223344 aabb", { offset: 20, length: 2 }],
    ["with padding", "a0 00 0001 000000a0 deadbeef aabb 0002", { offset: 12, length: 2 }],
  ];
  for (const [name, hex, expected] of good)
    test(`${name} is read`, () => {
      const header = newRtpHeader();
      expect(parseRtp(packet(hex), header)).toBe(true);
      expect(header).toMatchObject(expected);
    });

  const bad: [string, string][] = [
    ["that is empty", ""],
    ["that is too short", "80 00 0001 000000a0 deadbe"],
    ["of version 1", "40 00 0001 000000a0 deadbeef"],
    ["whose contributing sources are cut off", "8f 00 0001 000000a0 deadbeef 11111111"],
    ["whose extension is cut off", "90 00 0001 000000a0 deadbeef bede"],
    ["whose extension is longer than it", "90 00 0001 000000a0 deadbeef bede ffff 11223344"],
    ["with more padding than payload", "a0 00 0001 000000a0 deadbeef aaff"],
    ["with padding of length 0", "a0 00 0001 000000a0 deadbeef aa00"],
    ["that is RTCP", "80 c8 0006 000000a0 deadbeef 00000000"],
  ];
  for (const [name, hex] of bad)
    test(`${name} is refused`, () => {
      expect(parseRtp(packet(hex), newRtpHeader())).toBe(false);
    });

  test("is read as it was written", () => {
    const random = seeded(1);
    const octets = new Uint8Array(12);
    const header = newRtpHeader();
    for (let i = 0; i < 1000; i++) {
      const fields = {
        payloadType: below(random, 64),
        marker: random() < 0.5,
        sequence: below(random, 0x10000),
        timestamp: below(random, 0x100000000),
        ssrc: below(random, 0x100000000),
      };
      writeRtpHeader(octets, fields.payloadType, fields.marker, fields.sequence, fields.timestamp, fields.ssrc);
      expect(parseRtp(octets, header)).toBe(true);
      expect(header).toEqual({ ...fields, offset: 12, length: 0 });
    }
  });

  test("of any octets never makes the reader throw or point outside", () => {
    const random = seeded(2);
    const header = newRtpHeader();
    for (let i = 0; i < 50_000; i++) {
      const octets = Uint8Array.from({ length: below(random, 40) }, () => below(random, 256));
      if (octets.length > 0 && random() < 0.8) octets[0] = 0x80 | ((octets[0] ?? 0) & 0x3f);
      if (parseRtp(octets, header)) {
        expect(header.offset).toBeGreaterThanOrEqual(12);
        expect(header.offset + header.length).toBeLessThanOrEqual(octets.length);
      }
    }
  });
});

describe("reception of a source", () => {
  /** Packets by sequence number, each 20 ms after the one before. */
  function receive(sequences: number[]): Reception {
    const reception = new Reception(1, sequences[0] ?? 0);
    for (const [i, sequence] of sequences.entries()) reception.update(sequence, i * 160, i * 20);
    return reception;
  }
  const cases: [string, number[], { lost: number; highest: number; received: number }][] = [
    ["counts what is in order", [1, 2, 3, 4], { lost: 0, highest: 4, received: 4 }],
    ["counts loss", [1, 2, 5, 6], { lost: 2, highest: 6, received: 4 }],
    ["does not count reordering as loss", [1, 3, 2, 4], { lost: 0, highest: 4, received: 4 }],
    ["counts duplicates as less than no loss", [1, 2, 2, 3], { lost: -1, highest: 3, received: 4 }],
    ["carries on over the wrap", [65534, 65535, 0, 1], { lost: 0, highest: 65537, received: 4 }],
    ["does not believe one wild number", [1, 2, 30000, 3], { lost: 0, highest: 3, received: 3 }],
    [
      "starts anew when two wild numbers follow on",
      [1, 2, 30000, 30001, 30002],
      { lost: 0, highest: 30002, received: 2 },
    ],
  ];
  for (const [name, sequences, expected] of cases)
    test(name, () => {
      const { lost, extendedHighest, received } = receive(sequences);
      expect({ lost, highest: extendedHighest, received }).toEqual(expected);
    });

  test("has the jitter of RFC 3550 A.8", () => {
    const reception = new Reception(1, 0);
    // Each second packet is 8 ms (64 units) late: D is 64 each time, and J runs toward it by sixteenths.
    let expected = 0;
    for (let i = 0; i < 50; i++) {
      reception.update(i, i * 160, i * 20 + (i % 2) * 8);
      if (i > 0) expected += (64 - expected) / 16;
    }
    expect(reception.jitter).toBeCloseTo(expected, 6);
  });

  test("reports loss since the last report as a fraction", () => {
    const reception = new Reception(1, 0);
    for (const sequence of [0, 1, 2, 3]) reception.update(sequence, 0, 0);
    expect(reception.fractionLost()).toBe(0);
    for (const sequence of [4, 7]) reception.update(sequence, 0, 0);
    expect(reception.fractionLost()).toBe(128);
    expect(reception.fractionLost()).toBe(0);
  });

  test("finds a captured stream whole", () => {
    const header = newRtpHeader();
    let reception: Reception | undefined;
    for (const { payload, at } of readPcap(dataPath("pcap", "sipp-g711a.pcap"))) {
      expect(parseRtp(payload, header)).toBe(true);
      reception ??= new Reception(header.ssrc, header.sequence);
      reception.update(header.sequence, header.timestamp, at);
    }
    expect(reception?.received).toBeGreaterThan(100);
    expect(reception?.lost).toBe(0);
  });
});
