/** WAV files (RIFF WAVE) read: the header with nothing in it believed, and the samples as mono numbers. */
import { g711 } from "./codecs/g711.ts";

/** What is wrong with a sound file, for the user's eyes. */
export class SoundError extends Error {
  readonly code = "bad-sound";
  constructor(reason: string) {
    super(reason);
    this.name = "SoundError";
  }
}

export type Encoding = "pcm" | "float" | "ulaw" | "alaw";

export interface WavFormat {
  encoding: Encoding;
  channels: 1 | 2;
  /** Hz, 8000 to 48000. */
  rate: number;
  /** Bits per sample: 8, 16, 24 or 32. */
  bits: number;
  /** Octets of one sample of all channels. */
  frame: number;
  /** Where the samples start in the file, and how many octets of them there are: a multiple of `frame`. */
  offset: number;
  length: number;
}

/** Reads up to `length` octets at `position`; fewer at the end of the file. */
export type ReadAt = (position: number, length: number) => Promise<Uint8Array>;

const headSize = 4096;
/** Chunks before the samples: more than any program writes. */
const maxChunks = 256;
/** Programs that write to a pipe leave a size like this: the samples go on to the end of the file. */
const unknownSize = 0x7fff0000;

const tagAt = (octets: Uint8Array, at: number) => String.fromCharCode(...octets.subarray(at, at + 4));
const viewOf = (octets: Uint8Array) => new DataView(octets.buffer, octets.byteOffset, octets.byteLength);

/** Whether a file begins as a WAV file does: with 12 octets or more. */
export function isWav(head: Uint8Array): boolean {
  return head.length >= 12 && tagAt(head, 0) === "RIFF" && tagAt(head, 8) === "WAVE";
}

/**
 * Finds format and samples in a file of `size` octets.
 * @throws SoundError when it is no WAV file that can be played
 */
export async function readWavHeader(readAt: ReadAt, size: number): Promise<WavFormat> {
  let window = await readAt(0, headSize);
  let windowAt = 0;
  if (!isWav(window)) throw new SoundError("it is not a WAV file (no RIFF WAVE header)");
  let format: Omit<WavFormat, "offset" | "length"> | undefined;
  let at = 12;
  for (let chunk = 0; chunk < maxChunks && at + 8 <= size; chunk++) {
    if (at + 48 > windowAt + window.length) {
      window = await readAt(at, headSize);
      windowAt = at;
      if (window.length < 8) break;
    }
    const head = window.subarray(at - windowAt);
    const tag = tagAt(head, 0);
    const length = viewOf(head).getUint32(4, true);
    if (tag === "fmt ") format ??= readFormat(head.subarray(8, 8 + Math.min(length, 40)), length);
    if (tag === "data") {
      if (format === undefined) throw new SoundError("its samples come before their format");
      return { ...format, offset: at + 8, length: samplesIn(format.frame, length, size - at - 8) };
    }
    at += 8 + length + (length & 1);
  }
  throw new SoundError(format === undefined ? "it has no format chunk" : "it has no samples (no data chunk)");
}

function samplesIn(frame: number, claimed: number, there: number): number {
  const openEnd = claimed >= unknownSize || (claimed === 0 && there >= frame);
  if (!openEnd && claimed > there)
    throw new SoundError(`it is cut off: ${claimed} octets of samples are announced and ${there} are there`);
  const length = openEnd ? there : claimed;
  if (length < frame) throw new SoundError("it has no samples");
  return length - (length % frame);
}

const WAVE_FORMAT_PCM = 1;
const WAVE_FORMAT_IEEE_FLOAT = 3;
const WAVE_FORMAT_ALAW = 6;
const WAVE_FORMAT_MULAW = 7;
const WAVE_FORMAT_EXTENSIBLE = 0xfffe;
/** The rest of a format's GUID in an extensible header, after the 16-bit code. */
const guidTail = "000000001000800000aa00389b71";

function readFormat(fmt: Uint8Array, length: number): Omit<WavFormat, "offset" | "length"> {
  if (length < 16 || fmt.length < 16) throw new SoundError(`its format chunk is too short (${length} octets)`);
  const view = viewOf(fmt);
  let code = view.getUint16(0, true);
  const channels = view.getUint16(2, true);
  const rate = view.getUint32(4, true);
  const frame = view.getUint16(12, true);
  const bits = view.getUint16(14, true);
  if (code === WAVE_FORMAT_EXTENSIBLE) {
    if (fmt.length < 40) throw new SoundError("its extensible format chunk is too short");
    if (fmt.subarray(26, 40).toHex() !== guidTail) throw new SoundError("its extensible format is of an unknown kind");
    code = view.getUint16(24, true);
  }
  const encoding = encodingOf(code, bits);
  if (encoding === undefined)
    throw new SoundError(
      `its format ${code} with ${bits} bits cannot be played: expected PCM with 8, 16, 24 or 32 bits, 32-bit float, A-law or µ-law`,
    );
  if (channels !== 1 && channels !== 2) throw new SoundError(`it has ${channels} channels: expected 1 or 2`);
  if (rate < 8000 || rate > 48000) throw new SoundError(`its rate is ${rate} Hz: expected 8000 to 48000`);
  if (frame !== (channels * bits) / 8)
    throw new SoundError(`its block size is ${frame} octets: ${channels} × ${bits} bits make ${(channels * bits) / 8}`);
  return { encoding, channels, rate, bits, frame };
}

function encodingOf(code: number, bits: number): Encoding | undefined {
  switch (code) {
    case WAVE_FORMAT_PCM:
      return bits === 8 || bits === 16 || bits === 24 || bits === 32 ? "pcm" : undefined;
    case WAVE_FORMAT_IEEE_FLOAT:
      return bits === 32 ? "float" : undefined;
    case WAVE_FORMAT_MULAW:
      return bits === 8 ? "ulaw" : undefined;
    case WAVE_FORMAT_ALAW:
      return bits === 8 ? "alaw" : undefined;
    default:
      return undefined;
  }
}

type SampleReader = (view: DataView, at: number) => number;

function sampleReader(format: WavFormat): SampleReader {
  switch (format.encoding) {
    case "ulaw":
      return (view, at) => g711.PCMU.linear[view.getUint8(at)] ?? 0;
    case "alaw":
      return (view, at) => g711.PCMA.linear[view.getUint8(at)] ?? 0;
    case "float":
      return (view, at) => {
        const value = view.getFloat32(at, true);
        // Not-a-number and infinities would poison the filter.
        return value > 1 ? 32767 : value < -1 ? -32768 : Number.isNaN(value) ? 0 : value * 32767;
      };
    case "pcm":
      switch (format.bits) {
        case 8:
          return (view, at) => (view.getUint8(at) - 128) * 256;
        case 16:
          return (view, at) => view.getInt16(at, true);
        case 24:
          return (view, at) => view.getInt16(at + 1, true) + view.getUint8(at) / 256;
        default:
          return (view, at) => view.getInt32(at, true) / 65536;
      }
  }
}

/** Makes samples (in the range of 16 bits, mono) of whole frames: answers how many it put into `out`. */
export function sampleDecoder(format: WavFormat): (octets: Uint8Array, out: Float32Array) => number {
  const read = sampleReader(format);
  const width = format.bits / 8;
  const { channels, frame } = format;
  return (octets, out) => {
    const view = viewOf(octets);
    const count = Math.min(Math.floor(octets.length / frame), out.length);
    for (let i = 0; i < count; i++) {
      const at = i * frame;
      out[i] = channels === 1 ? read(view, at) : (read(view, at) + read(view, at + width)) / 2;
    }
    return count;
  };
}
