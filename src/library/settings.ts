/** What a program says of itself when it opens an agent, and how that becomes the configuration of a server. */

import { resolve } from "node:path";
import { type Config, readConfig } from "../config/index.ts";
import { createLog, type Level, type Log } from "../log.ts";
import type { AudioCodec } from "../sip/audio-codecs.ts";
import type { HeaderList } from "../sip/message.ts";
import { parseNameAddr } from "../sip/name-addr.ts";
import { encodeUtf8 } from "../sip/text.ts";
import { isSipUri, parseUri, type SipUri } from "../sip/uri.ts";

/** A user name and a password. */
export type Credentials = readonly [user: string, password: string];

/** Header fields: `{ "X-Tenant": "blue" }`, or pairs where a name comes twice. */
export type HeaderOptions = Readonly<Record<string, string>> | readonly (readonly [name: string, value: string])[];

/** Paths of PEM files. */
export interface TlsOptions {
  readonly cert: string;
  readonly key: string;
  /** The authorities that the certificates of others must come from; the system's by default. */
  readonly ca?: string | undefined;
  readonly passphrase?: string | undefined;
}

/**
 * Who an agent is and where it listens; all of it may be left out.
 *
 * @example
 * const options: AgentOptions = {
 *   from: '"Me" <sip:me@example.com>',
 *   auth: ["me", "secret"],
 *   legs: ["udp://192.0.2.1:5060", "tcp://192.0.2.1:5060"],
 *   settings: { limits: { calls: 20 }, dns: { servers: ["192.0.2.53"] } },
 * };
 */
export interface AgentOptions {
  /** Who we are: `me`, `sip:me@example.com`, or `"Me" <sip:me@example.com>`. */
  readonly from?: string | undefined;
  /** The domain of names without one. */
  readonly domain?: string | undefined;
  /** Where we are reached, a URI, for registrars; our own address by default. */
  readonly contact?: string | undefined;
  /** Where `register` registers: a host, `host:port`, or a SIP URI. The domain by default. */
  readonly registrar?: string | undefined;
  /** Where requests of ours are sent first, written likewise. With `;lr` it stands in Route as well. */
  readonly outgoingProxy?: string | undefined;
  /** Proxies that our calls go through, in this order, written likewise (Route). */
  readonly route?: readonly string[] | undefined;
  /**
   * Domains, and where requests for them are sent: `{ "example.com": "192.0.2.1:5060", "*.example.org": "192.0.2.2", "*":
   * "192.0.2.3" }`. By default the DNS says so. It holds for our calls and for our proxies.
   */
  readonly domain2proxy?: Readonly<Record<string, string>> | undefined;
  readonly auth?: Credentials | undefined;
  /**
   * Where we listen: `udp://0.0.0.0:5060`, or `sip:192.0.2.1:5060;transport=tcp`. UDP and TCP on ports that the system
   * chooses by default.
   */
  readonly legs?: string | readonly string[] | undefined;
  /** The address that peers reach us by, where it is not the bound one. */
  readonly advertise?: string | undefined;
  /** Certificate and key for tls and wss. */
  readonly tls?: TlsOptions | undefined;
  /** Where registrations are kept: `memory:`, the default, or `sqlite:FILE`. */
  readonly store?: string | undefined;
  /** In order of preference; PCMU and PCMA by default. */
  readonly codecs?: readonly AudioCodec[] | undefined;
  /** UDP ports for media, half of them for calls and half for what proxies relay; 10000 to 20000 by default. */
  readonly mediaPorts?: readonly [first: number, last: number] | undefined;
  /** Header fields for answers to OPTIONS, besides ours or instead of them: `{ "Accept-Language": "de" }`. */
  readonly options?: HeaderOptions | undefined;
  /** What else a configuration file may say, with the keys of docs/configuration.md: `{ limits: { calls: 10 } }`. */
  readonly settings?: Readonly<Record<string, unknown>> | undefined;
  /** From this level on to stderr, or to a log of the program's own; `warn` by default. */
  readonly log?: Level | Log | undefined;
}

/**
 * An option that cannot be; the message says which and what is expected.
 *
 * @example
 * try {
 *   await Agent.open({ legs: "udp://example.com" });
 * } catch (error) {
 *   if (error instanceof OptionError) console.error(error.option, error.message);
 * }
 */
export class OptionError extends Error {
  override readonly name = "OptionError";
  readonly option: string;
  constructor(option: string, message: string) {
    super(`${option}: ${message}`);
    this.option = option;
  }
}

/** The options as what a configuration file with the same settings would give. Throws OptionError. */
export async function configOf(options: AgentOptions): Promise<Config> {
  const { advertise, tls, store, codecs, mediaPorts, settings = {} } = options;
  const file = {
    ...settings,
    listen: options.legs === undefined ? anywhere : [options.legs].flat().map(listenUrl),
    advertise,
    tls: tls ?? settings.tls,
    store: store ?? settings.store ?? "memory:",
    media: {
      ...objectOf(settings.media),
      ...(codecs && { codecs }),
      ...(mediaPorts && { ports: mediaPorts.join("-") }),
    },
  };
  // JSON is YAML; what a program writes is meant as it stands, so nothing in it names an environment variable.
  const text = JSON.stringify(file, (_, value: unknown) =>
    typeof value === "string" ? value.replaceAll("$", "$$$$") : value,
  );
  const loaded = await readConfig(new TextEncoder().encode(text), resolve("siproc.yaml"), { environment: {} });
  if (loaded.ok) return loaded.config;
  throw new OptionError("options", loaded.problems.map(({ message }) => message).join("; "));
}

