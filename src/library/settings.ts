/** What a program says of itself when it opens an agent, and how that becomes the configuration of a server. */
import { Account } from "../accounts/index.ts";
import { type Config, defaultConfig } from "../config/index.ts";
import { createLog, type Level, type Log } from "../log.ts";
import { isSipUri, parseUri } from "../sip/uri.ts";
import { type ListenUrl, parseListenUrl } from "../transport/index.ts";

/** A user name and a password. */
export type Credentials = readonly [user: string, password: string];

export interface AgentOptions {
  /** Who we are: `me`, `sip:me@example.com`, or `"Me" <sip:me@example.com>`. */
  readonly from?: string;
  /** The domain of names without one. */
  readonly domain?: string;
  /** Where `register` registers: a host, `host:port`, or a SIP URI. The domain by default. */
  readonly registrar?: string;
  /** Where requests of ours are sent first, written likewise. */
  readonly outgoingProxy?: string;
  readonly auth?: Credentials;
  /**
   * Where we listen: `udp://0.0.0.0:5060`, or `sip:192.0.2.1:5060;transport=tcp`. UDP and TCP on ports that the system
   * chooses by default.
   */
  readonly legs?: string | readonly string[];
  /** The address that peers reach us by, where it is not the bound one. */
  readonly advertise?: string;
  /** Certificate and key for tls and wss: paths of PEM files. */
  readonly tls?: { readonly cert: string; readonly key: string; readonly ca?: string; readonly passphrase?: string };
  /** Where registrations are kept: `memory:`, the default, or `sqlite:FILE`. */
  readonly store?: string;
  /** UDP ports for media, such as `[10000, 20000]`. */
  readonly mediaPorts?: readonly [first: number, last: number];
  /** From this level on to stderr, or to a log of the program's own; `warn` by default. */
  readonly log?: Level | Log;
  /** Where relative file names count from; the current folder by default. */
  readonly folder?: string;
}

/** An option that cannot be; the message says which and what is expected. */
export class OptionError extends Error {
  override readonly name = "OptionError";
  readonly option: string;
  constructor(option: string, message: string) {
    super(`${option}: ${message}`);
    this.option = option;
  }
}

export async function configOf(options: AgentOptions): Promise<Config> {
  const config = await defaultConfig(options.folder ?? process.cwd());
  const { tls, advertise, store, mediaPorts, legs } = options;
  const all = { cpu: config.scripts.cpu };
  return {
    ...config,
    listen: legs === undefined ? anywhere : [legs].flat().map(listenUrl),
    advertise,
    tls: tls === undefined ? undefined : { passphrase: undefined, ca: undefined, clients: "none", names: [], ...tls },
    store: store ?? "memory:",
    media: { ...config.media, ...(mediaPorts && { ports: mediaPorts }) },
    scripts: { ...config.scripts, ...all },
  };
}

export function logOf({ log = "warn" }: AgentOptions): Log {
  return typeof log === "string" ? createLog({ level: log, format: "pretty" }) : log;
}

const anywhere: readonly ListenUrl[] = [
  { transport: "udp", host: "0.0.0.0", port: 0 },
  { transport: "tcp", host: "0.0.0.0", port: 0 },
];

/** Reads `udp://…`, and the form in which Net::SIP writes legs: `sip:192.0.2.1:5060;transport=udp`, `udp:192.0.2.1:5060`. */
function listenUrl(text: string): ListenUrl {
  const uri = parseUri(text);
  const url =
    uri !== undefined && isSipUri(uri)
      ? `${uri.params.get("transport") ?? (uri.scheme === "sips" ? "tls" : "udp")}://${uri.host.includes(":") ? `[${uri.host}]` : uri.host}${uri.port === undefined ? "" : `:${uri.port}`}`
      : text.replace(/^(udp|tcp|tls|ws|wss):(?!\/\/)/, "$1://").replace(/^(?=[\d[])/, "udp://");
  const read = parseListenUrl(url);
  if (read === undefined) throw new OptionError("legs", `“${text}” is no address such as udp://0.0.0.0:5060`);
  return read;
}

/** A host, `host:port` or SIP URI as a SIP URI. */
export function serverUri(option: string, text: string): string {
  const written = /^sips?:/i.test(text) ? text : `sip:${text}`;
  const uri = parseUri(written);
  if (uri === undefined || !isSipUri(uri)) throw new OptionError(option, `“${text}” is no host, host:port or SIP URI`);
  return written;
}

/** `you`, `you@host` or a URI as a URI; `domain` for the first. */
export function userUri(option: string, text: string, domain: string | undefined): string {
  const written = /^(sips?|tel):/i.test(text) ? text : text.includes("@") ? `sip:${text}` : undefined;
  if (written !== undefined && parseUri(written) !== undefined) return written;
  if (written === undefined && domain !== undefined) return userUri(option, `${text}@${domain}`, undefined);
  throw new OptionError(
    option,
    `“${text}” is no SIP URI${domain === undefined ? ", and there is no domain to complete it" : ""}`,
  );
}

/** Who we are, as a name-addr. */
export function ownAddress({ from, domain }: AgentOptions): string | undefined {
  if (from === undefined || from.includes("<")) return from;
  return `<${userUri("from", from, domain)}>`;
}

/** Accounts by user name: `{ alice: "wonderland" }`, or full ones. */
export type AccountsOption = Readonly<Record<string, string>> | readonly Account[];

export function accountsOf(accounts: AccountsOption): Account[] {
  if (Array.isArray(accounts)) return [...accounts];
  return Object.entries(accounts).map(([user, password]) => new Account({ user, password }));
}
