/** Addresses-of-record in their canonical form (RFC 3261 §10.3 step 5), as keys of the location service. */
import { canonicalHost, formatHost } from "../../sip/host.ts";
import { type SipUri, unescapeUri } from "../../sip/uri.ts";

/** The name of a domain that we serve, for a host of a URI; undefined when it is somebody else's. */
export type DomainOf = (host: string, port: number | undefined) => string | undefined;

const control = /[\x00-\x1f\x7f]/;

/**
 * `user@domain` with the user's escapes undone and without parameters; `domain` is in its canonical form. Undefined when
 * there is no user, or one that no address-of-record has: with control characters, or of more than 256 octets.
 */
export function aorOf(uri: SipUri, domain: string): string | undefined {
  const { user } = uri;
  if (user === undefined || user.length > 256) return undefined;
  if (!user.includes("%")) return `${user}@${domain}`;
  const plain = unescapeUri(user);
  // Only an escape can stand for what may not stand in a URI.
  return plain === "" || control.test(plain) ? undefined : `${plain}@${domain}`;
}

/** The domains with these names; with none, every host is a domain of its own. `isOwn` adds the addresses that we have. */
export function servedDomains(
  names: readonly string[],
  isOwn: (host: string, port: number | undefined) => boolean = () => false,
): DomainOf {
  const served = new Set(names.map((name) => canonicalHost(name)));
  const [main] = served;
  let lastHost = "";
  let lastPort: number | undefined;
  let lastDomain: string | undefined;
  const find: DomainOf = (host, port) => {
    // A name that is in lower case is in canonical form.
    if (served.has(host)) return host;
    const canonical = host.includes(":") ? formatHost(canonicalHost(host)) : host.toLowerCase();
    if (served.has(canonical) || main === undefined) return canonical;
    // Who writes our address means our first domain.
    return isOwn(host, port) ? main : undefined;
  };
  // It is asked several times for each request, and for most with the same host.
  return (host, port) => {
    if (host !== lastHost || port !== lastPort) {
      lastDomain = find(host, port);
      lastHost = host;
      lastPort = port;
    }
    return lastDomain;
  };
}
