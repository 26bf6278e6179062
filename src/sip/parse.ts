/** From octets to messages (RFC 3261 §7, §18.3): start line, header index, Content-Length, body. */
import { usualMethod } from "./cseq.ts";
import { HeaderLines } from "./header-lines.ts";
import { Request, Response } from "./request-response.ts";
import { isToken, readNumber, trimLws } from "./text.ts";

/** Octets that are no message that can be served. */
export interface ParseFailure {
  readonly type: "failure";
  /** For the log, in English. */
  readonly reason: string;
  /** What a UAS would answer; undefined: drop it in silence. An ACK is never answered. */
  readonly status?: number;
  /** There when enough was readable to answer statelessly. Its typed getters may throw; `buildResponse` takes it as it is. */
  readonly request?: Request;
  /** A stream has lost its framing: close the connection after the answer. */
  readonly fatal?: boolean;
}

/**
 * Parses one message. A "datagram" may have CRLFs before it, octets after it, LF for CRLF, and no Content-Length.
 * Of a "stream", `bytes` are exactly one message, as `StreamFramer` cuts it.
 * The message keeps `bytes`: do not reuse the memory.
 */
export function parseMessage(bytes: Uint8Array, framing: "datagram" | "stream"): Request | Response | ParseFailure {
  const octets = bytes instanceof Buffer ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  let from = 0;
  while (octets[from] === 0x0d || octets[from] === 0x0a) from++;
  if (from === octets.length) return { type: "failure", reason: "nothing but line ends" };
  const bodyStart = startOfBody(octets, from);
  if (bodyStart < 0)
    return new Head(octets.toString("latin1", from)).failure("no empty line after the header lines", 400, framing);
  const head = new Head(octets.toString("latin1", from, bodyStart - (octets[bodyStart - 2] === 0x0d ? 2 : 1)));
  const rest = octets.length - bodyStart;
  const length = head.contentLength ?? (framing === "stream" ? 0 : rest);
  if (length > rest) return head.failure(`Content-Length is ${length}, but ${rest} octets came`, 400, framing);
  const bodyEnd = bodyStart + length;
  // Most messages are the whole datagram, and most have no body: a view of the octets would be one object more.
  const body = length === 0 ? nothing : octets.subarray(bodyStart, bodyEnd);
  const wire = from === 0 && bodyEnd === octets.length ? octets : octets.subarray(from, bodyEnd);
  return head.message(body, wire, framing);
}

/** Where the body starts, behind the empty line; -1 when there is none. */
function startOfBody(octets: Buffer, from: number): number {
  const firstLf = octets.indexOf(0x0a, from);
  if (firstLf > from && octets[firstLf - 1] === 0x0d) {
    const at = octets.indexOf("\r\n\r\n", firstLf - 1, "latin1");
    if (at >= 0) return at + 4;
  } else {
    for (let lf = firstLf; lf >= 0; lf = octets.indexOf(0x0a, lf + 1)) {
      if (octets[lf + 1] === 0x0a) return lf + 2;
      if (octets[lf + 1] === 0x0d && octets[lf + 2] === 0x0a) return lf + 3;
    }
  }
  return -1;
}

/** Read liberally what is no message: whether to answer depends on it. */
type StartLine =
  | { kind: "request"; method: string; uri: string; version: string; canonical: boolean }
  | { kind: "response"; status: number; reason: string; canonical: boolean }
  | { kind: "none"; reason: string };

/** A head that was read, waiting for its body. For this file and the framer. */
export class Head {
  /** Undefined when there is no Content-Length, and when it is bad, of which `message` tells. */
  readonly contentLength: number | undefined;
  readonly #start: StartLine;
  readonly #lines: HeaderLines;
  readonly #lengthFault: string | undefined;

