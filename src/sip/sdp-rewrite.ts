/**
 * Puts a relay's addresses into a session description in transit: lines are read as `sdp-parse.ts` reads them, addresses,
 * ports and ICE candidates are exchanged, and all other octets stay as they came.
 */

/** The ports that take the place of those of an m-line. */
export interface RelayedPorts {
  readonly rtpPort: number;
  readonly rtcpPort: number;
}

/** What becomes of an m-line: `keep` leaves it and its addresses alone, `refuse` sets its port to 0 (RFC 3264 §6). */
export type LineRewrite = RelayedPorts | "keep" | "refuse";

interface Section {
  /** Index into the lines of its m-line; -1 for the session's part. */
  readonly from: number;
  readonly rewrite: LineRewrite;
  /** DTLS-SRTP, which no WebRTC browser does without ICE (RFC 8827 §6.5). */
  readonly dtls: boolean;
  connection: boolean;
  ice: boolean;
  mux: boolean;
}

/** Lines as triples: where one starts, where it ends without its line end and space before it, where the next one starts. */
function linesOf(text: string): number[] {
  const lines: number[] = [];
  for (let at = 0; at < text.length; ) {
    let next = at;
    for (; next < text.length; next++) {
      const code = text.charCodeAt(next);
      if (code === 0x0a || code === 0x0d) break;
    }
    let end = next;
    while (end > at && text.charCodeAt(end - 1) <= 0x20) end--;
    next += text.charCodeAt(next) === 0x0d && text.charCodeAt(next + 1) === 0x0a ? 2 : 1;
    lines.push(at, end, Math.min(next, text.length));
    at = next;
  }
  return lines;
}

/**
 * A session description that `parseSdp` has read, with `host` (an IP literal of ours) as the address of its relayed m-lines.
 * `lines` says for each m-line what becomes of it; one that is not listed is kept. An m-line with port 0 is kept, and so
 * is an address of zeros (RFC 2543's hold), in the IP version of `host`. Candidates are removed, and with them all of ICE,
 * except of DTLS streams, which get `host` as their one candidate. Linear in time, never throws.
 */
export function rewriteSdp(body: Uint8Array, host: string, lines: readonly LineRewrite[]): Uint8Array {
  const text = Buffer.from(body.buffer, body.byteOffset, body.byteLength).toString("latin1");
  return Buffer.from(new Rewriter(text, host, lines).run(), "latin1");
}

class Rewriter {
  readonly #text: string;
  readonly #lines: number[];
  readonly #address: string;
  readonly #host: string;
  readonly #zero: string;
  readonly #rewrites: readonly LineRewrite[];
  readonly #pieces: string[] = [];
  #copied = 0;
  /** The session's `c=` line, for m-lines that keep it. */
  #connection: string | undefined;
  #iceSession = false;

  constructor(text: string, host: string, rewrites: readonly LineRewrite[]) {
    this.#text = text;
    this.#lines = linesOf(text);
    this.#host = host;
    this.#address = `IN ${host.includes(":") ? "IP6" : "IP4"} ${host}`;
    this.#zero = host.includes(":") ? "IN IP6 ::" : "IN IP4 0.0.0.0";
    this.#rewrites = rewrites;
  }

  run(): string {
    const sections = this.#sections();
    for (const [index, section] of sections.entries()) this.#rewrite(section, sections[index + 1]?.from);
    this.#pieces.push(this.#text.slice(this.#copied));
    return this.#pieces.join("");
  }

