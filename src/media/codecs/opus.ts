/**
 * Opus (RFC 6716, RFC 7587) at 16 kHz, mono: libopus as WebAssembly. Whatever bandwidth and channels a peer sends, it decodes
 * to that; we say so in SDP (`maxplaybackrate=16000`).
 */
import {
  createDecoder,
  createEncoder,
  type DecodeOptions,
  type OpusDecoderHandle,
  type OpusEncoderHandle,
} from "libopus-wasm";

/** What we hear and make, Hz. */
export const opusRate = 16_000;
/** libopus's name of the mode for speech. */
const voip = 2048;
/** bit/s: wideband speech is transparent at this rate (RFC 7587 §3.1.1 recommends 16 to 20, 28 to 40 for fullband). */
const defaultBitrate = 32_000;
/** Half of libopus's best quality: beyond, the processor's load doubles and nobody hears it at this rate. */
const complexity = 5;
/** The longest packet, 120 ms (RFC 6716 §3.2). */
const longestSamples = (120 * opusRate) / 1000;

/** What a peer's `a=fmtp` of Opus asks of our sound. */
export interface OpusWishes {
  /** bit/s. */
  bitrate: number;
  /** In-band forward error correction. */
  fec: boolean;
}

/** Reads an `a=fmtp` value (RFC 7587 §6.1); what is unreadable is left at its default. */
export function opusWishes(fmtp: string | undefined): OpusWishes {
  const number = (name: string) => {
    for (const part of (fmtp ?? "").toLowerCase().slice(0, 512).split(";")) {
      const [key = "", value = ""] = part.split("=");
      if (key.trim() === name && /^\d{1,7}$/.test(value.trim())) return Number(value);
    }
    return undefined;
  };
  const bitrate = Math.min(number("maxaveragebitrate") ?? defaultBitrate, defaultBitrate);
  return { bitrate: Math.max(6000, bitrate), fec: number("useinbandfec") === 1 };
}

/** An Opus coder of one stream. Ready at once where libopus is loaded, else some 30 ms after the first was asked for. */
export class OpusEncoder {
  #handle: OpusEncoderHandle | undefined;
  #closed = false;

  constructor({ bitrate, fec }: OpusWishes) {
    const options = { sampleRate: opusRate, channels: 1, application: voip, complexity, bitrate, fec } as const;
    createEncoder({ ...options, packetLossPercent: fec ? 10 : 0 }).then(
      (handle) => {
        if (this.#closed) handle.free();
        else this.#handle = handle;
      },
      () => {},
    );
  }

  /** Encodes 20 ms; undefined while it is not ready. */
  encode(samples: Int16Array): Uint8Array | undefined {
    return this.#handle?.encode(samples);
  }

  close(): void {
    this.#closed = true;
    this.#handle?.free();
    this.#handle = undefined;
  }
}

/** Samples at `opusRate` that a packet holds, by its first octets alone (RFC 6716 §3.1, §3.2); 0 when it cannot be right. */
export function opusSamples(packet: Uint8Array, offset: number, length: number): number {
  if (length < 1) return 0;
  const toc = packet[offset] ?? 0;
  const config = toc >> 3;
  const perMs = opusRate / 1000;
  const frame =
    config < 12
      ? ([10, 20, 40, 60][config & 3] ?? 0) * perMs
      : config < 16
        ? (config & 1 ? 20 : 10) * perMs
        : ([2.5, 5, 10, 20][config & 3] ?? 0) * perMs;
  const frames = (toc & 3) === 0 ? 1 : (toc & 3) < 3 ? 2 : length < 2 ? 0 : (packet[offset + 1] ?? 0) & 0x3f;
  const samples = frame * frames;
  return samples > longestSamples ? 0 : samples;
}

/** An Opus decoder of one stream. */
export class OpusDecoder {
  #handle: OpusDecoderHandle | undefined;
  #closed = false;

  constructor() {
    createDecoder({ sampleRate: opusRate, channels: 1 }).then(
      (handle) => {
        if (this.#closed) handle.free();
        else this.#handle = handle;
      },
      () => {},
    );
  }

  /** Decodes a packet into `out`; answers the samples made: 0 while it is not ready, and for what is no Opus. */
  decode(packet: Uint8Array, offset: number, length: number, out: Int16Array): number {
    return this.#decode(packet.subarray(offset, offset + length), {}, out);
  }

  /** So many lost samples before a packet: by its in-band error correction (RFC 6716 §2.1.7), or as the decoder makes them up. */
  recover(packet: Uint8Array, offset: number, length: number, samples: number, out: Int16Array): number {
    return this.#decode(packet.subarray(offset, offset + length), { decodeFec: true, frameSize: samples }, out);
  }

  #decode(packet: Uint8Array, options: DecodeOptions, out: Int16Array): number {
    try {
      const samples = this.#handle?.decode(packet, options);
      if (samples === undefined || samples.length > out.length) return 0;
      out.set(samples);
      return samples.length;
    } catch {
      // A stranger's packet: its place is silent.
      return 0;
    }
  }

  close(): void {
    this.#closed = true;
    this.#handle?.free();
    this.#handle = undefined;
  }
}
