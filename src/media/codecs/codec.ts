/** The codecs of calls: how each samples, counts time in RTP, and is decoded. Encoding is the business of `line.ts`. */
import type { Codec } from "../types.ts";
import { type G711, g711 } from "./g711.ts";
import { G722Decoder } from "./g722.ts";
import { OpusDecoder, opusRate, opusSamples } from "./opus.ts";

/** Decodes the packets of one stream, in their order. */
export interface Decoder {
  /** Samples that a packet holds, without decoding it; 0 for one that cannot be right. */
  samples(packet: Uint8Array, offset: number, length: number): number;
  /** Decodes into `out`; answers how many samples that made. */
  decode(packet: Uint8Array, offset: number, length: number, out: Int16Array): number;
  /** Makes up so many lost samples before a packet, by what that packet says of them, if it does. */
  recover?(packet: Uint8Array, offset: number, length: number, samples: number, out: Int16Array): number;
  close(): void;
}

export interface SoundCodec {
  readonly name: Codec;
  /** Samples per second of decoded sound, Hz. */
  readonly rate: 8000 | 16_000;
  /** RTP's clock, Hz. */
  readonly clockRate: 8000 | 48_000;
  /** One octet is one sample, and no packet depends on another: decoded where it lies. */
  readonly law?: G711;
  decoder(): Decoder;
}

function companded(law: G711): SoundCodec {
  return {
    name: law.name,
    rate: 8000,
    clockRate: 8000,
    law,
    decoder: () => ({
      samples: (_packet, _offset, length) => length,
      decode(packet, offset, length, out) {
        for (let i = 0; i < length; i++) out[i] = law.linear[packet[offset + i] ?? 0] ?? 0;
        return length;
      },
      close: () => {},
    }),
  };
}

export const soundCodecs: Readonly<Record<Codec, SoundCodec>> = {
  PCMU: companded(g711.PCMU),
  PCMA: companded(g711.PCMA),
  G722: {
    name: "G722",
    rate: 16_000,
    clockRate: 8000,
    decoder() {
      const decoder = new G722Decoder();
      return {
        samples: (_packet, _offset, length) => 2 * length,
        decode: (packet, offset, length, out) => decoder.decode(packet, offset, length, out),
        close: () => {},
      };
    },
  },
  opus: {
    name: "opus",
    rate: opusRate,
    clockRate: 48_000,
    decoder() {
      const decoder = new OpusDecoder();
      return {
        samples: opusSamples,
        decode: (packet, offset, length, out) => decoder.decode(packet, offset, length, out),
        recover: (packet, offset, length, samples, out) => decoder.recover(packet, offset, length, samples, out),
        close: () => decoder.close(),
      };
    },
  },
};
