/** Compressed sound files as samples: what a file is, by its first octets, and a decoder for each kind. */
import { createDecoder } from "libopus-wasm";
import { Decoder as Mp3 } from "minimp3-wasm";
import mp3Wasm from "minimp3-wasm/dist/decoder.opt.wasm" with { type: "file" };
import { SoundError } from "../wav-reader.ts";
import { framesOf } from "./mp3-frames.ts";
import { OggReader } from "./ogg.ts";

export type FileKind = "mp3" | "opus" | "vorbis" | "flac";

/** Sound of one rate: a channel each. */
export interface Sound {
  rate: number;
  channels: readonly Float32Array[];
}

/** Octets in, sound out, in pieces that keep nobody busy for long. */
export interface FileDecoder {
  push(octets: Uint8Array): AsyncGenerator<Sound>;
  /** The end of the file. */
  end(): AsyncGenerator<Sound>;
  close(): void;
}

const startsWith = (octets: Uint8Array, text: string, at = 0) =>
  octets.length >= at + text.length && [...text].every((char, i) => octets[at + i] === char.charCodeAt(0));

/** What a file is by its first octets, 64 or more; undefined: none of these. */
export function kindOf(head: Uint8Array): FileKind | undefined {
  if (startsWith(head, "fLaC")) return "flac";
  if (startsWith(head, "OggS")) {
    const first = 27 + (head[26] ?? 0);
    if (startsWith(head, "OpusHead", first)) return "opus";
    return startsWith(head, "\x01vorbis", first) ? "vorbis" : undefined;
  }
  // An ID3 tag, or a frame of layer III.
  if (startsWith(head, "ID3")) return "mp3";
  return head[0] === 0xff && ((head[1] ?? 0) & 0xe6) === 0xe2 ? "mp3" : undefined;
}

export async function createFileDecoder(kind: FileKind): Promise<FileDecoder> {
  // Imported as a whole when they are needed: taken by name, the bundler drops a half of these packages that the other asks for.
  switch (kind) {
    case "mp3":
      return mp3Decoder();
    case "opus":
      return opusDecoder();
    case "vorbis":
      return packaged(new (await import("@wasm-audio-decoders/ogg-vorbis")).OggVorbisDecoder());
    case "flac":
      return packaged(new (await import("@wasm-audio-decoders/flac")).FLACDecoder());
  }
}

interface Packaged {
  ready: Promise<void>;
  decode(octets: Uint8Array): Promise<{ channelData: Float32Array[]; samplesDecoded: number; sampleRate: number }>;
  flush(): Promise<{ channelData: Float32Array[]; samplesDecoded: number; sampleRate: number }>;
  free(): void;
}

async function packaged(decoder: Packaged): Promise<FileDecoder> {
  await decoder.ready;
  async function* sound(decoded: ReturnType<Packaged["decode"]>): AsyncGenerator<Sound> {
    const { channelData, samplesDecoded, sampleRate } = await decoded;
    if (samplesDecoded > 0) yield { rate: sampleRate, channels: channelData };
  }
  return {
    push: (octets) => sound(decoder.decode(octets)),
    end: () => sound(decoder.flush()),
    close: () => decoder.free(),
  };
}

const opusFileRate = 48_000;

/** Opus in Ogg (RFC 7845): mono and stereo, mixed to mono by the decoder. */
async function opusDecoder(): Promise<FileDecoder> {
  const reader = new OggReader();
  const decoder = await createDecoder({ sampleRate: opusFileRate, channels: 1 });
  let packets = 0;
  let skip = 0;
  let made = 0;
  return {
    async *push(octets) {
      for (const { data, granule } of reader.push(octets)) {
        packets++;
        if (packets === 1) {
          if (data.length < 19 || (data[9] ?? 0) > 2 || data[18] !== 0)
            throw new SoundError("it has more than two channels");
          skip = (data[10] ?? 0) | ((data[11] ?? 0) << 8);
        }
        if (packets <= 2) continue;
        const samples = Float32Array.from(decoder.decode(data), (sample) => sample / 32_768);
        const from = Math.min(skip, samples.length);
        skip -= from;
        made += samples.length;
        // The last page says where the sound ends within its last packet.
        const beyond = granule === undefined ? 0 : Math.max(0, Math.min(made - granule, samples.length - from));
        yield { rate: opusFileRate, channels: [samples.subarray(from, samples.length - beyond)] };
      }
    },
    async *end() {},
    close: () => decoder.free(),
  };
}

/** The longest file that is decoded as a whole, octets. */
const maxMp3 = 64 << 20;

/** MP3 is found frame by frame in the whole file, as what is between them may be anything. */
async function mp3Decoder(): Promise<FileDecoder> {
  const parts: Uint8Array[] = [];
  let length = 0;
  return {
    // Nothing comes out before the end.
    // biome-ignore lint/correctness/useYield: see above
    async *push(octets) {
      parts.push(octets.slice());
      length += octets.length;
      if (length > maxMp3) throw new SoundError(`it is longer than ${maxMp3 >> 20} MiB`);
    },
    async *end() {
      const frames = framesOf(Buffer.concat(parts));
      if (frames.length === 0) return;
      const { instance } = await WebAssembly.instantiate(await Bun.file(mp3Wasm).arrayBuffer(), {});
      const decoder = new Mp3(instance.exports, frames);
      for (;;) {
        const { pcm, samplingRate, numChannels, numSamples } = decoder.decode(0.5);
        if (numSamples === 0 || samplingRate === 0 || numChannels === 0) return;
        const count = Math.floor(numSamples / numChannels);
        yield {
          rate: samplingRate,
          channels: Array.from({ length: numChannels }, (_, channel) =>
            Float32Array.from({ length: count }, (_, n) => (pcm[n * numChannels + channel] ?? 0) / 32_768),
          ),
        };
      }
    },
    close: () => {},
  };
}
