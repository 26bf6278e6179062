/** Sound as it comes through a pipe, WAV or bare samples: decoded as far as it is there, at a rate that taps take. */
import { createResampler } from "./resample.ts";
import { readWavHeader, SoundError, sampleDecoder, type WavFormat } from "./wav-reader.ts";

/** Octets that are looked through for the beginning of a WAV file's samples. */
const headSize = 65_536;
/** Octets that are decoded at a time. */
const chunkSize = 16_384;

export interface PcmStream {
  /** Hz: 8000, 16000 or 24000, the lowest that loses nothing that calls have. */
  readonly rate: number;
  /** L16, little-endian, one channel; chunks of some length. Throws SoundError for what cannot be decoded. */
  readonly chunks: AsyncGenerator<Uint8Array>;
}

/**
 * Reads sound. What begins as a WAV file is one; all else are samples of 16 bits, little-endian, one channel.
 * @param rawRate Hz of bare samples, 8000 to 48000
 * @throws SoundError for a WAV file that cannot be played
 */
export async function readPcm(octets: AsyncIterable<Uint8Array>, rawRate: number): Promise<PcmStream> {
  const source = octets[Symbol.asyncIterator]();
  let head: Uint8Array = new Uint8Array(0);
  const more = async (): Promise<boolean> => {
    const { value, done } = await source.next();
    if (!done) head = head.length === 0 ? value : Buffer.concat([head, value]);
    return !done;
  };
  while (head.length < 4 && (await more()));
  const isWav = String.fromCharCode(...head.subarray(0, 4)) === "RIFF";
  let format: WavFormat = {
    ...{ encoding: "pcm", channels: 1, rate: rawRate, bits: 16, frame: 2, offset: 0 },
    length: Number.MAX_SAFE_INTEGER,
  };
  if (isWav) {
    while (!hasSamples(head) && head.length < headSize && (await more()));
    // How long it is nobody knows: what its header says counts, up to its end.
    format = await readWavHeader(async (at, length) => head.subarray(at, at + length), Number.MAX_SAFE_INTEGER);
  }
  const rate = format.rate > 16_000 ? 24_000 : format.rate > 8000 ? 16_000 : 8000;
  return { rate, chunks: decoded(head.subarray(format.offset), source, format, rate) };
}

/** Whether the samples' chunk begins in what is there; a length of another chunk may still lie, and the reader checks it. */
function hasSamples(head: Uint8Array): boolean {
  return head.length >= 44 && Buffer.from(head.buffer, head.byteOffset, head.length).includes("data", 12, "latin1");
}

async function* decoded(
  first: Uint8Array,
  source: AsyncIterator<Uint8Array>,
  format: WavFormat,
  rate: number,
): AsyncGenerator<Uint8Array> {
  const toSamples = sampleDecoder(format);
  const resampler = createResampler(format.rate, rate);
  const linear = new Float32Array(Math.ceil(chunkSize / format.frame));
  const out = new Int16Array(Math.ceil((linear.length * rate) / format.rate) + resampler.tail + 2);
  const made = (count: number) => new Uint8Array(out.slice(0, count).buffer);
  let rest = first;
  let left = format.length;
  for (;;) {
    const whole = Math.min(rest.length - (rest.length % format.frame), left);
    for (let at = 0; at < whole; at += chunkSize - (chunkSize % format.frame)) {
      const piece = rest.subarray(at, Math.min(whole, at + chunkSize - (chunkSize % format.frame)));
      const sound = made(resampler.push(linear, toSamples(piece, linear), out));
      if (sound.length > 0) yield sound;
    }
    left -= whole;
    rest = rest.subarray(whole);
    if (left < format.frame) break;
    const { value, done } = await source.next();
    if (done) break;
    rest = rest.length === 0 ? value : Buffer.concat([rest, value]);
  }
  const sound = made(resampler.flush(out));
  if (sound.length > 0) yield sound;
}

export { SoundError };
