/** What a URI itself says of where it leads (RFC 3263 §4.1, RFC 7118 §5.3), before anybody is asked. */
import { isHostName } from "../../sip/host.ts";
import type { SipUri } from "../../sip/uri.ts";
import { ipFamily, socketHost } from "../address.ts";
import type { Transport } from "./contract.ts";

export interface Target {
  /** RFC 3263's TARGET: the maddr, or the host. A name in lower case, or an IP literal. */
  readonly name: string;
  readonly family: 0 | 4 | 6;
  readonly port: number | undefined;
  /** As the URI asks for it; undefined where it leaves the choice. */
  readonly transport: Transport | undefined;
  /** A sips URI: nothing but TLS will do. */
  readonly secure: boolean;
  /** The name that a certificate must hold: that of the domain, which a maddr cannot change. */
  readonly domain: string | undefined;
}

export const defaultPorts: Readonly<Record<Transport, number>> = { udp: 5060, tcp: 5060, tls: 5061, ws: 80, wss: 443 };

/** RFC 3263 §4.1, RFC 2782: under what name the SRV records of a domain stand. */
export const srvPrefixes: Readonly<Record<Transport, string>> = {
  udp: "_sip._udp.",
  tcp: "_sip._tcp.",
  tls: "_sips._tcp.",
  ws: "_sip._ws.",
  wss: "_sips._ws.",
};

/** RFC 3263 §10.2, RFC 7118 §10.2. */
export function transportOfService(service: string): Transport | undefined {
  switch (service) {
    case "SIP+D2U":
      return "udp";
    case "SIP+D2T":
      return "tcp";
    case "SIPS+D2T":
      return "tls";
    case "SIP+D2W":
      return "ws";
    case "SIPS+D2W":
      return "wss";
    default:
      return undefined;
  }
}

export function isSecure(transport: Transport): boolean {
  return transport === "tls" || transport === "wss";
}

export function targetOf(uri: SipUri): Target | { reason: string } {
  const secure = uri.scheme === "sips";
  const named = uri.params.get("transport");
  const transport = named === undefined ? undefined : transportOf(named.toLowerCase(), secure);
  if (named !== undefined && transport === undefined)
    return {
      reason: `no ${secure ? "sips: URI can be reached" : "transport is known"} by transport=${named.slice(0, 20)}`,
    };
  const name = spelled(uri.params.get("maddr") ?? uri.host);
  const family = ipFamily(name);
  if (family === 0 && !isHostName(name)) return { reason: "its maddr is neither a name nor an address" };
  const domain = ipFamily(uri.host) === 0 ? uri.host.toLowerCase().replace(/\.$/, "") : undefined;
  return { name: family === 0 ? name.replace(/\.$/, "") : name, family, port: uri.port, transport, secure, domain };
}

const spellings = new Map<string, string>();

/** `socketHost`, remembered for the IPv6 addresses seen lately: to compress one costs more than all the rest of a target. */
function spelled(host: string): string {
  if (!host.includes(":")) return socketHost(host);
  let known = spellings.get(host);
  if (known === undefined) {
    if (spellings.size >= 1000) spellings.clear();
    known = socketHost(host);
    spellings.set(host, known);
  }
  return known;
}

/** RFC 3261 §26.2.2 (tls as a transport is deprecated, and in use), RFC 7118 §5.3. */
function transportOf(name: string, secure: boolean): Transport | undefined {
  switch (name) {
    case "udp":
      return secure ? undefined : "udp";
    case "tcp":
      return secure ? "tls" : "tcp";
    case "tls":
      return "tls";
    case "ws":
      return secure ? "wss" : "ws";
    case "wss":
      return "wss";
    default:
      return undefined;
  }
}
