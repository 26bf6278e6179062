/**
 * The two kinds of SIP message (RFC 3261 §7): the octets as they came, an index of the header lines, and typed headers
 * read on demand. Built messages (build.ts) are of the same classes.
 */
import { type CSeq, parseCSeq, readPlainCSeq } from "./cseq.ts";
import { MalformedHeader } from "./errors.ts";
import { HeaderLines } from "./header-lines.ts";
import { formatHost } from "./host.ts";
import { type NameAddr, parseNameAddr } from "./name-addr.ts";
import { isPlainestVia, isPlainVia } from "./plain.ts";
import { endOfElement, readNumber, splitList, trimLws } from "./text.ts";
import { parseUri, type Uri } from "./uri.ts";
import { parseVia, type Via } from "./via.ts";

/** Header names and values in the order of sending. Values are octet strings (see text.ts). */
export type HeaderList = readonly (readonly [name: string, value: string])[];

const none: readonly string[] = [];

export abstract class Message {
  /** Start line and header lines with their line ends, one char per octet; without the empty line. */
  readonly head: string;
  readonly body: Uint8Array;
  #lines: HeaderLines | undefined;
  #wire: Uint8Array | undefined;
  #via: Via | undefined;
  /** Where the topmost Via starts and ends in the head, when it is plain and the only one of its line. */
  #viaStart = 0;
  #viaEnd = 0;
  #viaPlainest = false;
  #from: NameAddr | undefined;
  #to: NameAddr | undefined;
  #callId: string | undefined;
  #cseq: CSeq | undefined;
  #contact: NameAddr | null | undefined;

  /** `lines` and `wire` are the index and the octets of a message that came; a built one makes both when asked. */
  constructor(head: string, body: Uint8Array, lines?: HeaderLines, wire?: Uint8Array) {
    this.head = head;
    this.body = body;
    this.#lines = lines;
    this.#wire = wire;
  }

  /** The index of the header lines. */
  get lines(): HeaderLines {
    this.#lines ??= new HeaderLines(this.head, this.head.indexOf("\n") + 1);
    return this.#lines;
  }

  /** The wire form; for a message that came, the octets that came. Not to be changed: the message keeps it. */
  bytes(): Uint8Array {
    this.#wire ??= encode(this.head, this.body);
    return this.#wire;
  }

  /** The value of the first line of that name, unfolded and trimmed. `name` is the long form in lower case: "via". */
  header(name: string): string | undefined {
    const lines = this.lines;
    const line = lines.find(name);
    return line < 0 ? undefined : lines.value(line);
  }

  /** The values of all lines of that name, one per line, in order. */
  headers(name: string): readonly string[] {
    const lines = this.lines;
    const values: string[] = [];
    for (let line = lines.find(name); line >= 0; line = lines.find(name, line)) values.push(lines.value(line));
    return values;
  }

  /** The elements of the comma-separated list that all lines of that name make; commas in quotes and in <> do not split. */
  values(name: string): readonly string[] {
    const lines = this.lines;
    let line = lines.find(name);
    if (line < 0) return none;
    const values: string[] = [];
    for (; line >= 0; line = lines.find(name, line)) splitList(lines.value(line), values);
    return values;
  }

  /** All lines in order: names as sent, values unfolded and trimmed. */
  *fields(): Iterable<[name: string, value: string]> {
    const lines = this.lines;
    for (let line = 0; line < lines.count; line++) yield [lines.nameAsSent(line), lines.value(line)];
  }

  /** The topmost Via. @throws MalformedHeader */
  get via(): Via {
    this.#via ??= this.#required("via", parseVia(firstElement(this.header("via") ?? "")));
    return this.#via;
  }

