/** The way to ourselves: who calls a name of a domain of ours that nobody has registered means one of our routes. */
import { isUnspecified } from "../ip.ts";
import { canonicalHost } from "../sip/host.ts";
import type { SipUri } from "../sip/uri.ts";
import type { TransportLayer } from "../transport/index.ts";

/**
 * The next hop to a listener of ours for a URI of one of `domains`, as a URI; undefined: somebody else's, or nothing of
 * ours takes calls by UDP or TCP. A URI with a port, and an address, lead where they say.
 */
export function ownWay(
  { listening }: Pick<TransportLayer, "listening">,
  domains: readonly string[],
  { host, port }: SipUri,
): string | undefined {
  const named = canonicalHost(host);
  if (port !== undefined || !domains.some((domain) => canonicalHost(domain) === named)) return undefined;
  for (const wanted of ["udp", "tcp"] as const)
    for (const { transport, local } of listening) {
      if (transport !== wanted) continue;
      const ipv6 = local.host.includes(":");
      const address = isUnspecified(local.host) ? (ipv6 ? "::1" : "127.0.0.1") : local.host;
      return `sip:${ipv6 ? `[${address}]` : address}:${local.port};transport=${wanted}`;
    }
  return undefined;
}
