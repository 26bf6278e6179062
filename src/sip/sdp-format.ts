/** Writes session descriptions: ours, which are short and always of one shape. */
import type { Connection, MediaDescription, SessionDescription } from "./sdp.ts";

/**
 * The text of a description, lines ended by CRLF. The caller vouches for its strings: nothing is escaped. An m-line
 * with port 0 is written without attributes, as an answer refuses it (RFC 3264 §6).
 */
export function formatSdp(description: SessionDescription): string {
  const { origin, connection } = description;
  let text = "v=0\r\n";
  if (origin !== undefined)
    text += `o=${origin.username} ${origin.sessionId} ${origin.version} ${formatConnection(origin.connection)}\r\n`;
  text += `s=${description.name === "" ? "-" : description.name}\r\n`;
  if (connection !== undefined) text += `c=${formatConnection(connection)}\r\n`;
  text += "t=0 0\r\n";
  for (const media of description.media) text += formatMedia(media, connection);
  return text;
}

export function formatConnection(connection: Connection): string {
  return `IN ${connection.family === "ipv4" ? "IP4" : "IP6"} ${connection.host}`;
}

/** An m-line with its attributes. `session` is the session's `c=`: the m-line needs its own only if that differs. */
function formatMedia(media: MediaDescription, session: Connection | undefined): string {
  let text = `m=${media.kind} ${media.port} ${media.protocol}`;
  for (const format of media.formats) text += ` ${format}`;
  // The grammar asks for one format at least, though machines exist that leave it out.
  text += media.formats.length === 0 ? " 0\r\n" : "\r\n";
  if (media.port === 0) return text;
  const { connection, rtcp } = media;
  if (connection !== undefined && (connection.host !== session?.host || connection.family !== session.family))
    text += `c=${formatConnection(connection)}\r\n`;
  for (const { payloadType, encoding, clockRate, channels, fmtp } of media.payloads) {
    if (encoding !== "")
      text += `a=rtpmap:${payloadType} ${encodingName(encoding)}/${clockRate}${channels > 1 ? `/${channels}` : ""}\r\n`;
    if (fmtp !== undefined) text += `a=fmtp:${payloadType} ${fmtp}\r\n`;
  }
  if (media.ptime !== undefined) text += `a=ptime:${media.ptime}\r\n`;
  if (media.maxptime !== undefined) text += `a=maxptime:${media.maxptime}\r\n`;
  if (rtcp !== undefined)
    text += `a=rtcp:${rtcp.port}${rtcp.connection === undefined ? "" : ` ${formatConnection(rtcp.connection)}`}\r\n`;
  if (media.rtcpMux) text += "a=rtcp-mux\r\n";
  if (media.mid !== undefined) text += `a=mid:${media.mid}\r\n`;
  for (const crypto of media.crypto) text += `a=crypto:${crypto}\r\n`;
  return `${text}a=${media.direction}\r\n`;
}

/** Names are compared without regard to case, yet some compare `telephone-event` to the letter. */
function encodingName(encoding: string): string {
  return encoding === "TELEPHONE-EVENT" ? "telephone-event" : encoding;
}
