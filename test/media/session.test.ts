import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdtemp, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { encode, g711 } from "../../src/media/codecs/g711.ts";
import { parseRtcp } from "../../src/media/rtcp.ts";
import { newRtpHeader, parseRtp, writeRtpHeader } from "../../src/media/rtp.ts";
import { Session } from "../../src/media/session.ts";
import { Tracks } from "../../src/media/tracks.ts";
import type { Configuration, MediaEvent } from "../../src/media/types.ts";
import { wavHeader } from "../../src/media/wav-writer.ts";
import { seeded } from "../support/random.ts";

let folder = "";
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "siproc-session-"));
});
afterAll(() => rm(folder, { recursive: true }));

/** A WAV file of one level, which the wire shows as one octet. */
async function sound(level: number, frames: number): Promise<string> {
  const path = join(folder, `${level}-${frames}.wav`);
  const samples = new Int16Array(frames * 160).fill(level);
  await Bun.write(path, new Blob([wavHeader(1, samples.byteLength), samples]));
  return path;
}
const octetOf = (level: number, law = g711.PCMU) => law.octets[(level >> 2) & 0x3fff] ?? -1;
const quiet = g711.PCMU.silence;

const peer = { host: "127.0.0.1", port: 4000, rtcpPort: 4001 };
const plain: Configuration = {
  remote: peer,
  codec: "PCMU",
  payloadType: 0,
  dtmfPayloadType: 101,
  direction: "sendrecv",
};

interface SentPacket {
  to: string;
  marker: boolean;
  payloadType: number;
  sequence: number;
  timestamp: number;
  payload: Uint8Array;
}

/** A session in virtual time, with what it sends and tells. */
function start(configuration: Configuration | undefined = plain, mediaTimeout = 0) {
  const sent: SentPacket[] = [];
  const rtcp: { to: string; packet: Uint8Array }[] = [];
  const events: MediaEvent[] = [];
  const random = seeded(9);
  let now = 0;
  const world = {
    tracks: new Tracks(),
    now: () => now,
    wall: (at: number) => 1e12 + at,
    random: () => Math.floor(random() * 0x100000000),
    latch: "private" as const,
    mediaTimeout,
  };
  const wire = {
    rtp(packet: Uint8Array, port: number, host: string) {
      const header = newRtpHeader();
      if (!parseRtp(packet, header)) return void rtcp.push({ to: `${host}:${port}`, packet: packet.slice() });
      const payload = packet.slice(header.offset, header.offset + header.length);
      sent.push({ ...header, to: `${host}:${port}`, payload });
    },
    rtcp: (packet: Uint8Array, port: number, host: string) =>
      void rtcp.push({ to: `${host}:${port}`, packet: packet.slice() }),
  };
  const session = new Session(world, wire, (event) => events.push(event));
  if (configuration) session.configure(configuration);
  const tick = (count = 1, skipped = 0) => {
    for (let i = 0; i < count; i++) {
      now += 20 * (1 + skipped);
      session.tick(now, skipped);
    }
  };
  let sequence = 100;
  /** RTP from the peer, or from somebody else. */
  const receive = (
    octets: Uint8Array,
    { payloadType = 0, timestamp = sequence * 160, port = peer.port, host = peer.host, marker = false } = {},
  ) => {
    const packet = new Uint8Array(12 + octets.length);
    writeRtpHeader(packet, payloadType, marker, sequence++, timestamp, 0x1234);
    packet.set(octets, 12);
    session.receiveRtp(packet, port, host);
  };
  return { session, sent, rtcp, events, tick, receive, heard: () => sent.map(({ payload }) => payload[80] ?? -1) };
}

/** Waits for files: more round trips to the disk than opening or writing one takes. */
const loaded = async () => {
  for (let i = 0; i < 30; i++) await stat(folder);
};

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

