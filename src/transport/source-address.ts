/** Which of our addresses a peer sees: needed in Via and Contact when a listener is bound to all addresses. */
import { networkInterfaces } from "node:os";
import { isLoopback } from "../ip.ts";
import { ipFamily, parseIp, socketHost } from "./address.ts";

/** One address of a network interface: as `os.networkInterfaces` gives it. */
export interface InterfaceAddress {
  readonly address: string;
  /** `192.0.2.1/24`; null when the system does not say. */
  readonly cidr: string | null;
  readonly internal: boolean;
}

interface Prefix {
  readonly host: string;
  readonly octets: Uint8Array;
  readonly length: number;
  readonly internal: boolean;
}

/** How long a reading of the interfaces holds, in ms: addresses come and go with DHCP and VPNs. */
const readingHolds = 10_000;

export class SourceAddresses {
  readonly #now: () => number;
  readonly #read: () => readonly InterfaceAddress[];
  readonly #defaults: { 4?: string | undefined; 6?: string | undefined };
  #prefixes: readonly Prefix[] = [];
  #readAt = Number.NEGATIVE_INFINITY;

  /** `defaults`: the source addresses of the default routes, where known (see `defaultSources`). */
  constructor(options: {
    now: () => number;
    defaults?: { 4?: string | undefined; 6?: string | undefined };
    interfaces?: () => readonly InterfaceAddress[];
  }) {
    this.#now = options.now;
    this.#defaults = options.defaults ?? {};
    this.#read = options.interfaces ?? systemInterfaces;
  }

  /**
   * Our address as `remote` (an IP address; anything else counts as a far IPv4 host) reaches it: loopback for
   * loopback, the interface on the longest common network, the default route's, the first that is not internal.
   */
  toward(remote: string): string {
    const family = ipFamily(remote) || 4;
    const loopback = family === 4 ? "127.0.0.1" : "::1";
    if (isLoopback(remote)) return loopback;
    const octets = parseIp(remote);
    let best: Prefix | undefined;
    let first: Prefix | undefined;
    for (const prefix of this.#current()) {
      if (prefix.octets.length !== (family === 4 ? 4 : 16)) continue;
      if (octets !== undefined && prefix.length > (best?.length ?? 0) && matches(prefix, octets)) best = prefix;
      if (!prefix.internal) first ??= prefix;
    }
    return best?.host ?? this.#defaults[family] ?? first?.host ?? loopback;
  }

  /** Whether an interface of this machine has this address. */
  has(host: string): boolean {
    return this.#current().some((prefix) => prefix.host === host);
  }

  #current(): readonly Prefix[] {
    const now = this.#now();
    if (now - this.#readAt >= readingHolds) {
      this.#readAt = now;
      this.#prefixes = this.#read().flatMap(toPrefix);
    }
    return this.#prefixes;
  }
}

/**
 * The source addresses that the system's default routes give, found by connecting UDP sockets to documentation
 * addresses (RFC 5737, RFC 3849), which sends nothing.
 */
export async function defaultSources(): Promise<{ 4?: string | undefined; 6?: string | undefined }> {
  const [v4, v6] = await Promise.all([sourceToward("192.0.2.1"), sourceToward("2001:db8::1")]);
  return { 4: v4, 6: v6 };
}

async function sourceToward(hostname: string): Promise<string | undefined> {
  try {
    const socket = await Bun.udpSocket({ connect: { hostname, port: 9 }, socket: {} });
    const host = socketHost(socket.address.address);
    socket.close();
    return isLoopback(host) || ipFamily(host) === 0 ? undefined : host;
  } catch {
    return undefined; // No such route.
  }
}

function systemInterfaces(): InterfaceAddress[] {
  return Object.values(networkInterfaces()).flatMap((addresses) => addresses ?? []);
}

function toPrefix(entry: InterfaceAddress): Prefix[] {
  const host = socketHost(entry.address);
  const octets = parseIp(host);
  if (octets === undefined) return [];
  const length = entry.cidr === null ? 8 * octets.length : Number(entry.cidr.split("/")[1]);
  // A link-local address is of use to its own link only, and needs a zone: never a default.
  const linkLocal = octets.length === 16 && octets[0] === 0xfe && ((octets[1] ?? 0) & 0xc0) === 0x80;
  return [{ host, octets, length, internal: entry.internal || linkLocal }];
}

function matches(prefix: Prefix, octets: Uint8Array): boolean {
  const whole = prefix.length >> 3;
  for (let i = 0; i < whole; i++) if (prefix.octets[i] !== octets[i]) return false;
  const rest = prefix.length & 7;
  return rest === 0 || ((prefix.octets[whole] ?? 0) ^ (octets[whole] ?? 0)) >> (8 - rest) === 0;
}
