/** The session description in a message's body, be it the whole body or one part of a multipart one (RFC 5621 §3, RFC 2046 §5.1). */
import type { Message } from "./request-response.ts";

const nothing = new Uint8Array(0);
/** Parts that are looked at, and multiparts within each other; nobody honest sends more. */
const maxParts = 32;
const maxDepth = 3;

/**
 * The octets of the message's session description: of the body, or of its first `application/sdp` part. Empty when there
 * is none. A body without Content-Type is taken for one.
 */
export function sessionDescription(message: Message): Uint8Array {
  if (message.body.length === 0) return nothing;
  return find(message.header("content-type") ?? "application/sdp", message.body, maxDepth) ?? nothing;
}

function find(type: string, body: Uint8Array, depth: number): Uint8Array | undefined {
  const media = mediaType(type);
  if (media === "application/sdp") return body;
  const boundary = media.startsWith("multipart/") ? boundaryOf(type) : undefined;
  if (boundary === undefined || depth === 0) return undefined;
  const octets = Buffer.from(body.buffer, body.byteOffset, body.byteLength);
  let from = delimiter(octets, boundary, 0);
  for (let count = 0; from !== undefined && count < maxParts; count++) {
    const next = delimiter(octets, boundary, from.after);
    // Without a closing delimiter the part goes to the end.
    const found = inPart(octets.subarray(from.after, next?.at ?? octets.length), depth - 1);
    if (found !== undefined) return found;
    from = next;
  }
  return undefined;
}

function mediaType(value: string): string {
  return (value.split(";", 1)[0] ?? "").trim().toLowerCase();
}

function boundaryOf(type: string): string | undefined {
  const match = /;\s*boundary\s*=\s*(?:"([^"]{1,70})"|([^\s;",]{1,70}))/i.exec(type);
  return match?.[1] ?? match?.[2];
}

/** The next delimiter line from `from` on: where the line end before it starts, and where its own line ends. */
function delimiter(octets: Buffer, boundary: string, from: number): { at: number; after: number } | undefined {
  const text = `--${boundary}`;
  for (let at = octets.indexOf(text, from, "latin1"); at >= 0; at = octets.indexOf(text, at + 1, "latin1")) {
    if (at > 0 && octets[at - 1] !== 0x0a) continue;
    const lineEnd = octets.indexOf(0x0a, at + text.length);
    const rest = octets.toString("latin1", at + text.length, lineEnd < 0 ? octets.length : lineEnd);
    // Another boundary may begin with this one.
    if (!/^(--)?[ \t]*\r?$/.test(rest)) continue;
    const before = at === 0 ? 0 : octets[at - 2] === 0x0d ? at - 2 : at - 1;
    return { at: Math.max(before, from), after: lineEnd < 0 ? octets.length : lineEnd + 1 };
  }
  return undefined;
}

/** A part: header lines, an empty line, the content. Without a Content-Type it is plain text. */
function inPart(part: Buffer, depth: number): Uint8Array | undefined {
  const text = part.toString("latin1");
  const empty = /^\r?\n|\r?\n\r?\n/.exec(text);
  if (empty === null) return undefined;
  const head = text.slice(0, empty.index);
  const type = /^(?:content-type|c)[ \t]*:((?:[^\r\n]|\r?\n[ \t])*)/im.exec(head)?.[1];
  return type === undefined ? undefined : find(type, part.subarray(empty.index + empty[0].length), depth);
}

/**
 * A body with `written` in the place of its session description `sdp`, which is a view of it. Where it is one part of several,
 * what stands around it stays.
 */
export function withDescription(body: Uint8Array, sdp: Uint8Array, written: Uint8Array): Uint8Array {
  if (sdp.length === body.length) return written;
  const at = sdp.byteOffset - body.byteOffset;
  const result = new Uint8Array(body.length - sdp.length + written.length);
  result.set(body.subarray(0, at));
  result.set(written, at);
  result.set(body.subarray(at + sdp.length), at + written.length);
  return result;
}
