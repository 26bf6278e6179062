import { describe, expect, test } from "bun:test";
import { canonicalHost } from "../../src/media/address.ts";
import { Latch } from "../../src/media/latch.ts";
import { newRtpHeader } from "../../src/media/rtp.ts";
import type { LatchRule } from "../../src/media/types.ts";

const remote = (host: string) => ({ host, port: 4000, rtcpPort: 4001 });
const rtp = (sequence: number, ssrc = 1) => ({ ...newRtpHeader(), sequence, ssrc });

describe("whose RTP is taken", () => {
  type Came = [host: string, port: number, sequence: number, accepted: boolean];
  const cases: [name: string, signalled: string, rule: LatchRule, packets: Came[], sendsTo: string][] = [
    ["the signalled address", "203.0.113.1", "private", [["203.0.113.1", 4000, 1, true]], "203.0.113.1:4000"],
    [
      "not another address",
      "203.0.113.1",
      "private",
      [
        ["203.0.113.2", 4000, 1, false],
        ["203.0.113.2", 4000, 2, false],
      ],
      "203.0.113.1:4000",
    ],
    [
      "another port of it, from the second packet in sequence",
      "203.0.113.1",
      "private",
      [
        ["203.0.113.1", 5000, 1, false],
        ["203.0.113.1", 5000, 2, true],
        ["203.0.113.1", 5000, 3, true],
      ],
      "203.0.113.1:5000",
    ],
    [
      "the loopback, for a phone on this machine",
      "203.0.113.77",
      "private",
      [
        ["127.0.0.1", 5000, 1, false],
        ["127.0.0.1", 5000, 2, true],
      ],
      "127.0.0.1:5000",
    ],
    [
      "not the loopback where only the signalled address is right",
      "203.0.113.77",
      false,
      [
        ["127.0.0.1", 5000, 1, false],
        ["127.0.0.1", 5000, 2, false],
      ],
      "203.0.113.77:4000",
    ],
    [
      "not the loopback for a phone elsewhere",
      "203.0.113.1",
      "private",
      [
        ["127.0.0.1", 5000, 1, false],
        ["127.0.0.1", 5000, 2, false],
      ],
      "203.0.113.1:4000",
    ],
    [
      "not another port that guesses numbers",
      "203.0.113.1",
      "private",
      [
        ["203.0.113.1", 5000, 1, false],
        ["203.0.113.1", 5000, 9, false],
        ["203.0.113.1", 5001, 10, false],
      ],
      "203.0.113.1:4000",
    ],
    [
      "no other port once the signalled one has sent",
      "203.0.113.1",
      true,
      [
        ["203.0.113.1", 4000, 1, true],
        ["203.0.113.1", 5000, 2, false],
        ["203.0.113.1", 5000, 3, false],
      ],
      "203.0.113.1:4000",
    ],
    [
      "any address when the signalled one is private, once",
      "192.168.1.5",
      "private",
      [
        ["203.0.113.9", 6000, 7, false],
        ["203.0.113.9", 6000, 8, true],
        ["203.0.113.8", 6000, 1, false],
        ["203.0.113.8", 6000, 2, false],
        ["192.168.1.5", 4000, 1, false],
      ],
      "203.0.113.9:6000",
    ],
    [
      "any address when told so",
      "203.0.113.1",
      true,
      [
        ["203.0.113.9", 6000, 7, false],
        ["203.0.113.9", 6000, 8, true],
      ],
      "203.0.113.9:6000",
    ],
    [
      "no address but the signalled one when told so",
      "192.168.1.5",
      false,
      [
        ["203.0.113.9", 6000, 7, false],
        ["203.0.113.9", 6000, 8, false],
      ],
      "192.168.1.5:4000",
    ],
    [
      "nobody's while held at 0.0.0.0",
      "0.0.0.0",
      true,
      [
        ["203.0.113.9", 6000, 7, false],
        ["203.0.113.9", 6000, 8, false],
      ],
      "undefined:0",
    ],
  ];
  for (const [name, signalled, rule, packets, sendsTo] of cases)
    test(name, () => {
      const latch = new Latch((host) => host === "203.0.113.77");
      latch.configure(remote(signalled), false, rule);
      expect(packets.map(([host, port, sequence]) => latch.acceptRtp(host, port, rtp(sequence)))).toEqual(
        packets.map(([, , , accepted]) => accepted),
      );
      expect(`${latch.host}:${latch.port}`).toBe(sendsTo);
    });

  test("a source must stay one source to be taken", () => {
    const latch = new Latch();
    latch.configure(remote("10.0.0.1"), false, "private");
    expect(latch.acceptRtp("203.0.113.9", 6000, rtp(1, 111))).toBe(false);
    expect(latch.acceptRtp("203.0.113.9", 6000, rtp(2, 222))).toBe(false);
  });

  test("the same SDP again keeps what was learned; a new address forgets it", () => {
    const latch = new Latch();
    latch.configure(remote("10.0.0.1"), false, "private");
    for (const sequence of [1, 2]) latch.acceptRtp("203.0.113.9", 6000, rtp(sequence));
    latch.configure(remote("10.0.0.1"), false, "private");
    expect(latch.host).toBe("203.0.113.9");
    latch.configure(remote("10.0.0.2"), false, "private");
    expect(latch.host).toBe("10.0.0.2");
    expect(latch.acceptRtp("203.0.113.9", 6000, rtp(3))).toBe(false);
  });

  test("without a remote nothing is taken", () => {
    const latch = new Latch();
    latch.configure(undefined, false, true);
    expect(latch.acceptRtp("203.0.113.9", 6000, rtp(1))).toBe(false);
    expect(latch.host).toBeUndefined();
  });
});

