/**
 * The grammar of challenges and credentials: WWW-Authenticate, Proxy-Authenticate, Authorization and Proxy-Authorization
 * (RFC 3261 §25.1, RFC 7616 §3.3 and §3.4). Values are octet strings. Liberal in spaces and in what stands in quotes;
 * parameters that nobody knows are passed over.
 */
import { endOfQuoted, isLws, isToken, quote, unescapeQuoted } from "./text.ts";

/** A server's demand for a digest (RFC 7616 §3.3). */
export interface Challenge {
  readonly realm: string;
  readonly nonce: string;
  readonly opaque: string | undefined;
  /** The nonce of the request was too old, its digest right: send it again with this one. */
  readonly stale: boolean;
  /** As sent; "MD5" when there was none. */
  readonly algorithm: string;
  /** In lower case; undefined when there was none, as of a server of RFC 2069. */
  readonly qop: readonly string[] | undefined;
}

/** A client's digest (RFC 7616 §3.4). What may be absent is undefined, and judged by who checks it. */
export interface Credentials {
  /** Without quotes and escapes; of `username*` (RFC 5987) what it stands for. */
  readonly username: string;
  readonly realm: string;
  readonly nonce: string;
  readonly uri: string;
  readonly response: string;
  readonly algorithm: string | undefined;
  readonly cnonce: string | undefined;
  readonly opaque: string | undefined;
  readonly qop: string | undefined;
  /** As sent: eight hexadecimal digits, or whatever it was. */
  readonly nc: string | undefined;
  /** The username is a hash of it. */
  readonly userhash: boolean;
}

/** Nobody needs more in one header field. */
const maxParams = 64;
const maxChallenges = 32;

type Token = "scheme" | "param" | "end" | "bad";

/** Reads schemes and parameters one after the other. Each octet is looked at a fixed number of times. */
class Scanner {
  readonly text: string;
  /** Where the name of the scheme or the parameter read last begins and ends. */
  nameStart = 0;
  nameEnd = 0;
  /** Of the parameter read last, without quotes and escapes. */
  value = "";
  #at = 0;
  readonly #escapes: boolean;

  constructor(text: string) {
    this.text = text;
    this.#escapes = text.includes("\\");
  }

  next(): Token {
    const { text } = this;
    let at = this.#at;
    while (isLws(text.charCodeAt(at)) || text.charCodeAt(at) === 0x2c) at++;
    if (at === text.length) return "end";
    const start = at;
    while (isNameChar(text.charCodeAt(at))) at++;
    if (at === start) return "bad";
    const nameEnd = at;
    this.nameStart = start;
    this.nameEnd = nameEnd;
    while (isLws(text.charCodeAt(at))) at++;
    if (text.charCodeAt(at) !== 0x3d) {
      this.#at = at;
      // A scheme ends with a space (or the field): no comma follows it, and nothing else.
      return at > nameEnd || at === text.length ? "scheme" : "bad";
    }
    at++;
    while (isLws(text.charCodeAt(at))) at++;
    if (text.charCodeAt(at) === 0x22) {
      const end = this.#escapes ? endOfQuoted(text, at) : text.indexOf('"', at + 1) + 1;
      if (end <= 0) return "bad";
      const inner = text.slice(at + 1, end - 1);
      this.value = this.#escapes ? unescapeQuoted(inner) : inner;
      this.#at = end;
    } else {
      const from = at;
      while (at < text.length && text.charCodeAt(at) !== 0x2c && !isLws(text.charCodeAt(at))) at++;
      this.value = text.slice(from, at);
      this.#at = at;
    }
    return "param";
  }
}

/** A char of a token that is none of `=` and `,`, and so of a name. */
function isNameChar(code: number): boolean {
  return (nameChars[code] ?? 0) === 1;
}

const nameChars = new Uint8Array(256).map((_, code) => (isToken(String.fromCharCode(code)) ? 1 : 0));

/** The parameters that we read, and the place of each. */
const slots: ReadonlyMap<string, number> = new Map(
  [
    "username",
    "realm",
    "nonce",
    "uri",
    "response",
    "algorithm",
    "cnonce",
    "opaque",
    "qop",
    "nc",
    "userhash",
    "username*",
    "stale",
  ].map((name, slot) => [name, slot]),
);

/** The names and slots by length and first char. */
const spellings = Array.from({ length: 10 * 128 }, (_, bucket) =>
  [...slots].filter(([name]) => bucketOf(name, 0, name.length) === bucket),
);

function bucketOf(text: string, from: number, to: number): number {
  return ((to - from) << 7) | (text.charCodeAt(from) & 127);
}

/** The place of the parameter read last; its name is not cut out for it. */
function slotOf({ text, nameStart, nameEnd }: Scanner): number | undefined {
  if (nameEnd - nameStart > 9) return undefined;
  const candidates = spellings[bucketOf(text, nameStart, nameEnd)];
  if (candidates !== undefined)
    for (const candidate of candidates) if (text.startsWith(candidate[0], nameStart)) return candidate[1];
  return slots.get(text.slice(nameStart, nameEnd).toLowerCase());
}

/** Is the scheme read last "Digest"? */
function isDigest({ text, nameStart, nameEnd }: Scanner): boolean {
  if (nameEnd - nameStart !== 6) return false;
  return text.startsWith("Digest", nameStart) || text.slice(nameStart, nameEnd).toLowerCase() === "digest";
}

