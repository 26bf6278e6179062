/**
 * Reads the session descriptions of strangers: one pass over the lines, bounded in every direction. The lines that a
 * call does not use (`b=`, `k=`, ICE, …) are skipped unread. A test holds the result against the library sdp-transform,
 * which reads everything, refuses nothing, and takes twice as long.
 */
import { isHostName, isIPv4, isIPv6 } from "./host.ts";
import type {
  Connection,
  Direction,
  MediaDescription,
  Origin,
  PayloadFormat,
  SdpFailure,
  SessionDescription,
} from "./sdp.ts";
import { type Mutable as IceDtlsRead, readIceDtls, withSessionLevel } from "./webrtc.ts";

/** Longest description, in octets. A browser's offer with video and a dozen candidates has about 8,000. */
export const maxSdpSize = 32_768;
/** Most m-lines of a description. */
export const maxMediaLines = 32;
/** Most formats of an m-line: there are no more payload types. */
const maxFormats = 128;
const maxCrypto = 16;
const maxGroups = 8;
/** Longest m-line: an answer repeats the refused ones. */
const maxMediaLine = 1024;

type Mutable<T> = { -readonly [K in keyof T]: T[K] };
type Media = Mutable<Omit<MediaDescription, "payloads" | "crypto" | "iceDtls">> & {
  payloads: PayloadFormat[];
  crypto: string[];
  iceDtls?: IceDtlsRead | undefined;
};
interface Session {
  origin: Origin | undefined;
  name: string;
  connection: Connection | undefined;
  direction: Direction;
  media: Media[];
  iceDtls?: IceDtlsRead | undefined;
  groups?: string[];
}

/** The meaning of audio payload types without rtpmap (RFC 3551 §6); video ones are of no use here. */
const staticTypes: readonly (readonly [encoding: string, clockRate: number, channels: number] | undefined)[] = [
  ["PCMU", 8000, 1],
  undefined,
  undefined,
  ["GSM", 8000, 1],
  ["G723", 8000, 1],
  ["DVI4", 8000, 1],
  ["DVI4", 16000, 1],
  ["LPC", 8000, 1],
  ["PCMA", 8000, 1],
  ["G722", 8000, 1],
  ["L16", 44100, 2],
  ["L16", 44100, 1],
  ["QCELP", 8000, 1],
  ["CN", 8000, 1],
  ["MPA", 90000, 1],
  ["G728", 8000, 1],
  ["DVI4", 11025, 1],
  ["DVI4", 22050, 1],
  ["G729", 8000, 1],
];

/**
 * Reads a session description (RFC 8866), tolerating what deployed phones get wrong where that is safe: bare LF or CR,
 * missing `o=`, `s=`, `t=`, unknown lines, space at line ends. Octets are taken as latin-1. Never throws.
 * Failures: no `v=0`, too long, NUL, a `c=` that is no address, an m-line that cannot be read, payload types beyond 127.
 */
export function parseSdp(body: Uint8Array | string): SessionDescription | SdpFailure {
  if (body.length > maxSdpSize) return { failure: `longer than ${maxSdpSize} octets` };
  let text = typeof body === "string" ? body : latin1(body);
  if (text.includes("\0")) return { failure: "a NUL octet" };
  if (loneCr.test(text)) text = text.replace(/\r(?!\n)/g, "\n");
  const session: Session = { origin: undefined, name: "", connection: undefined, direction: "sendrecv", media: [] };
  let versionSeen = false;
  for (let at = 0; at < text.length; ) {
    let end = text.indexOf("\n", at);
    if (end < 0) end = text.length;
    const next = end + 1;
    while (end > at && text.charCodeAt(end - 1) <= 0x20) end--;
    if (end > at) {
      if (!versionSeen) {
        if (end - at !== 3 || !text.startsWith("v=0", at)) return { failure: "it does not start with v=0" };
        versionSeen = true;
      } else if (text.charCodeAt(at + 1) === equals) {
        const failure = readLine(session, text, at, end);
        if (failure !== undefined) return { failure };
      }
    }
    at = next;
  }
  if (!versionSeen) return { failure: "it is empty" };
  if (session.iceDtls !== undefined)
    for (const media of session.media) media.iceDtls = withSessionLevel(media.iceDtls, session.iceDtls);
  const { origin, name, connection, media, groups } = session;
  return groups === undefined ? { origin, name, connection, media } : { origin, name, connection, media, groups };
}

const equals = 0x3d;
const loneCr = /\r(?!\n)/;

function latin1(octets: Uint8Array): string {
  return Buffer.from(octets.buffer, octets.byteOffset, octets.byteLength).toString("latin1");
}

