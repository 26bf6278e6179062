/**
 * The index of a head: where each header line starts, where its name and itself end. Values are cut out on demand, and
 * a proxy can insert, remove or replace lines by these offsets and leave all other octets as they came.
 */
import { isLws, isToken, trimLws } from "./text.ts";

/** More header lines than any honest message has; what walks over all lines stays cheap. */
const maxLines = 512;
/** Most messages have no more; for others the index grows. */
const usualLines = 16;

/** Compact forms (RFC 3261 §7.3.3 and the IANA registry of header fields). */
const compact: ReadonlyMap<string, string> = new Map([
  ["a", "accept-contact"],
  ["b", "referred-by"],
  ["c", "content-type"],
  ["d", "request-disposition"],
  ["e", "content-encoding"],
  ["f", "from"],
  ["i", "call-id"],
  ["j", "reject-contact"],
  ["k", "supported"],
  ["l", "content-length"],
  ["m", "contact"],
  ["n", "identity-info"],
  ["o", "event"],
  ["r", "refer-to"],
  ["s", "subject"],
  ["t", "to"],
  ["u", "allow-events"],
  ["v", "via"],
  ["x", "session-expires"],
  ["y", "identity"],
]);

/** Names as nearly everybody spells them. */
const common = [
  "Via From To Call-ID CSeq Contact Max-Forwards Content-Type Content-Length Route Record-Route Allow Supported",
  "Require Proxy-Require Unsupported User-Agent Server Expires Min-Expires Event Subscription-State Accept",
  "Accept-Encoding Accept-Language Authorization Proxy-Authorization WWW-Authenticate Proxy-Authenticate",
  "Session-Expires Min-SE RSeq RAck Refer-To Referred-By Replaces Subject Date Timestamp Allow-Events Reason",
  "P-Asserted-Identity Privacy Retry-After Warning Organization MIME-Version Content-Disposition v f t i m c l",
].flatMap((line) => line.split(" "));

/** Names of which each message should have one line: a bit for each. */
const counted: ReadonlyMap<string, number> = new Map([
  ["call-id", 1],
  ["cseq", 2],
  ["from", 4],
  ["to", 8],
]);
const allCounted = 15;

interface Spelling {
  readonly text: string;
  /** Canonical. */
  readonly name: string;
  /** Of `counted`, or 0. */
  readonly bit: number;
}

/** Common spellings by length and first char: found without cutting the name out. */
const spellings: (readonly Spelling[] | undefined)[] = new Array(32 * 128).fill(undefined);
for (const text of common) {
  const lower = text.toLowerCase();
  const name = compact.get(lower) ?? lower;
  const bucket = (text.length << 7) | text.charCodeAt(0);
  spellings[bucket] = [...(spellings[bucket] ?? []), { text, name, bit: counted.get(name) ?? 0 }];
}

/** What stands in `head` from `start` to a colon; undefined when it is no common spelling. */
function spellingAt(head: string, start: number, colon: number): Spelling | undefined {
  const first = head.charCodeAt(start);
  const candidates = colon - start < 32 && first < 128 ? spellings[((colon - start) << 7) | first] : undefined;
  if (candidates !== undefined)
    for (const candidate of candidates) if (head.startsWith(candidate.text, start)) return candidate;
  return undefined;
}

/** A header's name as this library knows it: lower case, long form. Undefined when it is no token. */
export function canonicalName(name: string): string | undefined {
  const trimmed = trimLws(name);
  if (!isToken(trimmed)) return undefined;
  const lower = trimmed.toLowerCase();
  return compact.get(lower) ?? lower;
}

export class HeaderLines {
  readonly head: string;
  /** The canonical name of each line. */
  readonly names: string[] = [];
  /** Is there one line each of Call-ID, CSeq, From and To (RFC 3261 §8.1.1)? */
  readonly complete: boolean;
  /** What was wrong with a line; such a line is not in the index. */
  fault: string | undefined;
  /** There are more lines than the index takes: not even an answer could be made of it. */
  truncated = false;
  /** Two per line: where it goes on behind its colon, and where it ends (before its line end). */
  readonly #offsets: Int32Array;