/** What the credentials at hand say, by slot: an array for all of them. */
const found: (string | undefined)[] = new Array(slots.size).fill(undefined);

/**
 * The digest credentials of one Authorization or Proxy-Authorization value. Undefined when it is of another scheme, not of
 * the grammar, lacks one of username, realm, nonce, uri and response, or says one of its parameters twice.
 */
export function parseCredentials(value: string): Credentials | undefined {
  const scanner = new Scanner(value);
  if (scanner.next() !== "scheme" || !isDigest(scanner)) return undefined;
  found.fill(undefined);
  for (let count = 0; ; count++) {
    const token = scanner.next();
    if (token === "end") break;
    if (token !== "param" || count === maxParams) return undefined;
    const slot = slotOf(scanner);
    if (slot === undefined) continue;
    // Who reads the first and who reads the second would let different people in.
    if (found[slot] !== undefined) return undefined;
    found[slot] = scanner.value;
  }
  const [plain, realm, nonce, uri, response, algorithm, cnonce, opaque, qop, nc, userhash, extended] = found;
  if (plain !== undefined && extended !== undefined) return undefined;
  const username = extended === undefined ? plain : decodeExtended(extended);
  if (username === undefined || realm === undefined || nonce === undefined) return undefined;
  if (uri === undefined || response === undefined) return undefined;
  const hashed = userhash !== undefined && userhash.toLowerCase() === "true";
  return { username, realm, nonce, uri, response, algorithm, cnonce, opaque, qop, nc, userhash: hashed };
}

/**
 * The digest challenges of WWW-Authenticate or Proxy-Authenticate values in order, one or several in each. Challenges of
 * other schemes, and such as lack a realm or a nonce, are left out (RFC 8760 §2.4).
 */
export function parseChallenges(values: readonly string[]): Challenge[] {
  const challenges: Challenge[] = [];
  for (const value of values) {
    const scanner = new Scanner(value);
    let found: (string | undefined)[] | undefined;
    let token = scanner.next();
    for (let count = 0; count < maxParams * 4; count++) {
      if (token === "param") {
        const slot = slotOf(scanner);
        if (found !== undefined && slot !== undefined) found[slot] ??= scanner.value;
      } else {
        if (found !== undefined && token !== "bad") keep(found, challenges);
        if (token !== "scheme") break;
        found = isDigest(scanner) ? [] : undefined;
      }
      token = scanner.next();
    }
    if (challenges.length >= maxChallenges) break;
  }
  return challenges;
}

function keep(found: readonly (string | undefined)[], challenges: Challenge[]): void {
  const [, realm, nonce, , , algorithm, , opaque, qop, , , , stale] = found;
  if (realm === undefined || nonce === undefined || challenges.length >= maxChallenges) return;
  challenges.push({
    realm,
    nonce,
    opaque,
    stale: stale?.toLowerCase() === "true",
    algorithm: algorithm ?? "MD5",
    qop: qop?.toLowerCase().split(/[\s,]+/, 8),
  });
}

/** `UTF-8''J%C3%A4s%C3%B8n` as octets (RFC 7616 §3.4, RFC 5987 §3.2.1); undefined when it is not that. */
function decodeExtended(value: string): string | undefined {
  const first = value.indexOf("'");
  const second = value.indexOf("'", first + 1);
  if (first < 0 || second < 0 || value.slice(0, first).toUpperCase() !== "UTF-8") return undefined;
  const text = value.slice(second + 1);
  if (/%(?![0-9A-Fa-f]{2})/.test(text)) return undefined;
  return text.replace(/%(..)/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
}

/**
 * A challenge as it is sent. `brief` leaves out what RFC 3261 lets a client assume.
 * @param challenge its values hold no line ends
 */
export function formatChallenge(challenge: {
  realm: string;
  nonce: string;
  algorithm: string;
  qop: string;
  stale?: boolean;
  opaque?: string | undefined;
}): string {
  const { realm, nonce, algorithm, qop, stale, opaque } = challenge;
  const opaquely = opaque === undefined ? "" : `,opaque=${quote(opaque)}`;
  // No spaces after the commas: the challenge has to fit into three times the request. The algorithm last: SIPp 3.6 reads
  // it to the end of what it finds.
  return `Digest realm=${quote(realm)},nonce="${nonce}"${opaquely}${stale ? ",stale=true" : ""},qop="${qop}",algorithm=${algorithm}`;
}

/** Credentials as they are sent (RFC 7616 §3.4 says what stands in quotes). Values hold no line ends. */
export function formatCredentials(credentials: {
  username: string;
  realm: string;
  nonce: string;
  uri: string;
  response: string;
  algorithm?: string | undefined;
  cnonce?: string | undefined;
  opaque?: string | undefined;
  qop?: string | undefined;
  nc?: string | undefined;
}): string {
  const { username, realm, nonce, uri, response, algorithm, cnonce, opaque, qop, nc } = credentials;
  let text = `Digest username=${quote(username)}, realm=${quote(realm)}, nonce=${quote(nonce)}, uri=${quote(uri)}`;
  text += `, response="${response}"`;
  if (algorithm !== undefined) text += `, algorithm=${algorithm}`;
  if (opaque !== undefined) text += `, opaque=${quote(opaque)}`;
  if (qop !== undefined) text += `, qop=${qop}, nc=${nc}`;
  if (cnonce !== undefined) text += `, cnonce=${quote(cnonce)}`;
  return text;
}
