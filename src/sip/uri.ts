/** URIs as SIP uses them: sip and sips (RFC 3261 §19.1), tel (RFC 3966), and others, which are carried but not understood. */
import { InvalidHeaderValue } from "./errors.ts";
import { canonicalHost, formatHost, parseHostPort } from "./host.ts";
import { Params } from "./params.ts";

export interface SipUri {
  readonly scheme: "sip" | "sips";
  /** As sent, with its %-escapes; see `unescapeUri`. */
  readonly user?: string | undefined;
  readonly password?: string | undefined;
  /** An IPv6 address stands without brackets. */
  readonly host: string;
  readonly port?: number | undefined;
  readonly params: Params;
  /** What follows the question mark, as sent. */
  readonly headers?: string | undefined;
}

export interface TelUri {
  readonly scheme: "tel";
  readonly number: string;
  readonly params: Params;
}

export interface OtherUri {
  /** In lower case; never sip, sips or tel. */
  readonly scheme: string;
  readonly rest: string;
}

export type Uri = SipUri | TelUri | OtherUri;

export function isSipUri(uri: Uri): uri is SipUri {
  return uri.scheme === "sip" || uri.scheme === "sips";
}

export function isTelUri(uri: Uri): uri is TelUri {
  return uri.scheme === "tel";
}

/** Does it hold what stands in no URI: controls, space, the chars that delimit URIs in headers, more than an octet? */
function isForbidden(text: string): boolean {
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code <= 0x20 || code === 0x22 || code === 0x3c || code === 0x3e || code === 0x7f || code > 0xff) return true;
  }
  return false;
}

