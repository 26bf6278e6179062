/** Session descriptions (SDP, RFC 8866) as far as calls use them: the types, and the door to parser and writer. */
import type { IceDtls } from "./webrtc.ts";

export { formatSdp } from "./sdp-format.ts";
export { maxMediaLines, maxSdpSize, parseSdp } from "./sdp-parse.ts";

export type Family = "ipv4" | "ipv6";

/** Which way media flows, seen from the side that wrote the description (RFC 3264 §5.1). */
export type Direction = "sendrecv" | "sendonly" | "recvonly" | "inactive";

/** A `c=` line. `host` is an IP literal without brackets, or a host name: nothing here looks names up. */
export interface Connection {
  family: Family;
  host: string;
}

/** The `o=` line. `sessionId` and `version` are decimal numbers of any size, kept as text. */
export interface Origin {
  username: string;
  sessionId: string;
  version: string;
  connection: Connection;
}

/** One RTP payload type of an m-line with its `a=rtpmap` (or RFC 3551's static meaning) and `a=fmtp`. */
export interface PayloadFormat {
  /** 0 to 127. */
  payloadType: number;
  /** In upper case; empty for a type without rtpmap that RFC 3551 does not define either. */
  encoding: string;
  /** Hz; 0 when unknown. */
  clockRate: number;
  channels: number;
  /** The format parameters as written. */
  fmtp: string | undefined;
}

/** One m-line with its attributes. What may stand at session level as well (`c=`, direction, ptime) is resolved. */
export interface MediaDescription {
  /** `audio`, `video`, `image`, …; lower case. */
  kind: string;
  /** 0: rejected or removed (RFC 3264 §6, §8.2). */
  port: number;
  /** `RTP/AVP` and the like, as written. */
  protocol: string;
  /** The format list as written; for RTP the payload types. */
  formats: readonly string[];
  /** The same for RTP protocols, in the same order, each type once; empty for others. */
  payloads: readonly PayloadFormat[];
  connection: Connection | undefined;
  direction: Direction;
  /** Milliseconds of media in a packet that the writer wants to receive. */
  ptime: number | undefined;
  maxptime: number | undefined;
  /** `a=rtcp` (RFC 3605). */
  rtcp: { port: number; connection: Connection | undefined } | undefined;
  /** RFC 5761. */
  rtcpMux: boolean;
  mid: string | undefined;
  /** Values of `a=crypto` (RFC 4568) as written. */
  crypto: readonly string[];
  /** The attributes of ICE and DTLS, where there is one. */
  iceDtls?: IceDtls | undefined;
}

export interface SessionDescription {
  /** Undefined when the line is missing or unreadable, which is tolerated. */
  origin: Origin | undefined;
  name: string;
  connection: Connection | undefined;
  media: readonly MediaDescription[];
  /** Values of `a=group` (RFC 5888), where there are some. */
  groups?: readonly string[] | undefined;
}

export interface SdpFailure {
  /** What is wrong, for logs and a Warning header; holds no text of the peer's. */
  failure: string;
}
