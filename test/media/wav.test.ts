import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdtemp, rm, symlink, truncate, utimes } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { formOf } from "../../src/media/codecs/form.ts";
import { decode, g711 } from "../../src/media/codecs/g711.ts";
import { defaultTrackLimits, type Track, Tracks } from "../../src/media/tracks.ts";
import { readWavHeader } from "../../src/media/wav-reader.ts";
import { WavWriter, wavHeader } from "../../src/media/wav-writer.ts";
import { dataPath } from "../support/data.ts";
import { below, pick, seeded } from "../support/random.ts";

let folder = "";
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "siproc-wav-"));
});
afterAll(() => rm(folder, { recursive: true }));

const sox = Bun.which("sox");
/** A machine without sox skips what needs it; in CI its lack is a failure. */
const withSox = sox === null && process.env.CI === undefined ? test.skip : test;
if (sox === null) console.warn("sox is not installed: its tests are skipped");

async function run(...args: string[]): Promise<string> {
  const process = Bun.spawn(["sox", ...args], { stdout: "pipe", stderr: "pipe" });
  const [out, err, code] = await Promise.all([
    new Response(process.stdout).text(),
    new Response(process.stderr).text(),
    process.exited,
  ]);
  expect({ args, code, err: code === 0 ? "" : err }).toEqual({ args, code: 0, err: "" });
  return out + err;
}

async function whole(track: Track): Promise<Track> {
  while (!track.complete) await new Promise<void>((resolve) => setImmediate(resolve));
  return track;
}

async function load(path: string, tracks = new Tracks()): Promise<Int16Array> {
  const track = await whole(await tracks.open(path, formOf("PCMU")));
  expect(track.failure).toBeUndefined();
  const linear = new Int16Array(track.octets.length);
  decode(g711.PCMU, track.octets, 0, linear, linear.length);
  return linear;
}

/** Amplitude of one frequency in 8 kHz sound (Goertzel's sum), away from both ends. */
function amplitude(samples: Int16Array, frequency: number): number {
  const from = 800;
  const count = Math.floor((samples.length - 1600) / 800) * 800;
  let re = 0;
  let im = 0;
  for (let i = 0; i < count; i++) {
    const angle = (2 * Math.PI * frequency * i) / 8000;
    re += (samples[from + i] ?? 0) * Math.cos(angle);
    im += (samples[from + i] ?? 0) * Math.sin(angle);
  }
  return (2 * Math.hypot(re, im)) / count;
}

describe("a WAV file of any usual kind is played", () => {
  const kinds: [string, string[]][] = [
    ["8 kHz 16 bit mono", ["-r", "8000", "-b", "16", "-c", "1"]],
    ["8 kHz 8 bit mono", ["-r", "8000", "-b", "8", "-e", "unsigned-integer", "-c", "1"]],
    ["8 kHz µ-law", ["-r", "8000", "-e", "mu-law", "-c", "1"]],
    ["8 kHz A-law stereo", ["-r", "8000", "-e", "a-law", "-c", "2"]],
    ["11.025 kHz 16 bit mono", ["-r", "11025", "-b", "16", "-c", "1"]],
    ["16 kHz 16 bit stereo", ["-r", "16000", "-b", "16", "-c", "2"]],
    ["22.05 kHz 24 bit mono (extensible)", ["-r", "22050", "-b", "24", "-c", "1"]],
    ["44.1 kHz 16 bit stereo", ["-r", "44100", "-b", "16", "-c", "2"]],
    ["48 kHz 24 bit stereo (extensible)", ["-r", "48000", "-b", "24", "-c", "2"]],
    ["48 kHz 32 bit", ["-r", "48000", "-b", "32", "-c", "1"]],
    ["32 kHz float", ["-r", "32000", "-e", "floating-point", "-b", "32", "-c", "1"]],
  ];
  for (const [name, format] of kinds)
    withSox(name, async () => {
      const path = join(folder, `${name.replaceAll(/\W/g, "")}.wav`);
      await run("-n", ...format, path, "synth", "1.5", "sine", "440", "vol", "0.5");
      const samples = await load(path);
      // One that ends within a sample of the frame's end takes a frame more.
      expect(samples.length).toBeWithin(12_000, 12_161);
      expect(amplitude(samples, 440)).toBeWithin(16_000, 16_800);
      expect(amplitude(samples, 1000)).toBeLessThan(60);
    });

  for (const [rate, tone, alias] of [
    [16000, 5000, 3000],
    [44100, 7000, 1000],
    [44100, 15_000, 1000],
    [48000, 4800, 3200],
  ] as const)
    withSox(`${tone} Hz in ${rate} Hz is not heard as ${alias} Hz`, async () => {
      const path = join(folder, `alias-${rate}-${tone}.wav`);
      await run("-n", "-r", String(rate), "-b", "16", path, "synth", "1.5", "sine", String(tone), "vol", "0.5");
      expect(amplitude(await load(path), alias)).toBeLessThan(16);
    });

  withSox("speech frequencies pass evenly", async () => {
    for (const tone of [200, 1000, 3000, 3400]) {
      const path = join(folder, `pass-${tone}.wav`);
      await run("-n", "-r", "44100", "-b", "16", path, "synth", "1.5", "sine", String(tone), "vol", "0.5");
      expect(amplitude(await load(path), tone)).toBeWithin(15_500, 17_000);
    }
  });

  for (const [name, seconds] of [
    ["pjproject-input.8.wav", 4.2],
    ["pjproject-input.2.16.wav", 4.2],
    ["asterisk-talking.wav", 10.26],
    ["voip_patrol-reference_8000.wav", 30.64],
  ] as const)
    test(`${name} of other projects`, async () => {
      expect((await load(dataPath("audio", name))).length / 8000).toBeCloseTo(seconds, 1);
    });
});

