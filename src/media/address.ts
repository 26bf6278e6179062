/** IP addresses as sockets report them, so that they compare as strings; and which of them are our own. */
import { networkInterfaces } from "node:os";

/**
 * An IP literal in the form in which the kernel writes sources (RFC 5952 for IPv6); undefined when it is none.
 * A zone (`%eth0`) is kept.
 */
export function canonicalHost(host: string): string | undefined {
  if (!host.includes(":")) return isIpv4(host) ? host : undefined;
  const bare = host.startsWith("[") && host.endsWith("]") ? host.slice(1, -1) : host;
  const [address = "", zone] = bare.split("%", 2);
  const groups = ipv6Groups(address);
  if (groups === undefined) return undefined;
  return formatGroups(groups) + (zone === undefined ? "" : `%${zone}`);
}

function isIpv4(host: string): boolean {
  const parts = host.split(".");
  return parts.length === 4 && parts.every((part) => /^(0|[1-9]\d{0,2})$/.test(part) && Number(part) <= 255);
}

function ipv6Groups(address: string): number[] | undefined {
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

function formatGroups(groups: readonly number[]): string {
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
