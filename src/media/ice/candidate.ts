/** Candidates (RFC 8839 §5.1): which of the peer's can be tried, and what ours is worth. */
import { canonicalHost } from "../address.ts";

export interface RemoteCandidate {
  /** As sockets write sources. */
  readonly host: string;
  readonly port: number;
  readonly priority: number;
}

/** Candidates of a peer that are tried; a browser has about ten. */
export const maxCandidates = 16;

const preferences = { host: 126, prflx: 110 } as const;

/** RFC 8445 §5.1.2.1 for our one address and one component. */
export function priorityOf(type: keyof typeof preferences): number {
  return preferences[type] * 0x1000000 + 0xffff * 0x100 + 255;
}

/**
 * A value of `a=candidate`, with or without its name; undefined for one that is of no use: TCP, another component than
 * RTP's, an address of the other family, a name (of mDNS, which only the peer's own network knows).
 */
export function readCandidate(line: string, ipv6: boolean): RemoteCandidate | undefined {
  const fields = line.replace(/^candidate:/, "").split(" ", 8);
  const [, component, transport, priorityText = "", address = "", portText = "", typ] = fields;
  if (component !== "1" || transport?.toUpperCase() !== "UDP" || typ !== "typ") return undefined;
  const host = canonicalHost(address);
  if (
    host === undefined ||
    host.includes(":") !== ipv6 ||
    !/^\d{1,10}$/.test(priorityText) ||
    !/^\d{1,5}$/.test(portText)
  )
    return undefined;
  const port = Number(portText);
  if (port === 0 || port > 65_535 || isNowhere(host)) return undefined;
  return { host, port, priority: Number(priorityText) % 0x1_0000_0000 };
}

/** Addresses that no single peer has: unspecified, multicast, broadcast. */
function isNowhere(host: string): boolean {
  return /^(?:0\.|22[4-9]\.|23\d\.|2[45]\d\.)|^::$|^ff/i.test(host);
}
