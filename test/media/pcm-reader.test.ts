/** Sound that comes through a pipe, cut anywhere: WAV or bare samples, and what is neither. */
import { describe, expect, test } from "bun:test";
import { readPcm } from "../../src/media/pcm-reader.ts";
import { SoundError } from "../../src/media/wav-reader.ts";
import { wavHeader } from "../../src/media/wav-writer.ts";
import { below, seeded } from "../support/random.ts";

async function* pieces(octets: Uint8Array, size: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < octets.length; at += size) yield octets.subarray(at, at + size);
}

async function read(octets: Uint8Array, size: number, rate = 8000) {
  const { rate: made, chunks } = await readPcm(pieces(octets, size), rate);
  const sound = Buffer.concat(await Array.fromAsync(chunks));
  return { rate: made, samples: new Int16Array(sound.buffer.slice(sound.byteOffset, sound.byteOffset + sound.length)) };
}

const ramp = Int16Array.from({ length: 3000 }, (_, i) => 10 * i - 15_000);
const bare = new Uint8Array(ramp.buffer);
const wav = (rate: number, octets = bare.length) => Buffer.concat([wavHeader(1, octets, rate), bare]);

describe("sound through a pipe", () => {
  test.each([1, 3, 7, 160, 4096, 100_000])("bare samples in pieces of %d octets stay as they are", async (size) => {
    const { rate, samples } = await read(bare, size);
    expect(rate).toBe(8000);
    expect(samples).toEqual(ramp);
  });

  test.each([1, 5, 44, 100, 100_000])("a WAV file in pieces of %d octets", async (size) => {
    const { rate, samples } = await read(wav(16_000), size);
    expect(rate).toBe(16_000);
    expect(samples).toEqual(ramp);
  });

  test("a WAV file whose writer did not know its length goes on to the end", async () => {
    expect((await read(wav(8000, 0x7fffffff - 44), 100)).samples).toEqual(ramp);
  });

  test("what comes after the samples of a WAV file is no sound", async () => {
    const file = Buffer.concat([wav(8000), Buffer.from("LIST\x04\x00\x00\x00abcd", "latin1")]);
    expect((await read(file, 100)).samples).toEqual(ramp);
  });

  test.each([
    [8000, 8000],
    [11_025, 16_000],
    [16_000, 16_000],
    [44_100, 24_000],
    [48_000, 24_000],
  ])("%d Hz becomes %d Hz of the same length", async (from, to) => {
    const { rate, samples } = await read(bare, 1000, from);
    expect(rate).toBe(to);
    expect(samples.length / to).toBeCloseTo(ramp.length / from, 2);
  });

  test("nothing is nothing", async () => expect((await read(new Uint8Array(0), 1)).samples.length).toBe(0));

  test("what begins as a WAV file and is none is told", async () => {
    expect(read(Buffer.from(`RIFF${"x".repeat(100)}`), 10)).rejects.toBeInstanceOf(SoundError);
  });

  test("random octets, with and without a header, give sound or a SoundError, quickly", async () => {
    const random = seeded(5);
    const started = performance.now();
    for (let round = 0; round < 200; round++) {
      const octets = Uint8Array.from({ length: below(random, 3000) }, () => below(random, 256));
      const head = wavHeader(1, 1000, 8000);
      const spoilt = below(random, head.length);
      head[spoilt] = below(random, 256);
      const file = round % 2 === 0 ? octets : Buffer.concat([head, octets]);
      await read(file, 1 + below(random, 500)).catch((error: unknown) => {
        if (!(error instanceof SoundError)) throw error;
      });
    }
    expect(performance.now() - started).toBeLessThan(10_000);
  });
});
