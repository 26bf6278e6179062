/** Taps: what is heard goes out in the format that was asked for, and what comes in is played at the session's pace. */
import { describe, expect, test } from "bun:test";
import { encode, g711 } from "../../src/media/codecs/g711.ts";
import { Tap, Taps } from "../../src/media/tap.ts";
import { readTapBatch, TapBatch, tapKind } from "../../src/media/tap-channel.ts";
import { StreamResampler } from "../../src/media/tap-resample.ts";
import type { TapSettings } from "../../src/media/types.ts";
import { seeded } from "../support/random.ts";
import { octetOf, quiet, start } from "./virtual-session.ts";

const speech: TapSettings = { encoding: "L16", rate: 8000, hear: true };

/** A tap and what it tells. */
function tapOf(settings = speech) {
  const sounds: Uint8Array[] = [];
  const marks: [id: number, cleared: boolean][] = [];
  const overflows: number[] = [];
  const events = {
    sound: (sound: Uint8Array) => void sounds.push(sound),
    mark: (id: number, cleared: boolean) => void marks.push([id, cleared]),
    overflow: (octets: number) => void overflows.push(octets),
  };
  return { tap: new Tap(settings, events), events, sounds, marks, overflows };
}
const samplesOf = (octets: Uint8Array) => new Int16Array(octets.slice().buffer);
const level = (value: number, ms: number, rate = 8000) =>
  new Uint8Array(new Int16Array((rate * ms) / 1000).fill(value).buffer);
const sine = (hz: number, rate: number, count: number, from = 0) =>
  Int16Array.from({ length: count }, (_, i) => Math.round(10_000 * Math.sin((2 * Math.PI * hz * (i + from)) / rate)));

/** How far a tone of `hz` stands above everything else in `samples`, dB. */
function purity(samples: Int16Array, hz: number, rate: number): number {
  let re = 0;
  let im = 0;
  let all = 0;
  for (const [i, sample] of samples.entries()) {
    re += sample * Math.cos((2 * Math.PI * hz * i) / rate);
    im += sample * Math.sin((2 * Math.PI * hz * i) / rate);
    all += sample * sample;
  }
  const tone = (2 * (re * re + im * im)) / samples.length;
  return 10 * Math.log10(tone / (all - tone));
}

describe("what is heard", () => {
  test.each([8000, 16_000, 24_000])("comes out as 20 ms each, at %d Hz", (rate) => {
    const { tap, sounds } = tapOf({ ...speech, rate });
    for (let i = 0; i < 10; i++) tap.hear(sine(400, 8000, 160, 160 * i), 8000);
    expect(sounds.map(({ length }) => length)).toEqual(new Array(10).fill(rate / 25));
    const steady = samplesOf(Buffer.concat(sounds.slice(2, 7)));
    expect(purity(steady, 400, rate)).toBeGreaterThan(50);
  });

  test.each(["PCMU", "PCMA"] as const)("comes out in %s", (encoding) => {
    const { tap, sounds } = tapOf({ ...speech, encoding });
    tap.hear(new Int16Array(160).fill(8000), 8000);
    expect([...(sounds[0] ?? [])]).toEqual(new Array(160).fill(octetOf(8000, g711[encoding])));
  });

  test("goes on through a change of the session's rate", () => {
    const { tap, sounds } = tapOf({ ...speech, rate: 16_000 });
    tap.hear(new Int16Array(160), 8000);
    tap.hear(new Int16Array(960), 48_000);
    tap.hear(new Int16Array(320), 16_000);
    expect(sounds.map(({ length }) => length)).toEqual([640, 640, 640]);
  });
});

describe("resampling", () => {
  test.each([
    [8000, 16_000, 3000],
    [8000, 24_000, 3300],
    [16_000, 8000, 3000],
    [24_000, 8000, 3000],
    [24_000, 16_000, 6000],
    [48_000, 24_000, 9000],
  ])("from %d to %d Hz keeps a tone of %d Hz pure", (from, to, hz) => {
    const resampler = new StreamResampler(from, to);
    const out = new Int16Array(to / 10);
    for (let i = 0; i < 4; i++) expect(resampler.push(sine(hz, from, from / 10, (i * from) / 10), out)).toBe(to / 10);
    expect(purity(out, hz, to)).toBeGreaterThan(50);
  });

  test("keeps out what the lower rate cannot carry", () => {
    const resampler = new StreamResampler(24_000, 8000);
    const out = new Int16Array(800);
    for (let i = 0; i < 3; i++) resampler.push(sine(5000, 24_000, 2400, i * 2400), out);
    expect(Math.max(...out)).toBeLessThan(32);
  });
});

