/** Addresses of both families in the order in which they are tried (RFC 7984 §4, RFC 6724 §2.1, RFC 8305 §4). */
import { parseIp } from "../address.ts";

/**
 * By RFC 6724's precedence, but with the families in turn: where one of them does not work, that is noticed with the
 * first address, and the second is of the other.
 */
export function byPrecedence(addresses: readonly string[]): readonly string[] {
  if (addresses.length < 2) return addresses;
  const ipv4 = addresses.filter((address) => !address.includes(":"));
  const ipv6 = addresses.filter((address) => address.includes(":") && !isTunnelOrLocal(address));
  const rest = addresses.filter((address) => address.includes(":") && isTunnelOrLocal(address));
  const ordered: string[] = [];
  for (let at = 0; at < Math.max(ipv4.length, ipv6.length); at++) {
    const [six, four] = [ipv6[at], ipv4[at]];
    if (six !== undefined) ordered.push(six);
    if (four !== undefined) ordered.push(four);
  }
  return [...ordered, ...rest];
}

/** 6to4, Teredo and unique local addresses: RFC 6724's table puts them behind IPv4. */
function isTunnelOrLocal(address: string): boolean {
  const [a = 0, b = 0, c = 0, d = 0] = parseIp(address) ?? [];
  if (a === 0x20 && b === 0x02) return true;
  if (a === 0x20 && b === 0x01 && c === 0 && d === 0) return true;
  return (a & 0xfe) === 0xfc;
}