/** Takes the line from `at` to `end` into the session; returns what is fatally wrong with it. */
function readLine(session: Session, text: string, at: number, end: number): string | undefined {
  const media = session.media[session.media.length - 1];
  switch (text.charCodeAt(at)) {
    case 0x61: // a
      if (media === undefined) readSessionAttribute(session, text, at + 2, end);
      else readAttribute(media, text, at + 2, end);
      return undefined;
    case 0x63: {
      // c
      const connection = parseConnection(text.slice(at + 2, end));
      if (connection === undefined) return "a c= line without a usable address";
      if (media === undefined) session.connection = connection;
      else media.connection = connection;
      return undefined;
    }
    case 0x6d: {
      // m
      if (session.media.length === maxMediaLines) return `more than ${maxMediaLines} m= lines`;
      const line = parseMediaLine(text.slice(at + 2, end), session);
      if (typeof line === "string") return line;
      session.media.push(line);
      return undefined;
    }
    case 0x6f: // o
      session.origin = parseOrigin(text.slice(at + 2, end));
      return undefined;
    case 0x73: // s
      session.name = text.slice(at + 2, end);
      return undefined;
  }
  return undefined;
}

function parseOrigin(value: string): Origin | undefined {
  const parts = value.split(" ");
  const [username = "", sessionId = "", version = "", net = "", type = "", host = ""] = parts;
  if (parts.length < 6 || !digits.test(sessionId) || !digits.test(version)) return undefined;
  const connection = connectionOf(net, type, host);
  return connection === undefined ? undefined : { username, sessionId, version, connection };
}

const digits = /^\d{1,64}$/;

/** `IN IP4 host`, with or without the TTL and count of multicast. */
function parseConnection(value: string): Connection | undefined {
  const first = value.indexOf(" ");
  const second = value.indexOf(" ", first + 1);
  if (first < 0 || second < 0) return undefined;
  const slash = value.indexOf("/", second);
  return connectionOf(
    value.slice(0, first),
    value.slice(first + 1, second),
    value.slice(second + 1, slash < 0 ? undefined : slash),
  );
}

/** An address says itself what family it is of: phones are known to write `IN IP4` before an IPv6 one. */
function connectionOf(net: string, type: string, host: string): Connection | undefined {
  if (net !== "IN" || (type !== "IP4" && type !== "IP6")) return undefined;
  if (isIPv4(host)) return { family: "ipv4", host };
  if (host.includes(":")) return isIPv6(host) ? { family: "ipv6", host } : undefined;
  return isHostName(host) && !onlyDigitsAndDots.test(host)
    ? { family: type === "IP4" ? "ipv4" : "ipv6", host }
    : undefined;
}

/** `1.2.3` or `999.1.1.1` is a broken address; resolvers would take it for an address, each for another. */
const onlyDigitsAndDots = /^[\d.]+$/;

const unprintable = /[^\x20-\x7e]/;
const letterFirst = /^[A-Za-z]/;
const portAndCount = /^\d+(?:\/\d+)?$/;
const rtpProtocol = /(?:^|\/)RTP\//i;

/** `audio 49170 RTP/AVP 0 8 101`. A port beyond 65535 (RFC 4475 has one) makes the stream unusable: port 0. */
function parseMediaLine(value: string, session: Session): Media | string {
  if (value.length > maxMediaLine) return "an m= line that is too long";
  const line = value.includes("  ") ? value.replace(/ +/g, " ") : value;
  const formats = line.split(" ");
  const [kind = "", portText = "", protocol] = formats.splice(0, 3);
  if (protocol === undefined || !letterFirst.test(kind) || !portAndCount.test(portText) || unprintable.test(line))
    return "an m= line that cannot be read";
  if (formats.length > maxFormats) return `an m= line with more than ${maxFormats} formats`;
  const port = Number.parseInt(portText, 10);
  const payloads: PayloadFormat[] = [];
  if (protocol === "RTP/AVP" || rtpProtocol.test(protocol)) {
    for (const format of formats) {
      const payloadType = payloadTypeOf(format);
      if (payloadType === undefined) return "a payload type that is not 0 to 127";
      if (findPayload(payloads, payloadType) === undefined) payloads.push(payloadFormat(payloadType));
    }
  }
  return {
    kind: kind.toLowerCase(),
    port: port <= 65535 ? port : 0,
    protocol,
    formats,
    payloads,
    connection: session.connection,
    direction: session.direction,
    ptime: undefined,
    maxptime: undefined,
    rtcp: undefined,
    rtcpMux: false,
    mid: undefined,
    crypto: [],
  };
}

function payloadTypeOf(text: string, from = 0, to = text.length): number | undefined {
  if (to <= from || to > from + 3) return undefined;
  let number = 0;
  for (let at = from; at < to; at++) {
    const digit = text.charCodeAt(at) - 0x30;
    if (digit < 0 || digit > 9) return undefined;
    number = number * 10 + digit;
  }
  return number <= 127 ? number : undefined;
}

function payloadFormat(payloadType: number): PayloadFormat {
  const [encoding, clockRate, channels] = staticTypes[payloadType] ?? ["", 0, 1];
  return { payloadType, encoding, clockRate, channels, fmtp: undefined };
}

function findPayload(payloads: readonly PayloadFormat[], payloadType: number): PayloadFormat | undefined {
  for (const payload of payloads) if (payload.payloadType === payloadType) return payload;
  return undefined;
}