/** A WAV file by parts. */
function wav(
  fmt: { code?: number; channels?: number; rate?: number; frame?: number; bits?: number },
  samples: Uint8Array,
  size = samples.length,
): Uint8Array {
  const { code = 1, channels = 1, rate = 8000, bits = 16, frame = (channels * bits) / 8 } = fmt;
  const header = wavHeader(1, size);
  const view = new DataView(header.buffer);
  view.setUint16(20, code, true);
  view.setUint16(22, channels, true);
  view.setUint32(24, rate, true);
  view.setUint16(32, frame, true);
  view.setUint16(34, bits, true);
  const file = new Uint8Array(44 + samples.length);
  file.set(header);
  file.set(samples, 44);
  return file;
}
const silence = new Uint8Array(3200);
const header = (file: Uint8Array) => readWavHeader(async (at, length) => file.slice(at, at + length), file.length);

describe("a WAV file that cannot be played is refused with its reason", () => {
  const bad: [string, Uint8Array, string][] = [
    ["empty", new Uint8Array(0), "not a WAV file"],
    ["text", new TextEncoder().encode("#!/bin/sh\necho no sound here"), "not a WAV file"],
    ["header alone", wavHeader(1, 0), "no samples"],
    ["cut off", wav({}, silence, 6400), "cut off: 6400 octets of samples are announced and 3200 are there"],
    ["three channels", wav({ channels: 3 }, silence), "3 channels"],
    ["no channels", wav({ channels: 0 }, silence), "0 channels"],
    ["4 kHz", wav({ rate: 4000 }, silence), "4000 Hz"],
    ["96 kHz", wav({ rate: 96_000 }, silence), "96000 Hz"],
    ["rate 0", wav({ rate: 0 }, silence), "rate is 0 Hz"],
    ["ADPCM", wav({ code: 2, bits: 4, frame: 1 }, silence), "format 2"],
    ["12 bits", wav({ bits: 12, frame: 2 }, silence), "12 bits"],
    ["block size 0", wav({ frame: 0 }, silence), "block size is 0"],
    ["extensible without its extension", wav({ code: 0xfffe }, silence), "extensible format chunk is too short"],
    ["no format", wav({}, silence).map((octet, i) => (i === 12 ? 0x46 : octet)), "samples come before their format"],
    [
      "chunks without end",
      new Uint8Array(65_536).fill(0x20, 0).map((_, i) => (i < 12 ? (wavHeader(1, 0)[i] ?? 0) : 0)),
      "no format chunk",
    ],
    ["a chunk of 4 GiB", wav({}, silence).map((octet, i) => (i >= 36 && i < 44 ? 0xff : octet)), "no data chunk"],
  ];
  for (const [name, file, reason] of bad)
    test(name, async () => {
      expect(header(file)).rejects.toMatchObject({ code: "bad-sound", message: expect.stringContaining(reason) });
    });

  const odd: [string, Uint8Array, number][] = [
    ["with an unknown size, written to a pipe", wav({}, silence, 0xffffffff), 3200],
    ["with size 0 and samples behind, from a program that died", wav({}, silence, 0), 3200],
    ["with half a sample at the end", wav({}, new Uint8Array(3201)), 3200],
    ["with octets behind its samples", wav({}, silence, 1600), 1600],
  ];
  for (const [name, file, length] of odd)
    test(`but not one ${name}`, async () => expect(await header(file)).toMatchObject({ offset: 44, length }));

  test("whatever octets it has, there is an answer", async () => {
    const random = seeded(6);
    const seeds = [
      wav({}, silence),
      wav({ code: 7, bits: 8 }, silence),
      wav({ channels: 2, bits: 24, rate: 44100 }, silence),
    ];
    for (let i = 0; i < 3000; i++) {
      const file = pick(random, seeds).slice(0, random() < 0.2 ? below(random, 60) : undefined);
      for (let edits = below(random, 6); edits > 0 && file.length > 0; edits--)
        file[below(random, Math.min(60, file.length))] = below(random, 256);
      const found = await header(file).catch((error: unknown) => {
        expect(error).toMatchObject({ code: "bad-sound" });
        return undefined;
      });
      if (found) expect(found.offset + found.length).toBeLessThanOrEqual(file.length);
    }
  });

  test("files that are none: a directory, a device, nothing", async () => {
    const tracks = new Tracks();
    const cases: [string, string][] = [
      [folder, "not a regular file"],
      ["/dev/zero", "not a regular file"],
      [join(folder, "nothing.wav"), "cannot be read (ENOENT)"],
    ];
    for (const [path, reason] of cases)
      expect(tracks.open(path, formOf("PCMU"))).rejects.toMatchObject({
        code: "bad-sound",
        message: expect.stringContaining(reason),
      });
  });

  test("one longer than an hour, without reading it", async () => {
    const path = join(folder, "long.wav");
    await Bun.write(path, wavHeader(1, 3601 * 16_000));
    await truncate(path, 44 + 3601 * 16_000);
    expect(new Tracks().open(path, formOf("PCMU"))).rejects.toMatchObject({
      message: "it is 3601 s long: 3600 s are the limit",
    });
  });
});