const otherScheme = /^[A-Za-z][-A-Za-z0-9+.]*$/;
const telNumber = /^[-+0-9A-Za-z*#.()]+$/;

/** Parses a URI that stands alone, without brackets; undefined when it is malformed. Liberal in the user part only. */
export function parseUri(text: string): Uri | undefined {
  if (isForbidden(text)) return undefined;
  if (text.startsWith("sip:")) return parseSip("sip", text, 4);
  const colon = text.indexOf(":");
  if (colon < 1) return undefined;
  const scheme = text.slice(0, colon).toLowerCase();
  if (scheme === "sip" || scheme === "sips") return parseSip(scheme, text, colon + 1);
  if (scheme === "tel") return parseTel(text, colon + 1);
  return otherScheme.test(scheme) && colon + 1 < text.length ? { scheme, rest: text.slice(colon + 1) } : undefined;
}

function parseSip(scheme: "sip" | "sips", text: string, from: number): SipUri | undefined {
  let user: string | undefined;
  let password: string | undefined;
  // The user part may hold ";" and "?" (§25.1 user-unreserved), a host cannot: what stands before an "@" is the user.
  const sign = text.indexOf("@", from);
  if (sign >= 0) {
    const colon = text.indexOf(":", from);
    if (colon >= 0 && colon < sign) password = text.slice(colon + 1, sign);
    user = text.slice(from, password === undefined ? sign : colon);
    if (user === "") return undefined;
    from = sign + 1;
  }
  const question = text.indexOf("?", from);
  const end = question < 0 ? text.length : question;
  const semicolon = text.indexOf(";", from);
  const hostEnd = semicolon < 0 || semicolon > end ? end : semicolon;
  const address = parseHostPort(text, from, hostEnd);
  const params = Params.parse(text, hostEnd, end, "uri");
  if (address === undefined || params === undefined) return undefined;
  const headers = question < 0 ? undefined : text.slice(question + 1);
  return { scheme, user, password, host: address.host, port: address.port, params, headers };
}

function parseTel(text: string, from: number): TelUri | undefined {
  const semicolon = text.indexOf(";", from);
  const end = semicolon < 0 ? text.length : semicolon;
  const number = text.slice(from, end);
  const params = Params.parse(text, end, text.length, "uri");
  return params !== undefined && telNumber.test(number) ? { scheme: "tel", number, params } : undefined;
}

/** A sip or sips URI's text for people and logs: without its password (§19.1.1), which nobody should send and some do. */
export function withoutPassword(text: string): string {
  // Nearly none has one: there is no colon before the `@` but the scheme's.
  if (text.indexOf(":") === text.lastIndexOf(":", text.indexOf("@"))) return text;
  return text.replace(/^(sips?:[^@:]*):[^@]*@/i, "$1@");
}

/**
 * The URI as it is sent, without brackets around it.
 * @throws InvalidHeaderValue when a part holds what would end the URI or start another part.
 */
export function formatUri(uri: Uri): string {
  const text = isSipUri(uri) ? formatSip(uri) : isTelUri(uri) ? `tel:${uri.number}${uri.params}` : other(uri);
  if (isForbidden(text)) throw new InvalidHeaderValue("a URI", text);
  return text;
}

function other(uri: OtherUri): string {
  return `${uri.scheme}:${uri.rest}`;
}

function formatSip(uri: SipUri): string {
  if (uri.user !== undefined && /[@:]/.test(uri.user)) throw new InvalidHeaderValue("a URI's user", uri.user);
  if (uri.password?.includes("@")) throw new InvalidHeaderValue("a URI's password", uri.password);
  const password = uri.password === undefined ? "" : `:${uri.password}`;
  const user = uri.user === undefined ? "" : `${uri.user}${password}@`;
  const port = uri.port === undefined ? "" : `:${uri.port}`;
  const headers = uri.headers === undefined ? "" : `?${uri.headers}`;
  return `${uri.scheme}:${user}${formatHost(uri.host)}${port}${uri.params}${headers}`;
}

/** The octets that %-escapes stand for, once (§19.1.2: never twice); what is no escape stays. */
export function unescapeUri(text: string): string {
  if (!text.includes("%")) return text;
  return text.replace(/%([0-9A-Fa-f]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
}

/** `octets` with everything escaped that may not stand in a user part (§25.1 user). */
export function escapeUser(octets: string): string {
  return octets.replace(
    /[^-A-Za-z0-9_.!~*'()&=+$,;?/]/g,
    (char) => `%${char.charCodeAt(0).toString(16).toUpperCase().padStart(2, "0")}`,
  );
}

/** Are two URIs equivalent (RFC 3261 §19.1.4, RFC 3966 §4, RFC 5954 §4.2 for IPv6)? Not transitive, as the RFC notes. */
export function uriEquals(a: Uri, b: Uri): boolean {
  if (a.scheme !== b.scheme) return false;
  if (isSipUri(a)) return isSipUri(b) && sipEquals(a, b);
  if (isTelUri(a)) return isTelUri(b) && telEquals(a, b);
  return !isSipUri(b) && !isTelUri(b) && a.rest === b.rest;
}

/** Parameters that make a difference when only one of two URIs has them (§19.1.4; transport by its example). */
const decisive = ["user", "ttl", "method", "maddr", "transport"];

function sipEquals(a: SipUri, b: SipUri): boolean {
  return (
    a.port === b.port &&
    normal(a.user) === normal(b.user) &&
    normal(a.password) === normal(b.password) &&
    canonicalHost(a.host) === canonicalHost(b.host) &&
    decisive.every((name) => a.params.has(name) === b.params.has(name)) &&
    commonParamsEqual(a.params, b.params) &&
    headersEqual(a.headers ?? "", b.headers ?? "")
  );
}

/** An escape stands for its char, except that of a reserved char, which would mean something else unescaped (§19.1.4). */
function normal(text: string | undefined): string | undefined {
  if (text === undefined || !text.includes("%")) return text;
  return text.replace(/%([0-9A-Fa-f]{2})/g, (triplet, hex: string) => {
    const char = String.fromCharCode(Number.parseInt(hex, 16));
    return /[;/?:@&=+$,]/.test(char) ? triplet.toUpperCase() : char;
  });
}

function commonParamsEqual(a: Params, b: Params): boolean {
  for (const [name] of a.entries()) {
    const [left, right] = [a.get(name), b.get(name)];
    if (right !== undefined && normal(left)?.toLowerCase() !== normal(right)?.toLowerCase()) return false;
  }
  return true;
}

/** What is written of a URI with `;transport=` where it says none; as it is when it is no SIP URI, or `transport` undefined. */
export function withTransport(uri: string, transport: string | undefined): string {
  const parsed = parseUri(uri);
  if (transport === undefined || parsed === undefined || !isSipUri(parsed) || parsed.params.has("transport"))
    return uri;
  const [head = "", headers] = uri.split("?", 2);
  return `${head};transport=${transport}${headers === undefined ? "" : `?${headers}`}`;
}

function headersEqual(a: string, b: string): boolean {
  if (a === b) return true;
  const sorted = (headers: string) =>
    headers
      .split("&")
      .map((header) => {
        const [name = "", ...value] = header.split("=");
        return `${unescapeUri(name).toLowerCase()}=${unescapeUri(value.join("="))}`;
      })
      .sort()
      .join("\n");
  return sorted(a) === sorted(b);
}

function telEquals(a: TelUri, b: TelUri): boolean {
  const digits = (uri: TelUri) => uri.number.replace(/[-.()]/g, "").toLowerCase();
  if (digits(a) !== digits(b) || a.params.size !== b.params.size) return false;
  for (const [name] of a.params.entries()) {
    if (a.params.get(name)?.toLowerCase() !== b.params.get(name)?.toLowerCase()) return false;
  }
  return true;
}
