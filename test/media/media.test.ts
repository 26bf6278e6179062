import { afterAll, afterEach, beforeAll, describe, expect, test } from "bun:test";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createLog, type Log } from "../../src/log.ts";
import {
  type Configuration,
  type MediaEngine,
  MediaError,
  type MediaEvent,
  type MediaOptions,
  type MediaSession,
  startMedia,
} from "../../src/media/index.ts";
import { wavHeader } from "../../src/media/wav-writer.ts";
import { bindUdp } from "../../src/udp.ts";
import { freePort } from "../support/peers/ports.ts";

let folder = "";
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "siproc-media-"));
});
afterAll(() => rm(folder, { recursive: true }));

const engines: MediaEngine[] = [];
afterEach(async () => {
  await Promise.all(engines.splice(0).map((engine) => engine.close()));
});
const lines: string[] = [];
const log: Log = createLog({ level: "warn", format: "pretty", write: (line) => void lines.push(line) });

async function start(options: Partial<MediaOptions> = {}, worker?: () => Worker): Promise<MediaEngine> {
  const ports = options.ports ?? (await portRange(40));
  const engine = await startMedia({ log, ...options, ports }, worker);
  engines.push(engine);
  return engine;
}

async function portRange(count: number): Promise<[number, number]> {
  const first = await freePort(count);
  return [first, first + count - 1];
}

/** A session whose events can be awaited. */
function open(engine: MediaEngine, host = "127.0.0.1") {
  const session = engine.open({ host });
  const events: MediaEvent[] = [];
  const waiting: ((event: MediaEvent) => void)[] = [];
  session.listener = (event) => {
    events.push(event);
    for (const take of waiting) take(event);
  };
  const next = <T extends MediaEvent["type"]>(type: T) =>
    new Promise<MediaEvent & { type: T }>((resolve) => {
      const isOne = (event: MediaEvent): event is MediaEvent & { type: T } => event.type === type;
      const found = events.find(isOne);
      if (found) resolve(found);
      else waiting.push((event) => isOne(event) && resolve(event));
    });
  return { session, events, next };
}

const toward = (other: MediaSession, host = "127.0.0.1"): Configuration => ({
  remote: { host, port: other.rtpPort, rtcpPort: other.rtcpPort },
  codec: "PCMA",
  payloadType: 8,
  dtmfPayloadType: 96,
  direction: "sendrecv",
});

async function tone(): Promise<string> {
  const path = join(folder, "tone.wav");
  const samples = Int16Array.from({ length: 1600 }, (_, i) => 10_000 * Math.sin(i / 3));
  await Bun.write(path, new Blob([wavHeader(1, samples.byteLength), samples]));
  return path;
}