describe("what is written", () => {
  const next = (tap: Tap, count: number) =>
    Array.from({ length: count }, () => (tap.next(8000) ?? new Int16Array(160))[80] ?? 0);

  test("is played 20 ms each time, after a head start, however fast it came", () => {
    const { tap } = tapOf();
    tap.write(level(1000, 200));
    expect(next(tap, 12)).toEqual([...new Array(10).fill(1000), 0, 0]);
  });

  test("waits a little when only its beginning has come", () => {
    const { tap } = tapOf();
    tap.write(level(1000, 20));
    expect(next(tap, 2)).toEqual([0, 0]);
    tap.write(level(1000, 40));
    expect(next(tap, 4)).toEqual([1000, 1000, 1000, 0]);
  });

  test("is played though nothing more comes", () => {
    const { tap } = tapOf();
    tap.write(level(1000, 20));
    expect(next(tap, 6)).toEqual([0, 0, 0, 1000, 0, 0]);
  });

  test("may come in pieces that part a sample", () => {
    const { tap } = tapOf();
    const octets = level(0x1234, 100);
    for (let at = 0; at < octets.length; at += 7) tap.write(octets.subarray(at, at + 7));
    expect(next(tap, 5)).toEqual(new Array(5).fill(0x1234));
  });

  test("tells marks when what came before them has been played", () => {
    const { tap, marks } = tapOf();
    tap.write(level(1000, 60));
    tap.mark(1);
    tap.write(level(1000, 40));
    tap.mark(2);
    next(tap, 2);
    expect(marks).toEqual([]);
    next(tap, 1);
    expect(marks).toEqual([[1, false]]);
    next(tap, 2);
    expect(marks).toEqual([
      [1, false],
      [2, false],
    ]);
  });

  test("a mark with nothing before it is told at once", () => {
    const { tap, marks } = tapOf();
    tap.mark(7);
    expect(marks).toEqual([[7, false]]);
  });

  test("is forgotten by clear, and its marks are told", () => {
    const { tap, marks } = tapOf();
    tap.write(level(1000, 1000));
    tap.mark(1);
    next(tap, 3);
    tap.clear();
    expect(marks).toEqual([[1, true]]);
    expect(next(tap, 2)).toEqual([0, 0]);
    tap.write(level(2000, 100));
    expect(next(tap, 3)).toEqual([2000, 2000, 2000]);
  });

  test("is bounded: what does not fit is lost, which is told once", () => {
    const { tap, overflows } = tapOf({ ...speech, rate: 24_000 });
    for (let i = 0; i < 130; i++) tap.write(level(1, 1000, 24_000));
    expect(overflows).toEqual([48_000]);
  });

  test.each([1, 2, 3, 4, 5])("keeps count whatever comes (seed %d)", (seed) => {
    const random = seeded(seed);
    const { tap, marks } = tapOf({ ...speech, encoding: seed % 2 ? "L16" : "PCMU", rate: seed % 2 ? 16_000 : 8000 });
    let set = 0;
    const end = performance.now() + 500;
    for (let i = 0; i < 3000 && performance.now() < end; i++) {
      const choice = random();
      if (choice < 0.4) tap.write(new Uint8Array(Math.floor(random() * 2000)));
      else if (choice < 0.5) tap.mark(set++);
      else if (choice < 0.52) tap.clear();
      else tap.next(8000);
    }
    while (tap.next(8000) !== undefined);
    next(tap, 10);
    tap.clear();
    expect(marks.map(([id]) => id)).toEqual(Array.from({ length: set }, (_, i) => i));
  });
});

describe("a session's taps", () => {
  test("speak together with files, echo and one another, and are muted with them", () => {
    const { session, tick, heard } = start();
    const { events } = tapOf();
    for (const [id, value] of [4000, 8000].entries()) {
      session.openTap(id, { ...speech, hear: false }, events);
      session.taps.get(id)?.write(level(value, 100));
    }
    tick(2);
    session.mute(true);
    tick(1);
    session.mute(false);
    session.closeTap(0);
    tick(3);
    expect(heard()).toEqual([12_000, 12_000].map((l) => octetOf(l)).concat(quiet, octetOf(8000), octetOf(8000), quiet));
  });

  test("hear the other side and not what is played to it", () => {
    const { session, tick, receive } = start();
    const { events, sounds } = tapOf();
    session.openTap(1, speech, events);
    session.taps.get(1)?.write(level(3000, 400));
    const frame = new Uint8Array(160);
    encode(g711.PCMU, new Int16Array(160).fill(8000), frame, 0, 160);
    for (let i = 0; i < 10; i++) {
      receive(frame);
      tick();
    }
    const octet = g711.PCMU.linear[octetOf(8000)] ?? 0;
    expect(sounds.map((sound) => samplesOf(sound)[80]).slice(-3)).toEqual([octet, octet, octet]);
    session.closeTap(1);
    tick(2);
    expect(sounds.length).toBe(10);
  });

  test("are few", () => {
    const taps = new Taps();
    for (let id = 0; id < 100; id++) taps.open(id, speech, tapOf().events);
    expect(taps.get(99)).toBeUndefined();
  });
});

test("records cross in one message, in order", async () => {
  const posted = Promise.withResolvers<Uint8Array>();
  const batch = new TapBatch(posted.resolve);
  batch.add(1, 2, tapKind.audio, new Uint8Array(5000).fill(7));
  batch.add(3, 0xffffffff, tapKind.clear);
  const records = [...readTapBatch(await posted.promise)];
  expect(records.map(({ session, tap, kind, payload }) => [session, tap, kind, payload.length])).toEqual([
    [1, 2, tapKind.audio, 5000],
    [3, 0xffffffff, tapKind.clear, 0],
  ]);
  expect(records[0]?.payload[4999]).toBe(7);
});
