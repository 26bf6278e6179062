/**
 * Edits of a message in transit: what is not touched leaves as it came, octet for octet. The whole is one string of
 * pieces of the head, encoded once; the body is never looked at.
 */
import { topVia } from "./build.ts";
import { InvalidHeaderValue } from "./errors.ts";
import type { Flow } from "./flow.ts";
import { encode, Request, Response } from "./request-response.ts";
import { endOfElement, isLws, readNumber } from "./text.ts";

/** CR, LF, NUL; and what one octet cannot hold, since its low octet might be one of them. */
const unsendable = /[\0\r\n\u0100-\uffff]/;
const maxForwards = 70;
/** RFC 3261 §20.22: what the number of hops can be. */
const mostForwards = 255;
/** The lines for 0 to 254. */
const hopLines = Array.from({ length: mostForwards }, (_, hops) => `Max-Forwards: ${hops}`);

/**
 * Edits of one message that parsed without a failure. Lines are counted as in `message.lines`, whatever was edited
 * before. Of two edits of one line the later counts; what is inserted at one place stands in the order of the calls.
 */
export class Splice<M extends Request | Response = Request | Response> {
  readonly #message: M;
  /** In ascending order, two per line: even ones stand for what is inserted before it, odd ones for the line itself. */
  readonly #places: number[] = [];
  /** The lines to insert with their line ends, or what stands for a line; undefined: nothing. */
  readonly #texts: (string | undefined)[] = [];
  #uri: string | undefined;
  #body: Uint8Array | undefined;
  #edited: M | undefined;

  constructor(message: M) {
    this.#message = message;
  }