describe("the media engine", () => {
  for (const [family, host] of [
    ["ipv4", "127.0.0.1"],
    ["ipv6", "::1"],
  ] as const)
    test(`carries sound and digits between two sessions over ${family}`, async () => {
      const engine = await start({ families: [family] });
      const [a, b] = [open(engine, host), open(engine, host)];
      a.session.configure(toward(b.session, host));
      b.session.configure(toward(a.session, host));
      const file = join(folder, `${family}.wav`);
      b.session.record(file, "stereo");
      await b.next("recording");
      a.session.play(1, await tone());
      await a.next("played");
      a.session.dtmf(2, "7");
      expect(await b.next("dtmf")).toEqual({ type: "dtmf", digit: "7", duration: 160 });
      b.session.record(undefined);
      await b.next("recorded");
      const samples = new Int16Array(await Bun.file(file).slice(44).arrayBuffer());
      const loudest = [0, 1].map((side) =>
        samples.reduce((most, sample, i) => (i % 2 === side ? Math.max(most, sample) : most), 0),
      );
      expect(loudest[0]).toBeLessThan(10);
      expect(loudest[1]).toBeWithin(9500, 10_500);
      a.session.close();
      b.session.close();
      expect(await a.next("closed")).toMatchObject({ stats: { lost: 0, dropped: 0 } });
      await b.next("closed");
      expect(engine.stats.sessions).toBe(0);
    });

  test("keeps strangers out and its voice to its peer", async () => {
    const engine = await start();
    const heardByStranger: Uint8Array[] = [];
    const stranger = await bindUdp({ host: "127.0.0.2", port: 0, onPacket: (packet) => heardByStranger.push(packet) });
    const [a, b] = [open(engine), open(engine)];
    a.session.configure(toward(b.session));
    b.session.configure(toward(a.session));
    // Once its own sound was played the session is there to be attacked.
    b.session.play(1, await tone());
    await b.next("played");
    a.session.play(1, await tone());
    const digit = Uint8Array.fromHex("80e0000100000000deadbeef018a0500");
    for (let i = 0; i < 50; i++) stranger.send(digit, b.session.rtpPort, "127.0.0.1");
    await a.next("played");
    b.session.close();
    // On a busy machine the kernel may drop some for us.
    const { stats } = await b.next("closed");
    expect(stats.dropped).toBeGreaterThan(0);
    expect(stats.receivedPackets).toBeGreaterThan(0);
    expect(b.events.map(({ type }) => type)).toEqual(["played", "closed"]);
    expect(heardByStranger).toEqual([]);
    stranger.close();
  });

  test("goes on when its peer's ports are closed, and others hear all", async () => {
    const engine = await start();
    const [a, b, dead] = [open(engine), open(engine), open(engine)];
    a.session.configure(toward(b.session));
    b.session.configure(toward(a.session));
    dead.session.configure({ ...toward(a.session), remote: { host: "127.0.0.1", port: 9, rtcpPort: 9 } });
    dead.session.play(1, await tone());
    a.session.play(1, await tone());
    await Promise.all([a.next("played"), dead.next("played")]);
    a.session.close();
    b.session.close();
    expect(await b.next("closed")).toMatchObject({ stats: { lost: 0 } });
  });

  test("uses each port pair of its range, then says no-ports; a closed one is used again, the one that rested longest first", async () => {
    const first = await freePort(10);
    const engine = await start({ ports: [first + 1, first + 9] });
    expect(engine.stats).toMatchObject({ free: 4, pairs: 4 });
    const sessions = Array.from({ length: 4 }, () => open(engine));
    expect(sessions.map(({ session }) => session.rtpPort)).toEqual([2, 4, 6, 8].map((n) => first + n));
    expect(sessions.every(({ session }) => session.rtcpPort === session.rtpPort + 1)).toBe(true);
    expect(() => engine.open({ host: "127.0.0.1" })).toThrow(expect.objectContaining({ code: "no-ports" }));
    for (const index of [2, 0]) {
      sessions[index]?.session.close();
      await sessions[index]?.next("closed");
    }
    expect(open(engine).session.rtpPort).toBe(first + 6);
    expect(open(engine).session.rtpPort).toBe(first + 2);
  });

  test("leaves out ports that somebody else holds, and says when there are none", async () => {
    const first = await freePort(4);
    const holder = await bindUdp({ host: "0.0.0.0", port: first + 1, onPacket: () => {} });
    expect((await start({ ports: [first, first + 3] })).stats.free).toBe(1);
    expect(start({ ports: [first, first + 1] })).rejects.toMatchObject({ code: "no-ports" });
    holder.close();
  });

  test("has no session of a family that was not asked for, and none once it is closed", async () => {
    const engine = await start();
    expect(() => engine.open({ host: "::1" })).toThrow(expect.objectContaining({ code: "no-family" }));
    await engine.close();
    expect(() => engine.open({ host: "127.0.0.1" })).toThrow(MediaError);
  });

  test("completes recordings when it is closed", async () => {
    const engine = await start();
    const { session, events, next } = open(engine);
    session.configure({ ...toward(session), direction: "inactive" });
    session.record(join(folder, "closing.wav"));
    await next("recording");
    await engine.close();
    expect(events.map(({ type }) => type)).toEqual(["recording", "recorded", "closed"]);
  });

  test("ends its sessions when the worker dies, and starts a new one", async () => {
    let workers = 0;
    const broken = () => new Worker(new URL("./failing-worker.ts", import.meta.url).href);
    const sound = () => new Worker(new URL("../../src/media/worker.ts", import.meta.url).href);
    const engine = await start({ ports: await portRange(20) }, () => (workers++ === 0 ? broken() : sound()));
    const first = open(engine);
    expect(await first.next("closed")).toMatchObject({ error: expect.stringContaining("the worker is broken") });
    expect(lines.join("\n")).toContain("the media worker failed");
    while (engine.stats.free === 0) await new Promise<void>((resolve) => setImmediate(resolve));
    const [a, b] = [open(engine), open(engine)];
    a.session.configure(toward(b.session));
    a.session.play(1, await tone());
    await a.next("played");
    expect(engine.stats.restarts).toBe(1);
  });
});
