/** The arithmetic of offer and answer on one m-line (RFC 3264 §5 to §8): what fits, which direction, what to send. */
import { type AudioCodec, audioCodecs, isCodec } from "./audio-codecs.ts";
import type { Security, SrtpPolicy } from "./offer-answer-srtp.ts";
import type { Connection, Direction, Family, MediaDescription, PayloadFormat } from "./sdp.ts";
import type { AgreedWebRtc } from "./webrtc.ts";

export type { AudioCodec } from "./audio-codecs.ts";

/** A codec under a payload type. */
export interface CodecType {
  payloadType: number;
  codec: AudioCodec;
  /** The peer's format parameters, where it gave some. */
  fmtp?: string | undefined;
}

/** telephone-event under a payload type, with its clock in Hz. */
export interface EventType {
  payloadType: number;
  clockRate: number;
}

/** What both sides agreed on, as the media engine needs it. */
export interface Negotiated {
  /**
   * Where to send. Undefined while the peer wants nothing (`c=IN IP4 0.0.0.0`, RFC 3264 §8.4). `host` may be a name,
   * which the user resolves. The address in a peer's `a=rtcp` is not used, its port is: RTCP goes where RTP goes.
   */
  remote: { host: string; port: number; rtcpPort: number; family: Family } | undefined;
  codec: AudioCodec;
  /** RTP payload type that we send `codec` with. */
  payloadType: number;
  /** The peer's format parameters (`a=fmtp`) for `codec`. */
  fmtp?: string | undefined;
  /** RTP payload types that the peer may send, with their meaning; the first is `codec`. */
  receivePayloadTypes: readonly CodecType[];
  /** RTP payload type that we send telephone-events with; undefined when the peer takes none. */
  dtmfPayloadType: number | undefined;
  /** RTP payload type of the peer's telephone-events: differs from `dtmfPayloadType` only with odd peers. */
  dtmfReceivePayloadType: number | undefined;
  /** The clock of telephone-events, Hz: what durations count in. 8000 unless the codec is Opus (RFC 4733 §2.1). */
  dtmfClockRate?: number | undefined;
  /** Ours: may we send, will we receive. */
  direction: Direction;
  /** The peer takes no media from us: it put us on hold. */
  remoteHold: boolean;
  /** Packet length that we send, ms: 10 to 60 in steps of 10. */
  ptime: number;
  rtcpMux: boolean;
  /** The m-line's transport: `RTP/AVP`, `RTP/SAVP` and the like. */
  protocol: string;
  /** The keys of SRTP; undefined: the stream is in clear. Never to be logged. */
  security?: Security | undefined;
  /** The peer is found by ICE and the keys by DTLS; `remote` means nothing then. */
  webRtc?: AgreedWebRtc | undefined;
}

/** Why an m-line cannot be used, in the order of how near it came to being used. */
export type Unfit = "media" | "transport" | "address" | "multicast" | "format";

/** Warn-codes of RFC 3261 §20.43 with a phrase each. */
export const warnings: Readonly<Record<Unfit, { code: number; text: string }>> = {
  media: { code: 304, text: "Media type not available: no audio is offered" },
  transport: { code: 302, text: "Incompatible transport protocol" },
  address: { code: 301, text: "Incompatible network address formats" },
  multicast: { code: 330, text: "Multicast not available" },
  format: { code: 305, text: "Incompatible media format: PCMU and PCMA at 8000 Hz are accepted" },
};

const transports: Readonly<Record<SrtpPolicy, string>> = {
  off: "RTP/AVP and RTP/AVPF are accepted",
  optional: "RTP/AVP, and RTP/SAVP with a usable a=crypto are accepted",
  required: "RTP/SAVP with a usable a=crypto is required",
  dtls: "RTP/SAVP with a usable a=crypto is required",
};

/** The warning with the codecs and transports that this side takes. */
export function warningOf(
  unfit: Unfit,
  codecs: readonly AudioCodec[],
  srtp: SrtpPolicy,
  webRtc: boolean,
): { code: number; text: string } {
  const more = webRtc ? ", and UDP/TLS/RTP/SAVPF with a=fingerprint, with or without ICE" : "";
  if (unfit === "transport") return { code: 302, text: `Incompatible transport protocol: ${transports[srtp]}${more}` };
  if (unfit !== "format") return warnings[unfit];
  const names = codecs.map((codec) => `${codec} at ${audioCodecs[codec].clockRate} Hz`);
  return { code: 305, text: `Incompatible media format: accepted are ${names.join(", ")}` };
}
const nearness: readonly Unfit[] = ["media", "transport", "address", "multicast", "format"];