function directionAt(text: string, from: number, to: number): Direction | undefined {
  if (to - from !== 8) return undefined;
  if (text.startsWith("sendrecv", from)) return "sendrecv";
  if (text.startsWith("sendonly", from)) return "sendonly";
  if (text.startsWith("recvonly", from)) return "recvonly";
  return text.startsWith("inactive", from) ? "inactive" : undefined;
}

/** Takes the attribute from `from` to `to`. Told apart by the first letter: most lines are then compared once. */
function readAttribute(media: Media, text: string, from: number, to: number): void {
  switch (text.charCodeAt(from)) {
    case 0x72: // r
      if (text.startsWith("rtpmap:", from)) readRtpmap(media, text, from + 7, to);
      else if (text.startsWith("rtcp:", from)) readRtcp(media, text.slice(from + 5, to));
      else if (text.startsWith("rtcp-mux", from) && to === from + 8) media.rtcpMux = true;
      else media.direction = directionAt(text, from, to) ?? media.direction;
      return;
    case 0x66: // f
      if (text.startsWith("fmtp:", from)) readFmtp(media, text, from + 5, to);
      else readSecurity(media, text, from, to);
      return;
    case 0x73: // s
    case 0x69: // i
      if (to - from === 8) media.direction = directionAt(text, from, to) ?? media.direction;
      else if (!text.startsWith("ssrc", from)) readSecurity(media, text, from, to);
      return;
    case 0x70: // p
      if (text.startsWith("ptime:", from)) media.ptime = milliseconds(text.slice(from + 6, to)) ?? media.ptime;
      return;
    case 0x6d: // m
      if (text.startsWith("mid:", from)) media.mid = text.slice(from + 4, to);
      else if (text.startsWith("maxptime:", from))
        media.maxptime = milliseconds(text.slice(from + 9, to)) ?? media.maxptime;
      return;
    case 0x63: // c
      if (text.startsWith("candidate:", from)) readSecurity(media, text, from, to);
      else if (text.startsWith("crypto:", from) && media.crypto.length < maxCrypto)
        media.crypto.push(text.slice(from + 7, to));
      return;
  }
}

function readSessionAttribute(session: Session, text: string, from: number, to: number): void {
  session.direction = directionAt(text, from, to) ?? session.direction;
  if (text.startsWith("group:", from)) {
    session.groups ??= [];
    if (session.groups.length < maxGroups) session.groups.push(text.slice(from + 6, to));
  } else readSecurity(session, text, from, to);
}

/** An attribute of ICE or DTLS; told by its name, which ends at the colon. */
function readSecurity(into: Session | Media, text: string, from: number, to: number): void {
  const colon = find(text, 0x3a, from, to);
  readIceDtls(into, text.slice(from, colon), text.slice(colon + 1, to));
}

function readRtcp(media: Media, value: string): void {
  const port = Number.parseInt(value, 10);
  const space = value.indexOf(" ");
  if (port > 0 && port <= 65535)
    media.rtcp = { port, connection: space < 0 ? undefined : parseConnection(value.slice(space + 1)) };
}

/** The index of `sought` between `from` and `to`, or `to`. */
function find(text: string, sought: number, from: number, to: number): number {
  let at = from;
  while (at < to && text.charCodeAt(at) !== sought) at++;
  return at;
}

const space = 0x20;
const slash = 0x2f;

function readFmtp(media: Media, text: string, from: number, to: number): void {
  const end = find(text, space, from, to);
  const payload = payloadNamed(media, text, from, end);
  if (payload !== undefined && end < to) payload.fmtp = text.slice(end + 1, to);
}

function payloadNamed(media: Media, text: string, from: number, to: number): PayloadFormat | undefined {
  const payloadType = payloadTypeOf(text, from, to);
  return payloadType === undefined ? undefined : findPayload(media.payloads, payloadType);
}

/** `101 telephone-event/8000`, `98 iLBC`, `111 opus/48000/2`. Types that the m-line does not list are skipped. */
function readRtpmap(media: Media, text: string, from: number, to: number): void {
  const end = find(text, space, from, to);
  const payload = payloadNamed(media, text, from, end);
  if (payload === undefined || end === to) return;
  const rate = find(text, slash, end, to);
  const channels = find(text, slash, rate + 1, to);
  payload.encoding = text
    .slice(end + 1, rate)
    .trim()
    .toUpperCase();
  payload.clockRate = leadingNumber(text, rate + 1, to) ?? 0;
  payload.channels = leadingNumber(text, channels + 1, to) ?? 1;
}

/** The number that starts at `from`; undefined when there is none or it is zero. Large ones lose precision, no more. */
function leadingNumber(text: string, from: number, to: number): number | undefined {
  let number = 0;
  for (let at = from; at < to; at++) {
    const digit = text.charCodeAt(at) - 0x30;
    if (digit < 0 || digit > 9) break;
    number = number * 10 + digit;
  }
  return number === 0 ? undefined : number;
}

/** A packet length from 1 ms to 10 s; fractions are cut. */
function milliseconds(value: string): number | undefined {
  const number = Number.parseInt(value, 10);
  return number >= 1 && number <= 10_000 ? number : undefined;
}
