/** Our own descriptions in offers and answers: their text, and the version in `o=` that counts their changes. */
import { audioCodecs, rtpmapOf } from "./audio-codecs.ts";
import type { CryptoLine } from "./crypto-attribute.ts";
import { isIPv6 } from "./host.ts";
import type { CodecType, EventType } from "./offer-answer-media.ts";
import { cryptoAttributes } from "./offer-answer-srtp.ts";
import type { Connection, Direction, MediaDescription, SessionDescription } from "./sdp.ts";
import { formatConnection } from "./sdp-format.ts";
import { type OwnWebRtc, webRtcLines, webRtcSessionLines } from "./webrtc.ts";

/** Where our media listens. `host` is the address to advertise: an IP literal without brackets. */
export interface LocalMedia {
  host: string;
  port: number;
  rtcpPort: number;
  /** Everybody can reach the address: with ICE we need only answer (RFC 8445 §2.5). */
  public?: boolean;
  /** The same ports' address within our own network, where it is another one: a further candidate of ICE. */
  inside?: string | undefined;
  /** With ICE, the peer may connect to the port by TCP. */
  iceTcp?: boolean;
  /**
   * What a NAT makes of the ports, which are at an address of our own network: a further candidate of ICE, and without ICE
   * what the peer is told, if it is far.
   */
  reflexive?: { readonly host: string; readonly port: number; readonly rtcpPort: number; readonly far: boolean };
}

/** Our side of the audio m-line, as it stands in an offer or answer of ours. */
export interface OwnLine {
  local: LocalMedia;
  protocol: string;
  codecs: readonly CodecType[];
  /** telephone-event, once for each clock of the codecs. */
  dtmf: readonly EventType[];
  direction: Direction;
  rtcpMux: boolean;
  crypto: readonly CryptoLine[];
  webRtc?: OwnWebRtc | undefined;
}

type Line = Pick<MediaDescription, "kind" | "protocol" | "formats" | "mid">;

/** All m-lines in order; each but the one at `audio` is refused. Their number never falls (RFC 3264 §8). */
export interface Layout {
  lines: readonly Line[];
  audio: number;
}

/** Writes the descriptions of one session. */
export class OwnDescriptions {
  readonly #sessionId: string;
  readonly #ptime: number;
  /** The last one, without its version and origin. */
  #sent: { text: string; version: number; origin: Connection } | undefined;

  constructor(sessionId: string, ptime: number) {
    this.#sessionId = sessionId;
    this.#ptime = ptime;
  }

  /** Goes on from where `other` is. */
  continue(other: OwnDescriptions): void {
    this.#sent = other.#sent;
  }

  describe({ lines, audio }: Layout, line: OwnLine): string {
    const { reflexive } = line.local;
    const hasIce = line.webRtc !== undefined && !line.webRtc.iceless;
    const moved = !hasIce && reflexive?.far === true ? reflexive : undefined;
    const own = moved === undefined ? line : { ...line, local: { ...line.local, ...moved } };
    const { host } = own.local;
    const connection: Connection = { family: isIPv6(host) ? "ipv6" : "ipv4", host };
    const address = formatConnection(connection);
    let text = `s=-\r\nc=${address}\r\nt=0 0\r\n`;
    if (own.webRtc !== undefined) text += webRtcSessionLines(own.webRtc);
    lines.forEach((each, at) => {
      text += at === audio ? this.#audioLine(own, address) : refusedLine(each, own.webRtc !== undefined);
    });
    return this.#versioned(text, connection);
  }

  /** An answer that refuses all of an offer. */
  refusing(offer: SessionDescription): string {
    const connection: Connection = this.#sent?.origin ?? { family: "ipv4", host: "0.0.0.0" };
    let text = `s=-\r\nc=${formatConnection(connection)}\r\nt=0 0\r\n`;
    for (const line of offer.media) text += refusedLine(line);
    return this.#versioned(text, connection);
  }

  #audioLine({ local, protocol, codecs, dtmf, direction, rtcpMux, crypto, webRtc }: OwnLine, address: string): string {
    let line = `m=audio ${local.port} ${protocol}`;
    let attributes = "";
    for (const { payloadType, codec } of codecs) {
      line += ` ${payloadType}`;
      attributes += `a=rtpmap:${payloadType} ${rtpmapOf(codec)}\r\n`;
      const { fmtp } = audioCodecs[codec];
      if (fmtp !== undefined) attributes += `a=fmtp:${payloadType} ${fmtp}\r\n`;
    }
    for (const { payloadType, clockRate } of dtmf) {
      line += ` ${payloadType}`;
      attributes += `a=rtpmap:${payloadType} telephone-event/${clockRate}\r\na=fmtp:${payloadType} 0-16\r\n`;
    }
    attributes += `a=ptime:${this.#ptime}\r\n`;
    if (rtcpMux) attributes += "a=rtcp-mux\r\n";
    if (webRtc !== undefined) attributes += webRtcLines(webRtc, local);
    // In an offer with rtcp-mux it is for the peer that cannot multiplex (RFC 5761 §5.1.1).
    if (local.rtcpPort !== local.port + 1 && (webRtc === undefined || webRtc.iceless))
      attributes += `a=rtcp:${local.rtcpPort} ${address}\r\n`;
    return `${line}\r\n${attributes}${cryptoAttributes(crypto)}a=${direction}\r\n`;
  }

  /** The version grows by one when the text is not what was sent last (RFC 3264 §8). */
  #versioned(text: string, connection: Connection): string {
    const sent = this.#sent;
    const version = sent === undefined ? 1 : sent.text === text ? sent.version : sent.version + 1;
    // The origin names the session: it stays when the media moves (RFC 8866 §5.2).
    const origin = sent?.origin ?? connection;
    this.#sent = { text, version, origin };
    return `v=0\r\no=- ${this.#sessionId} ${version} ${formatConnection(origin)}\r\n${text}`;
  }
}

/**
 * A refused m-line needs no attributes, but one format at least, though machines exist that offer none. Browsers know their
 * m-lines by their mid.
 */
function refusedLine({ kind, protocol, formats, mid }: Line, named = false): string {
  const name = named && mid !== undefined ? `a=mid:${mid}\r\n` : "";
  return `m=${kind} 0 ${protocol} ${formats.length === 0 ? "0" : formats.join(" ")}\r\n${name}`;
}