describe("whose RTCP is taken", () => {
  test("the signalled port's, and before it one port of the address that RTP has proven", () => {
    const latch = new Latch();
    latch.configure(remote("203.0.113.1"), false, "private");
    expect(latch.acceptRtcp("203.0.113.1", 9000, false)).toBe(false);
    latch.acceptRtp("203.0.113.1", 4000, rtp(1));
    expect(latch.acceptRtcp("203.0.113.2", 4001, false)).toBe(false);
    expect(latch.acceptRtcp("203.0.113.1", 9000, false)).toBe(true);
    expect(latch.acceptRtcp("203.0.113.1", 9001, false)).toBe(false);
    expect(latch.rtcpPort).toBe(9000);
  });

  test("over one port, only the RTP peer's", () => {
    const latch = new Latch();
    latch.configure(remote("203.0.113.1"), true, "private");
    expect(latch.rtcpPort).toBe(4000);
    expect(latch.acceptRtcp("203.0.113.1", 4000, true)).toBe(true);
    expect(latch.acceptRtcp("203.0.113.1", 4001, true)).toBe(false);
  });

  test("nothing is sent to a port that a locked stranger has not shown", () => {
    const latch = new Latch();
    latch.configure(remote("10.0.0.1"), false, "private");
    for (const sequence of [1, 2]) latch.acceptRtp("203.0.113.9", 6000, rtp(sequence));
    expect(latch.rtcpHost).toBeUndefined();
    expect(latch.acceptRtcp("203.0.113.9", 6001, false)).toBe(true);
    expect([latch.rtcpHost, latch.rtcpPort]).toEqual(["203.0.113.9", 6001]);
  });
});

describe("an address", () => {
  const canonical: [string, string | undefined][] = [
    ["192.0.2.1", "192.0.2.1"],
    ["192.0.2.256", undefined],
    ["192.0.2.01", undefined],
    ["example.com", undefined],
    ["", undefined],
    ["2001:DB8:0:0:0:0:0:1", "2001:db8::1"],
    ["[::1]", "::1"],
    ["::", "::"],
    ["1:0:0:2:0:0:0:3", "1:0:0:2::3"],
    ["1:2:3:4:5:6:0:8", "1:2:3:4:5:6:0:8"],
    ["fe80::1%eth0", "fe80::1%eth0"],
    ["::ffff:192.0.2.1", "::ffff:192.0.2.1"],
    ["::ffff:c000:201", "::ffff:192.0.2.1"],
    ["1::2::3", undefined],
    ["1:2:3:4:5:6:7:8:9", undefined],
    ["::12345", undefined],
  ];
  for (const [given, expected] of canonical)
    test(`“${given}” is ${expected ?? "none"}`, () => expect(canonicalHost(given)).toBe(expected));
});
