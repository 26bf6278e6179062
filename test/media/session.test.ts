/** What a session sends by itself: audio each 20 ms, keys, RTCP; and what it makes of silence. */
import { describe, expect, test } from "bun:test";
import { parseRtcp } from "../../src/media/rtcp.ts";
import type { Configuration } from "../../src/media/types.ts";
import { peer, plain, quiet, start } from "./virtual-session.ts";

describe("what a session sends", () => {
  test("is a frame of silence each 20 ms while nothing plays, with the marker on the first", () => {
    const { sent, tick } = start();
    tick(3);
    expect(sent.map(({ marker, payloadType, to }) => ({ marker, payloadType, to }))).toEqual([
      { marker: true, payloadType: 0, to: "127.0.0.1:4000" },
      { marker: false, payloadType: 0, to: "127.0.0.1:4000" },
      { marker: false, payloadType: 0, to: "127.0.0.1:4000" },
    ]);
    expect(sent.every(({ payload }) => payload.length === 160 && payload.every((octet) => octet === quiet))).toBe(true);
    for (const [i, packet] of sent.entries()) {
      expect(packet.sequence).toBe(((sent[0]?.sequence ?? 0) + i) & 0xffff);
      expect(packet.timestamp).toBe(((sent[0]?.timestamp ?? 0) + 160 * i) >>> 0);
    }
  });

  for (const [ptime, sizes] of [
    [10, [80, 80, 80, 80]],
    [30, [240]],
    [40, [320]],
    [60, [480]],
  ] as const)
    test(`comes in packets of ${ptime} ms when asked`, () => {
      const { sent, tick } = start({ ...plain, ptime });
      tick(12);
      expect(sent.length).toBe(240 / ptime);
      expect(sent.slice(0, sizes.length).map(({ payload }) => payload.length)).toEqual([...sizes]);
      for (const [i, packet] of sent.entries())
        expect(packet.timestamp).toBe(((sent[0]?.timestamp ?? 0) + ptime * 8 * i) >>> 0);
    });

  const mute: [string, Configuration][] = [
    ["while the direction is recvonly", { ...plain, direction: "recvonly" }],
    ["while it is inactive", { ...plain, direction: "inactive" }],
    ["without a remote", { ...plain, remote: undefined }],
    ["to 0.0.0.0", { ...plain, remote: { ...peer, host: "0.0.0.0" } }],
    ["to port 0", { ...plain, remote: { ...peer, port: 0 } }],
    ["to a name", { ...plain, remote: { ...peer, host: "example.com" } }],
  ];
  for (const [name, configuration] of mute)
    test(`is nothing ${name}`, () => {
      const { sent, tick } = start(configuration);
      tick(10);
      expect(sent).toEqual([]);
    });

  test("goes on after a stall with the time that has passed", () => {
    const { sent, tick } = start();
    tick(2);
    tick(1, 10);
    const [, second, third] = sent;
    expect((third?.timestamp ?? 0) - (second?.timestamp ?? 0)).toBe(11 * 160);
    expect((third?.sequence ?? 0) - (second?.sequence ?? 0)).toBe(1);
    expect(third?.marker).toBe(true);
  });
});

describe("digits", () => {
  test("replace audio for 200 ms and leave its time line alone", () => {
    const { session, sent, tick, events } = start();
    tick(2);
    session.dtmf(5, "9");
    tick(13);
    const kinds = sent.map(({ payloadType }) => payloadType);
    expect(kinds).toEqual([0, 0, ...new Array(10).fill(101), 0, 0, 0]);
    const [first] = sent;
    const origin = first?.timestamp ?? 0;
    for (const [i, { sequence, timestamp, payloadType }] of sent.entries()) {
      expect(sequence).toBe(((first?.sequence ?? 0) + i) & 0xffff);
      expect(timestamp).toBe((origin + 160 * (payloadType === 101 ? 2 : i)) >>> 0);
    }
    expect(events).toEqual([{ type: "dtmf-sent", id: 5 }]);
  });

  const refused: [string, Configuration | undefined, string, string][] = [
    ["on hold", { ...plain, direction: "recvonly" }, "1", "the call is on hold"],
    ["that are none", plain, "1x", "only 0-9 * # A-D can be sent, and pauses"],
  ];
  for (const [name, configuration, digits, reason] of refused)
    test(`are refused ${name}`, () => {
      const { session, events } = start(configuration);
      session.dtmf(1, digits);
      expect(events).toEqual([{ type: "error", command: "DTMF", id: 1, reason }]);
    });

  test("are refused as telephone-events without an agreement on them", () => {
    const { session, events } = start({ ...plain, dtmfPayloadType: undefined });
    session.dtmf(1, "1", "rfc4733");
    const reason = "the other side does not take telephone-events";
    expect(events).toEqual([{ type: "error", command: "DTMF", id: 1, reason }]);
  });

  test("wait where there is a comma or a w between them", () => {
    const { session, sent, tick, events } = start();
    session.dtmf(1, "1,2w3,");
    tick(500);
    const starts = sent.flatMap(({ payloadType, marker }, i) => (payloadType === 101 && marker ? [i] : []));
    // 160 ms of key, 80 ms of pause, then the two seconds and the half.
    expect(starts).toEqual([0, 12 + 100, 12 + 100 + 12 + 25]);
    expect(events).toEqual([{ type: "dtmf-sent", id: 1 }]);
  });

  test("of the peer are told once", () => {
    const { receive, events } = start();
    for (const [duration, end] of [
      [160, 0],
      [800, 0],
      [1280, 0x80],
      [1280, 0x80],
    ] as const)
      receive(Uint8Array.of(11, end | 10, duration >> 8, duration & 255), { payloadType: 101, timestamp: 5000 });
    expect(events).toEqual([{ type: "dtmf", digit: "#", duration: 160 }]);
  });

  test("of the peer are not taken while it may not send", () => {
    const { receive, events } = start({ ...plain, direction: "sendonly" });
    receive(Uint8Array.of(11, 0x80, 1, 0), { payloadType: 101 });
    expect(events).toEqual([]);
  });
});

describe("RTCP", () => {
  test("is sent every few seconds and ends with BYE", async () => {
    const { session, tick, rtcp } = start();
    tick(500);
    await session.close();
    const reports = rtcp.map(({ packet }) => parseRtcp(packet));
    expect(reports.length).toBeWithin(2, 6);
    expect(reports[0]?.sender?.packets).toBeGreaterThan(50);
    expect(reports.at(-1)?.left.length).toBe(1);
    expect(rtcp.every(({ to }) => to === "127.0.0.1:4001")).toBe(true);
  });

  test("goes over the RTP port when that was agreed upon", async () => {
    const { session, tick, rtcp } = start({ ...plain, rtcpMux: true });
    tick(1);
    await session.close();
    expect(rtcp.map(({ to }) => to)).toEqual(["127.0.0.1:4000"]);
  });
});

describe("a silent peer", () => {
  test("is told of once, and again after it was heard", () => {
    const { tick, events, receive } = start(plain, 1000);
    tick(120);
    expect(events).toEqual([{ type: "silent" }]);
    receive(new Uint8Array(160));
    tick(20);
    expect(events.length).toBe(1);
    tick(50);
    expect(events.length).toBe(2);
  });

  test("is no matter while it may not send", () => {
    const { tick, events } = start({ ...plain, direction: "sendonly" }, 1000);
    tick(120);
    expect(events).toEqual([]);
  });
});
