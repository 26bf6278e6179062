import { describe, expect, test } from "bun:test";
import { middleOfNtp, parseRtcp, type RtcpToWrite, toNtp, writeRtcp } from "../../src/media/rtcp.ts";
import { RtcpSession } from "../../src/media/rtcp-session.ts";
import { Reception } from "../../src/media/rtp.ts";
import { below, seeded } from "../support/random.ts";

const sender = { ntpSeconds: 0xe0000000, ntpFraction: 0x80000000, timestamp: 12345, packets: 100, octets: 16000 };
const block = {
  ssrc: 7,
  fractionLost: 64,
  lost: 25,
  highest: 70000,
  jitter: 3,
  lastSenderReport: 0x12345678,
  delay: 65536,
};

describe("an RTCP compound", () => {
  const cases: [string, RtcpToWrite][] = [
    ["SR with a report", { ssrc: 1, cname: "a", sender, report: block, bye: false }],
    ["SR alone", { ssrc: 0xffffffff, cname: "abc", sender, report: undefined, bye: false }],
    [
      "RR with negative loss and BYE",
      { ssrc: 2, cname: "ab@cd", sender: undefined, report: { ...block, lost: -5 }, bye: true },
    ],
    [
      "empty RR with a long name",
      { ssrc: 3, cname: "x".repeat(255), sender: undefined, report: undefined, bye: false },
    ],
  ];
  for (const [name, packet] of cases)
    test(`${name} is read as it was written`, () => {
      const octets = writeRtcp(packet);
      expect(octets.length % 4).toBe(0);
      expect(parseRtcp(octets)).toEqual({
        ssrc: packet.ssrc,
        sender: packet.sender,
        reports: packet.report ? [packet.report] : [],
        cname: packet.cname,
        left: packet.bye ? [packet.ssrc] : [],
      });
    });

  test("clamps loss to 24 bits instead of wrapping it", () => {
    const octets = writeRtcp({ ssrc: 1, cname: "a", sender: undefined, report: { ...block, lost: 1e9 }, bye: false });
    expect(parseRtcp(octets)?.reports[0]?.lost).toBe(0x7fffff);
  });

  const whole = writeRtcp({ ssrc: 1, cname: "cname", sender, report: block, bye: true });
  const changed = (at: number, value: number) => {
    const octets = whole.slice();
    octets[at] = value;
    return octets;
  };
  const bad: [string, Uint8Array][] = [
    ["nothing", new Uint8Array(0)],
    ["a cut one", whole.subarray(0, 20)],
    ["one that does not end on 32 bits", whole.subarray(0, whole.length - 1)],
    ["a wrong version", changed(0, 0x01)],
    ["a first packet that is no report", changed(1, 202)],
    ["a padded first packet", changed(0, 0xa1)],
    ["a length beyond the end", changed(2, 0xff)],
    ["more report blocks than there are", changed(0, 0x9f)],
  ];
  for (const [name, octets] of bad) test(`${name} is refused`, () => expect(parseRtcp(octets)).toBeUndefined());

  test("of any octets never makes the reader throw", () => {
    const random = seeded(3);
    for (let i = 0; i < 50_000; i++) {
      const octets = whole.slice(0, 4 * below(random, whole.length / 4 + 1));
      for (let edits = below(random, 6); edits >= 0 && octets.length > 0; edits--)
        octets[below(random, octets.length)] = below(random, 256);
      parseRtcp(octets);
    }
  });
});

describe("an RTCP session", () => {
  const wall = (now: number) => 1_700_000_000_000 + now;
  const session = (random = 0.5) => new RtcpSession("cname", () => random, wall);
  const sent = { ssrc: 1, timestamp: 1000, packets: 10, octets: 1600 };

  test("reports first after half an interval, then each interval of 2.5 to 7.5 s", () => {
    const rtcp = session();
    expect(rtcp.due(0)).toBe(false);
    expect(rtcp.due(2499)).toBe(false);
    expect(rtcp.due(2500)).toBe(true);
    rtcp.report(2500, sent, undefined, false);
    expect(rtcp.due(7499)).toBe(false);
    expect(rtcp.due(7500)).toBe(true);
  });

  test("sends a sender report only when something was sent since the last", () => {
    const rtcp = session();
    expect(parseRtcp(rtcp.report(0, sent, undefined, false))?.sender).toMatchObject({ packets: 10, octets: 1600 });
    expect(parseRtcp(rtcp.report(5000, sent, undefined, false))?.sender).toBeUndefined();
  });

  test("reports loss, highest sequence number and the time since the peer's report", () => {
    const rtcp = session();
    const reception = new Reception(2, 100);
    for (const sequence of [100, 101, 103]) reception.update(sequence, 0, 0);
    rtcp.receive(writeRtcp({ ssrc: 2, cname: "p", sender, report: undefined, bye: false }), 1000, 1, () => true);
    const report = parseRtcp(rtcp.report(3000, sent, reception, false))?.reports[0];
    expect(report).toEqual({
      ssrc: 2,
      fractionLost: 64,
      lost: 1,
      highest: 103,
      jitter: 0,
      lastSenderReport: middleOfNtp(sender.ntpSeconds, sender.ntpFraction),
      delay: 2 * 65536,
    });
  });

  test("measures the round trip by the peer's report of ours", () => {
    const rtcp = session();
    const ntp = toNtp(wall(1000));
    const report = { ...block, ssrc: 1, lastSenderReport: middleOfNtp(ntp.seconds, ntp.fraction), delay: 65536 / 2 };
    rtcp.receive(writeRtcp({ ssrc: 2, cname: "p", sender: undefined, report, bye: false }), 1580, 1, () => true);
    expect(rtcp.roundTrip).toBeCloseTo(80, 0);
    expect(rtcp.remoteLost).toBe(25);
  });

  test("takes nothing from a source that may not speak, and says when the peer leaves", () => {
    const rtcp = session();
    const bye = writeRtcp({ ssrc: 2, cname: "p", sender: undefined, report: { ...block, ssrc: 1 }, bye: true });
    expect(rtcp.receive(bye, 0, 1, () => false)).toBeUndefined();
    expect(rtcp.remoteLost).toBeUndefined();
    expect(rtcp.receive(bye, 0, 1, () => true)).toEqual({ bye: true });
  });
});