  #is(line: number, prefix: string): boolean {
    const at = this.#lines[3 * line] ?? 0;
    return this.#text.startsWith(prefix, at) && at + prefix.length <= (this.#lines[3 * line + 1] ?? 0);
  }

  #line(line: number): string {
    return this.#text.slice(this.#lines[3 * line], this.#lines[3 * line + 1]);
  }

  #lineEnd(line: number): string {
    const text = this.#text;
    const next = this.#lines[3 * line + 2] ?? text.length;
    if (text.startsWith("\r\n", next - 2)) return "\r\n";
    const last = text.charCodeAt(next - 1);
    return last === 0x0a ? "\n" : last === 0x0d ? "\r" : "";
  }

  /** The session's part and the m-lines, with what has to be known of each before its first line is written. */
  #sections(): Section[] {
    let section: Section = { from: -1, rewrite: "keep", dtls: false, connection: false, ice: false, mux: false };
    const sections = [section];
    for (let line = 0; 3 * line < this.#lines.length; line++) {
      if (this.#is(line, "m=")) {
        const [, , port = "", protocol = ""] = /^m=(\S*) +(\d*)\S* +(\S*)/.exec(this.#line(line)) ?? [];
        const disabled = Number(port) === 0 || Number(port) > 65535;
        const rewrite = disabled ? "keep" : (this.#rewrites[sections.length - 1] ?? "keep");
        const dtls = isDtls(protocol);
        section = { from: line, rewrite, dtls, connection: false, ice: false, mux: false };
        sections.push(section);
      } else if (this.#is(line, "c=")) {
        section.connection = true;
        if (section.from < 0) this.#connection = this.#line(line);
      } else if (this.#is(line, "a=ice-ufrag:")) section.ice = true;
      else if (this.#line(line) === "a=rtcp-mux") section.mux = true;
    }
    this.#iceSession =
      sections[0]?.ice === true && sections.some(({ dtls, rewrite }) => dtls && typeof rewrite === "object");
    return sections;
  }

  #rewrite(section: Section, until: number | undefined): void {
    const { rewrite } = section;
    const session = section.from < 0;
    const ice = session ? this.#iceSession : section.dtls && (section.ice || this.#iceSession);
    const end = until ?? this.#lines.length / 3;
    const relayed = typeof rewrite === "object";
    for (let line = session ? 0 : section.from; line < end; line++) {
      if (line === section.from) this.#mediaLine(line, section);
      else if (this.#is(line, "c=")) {
        if (session || relayed) this.#replace(line, `c=${this.#connectionFor(this.#line(line), ice)}`);
      } else if ((session || relayed) && this.#is(line, "a=")) this.#attribute(line, rewrite, ice);
    }
    if (ice && relayed) this.#insertBefore(end, this.#candidates(rewrite, section.mux));
  }

  /** The port; and the `c=` line that the m-line now needs for itself. */
  #mediaLine(line: number, { rewrite, connection, dtls, ice }: Section): void {
    const text = this.#line(line);
    const [, before = "", port = ""] = /^(m=\S* +)(\S*)/.exec(text) ?? [];
    if (rewrite === "refuse") return this.#replace(line, `${before}0${text.slice(before.length + port.length)}`);
    const kept = rewrite === "keep";
    let media = kept ? text : `${before}${rewrite.rtpPort}${text.slice(before.length + port.length)}`;
    const session = this.#connection;
    const end = this.#lineEnd(line) || "\r\n";
    if (!connection) {
      if (kept) {
        // The session's address is ours now, and not what this line means.
        if (session !== undefined && Number.parseInt(port, 10) !== 0) media += `${end}${session}`;
      } else if (session === undefined || (dtls && ice && isZero(session))) media += `${end}c=${this.#address}`;
    }
    if (media !== text) this.#replace(line, media);
  }

  #connectionFor(line: string, ice: boolean): string {
    // With ICE zeros mean that the address is not known yet (RFC 8840 §4.1).
    return isZero(line) && !ice ? this.#zero : this.#address;
  }

  #attribute(line: number, rewrite: LineRewrite, ice: boolean): void {
    if (this.#is(line, "a=rtcp:") && typeof rewrite === "object") {
      const withAddress = / \S/.test(this.#line(line));
      this.#replace(line, `a=rtcp:${rewrite.rtcpPort}${withAddress ? ` ${this.#address}` : ""}`);
      return;
    }
    const gone =
      ["a=candidate:", "a=remote-candidates:", "a=end-of-candidates", "a=altc:"].some((name) => this.#is(line, name)) ||
      (!ice && this.#is(line, "a=ice-"));
    if (gone) this.#remove(line);
  }

  #candidates({ rtpPort, rtcpPort }: RelayedPorts, mux: boolean): string {
    const candidate = (component: number, port: number) =>
      `a=candidate:1 ${component} UDP ${2130706432 - component} ${this.#host} ${port} typ host\r\n`;
    return candidate(1, rtpPort) + (mux ? "" : candidate(2, rtcpPort));
  }

  /** Takes over all up to `at`. */
  #copy(at: number): void {
    this.#pieces.push(this.#text.slice(this.#copied, at));
  }

  #replace(line: number, text: string): void {
    this.#copy(this.#lines[3 * line] ?? 0);
    this.#pieces.push(text);
    this.#copied = this.#lines[3 * line + 1] ?? 0;
  }

  #remove(line: number): void {
    this.#copy(this.#lines[3 * line] ?? 0);
    this.#copied = this.#lines[3 * line + 2] ?? 0;
  }

  #insertBefore(line: number, text: string): void {
    const at = this.#lines[3 * line] ?? this.#text.length;
    this.#copy(at);
    this.#copied = at;
    // The last line may have no end.
    this.#pieces.push(line > 0 && this.#lineEnd(line - 1) === "" ? `\r\n${text}` : text);
  }
}

/** Is it a protocol over DTLS, whose packets are not RTP to begin with (RFC 5764, RFC 8841)? */
export function isDtls(protocol: string): boolean {
  return /TLS/i.test(protocol);
}

const zeros = /^c=IN IP[46] (?:0\.0\.0\.0|::)(?:\/|$)/;
const isZero = (connection: string) => zeros.test(connection);
