/** The audio codecs that a call may have, as SDP names them (RFC 3551 §6, RFC 7587 §7). */
import type { PayloadFormat } from "./sdp.ts";

export type AudioCodec = "PCMU" | "PCMA" | "G722" | "opus";

export interface CodecDescription {
  /** RTP's clock, Hz. G.722's is 8000 though it samples at 16,000: an error of RFC 1890's that stays (RFC 3551 §4.5.2). */
  readonly clockRate: 8000 | 48_000;
  /** As in rtpmap. */
  readonly channels: 1 | 2;
  /** The payload type that our offers use: static (RFC 3551), or the usual one of the dynamic ones. */
  readonly payloadType: number;
  /** What we say in `a=fmtp`. */
  readonly fmtp?: string;
}

export const audioCodecs: Readonly<Record<AudioCodec, CodecDescription>> = {
  PCMU: { clockRate: 8000, channels: 1, payloadType: 0 },
  PCMA: { clockRate: 8000, channels: 1, payloadType: 8 },
  G722: { clockRate: 8000, channels: 1, payloadType: 9 },
  // Always 48000/2 (RFC 7587 §7); we make and hear 16 kHz, mono.
  opus: {
    clockRate: 48_000,
    channels: 2,
    payloadType: 107,
    fmtp: "useinbandfec=1;maxplaybackrate=16000;sprop-maxcapturerate=16000",
  },
};

/** Names of codecs, in the order in which they stand in error messages. */
export const audioCodecNames = ["PCMU", "PCMA", "G722", "opus"] as const satisfies readonly AudioCodec[];

/** The value of `a=rtpmap`, such as `opus/48000/2`. */
export function rtpmapOf(codec: AudioCodec): string {
  const { clockRate, channels } = audioCodecs[codec];
  return `${codec}/${clockRate}${channels > 1 ? `/${channels}` : ""}`;
}

/** Whether a payload type of a peer's is this codec. A clock of 0 was not given: it is the usual one. */
export function isCodec(codec: AudioCodec, { encoding, clockRate, channels }: PayloadFormat): boolean {
  const described = audioCodecs[codec];
  return (
    encoding === codec.toUpperCase() &&
    (clockRate === 0 || clockRate === described.clockRate) &&
    // Opus may be written without its two channels by phones that do not know better.
    channels <= described.channels
  );
}