describe("the cache of tracks", () => {
  const file = async (name: string, seconds: number) => {
    const path = join(folder, name);
    await Bun.write(path, wav({}, new Uint8Array(seconds * 16_000)));
    return path;
  };

  test("reads a file once for many players, and once per codec", async () => {
    const tracks = new Tracks();
    const path = await file("shared.wav", 1);
    const [a, b, c] = await Promise.all([
      tracks.open(path, formOf("PCMU")),
      tracks.open(path, formOf("PCMU")),
      tracks.open(path, formOf("PCMA")),
    ]);
    expect(a).toBe(b);
    expect(a).not.toBe(c);
    expect(await tracks.open(path, formOf("PCMU"))).toBe(a);
  });

  test("reads it again when it has changed", async () => {
    const tracks = new Tracks();
    const path = await file("changed.wav", 1);
    const before = await tracks.open(path, formOf("PCMU"));
    await utimes(path, 1, 1);
    expect(await tracks.open(path, formOf("PCMU"))).not.toBe(before);
  });

  test("keeps what is used within its bound and forgets the rest", async () => {
    const tracks = new Tracks({ ...defaultTrackLimits, cache: 20_000, total: 60_000 });
    const used: Track[] = [];
    for (const name of ["a", "b", "c"]) {
      const track = await whole(await tracks.open(await file(`${name}.wav`, 2), formOf("PCMU")));
      used.push(track);
    }
    expect(tracks.size).toBe(48_000);
    expect(tracks.open(await file("d.wav", 2), formOf("PCMU"))).rejects.toMatchObject({
      message: expect.stringContaining("too much sound"),
    });
    for (const track of used) tracks.release(track);
    expect(tracks.size).toBe(16_000);
  });

  test("follows links to what they name", async () => {
    const path = join(folder, "link.wav");
    await symlink(await file("target.wav", 1), path);
    expect((await load(path)).length).toBe(8000);
  });
});

