/** MP3, Ogg and FLAC, decoded in a thread of their own and played; and what only looks like them. */
import { afterAll, describe, expect, test } from "bun:test";
import { join } from "node:path";
import { formOf } from "../../src/media/codecs/form.ts";
import { kindOf } from "../../src/media/decode/decoders.ts";
import { decodeFile } from "../../src/media/decode/file.ts";
import { OggReader } from "../../src/media/decode/ogg.ts";
import type { FromDecoder, ToDecoder } from "../../src/media/decode/protocol.ts";
import { DecodingThread } from "../../src/media/decode/thread.ts";
import { defaultTrackLimits, type Track, Tracks } from "../../src/media/tracks.ts";
import { temporaryFolder } from "../support/peers/folder.ts";
import { signalToNoise } from "../support/peers/tone-noise.ts";
import { below, seeded } from "../support/random.ts";

/** 600 ms of 1000 Hz with an amplitude of 0.3, as sox, lame and opusenc have written it. */
const sounds = join(import.meta.dir, "compressed");
const names = ["tone.mp3", "tone.ogg", "tone.opus", "tone.flac"];
const folder = temporaryFolder("compressed");
const thread = new DecodingThread();
afterAll(() => thread.close());

async function all(path: string, rate: number): Promise<Int16Array> {
  const samples: number[] = [];
  for await (const piece of decodeFile(path, rate)) samples.push(...piece);
  return Int16Array.from(samples);
}

async function whole(track: Track): Promise<Track> {
  while (!track.complete) await new Promise<void>((resolve) => setImmediate(resolve));
  return track;
}

describe.each(names.flatMap((name) => [8000, 16_000].map((rate) => [name, rate] as const)))(
  "%s at %d Hz",
  (name, rate) => {
    test("is the tone that went into it", async () => {
      const samples = await all(join(sounds, name), rate);
      // MP3 begins and ends with some silence.
      expect(samples.length / rate).toBeWithin(0.59, 0.73);
      const middle = samples.subarray(0.15 * rate, 0.5 * rate);
      const { gain, decibels } = signalToNoise(middle, 1000, rate, 0.3 * 32_767);
      expect(gain).toBeWithin(0.94, 1.05);
      expect(decibels).toBeGreaterThan(25);
    });
  },
);

test.each([
  ["tone.mp3", "mp3"],
  ["tone.ogg", "vorbis"],
  ["tone.opus", "opus"],
  ["tone.flac", "flac"],
])("%s is known by its first octets", async (name, kind) => {
  expect(kindOf(new Uint8Array(await Bun.file(join(sounds, name)).arrayBuffer()))).toBe(
    kind as ReturnType<typeof kindOf>,
  );
});

describe("tracks", () => {
  test.each(names)("of %s are played as WAV files are, and read once for two calls", async (name) => {
    const tracks = new Tracks(defaultTrackLimits, thread);
    const path = join(sounds, name);
    const [a, b] = await Promise.all([tracks.open(path, formOf("PCMU")), tracks.open(path, formOf("PCMU"))]);
    expect(a).toBe(b);
    await whole(a);
    expect(a.failure).toBeUndefined();
    expect(a.octets.length % 160).toBe(0);
    expect(a.ready).toBe(a.octets.length);
    expect(tracks.size).toBe(a.octets.length);
    tracks.release(a);
    tracks.release(b);
  });

  test("that are longer than they may be end with the reason", async () => {
    const tracks = new Tracks({ ...defaultTrackLimits, seconds: 0.1 }, thread);
    expect(tracks.open(join(sounds, "tone.flac"), formOf("PCMU"))).rejects.toMatchObject({ code: "bad-sound" });
  });

  test.each([
    ["text", "hello, world\n".repeat(100), "it is none of WAV, MP3, Ogg Opus, Ogg Vorbis and FLAC"],
    ["nothing", "", "it is none of WAV, MP3, Ogg Opus, Ogg Vorbis and FLAC"],
    ["an ID3 tag alone", `ID3${"\0".repeat(100)}`, "there is no sound in it"],
    ["half an Ogg page", "OggS\0", "it is none of"],
  ])("of %s are refused", async (name, content, reason) => {
    const path = join(folder, name);
    await Bun.write(path, content);
    expect(new Tracks(defaultTrackLimits, thread).open(path, formOf("PCMU"))).rejects.toMatchObject({
      code: "bad-sound",
      message: expect.stringContaining(reason),
    });
  });
});

describe("broken files", () => {
  test.each(names)("%s with octets changed or missing: an end or an error, soon", async (name) => {
    const good = new Uint8Array(await Bun.file(join(sounds, name)).arrayBuffer());
    const random = seeded(11);
    const path = join(folder, `broken-${name}`);
    const until = performance.now() + 1500;
    for (let i = 0; i < 15 && performance.now() < until; i++) {
      const bad = good.slice(0, below(random, 3) === 0 ? below(random, good.length) : good.length);
      for (let n = 0; n < 1 + below(random, 20); n++) bad[below(random, bad.length)] = below(random, 256);
      await Bun.write(path, bad);
      const samples = await all(path, 8000).catch(() => new Int16Array());
      expect(samples.length).toBeLessThan(8000 * 60);
    }
  });

  test("Ogg pages of any kind are read or refused", () => {
    const random = seeded(12);
    for (let i = 0; i < 500; i++) {
      const page = Uint8Array.from({ length: 27 + below(random, 400) }, () => below(random, 256));
      page.set([0x4f, 0x67, 0x67, 0x53, 0]);
      try {
        for (const { data } of new OggReader().push(page)) expect(data.length).toBeLessThan(page.length);
      } catch (error) {
        expect(error).toMatchObject({ code: "bad-sound" });
      }
    }
  });
});

test("a thread that dies fails what it was decoding, and the next file has a new one", async () => {
  const made: { onerror: ((event: ErrorEvent) => void) | null }[] = [];
  const decoding = new DecodingThread(() => {
    const one = {
      onmessage: null as ((event: MessageEvent<FromDecoder>) => void) | null,
      onerror: null as ((event: ErrorEvent) => void) | null,
      postMessage(message: ToDecoder) {
        if (made.length > 1)
          one.onmessage?.(new MessageEvent("message", { data: { type: "end", id: message.id } satisfies FromDecoder }));
      },
      terminate() {},
    };
    made.push(one);
    return one;
  });
  const first = decoding.decode("a", 8000).next();
  made[0]?.onerror?.(new ErrorEvent("error", { message: "out of memory" }));
  expect(first).rejects.toMatchObject({ message: "it cannot be decoded (out of memory)" });
  expect(await decoding.decode("b", 8000).next()).toEqual({ done: true, value: undefined });
  expect(made.length).toBe(2);
});