describe("playing", () => {
  test("sends a file once and tells of its end", async () => {
    const { session, tick, events, heard } = start();
    const file = await sound(8000, 5);
    session.play(1, file);
    await loaded();
    tick(8);
    expect(heard()).toEqual([...new Array(5).fill(octetOf(8000)), quiet, quiet, quiet]);
    expect(events).toEqual([{ type: "played", id: 1, file, reason: "end" }]);
  });

  test("mixes several files and clips what is too loud", async () => {
    const { session, tick, heard } = start();
    for (const [id, level] of [12_000, -4000, 30_000].entries()) session.play(id, await sound(level, 2 + 2 * id));
    await loaded();
    tick(7);
    const first = octetOf(32_767);
    expect(heard()).toEqual([first, first, octetOf(26_000), octetOf(26_000), octetOf(30_000), octetOf(30_000), quiet]);
  });

  test("stops the file that was started last, then the one before", async () => {
    const { session, tick, heard, events } = start();
    const [a, b] = [await sound(4000, 50), await sound(16_000, 50)];
    session.play(1, a);
    session.play(2, b);
    await loaded();
    tick();
    session.stop();
    tick();
    session.stop();
    session.stop();
    tick();
    expect(heard()).toEqual([octetOf(20_000), octetOf(4000), quiet]);
    expect(events.map((event) => event.type === "played" && [event.id, event.reason])).toEqual([
      [2, "stopped"],
      [1, "stopped"],
    ]);
  });

  test("stops a file that is still being opened", async () => {
    const { session, tick, heard, events } = start();
    session.play(1, await sound(8000, 5));
    session.stop();
    await loaded();
    tick(2);
    expect(heard()).toEqual([quiet, quiet]);
    expect(events.length).toBe(1);
  });

  test("goes on unheard while muted", async () => {
    const { session, tick, heard } = start();
    session.play(1, await sound(8000, 6));
    await loaded();
    tick(2);
    session.mute(true);
    tick(2);
    session.mute(false);
    tick(3);
    const loud = octetOf(8000);
    expect(heard()).toEqual([loud, loud, quiet, quiet, loud, loud, quiet]);
  });

  test("goes on in another codec when that is negotiated meanwhile", async () => {
    const { session, tick, sent } = start();
    session.play(1, await sound(8000, 6));
    await loaded();
    tick(2);
    session.configure({ ...plain, codec: "PCMA", payloadType: 8 });
    tick(2);
    const again = octetOf(g711.PCMU.linear[octetOf(8000)] ?? 0, g711.PCMA);
    expect(sent.map(({ payloadType, payload }) => [payloadType, payload[0]])).toEqual([
      [0, octetOf(8000)],
      [0, octetOf(8000)],
      [8, again],
      [8, again],
    ]);
  });

  test("tells what is wrong with a file", async () => {
    const { session, events } = start();
    session.play(3, join(folder, "nothing.wav"));
    await loaded();
    expect(events).toMatchObject([{ type: "error", command: "PLAY", id: 3, reason: "it cannot be read (ENOENT)" }]);
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
    [
      "without telephone-event",
      { ...plain, dtmfPayloadType: undefined },
      "1",
      "the other side does not take telephone-events",
    ],
    ["on hold", { ...plain, direction: "recvonly" }, "1", "the call is on hold"],
    ["that are none", plain, "1x", "only 0-9 * # A-D can be sent"],
  ];
  for (const [name, configuration, digits, reason] of refused)
    test(`are refused ${name}`, () => {
      const { session, events } = start(configuration);
      session.dtmf(1, digits);
      expect(events).toEqual([{ type: "error", command: "DTMF", id: 1, reason }]);
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

describe("a third party that sprays packets", () => {
  test("is not heard, presses no keys, and hears nothing", async () => {
    const { session, sent, tick, receive, events } = start();
    const path = join(folder, "bleed.wav");
    session.record(path, "stereo");
    await loaded();
    const loud = new Uint8Array(160);
    encode(g711.PCMU, new Int16Array(160).fill(20_000), loud, 0, 160);
    for (let i = 0; i < 100; i++) {
      receive(loud, { host: "127.0.0.2" });
      receive(Uint8Array.of(1, 0x80, 3, 0), { host: "127.0.0.2", payloadType: 101 });
      session.receiveRtcp(Uint8Array.fromHex("80c9000100001234"), 4001, "127.0.0.2");
      tick();
    }
    expect(session.stats).toMatchObject({ receivedPackets: 0, dropped: 300 });
    expect(sent.every(({ to }) => to === "127.0.0.1:4000")).toBe(true);
    await session.close();
    expect(events.map(({ type }) => type)).toEqual(["recording", "recorded", "closed"]);
    const samples = new Int16Array(await Bun.file(path).slice(44).arrayBuffer());
    expect(samples.every((sample) => sample === 0)).toBe(true);
  });

  test("cannot take over from the peer once it was heard", () => {
    const { session, sent, tick, receive } = start({ ...plain, remote: { ...peer, host: "192.168.7.7" } });
    const silence = new Uint8Array(160).fill(quiet);
    receive(silence, { host: "198.51.100.1", port: 7000 });
    receive(silence, { host: "198.51.100.1", port: 7000 });
    for (let i = 0; i < 20; i++) receive(silence, { host: "198.51.100.66", port: 7000 });
    tick();
    expect(sent[0]?.to).toBe("198.51.100.1:7000");
    expect(session.stats).toMatchObject({ receivedPackets: 1, dropped: 21 });
  });
});

describe("recording", () => {
  test("holds both sides, aligned", async () => {
    const { session, tick, receive, events } = start();
    const path = join(folder, "both.wav");
    session.record(path, "stereo");
    session.play(1, await sound(8000, 20));
    await loaded();
    const theirs = new Uint8Array(160).fill(octetOf(-8000));
    for (let i = 0; i < 50; i++) {
      if (i < 20) receive(theirs);
      tick();
    }
    session.record(undefined, "mono");
    while (events.at(-1)?.type !== "recorded") await loaded();
    expect(events.at(-1)).toEqual({ type: "recorded", file: path, milliseconds: 1000 });
    const samples = new Int16Array(await Bun.file(path).slice(44).arrayBuffer());
    const side = (channel: number) =>
      Array.from({ length: 50 }, (_, frame) => Math.sign(samples[2 * (frame * 160 + 80) + channel] ?? 0));
    expect(side(0)).toEqual([...new Array(20).fill(1), ...new Array(30).fill(0)]);
    expect(side(1).filter((sign) => sign < 0).length).toBeWithin(20, 24);
    expect(side(1).indexOf(-1)).toBeLessThanOrEqual(3);
  });

  test("ends with the session, before `closed`", async () => {
    const { session, tick, events } = start();
    session.record(join(folder, "ends.wav"), "mono");
    tick(10);
    await session.close();
    expect(events.map(({ type }) => type)).toEqual(["recording", "recorded", "closed"]);
  });

  test("that cannot be written is an error and no more", async () => {
    const { session, tick, events } = start();
    session.record("/dev/full", "mono");
    tick(200);
    await loaded();
    expect(events.filter(({ type }) => type === "error")).toMatchObject([
      { command: "RECORD", reason: "it cannot be written (ENOSPC)" },
    ]);
    await session.close();
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
