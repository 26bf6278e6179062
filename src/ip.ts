/** What an IP address says about where it is: for signalling and audio alike. */
import { isIP, isIPv4 } from "node:net";

/**
 * Whether `host` is an IP address that means nothing outside its own network: RFC 1918, 100.64.0.0/10 (RFC 6598), link
 * local (RFC 3927, RFC 4291), unique local IPv6 (RFC 4193). Loopback is not one: no NAT hides it.
 */
export function isPrivate(host: string): boolean {
  switch (isIP(host)) {
    case 4: {
      const [a = 0, b = 0] = host.split(".", 2).map(Number);
      return (
        a === 10 ||
        (a === 172 && b >= 16 && b <= 31) ||
        (a === 192 && b === 168) ||
        (a === 100 && b >= 64 && b <= 127) ||
        (a === 169 && b === 254)
      );
    }
    case 6:
      return /^(?:f[cd][0-9a-f]{2}|fe[89ab][0-9a-f]):/i.test(host);
    default:
      return false;
  }
}

/** Whether `host` is an address that only this machine itself can send from. */
export function isLoopback(host: string): boolean {
  return host === "::1" || (host.startsWith("127.") && isIPv4(host));
}

/** `0.0.0.0` and `::`: to bind, all addresses of this machine; to send to, nobody (RFC 2543's hold). */
export function isUnspecified(host: string): boolean {
  return host === "0.0.0.0" || host === "::";
}
