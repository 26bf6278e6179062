/** `struct sockaddr_in` and `sockaddr_in6` as octets, without the zone of an IPv6 address. */
import { formatIpv6, parseIpv6 } from "./ip.ts";
import { AF_INET, AF_INET6 } from "./libc.ts";

/** Octets of the larger one. */
export const largestSocketAddress = 28;
const ipv4Length = 16;
const ipv6Length = 28;

/**
 * Writes a socket address at `at` and answers its length; 0 when `host` is no IP literal without brackets and zone, or
 * `port` no port.
 */
export function writeSocketAddress(into: Uint8Array, at: number, host: string, port: number): number {
  if (!(port >= 0 && port <= 65_535)) return 0;
  const ipv6 = host.includes(":");
  const length = ipv6 ? ipv6Length : ipv4Length;
  into.fill(0, at, at + length);
  into[at] = ipv6 ? AF_INET6 : AF_INET;
  into[at + 2] = port >> 8;
  into[at + 3] = port & 0xff;
  return (ipv6 ? writeIpv6(into, at + 8, host) : writeIpv4(into, at + 4, host)) ? length : 0;
}

export function isIpv4Address(from: Uint8Array, at: number): boolean {
  return from[at] === AF_INET;
}

export function readSocketPort(from: Uint8Array, at: number): number {
  return ((from[at + 2] ?? 0) << 8) | (from[at + 3] ?? 0);
}

/** The octets of an IPv4 address as one number of 32 bits, signed. */
export function ipv4Number(from: Uint8Array, at: number): number {
  return ((from[at + 4] ?? 0) << 24) | ((from[at + 5] ?? 0) << 16) | ((from[at + 6] ?? 0) << 8) | (from[at + 7] ?? 0);
}

/** The host, as the kernel and RFC 5952 write it. */
export function readSocketHost(from: Uint8Array, at: number): string {
  if (isIpv4Address(from, at)) return `${from[at + 4]}.${from[at + 5]}.${from[at + 6]}.${from[at + 7]}`;
  return formatIpv6(
    Array.from({ length: 8 }, (_, i) => ((from[at + 8 + 2 * i] ?? 0) << 8) | (from[at + 9 + 2 * i] ?? 0)),
  );
}

/** The number of the interface that a link-local IPv6 address belongs to; 0 for all others. */
export function readSocketZone(from: Uint8Array, at: number): number {
  if (isIpv4Address(from, at)) return 0;
  return (
    (from[at + 24] ?? 0) | ((from[at + 25] ?? 0) << 8) | ((from[at + 26] ?? 0) << 16) | ((from[at + 27] ?? 0) << 24)
  );
}

/** Four numbers of up to three digits between three dots. */
function writeIpv4(into: Uint8Array, at: number, host: string): boolean {
  let value = -1;
  let dots = 0;
  for (let i = 0; i < host.length; i++) {
    const code = host.charCodeAt(i);
    if (code >= 0x30 && code <= 0x39) {
      value = value < 0 ? code - 0x30 : value * 10 + code - 0x30;
      if (value > 255) return false;
    } else if (code === 0x2e && value >= 0 && dots < 3) {
      into[at + dots++] = value;
      value = -1;
    } else return false;
  }
  if (dots !== 3 || value < 0) return false;
  into[at + 3] = value;
  return true;
}

function writeIpv6(into: Uint8Array, at: number, host: string): boolean {
  const groups = parseIpv6(host);
  groups?.forEach((group, i) => {
    into[at + 2 * i] = group >> 8;
    into[at + 2 * i + 1] = group & 0xff;
  });
  return groups !== undefined;
}