describe("a WAV file that is written", () => {
  const tone = Int16Array.from({ length: 160 }, (_, i) => 8000 * Math.sin((2 * Math.PI * i) / 16));
  function record(path: string, channels: 1 | 2) {
    const told: string[] = [];
    const writer = new WavWriter(path, channels, {
      opened: () => told.push("opened"),
      complete: (ms) => told.push(`complete ${ms}`),
      failed: (reason) => told.push(`failed: ${reason}`),
    });
    return { writer, told };
  }

  test("has one side per channel, or both mixed and clipped", async () => {
    const loud = new Int16Array(160).fill(30_000);
    for (const [channels, expected] of [
      [2, [30_000, 30_000]],
      [1, [32_767]],
    ] as const) {
      const path = join(folder, `sides-${channels}.wav`);
      const { writer, told } = record(path, channels);
      for (let i = 0; i < 75; i++) writer.add(loud, loud, 160);
      writer.add(undefined, undefined, 160);
      await writer.end();
      expect(told).toEqual(["opened", "complete 1520"]);
      const view = new DataView(await Bun.file(path).arrayBuffer());
      expect(view.byteLength).toBe(44 + 76 * 320 * channels);
      expect(view.getUint32(40, true)).toBe(76 * 320 * channels);
      expect(expected.map((_, i) => view.getInt16(44 + 2 * i, true))).toEqual([...expected]);
      expect(view.getInt16(view.byteLength - 2, true)).toBe(0);
    }
  });

  withSox("is what sox expects", async () => {
    const path = join(folder, "for-sox.wav");
    const { writer } = record(path, 2);
    for (let i = 0; i < 100; i++) writer.add(tone, undefined, 160);
    await writer.end();
    expect(await run("--info", path)).toMatch(
      /Channels\s+: 2.*Sample Rate\s+: 8000.*Precision\s+: 16-bit.*= 16000 samples/s,
    );
    expect(await run(path, "-n", "remix", "1", "stat")).toMatch(/Maximum amplitude:\s+0\.24/);
  });

  test("can be played while it grows", async () => {
    const path = join(folder, "grows.wav");
    const { writer } = record(path, 1);
    for (let i = 0; i < 130; i++) writer.add(tone, undefined, 160);
    // The two whole seconds reach the disk without an end.
    const claimed = async () => {
      const octets = await Bun.file(path)
        .arrayBuffer()
        .catch(() => new ArrayBuffer(0));
      return octets.byteLength < 44 ? 0 : new DataView(octets).getUint32(40, true);
    };
    while ((await claimed()) < 32_000) await new Promise<void>((resolve) => setImmediate(resolve));
    expect((await header(new Uint8Array(await Bun.file(path).arrayBuffer()))).length).toBe(32_000);
    await writer.end();
  });

  const failures: [string, () => string, string][] = [
    ["a folder that is not there", () => join(folder, "no", "where.wav"), "ENOENT"],
    ["a folder in its place", () => folder, "EISDIR"],
    ["a full disk", () => "/dev/full", "ENOSPC"],
  ];
  for (const [name, path, code] of failures)
    test(`fails with ${code} for ${name}, once, and takes no harm`, async () => {
      const { writer, told } = record(path(), 1);
      for (let i = 0; i < 200; i++) writer.add(tone, tone, 160);
      await writer.end();
      for (let i = 0; i < 200; i++) writer.add(tone, tone, 160);
      await writer.end();
      expect(told.filter((what) => what !== "opened")).toEqual([`failed: it cannot be written (${code})`]);
    });

  test("is given up when the disk is too slow", async () => {
    const { writer, told } = record(join(folder, "slow.wav"), 1);
    // Twelve seconds in one turn: nothing was written yet.
    for (let i = 0; i < 600; i++) writer.add(tone, tone, 160);
    expect(told).toEqual(["failed: the disk is too slow"]);
    await writer.end();
    expect(told).toEqual(["failed: the disk is too slow"]);
  });
});
