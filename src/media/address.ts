/** IP addresses as sockets report them, so that they compare as strings; and which of them are our own. */
import { networkInterfaces } from "node:os";
import { formatIpv6, isIpv4, parseIpv6 } from "../ip.ts";

/**
 * An IP literal in the form in which the kernel writes sources (RFC 5952 for IPv6); undefined when it is none.
 * A zone (`%eth0`) is kept.
 */
export function canonicalHost(host: string): string | undefined {
  if (!host.includes(":")) return isIpv4(host) ? host : undefined;
  const bare = host.startsWith("[") && host.endsWith("]") ? host.slice(1, -1) : host;
  const [address = "", zone] = bare.split("%", 2);
  const groups = parseIpv6(address);
  if (groups === undefined) return undefined;
  return formatIpv6(groups) + (zone === undefined ? "" : `%${zone}`);
}

/** How long a list of our addresses is good, ms: asking for it costs more than a call should. */
const ownAddressesLast = 10_000;
let own: { addresses: ReadonlySet<string>; since: number } | undefined;

/** True for an address of one of this machine's interfaces. */
export function isOwnAddress(host: string): boolean {
  const now = performance.now();
  if (own === undefined || now - own.since > ownAddressesLast) {
    const interfaces = Object.values(networkInterfaces()).flatMap((addresses) => addresses ?? []);
    own = { addresses: new Set(interfaces.map(({ address }) => address)), since: now };
  }
  return own.addresses.has(host);
}
