/** A set of IP addresses and networks, asked for each packet. */
import { isIP } from "node:net";
import { ipv6Groups } from "../sip/host.ts";

/** A network as a number of its leading bits, and how many there are. */
interface Network {
  readonly family: 4 | 6;
  readonly bits: bigint;
  readonly length: number;
}

/** Answers that are remembered: packets come from the same few sources, one after the other. */
const mostRemembered = 1024;

export class Networks {
  readonly #addresses = new Set<string>();
  readonly #networks: Network[] = [];
  readonly #answers = new Map<string, boolean>();

  /** `members`: addresses such as `192.0.2.1`, and networks such as `192.0.2.0/24`. Anything else matches nothing. */
  constructor(members: Iterable<string>) {
    for (const member of members) {
      const [address = "", length] = member.split("/", 2);
      const family = isIP(address);
      if (length === undefined) this.#addresses.add(address.toLowerCase());
      else if (family === 4 || family === 6) {
        const bits = numberOf(address, family);
        const size = Number(length);
        const width = family === 4 ? 32 : 128;
        if (bits !== undefined && size >= 0 && size <= width)
          this.#networks.push({ family, bits: bits >> BigInt(width - size), length: size });
      }
    }
  }

  /** `address` as sockets report it: IPv6 without brackets, in lower case. */
  has(address: string): boolean {
    if (this.#networks.length === 0) return this.#addresses.has(address);
    const known = this.#answers.get(address);
    if (known !== undefined) return known;
    const answer = this.#addresses.has(address) || this.#isWithin(address);
    if (this.#answers.size >= mostRemembered) this.#answers.clear();
    this.#answers.set(address, answer);
    return answer;
  }

  #isWithin(address: string): boolean {
    const family = isIP(address);
    if (family !== 4 && family !== 6) return false;
    const bits = numberOf(address, family);
    const width = family === 4 ? 32 : 128;
    return (
      bits !== undefined &&
      this.#networks.some((one) => one.family === family && bits >> BigInt(width - one.length) === one.bits)
    );
  }
}

const keys = new Map<string, string>();

/**
 * Whom an address stands for where sources are counted and banned: an IPv4 address for itself, an IPv6 address for its /64,
 * which is what one customer has at least (RFC 6177 §2).
 */
export function sourceKey(address: string): string {
  if (!address.includes(":") || address.includes("/")) return address;
  const known = keys.get(address);
  if (known !== undefined) return known;
  const groups = ipv6Groups(address.split("%", 1)[0] ?? "");
  const loopback = address === "::1";
  const key =
    groups === undefined || loopback
      ? address
      : `${groups
          .slice(0, 4)
          .map((group) => group.toString(16))
          .join(":")}::/64`;
  if (keys.size >= mostRemembered) keys.clear();
  keys.set(address, key);
  return key;
}

function numberOf(address: string, family: 4 | 6): bigint | undefined {
  if (family === 4) return address.split(".").reduce((sum, octet) => (sum << 8n) | BigInt(octet), 0n);
  return ipv6Groups(address.split("%", 1)[0] ?? "")?.reduce((sum, group) => (sum << 16n) | BigInt(group), 0n);
}
