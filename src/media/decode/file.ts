/** A compressed file, read and decoded piece by piece to mono sound of one rate. */
import { open } from "node:fs/promises";
import { createResampler, type Resampler } from "../resample.ts";
import { SoundError } from "../wav-reader.ts";
import { createFileDecoder, kindOf, type Sound } from "./decoders.ts";

/** Octets read at a time: about a second of MP3. */
const chunkOctets = 16 << 10;
/** Samples resampled at a time: what a resampler takes at once. */
const pieceSamples = 4096;

/**
 * Decodes `path` to samples at `rate` Hz.
 * @throws SoundError, or the system's error
 */
export async function* decodeFile(path: string, rate: number): AsyncGenerator<Int16Array> {
  const file = await open(path, "r");
  try {
    const chunk = new Uint8Array(chunkOctets);
    const first = await file.read(chunk, 0, chunkOctets, 0);
    const kind = kindOf(chunk.subarray(0, first.bytesRead));
    if (kind === undefined) throw new SoundError("it is none of WAV, MP3, Ogg Opus, Ogg Vorbis and FLAC");
    const decoder = await createFileDecoder(kind);
    const mono = new Mono(rate);
    try {
      for (let at = 0; ; ) {
        const { bytesRead } = await file.read(chunk, 0, chunkOctets, at);
        if (bytesRead === 0) break;
        at += bytesRead;
        for await (const sound of decoder.push(chunk.slice(0, bytesRead))) yield* mono.take(sound);
      }
      for await (const sound of decoder.end()) yield* mono.take(sound);
      yield* mono.end();
    } finally {
      decoder.close();
    }
  } finally {
    await file.close();
  }
}

/** Channels mixed, and brought to one rate. */
class Mono {
  readonly #to: number;
  #resampler: Resampler | undefined;
  #rate = 0;

  constructor(to: number) {
    this.#to = to;
  }

  *take({ rate, channels }: Sound): Generator<Int16Array> {
    const [first] = channels;
    if (first === undefined || first.length === 0) return;
    if (rate < 8000 || rate > 192_000) throw new SoundError(`its rate is ${rate} Hz: expected 8000 to 192000`);
    if (this.#resampler === undefined) {
      this.#rate = rate;
      this.#resampler = createResampler(rate, this.#to);
    } else if (rate !== this.#rate) throw new SoundError("its rate changes");
    for (let at = 0; at < first.length; at += pieceSamples) {
      const count = Math.min(pieceSamples, first.length - at);
      const piece = new Float32Array(count);
      for (const channel of channels)
        for (let i = 0; i < count; i++)
          piece[i] = (piece[i] ?? 0) + ((channel[at + i] ?? 0) * 32_767) / channels.length;
      const out = new Int16Array(Math.ceil((count * this.#to) / rate) + this.#resampler.tail + 2);
      const made = this.#resampler.push(piece, count, out);
      if (made > 0) yield out.slice(0, made);
    }
  }

  *end(): Generator<Int16Array> {
    if (this.#resampler === undefined) throw new SoundError("there is no sound in it");
    const out = new Int16Array(this.#resampler.tail + 2);
    yield out.slice(0, this.#resampler.flush(out));
  }
}