  /** The branch of the topmost Via, without taking that apart where it is plain. @throws MalformedHeader */
  get branch(): string | undefined {
    if (!this.hasPlainVia()) return this.via.branch;
    const head = this.head;
    // Nearly always it comes first, or behind an empty rport.
    let at = head.indexOf(";", this.#viaStart);
    if (head.startsWith(";rport;", at)) at += 6;
    if (at >= this.#viaEnd || !head.startsWith(";branch=", at)) return this.via.branch;
    const end = head.indexOf(";", at + 8);
    return head.slice(at + 8, end < 0 || end > this.#viaEnd ? this.#viaEnd : end);
  }

  /** Host and port of the topmost Via, in lower case as they stand there. @throws MalformedHeader */
  get sentBy(): string {
    if (!this.hasPlainVia()) {
      const { host, port } = this.via;
      return (port === undefined ? formatHost(host) : `${formatHost(host)}:${port}`).toLowerCase();
    }
    const head = this.head;
    const space = head.indexOf(" ", this.#viaStart);
    const end = head.indexOf(";", space);
    return head.slice(space + 1, end < 0 || end > this.#viaEnd ? this.#viaEnd : end).toLowerCase();
  }

  /** The port there, where there is one. @throws MalformedHeader */
  get sentByPort(): number | undefined {
    if (!this.hasPlainVia()) return this.via.port;
    const head = this.head;
    const semicolon = head.indexOf(";", this.#viaStart);
    const end = semicolon < 0 || semicolon > this.#viaEnd ? this.#viaEnd : semicolon;
    // A plain Via has a name or an IPv4 address there.
    const colon = head.indexOf(":", this.#viaStart);
    return colon < 0 || colon > end ? undefined : readNumber(head, colon + 1, end);
  }

  /** Does a plain Via on top name that host, an IP address as sockets write it? False: perhaps. */
  isSentBy(host: string): boolean {
    if (!this.hasPlainVia()) return false;
    const at = this.head.indexOf(" ", this.#viaStart) + 1;
    if (!this.head.startsWith(host, at)) return false;
    const next = this.head.charCodeAt(at + host.length);
    return next === 0x3a || next === 0x3b;
  }

  /** Does the topmost Via ask to be answered at the port that it came from (RFC 3581)? @throws MalformedHeader */
  get asksForRport(): boolean {
    if (!this.hasPlainestVia()) return this.via.params.has("rport");
    return this.head.startsWith(";rport", this.#viaEnd - 6);
  }

  /** Has the topmost Via nothing but a branch, and perhaps behind it an empty rport? */
  hasPlainestVia(): boolean {
    return this.hasPlainVia() && this.#viaPlainest;
  }

  /** Is the topmost Via plain, and so known to be well-formed? */
  hasPlainVia(): boolean {
    if (this.#viaStart === 0) {
      const lines = this.lines;
      const line = lines.find("via");
      const from = line < 0 ? -1 : lines.valueStart(line);
      const to = this.endOfTopVia(line);
      this.#viaPlainest = line >= 0 && isPlainestVia(this.head, from, to);
      const plain = this.#viaPlainest || (line >= 0 && isPlainVia(this.head, from, to));
      this.#viaStart = plain ? from : -1;
      this.#viaEnd = plain ? to : -1;
    }
    return this.#viaStart > 0;
  }

  /** Where the value of the topmost Via ends if it is a plain one. In a request it is the only one of its line. */
  protected endOfTopVia(line: number): number {
    return this.lines.end(line);
  }

  /** @throws MalformedHeader */
  get from(): NameAddr {
    this.#from ??= this.#required("from", parseNameAddr(this.header("from") ?? ""));
    return this.#from;
  }

  /** @throws MalformedHeader */
  get to(): NameAddr {
    this.#to ??= this.#required("to", parseNameAddr(this.header("to") ?? ""));
    return this.#to;
  }

  /** @throws MalformedHeader */
  get callId(): string {
    this.#callId ??= this.#required("call-id", this.header("call-id") || undefined);
    return this.#callId;
  }

  /** @throws MalformedHeader */
  get cseq(): CSeq {
    if (this.#cseq === undefined) {
      const lines = this.lines;
      const line = lines.find("cseq");
      const plain = line < 0 ? undefined : readPlainCSeq(this.head, lines.valueStart(line), lines.end(line));
      this.#cseq = plain ?? this.#required("cseq", parseCSeq(this.header("cseq") ?? ""));
    }
    return this.#cseq;
  }

  /** The first Contact; undefined when there is none, or `*`. @throws MalformedHeader */
  get contact(): NameAddr | undefined {
    if (this.#contact === undefined) {
      const value = this.header("contact");
      this.#contact =
        value === undefined || value === "*" ? null : this.#required("contact", parseNameAddr(firstElement(value)));
    }
    return this.#contact ?? undefined;
  }

  /** The media type in lower case without parameters: "application/sdp". */
  get contentType(): string | undefined {
    const value = this.header("content-type");
    if (value === undefined) return undefined;
    const semicolon = value.indexOf(";");
    return trimLws(semicolon < 0 ? value : value.slice(0, semicolon)).toLowerCase();
  }

  #required<T>(name: string, value: T | undefined): T {
    if (value === undefined) throw new MalformedHeader(name, this.header(name));
    return value;
  }
}

/**
 * A request as it came.
 *
 * @example
 * const isInvite = ({ request }: Incoming) => request.method === "INVITE" && request.header("subject") === "Lunch";
 */
export class Request extends Message {
  readonly type = "request";
  readonly method: string;
  /** The Request-URI as sent. */
  readonly uri: string;
  #target: Uri | null | undefined;

  constructor(head: string, body: Uint8Array, method: string, uri: string, lines?: HeaderLines, wire?: Uint8Array) {
    super(head, body, lines, wire);
    this.method = method;
    this.uri = uri;
  }

  /** The Request-URI; undefined when it is malformed (`checkRequest` answers that with 400). */
  get target(): Uri | undefined {
    if (this.#target === undefined) this.#target = parseUri(this.uri) ?? null;
    return this.#target ?? undefined;
  }
}

export class Response extends Message {
  readonly type = "response";
  readonly status: number;
  /** The reason phrase as sent, an octet string. */
  readonly reason: string;

  constructor(head: string, body: Uint8Array, status: number, reason: string, lines?: HeaderLines, wire?: Uint8Array) {
    super(head, body, lines, wire);
    this.status = status;
    this.reason = reason;
  }

  /** Many a server answers with all Vias in one line. */
  protected override endOfTopVia(line: number): number {
    const comma = this.lines.comma(line);
    return comma < 0 ? this.lines.end(line) : comma;
  }
}

/** The wire form of a message: its head, an empty line, its body. */
export function encode(head: string, body: Uint8Array): Uint8Array {
  const wire = Buffer.allocUnsafe(head.length + 2 + body.length);
  wire.write(head, 0, "latin1");
  wire[head.length] = 0x0d;
  wire[head.length + 1] = 0x0a;
  if (body.length > 0) wire.set(body, head.length + 2);
  return wire;
}

function firstElement(list: string): string {
  if (!list.includes(",")) return list;
  return trimLws(list.slice(0, endOfElement(list, 0)));
}