  /** `text` is the start line and header lines with their line ends. */
  constructor(text: string) {
    const lf = text.indexOf("\n");
    const lineEnd = lf < 0 ? text.length : text.charCodeAt(lf - 1) === 0x0d ? lf - 1 : lf;
    const start = readPlainRequestLine(text, lineEnd) ?? readStartLine(text.slice(0, lineEnd));
    this.#start = start;
    // Liberal in what we accept (RFC 4475 §3.1.2.9, §3.1.2.10), but nothing of it is passed on.
    const head = start.kind === "none" || start.canonical ? text : formatStartLine(start) + text.slice(lineEnd);
    this.#lines = new HeaderLines(head, head.length - text.length + (lf < 0 ? text.length : lf + 1));
    const length = readContentLength(this.#lines);
    if (typeof length === "string") this.#lengthFault = length;
    else this.contentLength = length;
  }

  message(body: Uint8Array, wire: Uint8Array, framing: "datagram" | "stream"): Request | Response | ParseFailure {
    const start = this.#start;
    const lines = this.#lines;
    const fault = this.#lengthFault ?? lines.fault;
    if (start.kind === "none" || fault !== undefined) return this.failure(fault ?? "", 400, framing);
    const octets = start.canonical ? wire : undefined;
    if (start.kind === "response") return new Response(lines.head, body, start.status, start.reason, lines, octets);
    if (start.version !== "SIP/2.0") return this.failure(`version ${start.version.slice(0, 20)}`, 505);
    if (/[ \t]/.test(start.uri)) return this.failure("white space in the Request-URI", 400);
    return new Request(lines.head, body, start.method, start.uri, lines, octets);
  }

  /** With `framing` "stream" the failure is fatal; leave it out when the framing is still good. */
  failure(reason: string, status: number, framing?: "datagram" | "stream"): ParseFailure {
    const start = this.#start;
    const fatal = framing === "stream" ? { fatal: true } : {};
    if (start.kind === "none") return { type: "failure", reason: start.reason, ...fatal };
    if (start.kind === "response") return { type: "failure", reason, ...fatal };
    if (this.#lines.truncated || this.#lines.find("via") < 0) return { type: "failure", reason, status, ...fatal };
    const request = new Request(this.#lines.head, nothing, start.method, start.uri, this.#lines);
    return { type: "failure", reason, status, request, ...fatal };
  }
}

const nothing = new Uint8Array(0);
const digit = (code: number) => code >= 0x30 && code <= 0x39;

/** What nearly every request begins with; undefined: perhaps another start line. */
function readPlainRequestLine(text: string, end: number): StartLine | undefined {
  const first = text.indexOf(" ");
  const last = end - 8;
  if (first < 1 || first + 1 >= last || text.charCodeAt(last) !== 0x20 || !text.startsWith("SIP/2.0", last + 1))
    return undefined;
  const method = usualMethod(text, 0, first);
  if (method === undefined) return undefined;
  for (let at = first + 1; at < last; at++) if (text.charCodeAt(at) <= 0x20) return undefined;
  return { kind: "request", method, uri: text.slice(first + 1, last), version: "SIP/2.0", canonical: true };
}

function readStartLine(line: string): StartLine {
  if (line.includes("\r")) return { kind: "none", reason: "a CR without LF" };
  if (line.startsWith("SIP/") || line.startsWith("sip/")) return readStatusLine(line);
  const first = line.indexOf(" ");
  const second = line.indexOf(" ", first + 1);
  if (first > 0 && second > first + 1 && line.length === second + 8 && line.endsWith("SIP/2.0")) {
    const method = line.slice(0, first);
    if (!isToken(method)) return { kind: "none", reason: "no SIP start line" };
    return { kind: "request", method, uri: line.slice(first + 1, second), version: "SIP/2.0", canonical: true };
  }
  return readOddRequestLine(trimLws(line));
}

/** A request line with more than one space, an odd version, or white space in the URI; or none. */
function readOddRequestLine(line: string): StartLine {
  const last = Math.max(line.lastIndexOf(" "), line.lastIndexOf("\t"));
  const version = line.slice(last + 1).toUpperCase();
  const method = /^\S*/.exec(line)?.[0] ?? "";
  const uri = trimLws(line.slice(method.length, last));
  if (!/^SIP\/\d+\.\d+$/.test(version) || !isToken(method) || uri === "") {
    return { kind: "none", reason: "no SIP start line" };
  }
  return { kind: "request", method, uri, version, canonical: false };
}

function readStatusLine(line: string): StartLine {
  if (line.length < 11 || !line.startsWith("2.0 ", 4)) return { kind: "none", reason: "no SIP/2.0 status line" };
  if (line.charCodeAt(8) === 0x20) {
    const start = readStatusLine(`SIP/2.0 ${trimLws(line.slice(8))}`);
    return start.kind === "response" ? { ...start, canonical: false } : start;
  }
  const a = line.charCodeAt(8);
  const b = line.charCodeAt(9);
  const c = line.charCodeAt(10);
  const status = (a - 0x30) * 100 + (b - 0x30) * 10 + (c - 0x30);
  if (
    !digit(a) ||
    !digit(b) ||
    !digit(c) ||
    status < 100 ||
    status > 699 ||
    (line.length > 11 && line.charCodeAt(11) !== 0x20)
  ) {
    return { kind: "none", reason: "a status code outside 100 to 699" };
  }
  const canonical = line.startsWith("SIP/2.0 ") && line.length > 11;
  return { kind: "response", status, reason: line.slice(12), canonical };
}

function formatStartLine(start: Exclude<StartLine, { kind: "none" }>): string {
  return start.kind === "request"
    ? `${start.method} ${start.uri} ${start.version}`
    : `SIP/2.0 ${start.status} ${start.reason}`;
}

/** The length, undefined when there is none, or a string that tells why it cannot be used. Equal duplicates do no harm. */
function readContentLength(lines: HeaderLines): number | undefined | string {
  let length: number | undefined;
  for (let line = lines.find("content-length"); line >= 0; line = lines.find("content-length", line)) {
    let one = readNumber(lines.head, lines.valueStart(line), lines.end(line));
    if (one === undefined) {
      // With blanks behind it, or folded.
      const value = lines.value(line);
      one = readNumber(value, 0, value.length);
    }
    if (one === undefined) return "a Content-Length that is no number";
    if (length !== undefined && length !== one) return "two different Content-Lengths";
    length = one;
  }
  return length;
}
