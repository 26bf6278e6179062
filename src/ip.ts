/** What an IP address says about where it is: for signalling and audio alike. */
import { isIPv6 } from "node:net";

/**
 * Whether `host` is an IP address that means nothing outside its own network: RFC 1918, 100.64.0.0/10 (RFC 6598), link
 * local (RFC 3927, RFC 4291), unique local IPv6 (RFC 4193). Loopback is not one: no NAT hides it.
 */
export function isPrivate(host: string): boolean {
  if (isIpv4(host)) {
    const a = Number.parseInt(host, 10);
    const b = Number.parseInt(host.slice(host.indexOf(".") + 1), 10);
    return (
      a === 10 ||
      (a === 172 && b >= 16 && b <= 31) ||
      (a === 192 && b === 168) ||
      (a === 100 && b >= 64 && b <= 127) ||
      (a === 169 && b === 254)
    );
  }
  return isIPv6(host) && /^(?:f[cd][0-9a-f]{2}|fe[89ab][0-9a-f]):/i.test(host);
}

/** Whether `host` is an address that only this machine itself can send from. */
export function isLoopback(host: string): boolean {
  return host === "::1" || (host.startsWith("127.") && isIpv4(host));
}

/** `0.0.0.0` and `::`: to bind, all addresses of this machine; to send to, nobody (RFC 2543's hold). */
export function isUnspecified(host: string): boolean {
  return host === "0.0.0.0" || host === "::";
}

/** Four numbers without leading zeros between dots. Asked for each message several times: quicker than a pattern. */
export function isIpv4(host: string): boolean {
  const { length } = host;
  if (length > 15) return false;
  let dots = 0;
  let digits = 0;
  let value = 0;
  for (let at = 0; at < length; at++) {
    const code = host.charCodeAt(at);
    if (code === 0x2e) {
      if (digits === 0) return false;
      dots++;
      digits = 0;
      value = 0;
      continue;
    }
    if (code < 0x30 || code > 0x39) return false;
    // No leading zeros.
    if (digits > 0 && value === 0) return false;
    value = value * 10 + code - 0x30;
    if (++digits > 3 || value > 255) return false;
  }
  return dots === 3 && digits > 0;
}

/** The eight groups of an IPv6 address without brackets and zone; undefined when it is none. */
export function parseIpv6(address: string): number[] | undefined {
  const halves = address.split("::");
  if (halves.length > 2) return undefined;
  const read = (half: string): number[] | undefined => {
    if (half === "") return [];
    const groups: number[] = [];
    const parts = half.split(":");
    for (const [index, part] of parts.entries()) {
      if (part.includes(".") && index === parts.length - 1) {
        if (!isIpv4(part)) return undefined;
        const [a = 0, b = 0, c = 0, d = 0] = part.split(".").map(Number);
        groups.push((a << 8) | b, (c << 8) | d);
      } else if (/^[0-9a-f]{1,4}$/i.test(part)) groups.push(Number.parseInt(part, 16));
      else return undefined;
    }
    return groups;
  };
  const head = read(halves[0] ?? "");
  const tail = read(halves[1] ?? "");
  if (head === undefined || tail === undefined) return undefined;
  if (halves.length === 1) return head.length === 8 ? head : undefined;
  const zeros = 8 - head.length - tail.length;
  return zeros < 1 ? undefined : [...head, ...new Array<number>(zeros).fill(0), ...tail];
}

/** An IPv6 address by its eight groups, as the kernel and RFC 5952 write it. */
export function formatIpv6(groups: readonly number[]): string {
  // An IPv4-mapped address is written with its dots.
  if (groups.slice(0, 5).every((group) => group === 0) && groups[5] === 0xffff) {
    const [high = 0, low = 0] = groups.slice(6);
    return `::ffff:${high >> 8}.${high & 255}.${low >> 8}.${low & 255}`;
  }
  let start = -1;
  let longest = 1;
  for (let i = 0; i < 8; i++) {
    let run = 0;
    while (i + run < 8 && groups[i + run] === 0) run++;
    if (run > longest) {
      start = i;
      longest = run;
    }
  }
  const hex = (part: readonly number[]) => part.map((group) => group.toString(16)).join(":");
  return start < 0 ? hex(groups) : `${hex(groups.slice(0, start))}::${hex(groups.slice(start + longest))}`;
}
