/** `name-addr` and `addr-spec` with header parameters: From, To, Contact, Route, Record-Route, Refer-To (RFC 3261 §20.10). */
import { InvalidHeaderValue, MalformedHeader } from "./errors.ts";
import { Params } from "./params.ts";
import { endOfQuoted, isLws, quote, trimLws, unescapeQuoted } from "./text.ts";
import { formatUri, parseUri, type Uri } from "./uri.ts";

export interface NameAddr {
  /** The display name without quotes and escapes, as an octet string; "" when there is none. */
  readonly display: string;
  readonly uri: Uri;
  /** The URI as sent, without brackets. */
  readonly uriText: string;
  /** The header's parameters, not the URI's. */
  readonly params: Params;
  readonly tag: string | undefined;
}

class ParsedNameAddr implements NameAddr {
  readonly display: string;
  readonly uri: Uri;
  readonly uriText: string;
  readonly params: Params;

  constructor(display: string, uri: Uri, uriText: string, params: Params) {
    this.display = display;
    this.uri = uri;
    this.uriText = uriText;
    this.params = params;
  }

  get tag(): string | undefined {
    return this.params.get("tag");
  }
}

/** One that is known to be well-formed: it is taken apart when somebody asks. Of most, nobody asks for more than the tag. */
class PlainNameAddr implements NameAddr {
  readonly #text: string;
  #uriText: string | undefined;
  #uri: Uri | undefined;
  #params: Params | undefined;

  constructor(text: string) {
    this.#text = text;
  }

  get display(): string {
    const open = this.#text.indexOf("<");
    return open > 0 ? this.#text.slice(0, open).trimEnd() : "";
  }

  get uriText(): string {
    if (this.#uriText === undefined) {
      const end = this.#paramsStart();
      const open = this.#text.indexOf("<");
      this.#uriText = open < 0 ? this.#text.slice(0, end) : this.#text.slice(open + 1, end - 1);
    }
    return this.#uriText;
  }

  get uri(): Uri {
    this.#uri ??= parseUri(this.uriText);
    if (this.#uri === undefined) throw new MalformedHeader("uri", this.uriText);
    return this.#uri;
  }

  get params(): Params {
    const text = this.#text;
    this.#params ??= Params.parse(text, this.#paramsStart(), text.length, "header") ?? new Params();
    return this.#params;
  }

  get tag(): string | undefined {
    const text = this.#text;
    const at = this.#paramsStart();
    // Nearly always the tag stands alone.
    if (at === text.length) return undefined;
    if (text.startsWith(";tag=", at) && text.indexOf(";", at + 5) < 0) return text.slice(at + 5);
    return this.params.get("tag");
  }

  /** Behind the bracket; without one no `;` is the URI's. */
  #paramsStart(): number {
    const close = this.#text.indexOf(">");
    if (close >= 0) return close + 1;
    const semicolon = this.#text.indexOf(";");
    return semicolon < 0 ? this.#text.length : semicolon;
  }
}

/**
 * What nearly all of them look like, so that most are known to be well-formed without being taken apart: nobody asks what
 * stands in the From of a request that is forwarded. A part of the grammar, and shorter than any of its limits.
 */
const plain =
  /^(?:(?:[\w.!%*+'~-][\w.!%*+'~ -]*)?<sips?:(?:[\w.!~*'()&=+$,%/-]+@)?(?:[A-Za-z0-9](?:[\w.-]*[A-Za-z0-9])?)(?::[1-9]\d{0,3})?(?:;[\w.-]+(?:=[\w.%+~-]+)?)*>|sips?:(?:[\w.!~*'()&=+$%/-]+@)?(?:[A-Za-z0-9](?:[\w.-]*[A-Za-z0-9])?)(?::[1-9]\d{0,3})?)(?:;[\w.!%*+'~-]+(?:=[\w.!%*+'~-]+)?)*$/;
/** Longer ones are looked at closely: a host name and a list of parameters have their limits. */
const plainLength = 250;

/**
 * Parses one value (not a list) of From, To, Contact, Route and the like; undefined when it is malformed.
 * Tolerated: no space before "<" (RFC 4475 §3.1.1.6), spaces inside the brackets (§3.1.2.14), odd chars in an unquoted
 * display name, but neither quotes nor commas (§3.1.2.6, §3.1.2.15).
 */
export function parseNameAddr(text: string): NameAddr | undefined {
  if (text.length <= plainLength && plain.test(text)) return new PlainNameAddr(text);
  return parseClosely(text);
}

/** By the grammar, char by char. */
export function parseClosely(text: string): NameAddr | undefined {
  let at = 0;
  while (isLws(text.charCodeAt(at))) at++;
  let display = "";
  if (text.charCodeAt(at) === 0x22) {
    const end = endOfQuoted(text, at);
    if (end < 0) return undefined;
    display = unescapeQuoted(text.slice(at + 1, end - 1));
    at = end;
    while (isLws(text.charCodeAt(at))) at++;
    if (text.charCodeAt(at) !== 0x3c) return undefined;
  }
  const open = text.indexOf("<", at);
  if (open < 0) return parseAddrSpec(text);
  if (open > at) {
    display = trimLws(text.slice(at, open));
    if (/[",>;\x00-\x08\x0a-\x1f]/.test(display)) return undefined;
  }
  const close = text.indexOf(">", open);
  if (close < 0) return undefined;
  let rest = close + 1;
  while (isLws(text.charCodeAt(rest))) rest++;
  return make(display, trimLws(text.slice(open + 1, close)), Params.parse(text, rest, text.length, "header"));
}

/** Without brackets every parameter is the header's, and a URI with headers or commas is ambiguous (§20.10). */
function parseAddrSpec(text: string): NameAddr | undefined {
  const semicolon = text.indexOf(";");
  const end = semicolon < 0 ? text.length : semicolon;
  const uriText = trimLws(text.slice(0, end));
  if (/[?,]/.test(uriText)) return undefined;
  return make("", uriText, Params.parse(text, end, text.length, "header"));
}

function make(display: string, uriText: string, params: Params | undefined): NameAddr | undefined {
  if (params === undefined) return undefined;
  const uri = parseUri(uriText);
  return uri === undefined ? undefined : new ParsedNameAddr(display, uri, uriText, params);
}

/** What somebody wrote of a party (octets) as a name-addr in brackets, without the header field's parameters: the tag is ours to set. */
export function withoutParams(party: string): string {
  if (party === "") return "";
  const close = party.lastIndexOf(">");
  return close < 0 ? `<${party.split(";", 1)[0]}>` : party.slice(0, close + 1);
}

/**
 * A name-addr as it is sent: `"display" <uri>;params`.
 * @throws InvalidHeaderValue when a part holds line ends or NUL, or the URI what would end it.
 */
export function formatNameAddr(address: {
  display?: string | undefined;
  uri: Uri | string;
  uriText?: string | undefined;
  params?: Params | undefined;
}): string {
  const { display = "", uri, params } = address;
  if (/[\0\r\n\u0100-\uffff]/.test(display)) throw new InvalidHeaderValue("a display name", display);
  const text = address.uriText ?? (typeof uri === "string" ? uri : formatUri(uri));
  if (/[\x00-\x20"<>\x7f\u0100-\uffff]/.test(text)) throw new InvalidHeaderValue("a URI", text);
  return `${display === "" ? "" : `${quote(display)} `}<${text}>${params?.toString() ?? ""}`;
}
