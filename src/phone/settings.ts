/** Who the terminal's phone is, which way its requests go, and how that looks to the user agent. */
import type { AgentSettings, InviteOptions, RegisterOptions } from "../agent/index.ts";
import { formatHost } from "../sip/host.ts";
import type { HeaderList } from "../sip/message.ts";
import { encodeUtf8 } from "../sip/text.ts";
import { escapeUser, isSipUri, parseUri, withTransport } from "../sip/uri.ts";

export interface PhoneSettings {
  /** A name-addr; undefined: siproc at our own address. */
  readonly from: string | undefined;
  /** Host of ours, and of a registrar. */
  readonly domain: string | undefined;
  readonly auth: { readonly user: string; readonly password: string } | undefined;
  /** A SIP URI. */
  readonly proxy: string | undefined;
  readonly strictRoute: boolean;
  readonly transport: "udp" | "tcp" | "tls" | undefined;
  readonly headers: HeaderList;
  /** Seconds that a registration is asked for, and ms until a failed one is tried again. */
  readonly registerInterval: number;
  readonly retryInterval: number;
  readonly agent: Partial<AgentSettings>;
}

/** A proxy as the command line has it, an address with or without a port, or a URI, as a URI. */
export function proxyUri(text: string, transport: PhoneSettings["transport"]): string | undefined {
  const uri = /^sips?:/i.test(text) ? text : `sip:${bracketed(text)}`;
  const parsed = parseUri(uri);
  if (parsed === undefined || !isSipUri(parsed)) return undefined;
  const lr = parsed.params.has("lr") || /^sips?:/i.test(text) ? "" : ";lr";
  return over(uri, transport) + lr;
}

/** An IPv6 address alone gets its brackets. */
function bracketed(text: string): string {
  return /^[0-9a-f:.]+$/i.test(text) && (text.match(/:/g)?.length ?? 0) > 1 ? `[${text}]` : text;
}

/** The URI with the transport that was asked for, unless it names one itself. */
function over(uri: string, transport: PhoneSettings["transport"]): string {
  return transport === "udp" || /^sips:/i.test(uri) ? uri : withTransport(uri, transport);
}

/** A target as people type it: `bob` and `bob@example.com` get what is missing. */
export function targetUri(text: string, { domain, transport }: Pick<PhoneSettings, "domain" | "transport">): string {
  const named = /<([^>]*)>/.exec(text)?.[1] ?? text;
  if (/^[a-z][a-z0-9+.-]*:/i.test(named) && !/^[^:@]*:\d+$/.test(named)) return over(named, transport);
  if (named.includes("@")) return over(`sip:${named}`, transport);
  return domain === undefined ? named : over(`sip:${named}@${authority(domain)}`, transport);
}

/** How calls are placed; without the URI. `service`: the registrar's route (RFC 3608). */
export function inviteOptions(settings: PhoneSettings, service: readonly string[] = []): Omit<InviteOptions, "uri"> {
  const { from, auth, proxy, strictRoute, headers } = settings;
  return { from, auth, proxy, strictRoute, headers, service };
}

/** How to register; undefined where it is not said who or where. */
export function registerOptions(settings: PhoneSettings): RegisterOptions | undefined {
  const { from, domain, auth, proxy, strictRoute, registerInterval, retryInterval, transport } = settings;
  if (domain === undefined || from === undefined) return undefined;
  return {
    registrar: over(`sip:${authority(domain)}`, proxy === undefined ? transport : undefined),
    aor: from,
    auth,
    proxy,
    strictRoute,
    expires: registerInterval,
    retry: { first: retryInterval, longest: retryInterval },
  };
}

/** A domain as it stands in a URI; it may have a port. */
function authority(domain: string): string {
  return /^[^:]+:\d+$/.test(domain) ? domain : formatHost(domain);
}

/** `alice` at `example.com` as a name-addr. */
export function address(user: string, domain: string): string {
  return `<sip:${escapeUser(encodeUtf8(user))}@${authority(domain)}>`;
}
