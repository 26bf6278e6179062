/** Building messages: a head string in one go, checked so that no value can forge a line (RFC 3261 §7, §8.1.1, §8.2.6). */
import { InvalidHeaderValue, MalformedHeader } from "./errors.ts";
import { isPlainAddress } from "./plain.ts";
import { type HeaderList, Request, Response } from "./request-response.ts";
import { reasonPhrase } from "./status.ts";
import { endOfElement, isToken } from "./text.ts";
import { formatVia } from "./via.ts";

const nothing = new Uint8Array(0);
/** CR, LF, NUL; and what one octet cannot hold, since its low octet might be one of them. */
const unsendable = /[\0\r\n\u0100-\uffff]/;

export interface BuildRequestParts {
  readonly method: string;
  readonly uri: string;
  /** In this order; Content-Length is added, and one given is left out. */
  readonly headers: HeaderList;
  readonly body?: Uint8Array | undefined;
}

/** @throws InvalidHeaderValue */
export function buildRequest(parts: BuildRequestParts): Request {
  const { method, uri, headers, body = nothing } = parts;
  if (!isToken(method)) throw new InvalidHeaderValue("a method", method);
  if (uri === "" || /[\x00-\x20\x7f\u0100-\uffff]/.test(uri)) throw new InvalidHeaderValue("a Request-URI", uri);
  const head = `${method} ${uri} SIP/2.0\r\n${formatHeaders(headers)}Content-Length: ${body.length}\r\n`;
  return new Request(head, body, method, uri);
}

export interface BuildResponseOptions {
  /** Instead of the registered reason phrase. */
  readonly reason?: string | undefined;
  /** Added to To when the request's has none. Every final response needs one (RFC 3261 §8.2.6.2). */
  readonly toTag?: string | undefined;
  /** After the copied ones, in this order. */
  readonly headers?: HeaderList | undefined;
  readonly body?: Uint8Array | undefined;
  /** Where the request came from: noted in the topmost Via as `received` and `rport` (RFC 3261 §18.2.1, RFC 3581 §4). */
  readonly source?: { readonly host: string; readonly port: number } | undefined;
  /** For responses that make a dialog (§12.1.1). */
  readonly copyRecordRoute?: boolean | undefined;
}

/**
 * A response with the request's Via, From, To, Call-ID and CSeq, and the Timestamp in a 100 (RFC 3261 §8.2.6). What the
 * request lacks is left out, so that a request that failed to parse can be answered.
 * @throws InvalidHeaderValue
 */
export function buildResponse(request: Request, status: number, options: BuildResponseOptions = {}): Response {
  const { reason = reasonPhrase(status), toTag, headers, body = nothing, source } = options;
  if (!Number.isInteger(status) || status < 100 || status > 699) {
    throw new InvalidHeaderValue("a status code", String(status));
  }
  if (options.reason !== undefined && unsendable.test(reason)) throw new InvalidHeaderValue("a reason phrase", reason);
  const lines = request.lines;
  let head = `SIP/2.0 ${status} ${reason}\r\n`;
  const top = lines.find("via");
  if (top >= 0) {
    const noted = source === undefined ? undefined : topVia(request, top, source);
    head += `${noted ?? lines.raw(top)}\r\n`;
    head += copyLines(request, "via", top);
  }
  if (options.copyRecordRoute === true) head += copyLines(request, "record-route", -1);
  head += copyParties(request, toTag);
  if (status === 100) head += copyFirst(request, "timestamp");
  if (headers !== undefined) head += formatHeaders(headers);
  return new Response(`${head}Content-Length: ${body.length}\r\n`, body, status, reason);
}

/** From, To with its tag, Call-ID and CSeq. */
function copyParties(request: Request, toTag: string | undefined): string {
  const { lines } = request;
  const from = lines.find("from");
  const to = from + 1;
  // Nearly everybody sends them in this order: then they are cut out as they stand.
  if (from >= 0 && lines.names[to] === "to" && lines.names[to + 1] === "call-id" && lines.names[to + 2] === "cseq") {
    const { head } = request;
    const start = lines.start(from);
    const end = lines.end(to + 2);
    if (!isFolded(head, start, end, 3)) {
      if (toTag === undefined) return `${head.slice(start, end)}\r\n`;
      const endOfTo = lines.end(to);
      if (isPlainAddress(head, lines.valueStart(to), endOfTo)) {
        // What ends with its bracket has no parameters.
        const bare = head.charCodeAt(endOfTo - 1) === 0x3e;
        const tag = !bare && tagParam.test(head.slice(lines.start(to), endOfTo)) ? "" : tagged(toTag);
        return `${head.slice(start, endOfTo)}${tag}${head.slice(endOfTo, end)}\r\n`;
      }
    }
  }
  return (
    copyFirst(request, "from") + copyTo(request, toTag) + copyFirst(request, "call-id") + copyFirst(request, "cseq")
  );
}