  /** Sets the Request-URI. @throws InvalidHeaderValue also when the message is a response. */
  setUri(uri: string): void {
    if (!(this.#message instanceof Request) || uri === "" || /[\x00-\x20\x7f\u0100-\uffff]/.test(uri))
      throw new InvalidHeaderValue("a Request-URI", uri);
    this.#edited = undefined;
    this.#uri = uri;
  }

  /** Inserts a whole header line, given without its line end, before a line. @throws InvalidHeaderValue */
  insert(before: number | "first" | "last", line: string): void {
    if (unsendable.test(line)) throw new InvalidHeaderValue("a header line", line);
    this.insertOwn(before, line);
  }

  /** Like `insert`, for a line that is made of nothing that a peer or a user has written, and so needs no look at each char. */
  insertOwn(before: number | "first" | "last", line: string): void {
    const at = before === "first" ? 0 : before === "last" ? this.#message.lines.count : before;
    this.#edit(at * 2, `${line}\r\n`);
  }

  /** Puts `text`, a whole header line without its line end, in the place of a line. @throws InvalidHeaderValue */
  replace(line: number, text: string): void {
    if (unsendable.test(text)) throw new InvalidHeaderValue("a header line", text);
    this.#edit(line * 2 + 1, text);
  }

  remove(line: number): void {
    this.#edit(line * 2 + 1, undefined);
  }

  /**
   * Removes the first `count` elements of the list that all lines of that name make (Via, Route), and the lines that
   * lose all of theirs. To be called once for a name.
   */
  removeFirst(name: string, count: number): void {
    const { lines } = this.#message;
    for (let line = lines.find(name); line >= 0 && count > 0; line = lines.find(name, line)) {
      if (lines.comma(line) < 0) {
        this.remove(line);
        count--;
        continue;
      }
      if (count === 1 && this.#cutFirst(line)) return;
      const value = lines.value(line);
      let at = 0;
      for (; count > 0 && at <= value.length; count--) at = endOfElement(value, at) + 1;
      while (at < value.length && isLws(value.charCodeAt(at))) at++;
      // What is left of the line came so: it is not looked at.
      if (at < value.length) this.#edit(line * 2 + 1, `${lines.nameAsSent(line)}: ${value.slice(at)}`);
      else this.remove(line);
    }
  }

  /** Takes the first element off a line as nearly all are, one that is not folded, `Name: value, value`; false: not such a one. */
  #cutFirst(line: number): boolean {
    const { head, lines } = this.#message;
    const [start, from, end] = [lines.start(line), lines.valueStart(line), lines.end(line)];
    const name = from - 3;
    if (!head.startsWith(": ", from - 2) || name < start || isLws(head.charCodeAt(name))) return false;
    let at = endOfElement(head, from) + 1;
    while (at < end && isLws(head.charCodeAt(at))) at++;
    if (at >= end || isLws(head.charCodeAt(end - 1)) || head.indexOf("\n", from) < end) return false;
    this.#edit(line * 2 + 1, head.slice(start, from) + head.slice(at, end));
    return true;
  }

  /** Another body, and its Content-Length. */
  setBody(body: Uint8Array): void {
    this.#body = body;
    const { lines } = this.#message;
    const first = lines.find("content-length");
    const text = `Content-Length: ${body.length}`;
    if (first < 0) {
      this.#edit(lines.count * 2 + 1, `${text}\r\n`);
      return;
    }
    this.#edit(first * 2 + 1, text);
    for (let line = lines.find("content-length", first); line >= 0; line = lines.find("content-length", line))
      this.remove(line);
  }

  /** Adds the Content-Length that a datagram may lack and a stream must have (RFC 3261 §18.3). */
  ensureContentLength(): void {
    if (this.#body === undefined && this.#message.lines.find("content-length") < 0) this.setBody(this.#message.body);
  }

  /** The wire form of the edited message. Who wants nothing else of it needs no message made. */
  bytes(): Uint8Array {
    return this.#edited?.bytes() ?? encode(this.#head(), this.#body ?? this.#message.body);
  }

  /** The edited message; its header lines are indexed when somebody asks for one. The message itself when nothing is edited. */
  message(): M {
    this.#edited ??= this.#apply();
    return this.#edited;
  }

  #apply(): M {
    const message = this.#message;
    const head = this.#head();
    const body = this.#body ?? message.body;
    // Of the same class as the message, which is all that M can tell.
    if (message instanceof Request)
      return new Request(head, body, message.method, this.#uri ?? message.uri) as unknown as M;
    return new Response(head, body, message.status, message.reason) as unknown as M;
  }

  #head(): string {
    const message = this.#message;
    const { head, lines } = message;
    let edited = "";
    let at = 0;
    if (this.#uri !== undefined && message instanceof Request) {
      edited = `${message.method} ${this.#uri} SIP/2.0\r\n`;
      at = head.indexOf("\n") + 1;
    }
    const places = this.#places;
    for (let edit = 0; edit < places.length; edit++) {
      const place = places[edit] ?? 0;
      const line = place >> 1;
      const text = this.#texts[edit];
      const start = lines.start(line);
      const before = head.slice(at, start);
      // One concatenation of three is one object less than two of two.
      edited = text === undefined ? edited + before : `${edited}${before}${text}`;
      at = start;
      // Behind the last line there is no line to take out.
      if ((place & 1) === 1 && line < lines.count) at = text === undefined ? lines.next(line) : lines.end(line);
    }
    edited += head.slice(at);
    // A message whose lines end in a bare LF was tolerated; it is not passed on as it is, to be read in another way.
    const lf = head.indexOf("\n");
    return head.charCodeAt(lf - 1) === 0x0d ? edited : edited.replace(/\r?\n/g, "\r\n");
  }

  #edit(place: number, text: string | undefined): void {
    this.#edited = undefined;
    const places = this.#places;
    let at = places.length;
    while (at > 0 && (places[at - 1] ?? 0) > place) at--;
    if ((place & 1) === 1 && at > 0 && places[at - 1] === place) {
      this.#texts[at - 1] = text;
    } else if (at === places.length) {
      places.push(place);
      this.#texts.push(text);
    } else {
      places.splice(at, 0, place);
      this.#texts.splice(at, 0, text);
    }
  }
}

/** Notes in the topmost Via where the request came from: `received` and `rport` (RFC 3261 §18.2.1, RFC 3581 §4). */
export function noteSource(splice: Splice<Request>, request: Request, flow: Pick<Flow, "remote">): void {
  const line = request.lines.find("via");
  const text = topVia(request, line, flow.remote);
  if (text !== undefined) splice.replace(line, text);
}

/** The number of hops that a request which passed `checkRequest` may still take; undefined: it has no Max-Forwards. */
export function hopsLeft({ head, lines }: Request): number | undefined {
  const line = lines.find("max-forwards");
  return line < 0
    ? undefined
    : (readNumber(head, lines.valueStart(line), lines.end(line)) ?? Number(lines.value(line)));
}

/**
 * One hop less (RFC 3261 §16.6 step 3); a request without Max-Forwards gets one. "zero": it may go no further, and
 * nothing is edited. More than the 255 that there can be counts as 255.
 */
export function decrementMaxForwards(splice: Splice<Request>, request: Request): "ok" | "zero" {
  const { lines } = request;
  const line = lines.find("max-forwards");
  if (line < 0) {
    splice.insert("last", `Max-Forwards: ${maxForwards}`);
    return "ok";
  }
  const hops = hopsLeft(request) ?? 0;
  if (!(hops > 0)) return "zero";
  splice.replace(line, hopLines[Math.min(hops, mostForwards) - 1] ?? "Max-Forwards: 0");
  return "ok";
}