  /** Indexes the header lines of `head`, whose start line ends (line end included) at `from`. Linear in time. */
  constructor(head: string, from: number) {
    this.head = head;
    const crlf = head.charCodeAt(from - 2) === 0x0d;
    const names = this.names;
    let offsets = new Int32Array(2 * usualLines);
    let once = 0;
    let again = 0;
    // The next CR and colon from the line's start on; looked for once, however far away they are.
    let cr = -1;
    let colon = -1;
    // Is there a line that a fold continues? Not after one that was left out.
    let open = false;
    for (let at = from; at < head.length; ) {
      const start = at;
      let lf = head.indexOf("\n", start);
      if (lf < 0) lf = head.length;
      at = lf + 1;
      const end = head.charCodeAt(lf - 1) === 0x0d ? lf - 1 : lf;
      if (cr < start) cr = head.indexOf("\r", start);
      if (cr < 0) cr = head.length;
      if (cr < end || (crlf && end === lf)) {
        // Another element may see a line end where we see none, or the other way round: a door for smuggled headers.
        this.fault = "a CR without LF, or a LF without CR";
        open = false;
        continue;
      }
      const first = head.charCodeAt(start);
      if (first === 0x20 || first === 0x09) {
        if (open) offsets[names.length * 2 - 1] = end;
        else this.fault ??= "a folded line after the start line";
        continue;
      }
      if (colon < start) colon = head.indexOf(":", start);
      if (colon < 0) colon = head.length;
      const spelling = colon < end ? spellingAt(head, start, colon) : undefined;
      const name = spelling?.name ?? (colon < end ? canonicalName(head.slice(start, colon)) : undefined);
      open = name !== undefined;
      if (name === undefined) {
        this.fault = "a header line without a name and a colon";
        continue;
      }
      if (names.length === maxLines) {
        this.fault = `more than ${maxLines} header lines`;
        this.truncated = true;
        break;
      }
      const bit = spelling?.bit ?? counted.get(name) ?? 0;
      again |= once & bit;
      once |= bit;
      const place = names.length * 2;
      if (place === offsets.length) {
        const larger = new Int32Array(2 * place);
        larger.set(offsets);
        offsets = larger;
      }
      offsets[place] = colon + 1;
      offsets[place + 1] = end;
      names.push(name);
    }
    // What stands behind the last line is the end of the head.
    offsets[names.length * 2] = head.length + 1;
    offsets[names.length * 2 + 1] = head.length;
    this.#offsets = offsets;
    this.complete = once === allCounted && again === 0;
  }

  get count(): number {
    return this.names.length;
  }

  /** The line with that canonical name, from `after` + 1 on; -1 when there is none. */
  find(name: string, after = -1): number {
    return this.names.indexOf(name, after + 1);
  }

  /** Where the line starts in the head; it is looked for, since few ask. */
  start(line: number): number {
    const head = this.head;
    let at = this.#afterColon(line);
    if (at > head.length) return head.length;
    // No name has a line end in it.
    while (at > 0 && head.charCodeAt(at - 1) !== 0x0a) at--;
    return at;
  }

  /** Where the line's value ends in the head, before its line end. */
  end(line: number): number {
    return this.#offsets[line * 2 + 1] ?? this.head.length;
  }

  /** Where the first comma of the line's value stands in the head; -1 when there is none. */
  comma(line: number): number {
    const at = this.head.indexOf(",", this.#afterColon(line));
    return at < this.end(line) ? at : -1;
  }

  /** May the lines of that name make a list of more than one: is there a second line, or a comma in the first? */
  mayBeSeveral(name: string): boolean {
    const line = this.find(name);
    return line >= 0 && (this.comma(line) >= 0 || this.find(name, line) >= 0);
  }

  /** Where the line's value starts in the head; behind its end when there is none. */
  valueStart(line: number): number {
    const head = this.head;
    let at = this.#afterColon(line);
    while (head.charCodeAt(at) === 0x20 || head.charCodeAt(at) === 0x09) at++;
    return at;
  }

  /** Where the line after this one starts: `start` to `next` is the whole line with its folds and line ends. */
  next(line: number): number {
    const lf = this.head.indexOf("\n", this.end(line));
    return lf < 0 ? this.head.length : lf + 1;
  }

  /** The name as sent. */
  nameAsSent(line: number): string {
    return trimLws(this.head.slice(this.start(line), this.#afterColon(line) - 1));
  }

  /** The value, unfolded and trimmed. */
  value(line: number): string {
    const head = this.head;
    let from = this.#afterColon(line);
    let to = this.end(line);
    while (from < to && isLws(head.charCodeAt(from))) from++;
    while (to > from && isLws(head.charCodeAt(to - 1))) to--;
    const value = head.slice(from, to);
    return value.includes("\n") ? value.replace(/\r?\n[ \t]+/g, " ") : value;
  }

  /** The line as it may be sent again, without its line end. */
  raw(line: number): string {
    const text = this.head.slice(this.start(line), this.end(line));
    return text.includes("\n") ? `${this.nameAsSent(line)}: ${this.value(line)}` : text;
  }

  #afterColon(line: number): number {
    return this.#offsets[line * 2] ?? this.head.length + 1;
  }
}