export function nearer(one: Unfit | undefined, other: Unfit): Unfit {
  return one !== undefined && nearness.indexOf(one) >= nearness.indexOf(other) ? one : other;
}

export function sends(direction: Direction): boolean {
  return direction === "sendrecv" || direction === "sendonly";
}

export function receives(direction: Direction): boolean {
  return direction === "sendrecv" || direction === "recvonly";
}

function directionFrom(send: boolean, receive: boolean): Direction {
  return send ? (receive ? "sendrecv" : "sendonly") : receive ? "recvonly" : "inactive";
}

/** What we may do of what we want when the peer's description says `theirs` (RFC 3264 §6.1). */
export function meet(wanted: Direction, theirs: Direction): Direction {
  return directionFrom(sends(wanted) && receives(theirs), receives(wanted) && sends(theirs));
}

/** The direction of an m-line, where RFC 2543's way to hold, the address 0.0.0.0, says that the peer receives nothing. */
export function directionOf(media: MediaDescription): Direction {
  // Browsers write it before they know their address.
  if (media.iceDtls !== undefined && media.iceDtls.ufrag !== "") return media.direction;
  return isUnspecified(media.connection) ? directionFrom(sends(media.direction), false) : media.direction;
}

/** 0.0.0.0 or :: in any spelling. */
export function isUnspecified(connection: Connection | undefined): boolean {
  return connection !== undefined && /^(?:0\.0\.0\.0|[0:]+)$/.test(connection.host);
}

function isMulticast({ host }: Connection): boolean {
  return /^(?:22[4-9]|23\d|255)\.\d+\.\d+\.\d+$|^ff[0-9a-f]{2}:/i.test(host);
}

/** Whether a call can use the m-line and its address, whatever its transport and formats. */
export function unfitAddress(media: MediaDescription, families: readonly Family[]): Unfit | undefined {
  if (media.kind !== "audio" || media.port === 0) return "media";
  if (media.connection === undefined || !families.includes(media.connection.family)) return "address";
  return isMulticast(media.connection) ? "multicast" : undefined;
}

/** The payload types of an m-line that are ours, in the peer's order. */
export function commonCodecs(payloads: readonly PayloadFormat[], codecs: readonly AudioCodec[]): CodecType[] {
  const common: CodecType[] = [];
  for (const payload of payloads) {
    const { payloadType, fmtp } = payload;
    for (const codec of codecs)
      if (isCodec(codec, payload))
        common.push(fmtp === undefined ? { payloadType, codec } : { payloadType, codec, fmtp });
  }
  return common;
}

/**
 * The telephone-event to use beside a codec: the one with the codec's clock (RFC 4733 §2.1), else the one with 8000 Hz,
 * which many phones have beside Opus alone.
 */
export function telephoneEventType(payloads: readonly PayloadFormat[], codec: AudioCodec): EventType | undefined {
  let usual: EventType | undefined;
  for (const { payloadType, encoding, clockRate } of payloads) {
    if (encoding !== "TELEPHONE-EVENT") continue;
    if (clockRate === audioCodecs[codec].clockRate) return { payloadType, clockRate };
    if (clockRate === 8000 || clockRate === 0) usual ??= { payloadType, clockRate: 8000 };
  }
  return usual;
}

/** Length of the packets that the peer wants, as we can make them, ms. */
export function packetLength({ ptime, maxptime }: MediaDescription): number {
  const wanted = Math.min(ptime ?? 20, maxptime ?? 60, 60);
  return Math.max(10, wanted - (wanted % 10));
}

/** Where to send for this m-line (RFC 3605 for the RTCP port). */
export function remoteOf(media: MediaDescription, rtcpMux: boolean): Negotiated["remote"] {
  const { connection, port } = media;
  if (connection === undefined || isUnspecified(connection)) return undefined;
  const rtcpPort = rtcpMux ? port : (media.rtcp?.port ?? Math.min(port + 1, 65535));
  return { host: connection.host, port, rtcpPort, family: connection.family };
}