const tagParam = /;tag=/i;

function tagged(tag: string): string {
  if (!isToken(tag)) throw new InvalidHeaderValue("a tag", tag);
  return `;tag=${tag}`;
}

/** Are there other line ends in `text` from one index to the other than `count` of CR and LF? */
function isFolded(text: string, from: number, to: number, count: number): boolean {
  let at = from - 1;
  for (let left = count; left > 0; left--) {
    at = text.indexOf("\n", at + 1);
    if (text.charCodeAt(at - 1) !== 0x0d) return true;
  }
  const next = text.indexOf("\n", at + 1);
  return next >= 0 && next < to;
}

function copyFirst(request: Request, name: string): string {
  const line = request.lines.find(name);
  return line < 0 ? "" : `${request.lines.raw(line)}\r\n`;
}

/** The lines of that name after the line `after`. */
function copyLines(request: Request, name: string, after: number): string {
  let text = "";
  const lines = request.lines;
  for (let line = lines.find(name, after); line >= 0; line = lines.find(name, line)) text += `${lines.raw(line)}\r\n`;
  return text;
}

function copyTo(request: Request, tag: string | undefined): string {
  const lines = request.lines;
  const line = lines.find("to");
  if (line < 0) return "";
  if (tag === undefined) return `${lines.raw(line)}\r\n`;
  if (!isToken(tag)) throw new InvalidHeaderValue("a tag", tag);
  // A To that is malformed, a broken quote say, has no place for a tag.
  const to = readable(() => request.to);
  const raw = lines.raw(line);
  if (to === undefined || to.tag !== undefined) return `${raw}\r\n`;
  return raw.endsWith(";") ? `${raw}tag=${tag}\r\n` : `${raw};tag=${tag}\r\n`;
}

/**
 * The topmost Via line, which is line `line`, with `received` and `rport` in its first element; without its line end.
 * Undefined when it can stay as it is.
 */
export function topVia(
  request: Request,
  line: number,
  source: { readonly host: string; readonly port: number },
): string | undefined {
  const { lines } = request;
  if (request.hasPlainestVia()) {
    if (!request.asksForRport && request.isSentBy(source.host)) return undefined;
    // Such a one is not folded.
    const text = request.head.slice(lines.start(line), lines.end(line));
    if (request.asksForRport) return `${text}=${source.port};received=${source.host}`;
    return `${text};received=${source.host}`;
  }
  const via = readable(() => request.via);
  if (via === undefined) return `Via: ${lines.value(line)}`;
  const rport = via.params.has("rport");
  const elsewhere = via.host !== source.host;
  if (!rport && !elsewhere && !via.params.has("received")) return undefined;
  const params = via.params.clone();
  if (rport) params.set("rport", String(source.port));
  // A `received` that the peer has put there itself is a lie.
  params.delete("received");
  if (rport || elsewhere) params.set("received", source.host);
  const value = lines.value(line);
  const others = value.includes(",") ? value.slice(endOfElement(value, 0)) : "";
  return `Via: ${formatVia({ transport: via.transport, host: via.host, port: via.port, params })}${others}`;
}

/** A header of a request that may not have passed `checkRequest`. */
function readable<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch (error) {
    if (error instanceof MalformedHeader) return undefined;
    throw error;
  }
}

/** Names that are sent again and again, known to be tokens. */
const usual: ReadonlySet<string> = new Set(
  "Contact,WWW-Authenticate,Proxy-Authenticate,Allow,Supported,Content-Type,Via,From,To,Call-ID,CSeq,Max-Forwards".split(
    ",",
  ),
);

function formatHeaders(headers: HeaderList): string {
  let text = "";
  for (const [name, value] of headers) {
    if (unsendable.test(value)) throw new InvalidHeaderValue(name, value);
    if (!usual.has(name)) {
      if (!isToken(name)) throw new InvalidHeaderValue("a header name", name);
      if (isContentLength(name)) continue;
    }
    text += `${name}: ${value}\r\n`;
  }
  return text;
}

function isContentLength(name: string): boolean {
  return name.length === 14 ? name.toLowerCase() === "content-length" : name === "l" || name === "L";
}