function objectOf(value: unknown): object {
  return typeof value === "object" && value !== null ? value : {};
}

export function logOf({ log = "warn" }: AgentOptions): Log {
  return typeof log === "string" ? createLog({ level: log, format: "pretty" }) : log;
}

const anywhere: readonly string[] = ["udp://0.0.0.0:0", "tcp://0.0.0.0:0"];

/** `udp://…` as it is; `sip:192.0.2.1:5060;transport=tcp`, `udp:192.0.2.1:5060` and `192.0.2.1` likewise. */
function listenUrl(text: string): string {
  const uri = parseUri(text);
  if (uri === undefined || !isSipUri(uri))
    return text.replace(/^(udp|tcp|tls|wss?):(?!\/\/)/, "$1://").replace(/^(?=[\d[])/, "udp://");
  const transport = uri.params.get("transport") ?? (uri.scheme === "sips" ? "tls" : "udp");
  const host = uri.host.includes(":") ? `[${uri.host}]` : uri.host;
  return `${transport}://${host}${uri.port === undefined ? "" : `:${uri.port}`}`;
}

/** A host, `host:port` or SIP URI as a SIP URI. */
export function serverUri(option: string, text: string): string {
  const bare = /^<(.*)>$/.exec(text)?.[1] ?? text;
  const written = /^sips?:/i.test(bare) ? bare : `sip:${bare}`;
  return isSipText(written) ? written : refuse(option, `“${text}” is no host, host:port or SIP URI`);
}

/** The same for what stands in a Route: with `;lr`, since a strict router gets nothing of what we send. */
export function routeUri(option: string, text: string): string {
  const uri = serverUri(option, text);
  return /;lr(?=[;=]|$)/i.test(uri) ? uri : `${uri};lr`;
}

/** `you`, `you@host` or a SIP URI as a URI; `domain` for the first. */
export function userUri(option: string, text: string, domain: string | undefined): string {
  const written = /^sips?:/i.test(text) ? text : text.includes("@") ? `sip:${text}` : undefined;
  if (written !== undefined && isSipText(written)) return written;
  if (written === undefined && domain !== undefined && !text.includes(":"))
    return userUri(option, `${text}@${domain}`, undefined);
  return refuse(
    option,
    `“${text}” is no SIP URI${domain === undefined ? ", and there is no domain to complete it" : ""}`,
  );
}

/** Who we are, as a name-addr. */
export function ownAddress({ from, domain }: Pick<AgentOptions, "from" | "domain">): string | undefined {
  if (from === undefined) return undefined;
  const written = from.includes("<") ? from : `<${userUri("from", from, domain)}>`;
  if (/[\x00-\x1f\x7f]/.test(written) || parseNameAddr(encodeUtf8(written)) === undefined)
    throw new OptionError("from", `“${from}” is nobody; expected such as "Alice" <sip:alice@example.com>`);
  return written;
}

/** Names and values in octets, as messages carry them. */
export function headerList(option: string, given: HeaderOptions = []): HeaderList {
  const pairs: readonly (readonly [string, string])[] = isPairs(given) ? given : Object.entries(given);
  return pairs.map(([name, value]) => {
    if (!/^[\w.!%*+`'~-]+$/.test(name)) throw new OptionError(option, `“${name}” is no name of a header field`);
    if (/[\r\n\0]/.test(value)) throw new OptionError(option, `the value of ${name} has a line end in it`);
    return [name, encodeUtf8(value)];
  });
}

function isPairs(given: HeaderOptions): given is readonly (readonly [string, string])[] {
  return Array.isArray(given);
}

/** The server that requests for a host go to, as a URI, by a table of domains; undefined: the DNS says. */
export type NextHop = (host: string) => { readonly text: string; readonly uri: SipUri } | undefined;

/** `example.com` for itself, `*.example.com` for what is below it, `*` for all others; the longest name counts. */
export function nextHops(table: AgentOptions["domain2proxy"] = {}): NextHop {
  const hops = new Map(Object.entries(table).map(([name, to]) => [name.toLowerCase(), hopOf(to)]));
  return (host) => {
    if (hops.size === 0) return undefined;
    let name = host.toLowerCase();
    let hop = hops.get(name);
    for (let dot = name.indexOf("."); hop === undefined && dot >= 0; dot = name.indexOf(".")) {
      name = name.slice(dot + 1);
      hop = hops.get(`*.${name}`);
    }
    return hop ?? hops.get("*");
  };
}

function hopOf(written: string): { text: string; uri: SipUri } {
  const text = serverUri("domain2proxy", written);
  const uri = parseUri(text);
  return uri !== undefined && isSipUri(uri) ? { text, uri } : refuse("domain2proxy", `“${written}” is no SIP URI`);
}

function isSipText(text: string): boolean {
  const uri = parseUri(text);
  return uri !== undefined && isSipUri(uri);
}

function refuse(option: string, message: string): never {
  throw new OptionError(option, message);
}
