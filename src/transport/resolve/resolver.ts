/**
 * Where a request goes: RFC 3263 from a URI to the hops to try, one after the other (§4.3), with those last that failed
 * lately. Addresses, and names that were asked for before, are answered at once.
 */
import type { Log } from "../../log.ts";
import type { Clock } from "../../sip/clock.ts";
import type { Address } from "../../sip/flow.ts";
import type { Random } from "../../sip/random.ts";
import type { SipUri } from "../../sip/uri.ts";
import type { Lookup } from "../host-lookup.ts";
import { Blacklist } from "./blacklist.ts";
import { DnsCache } from "./cache.ts";
import { ServerClient } from "./client.ts";
import type { DnsClient, Hop, IpFamily, Resolution, Transport } from "./contract.ts";
import { defaultTransport, type Locating, locate, lookUp } from "./locate.ts";
import { type Hosts, parseHosts, parseResolvConf, WatchedFile } from "./system-files.ts";
import { defaultPorts, isSecure, type Target, targetOf } from "./target.ts";

export interface ResolverOptions {
  clock: Clock;
  random: Random;
  log: Log;
  /** Answers questions, and remembers: a `DnsCache`. Without one there are no names but those of `hosts`. */
  dns?: DnsClient;
  /** Whether requests can be sent by a transport to addresses of a family. */
  serves(transport: Transport, family: IpFamily): boolean;
  /** Transports in the order in which they are tried where a domain leaves the choice; UDP, TCP, TLS by default. */
  preference?: readonly Transport[];
  /** Names that need no DNS, as of /etc/hosts. */
  hosts?: () => Hosts;
  /** Domains in which a name of a single label is looked for. */
  search?: () => readonly string[];
  /**
   * Whether the DNS may name addresses of this machine's loopback; false by default, since anybody's domain could then
   * have us send to what listens there and trusts its neighbours. The hosts file always may.
   */
  loopback?: boolean;
  /** How long a resolution may take in all, in ms; 6,000 by default. */
  timeout?: number;
}

export interface SystemOptions
  extends Pick<ResolverOptions, "clock" | "random" | "log" | "serves" | "preference" | "loopback"> {
  /** IP literals; none: those of /etc/resolv.conf. */
  servers?: readonly Address[];
  /** How long an answer may take before the next server is asked, in ms; a resolution may take three times as long. */
  timeout?: number | undefined;
}

const usualPreference: readonly Transport[] = ["udp", "tcp", "tls"];
const usualPatience = 2_000;
/** Resolutions that may be under way; each waits for its own questions. */
const maxWaiting = 10_000;

export class Resolver {
  readonly #log: Log;
  readonly #around: Locating;
  readonly #dns: DnsClient;
  readonly #search: () => readonly string[];
  readonly #timeout: number;
  readonly #blacklist: Blacklist;
  #waiting = 0;

  constructor(options: ResolverOptions) {
    const hosts: Hosts = new Map();
    // What is listened on stays as it is.
    const served: Record<IpFamily, Partial<Record<Transport, boolean>>> = { 4: {}, 6: {} };
    this.#log = options.log;
    this.#dns = options.dns ?? noDns;
    this.#search = options.search ?? (() => []);
    this.#timeout = options.timeout ?? 3 * usualPatience;
    this.#blacklist = new Blacklist(options.clock);
    this.#around = {
      clock: options.clock,
      random: options.random,
      dns: this.#dns,
      hosts: options.hosts ?? (() => hosts),
      preference: options.preference ?? usualPreference,
      serves: (transport, family) => {
        served[family][transport] ??= options.serves(transport, family);
        return served[family][transport];
      },
      loopback: options.loopback ?? false,
    };
  }

  /** A resolver that asks as the system does: its servers (or those that are given), its hosts file, its search list. */
  static fromSystem(options: SystemOptions): Resolver {
    const { clock, random, log, serves, servers = [], timeout = usualPatience } = options;
    const conf = new WatchedFile("/etc/resolv.conf", clock, parseResolvConf);
    const hosts = new WatchedFile("/etc/hosts", clock, parseHosts);
    const client = new ServerClient({
      clock,
      random,
      servers: servers.length > 0 ? () => servers : () => conf.value.servers,
      patience: timeout,
    });
    return new Resolver({
      clock,
      random,
      log,
      serves,
      timeout: 3 * timeout,
      dns: new DnsCache({ client, clock }),
      hosts: () => hosts.value,
      search: () => conf.value.search,
      ...(options.preference === undefined ? {} : { preference: options.preference }),
      ...(options.loopback === undefined ? {} : { loopback: options.loopback }),
    });
  }

  /**
   * The hops for a request to `uri` (its Request-URI, or its topmost Route). Calls `done` exactly once; in the same turn
   * for addresses and for names whose records are remembered. Never throws. `random` decides among equals (RFC 2782): a
   * stateless proxy makes it of the request, so that what comes again goes the same way (RFC 3263 §4.4).
   */
  resolve(uri: SipUri, done: (resolution: Resolution) => void, random?: Random): void {
    const target = targetOf(uri);
    if ("reason" in target) return done({ ok: false, reason: target.reason });
    if (target.family !== 0) return done(this.#literal(target, target.family));
    this.#named(random === undefined ? this.#around : { ...this.#around, random }, target, done);
  }

  /**
   * Nobody answered at this hop, or it said 503: it goes last for a while (RFC 3263 §4.3). `pause`: ms that a Retry-After
   * asks for.
   */
  failed(hop: Hop, pause?: number): void {
    this.#blacklist.failed(hop, pause);
  }

  worked(hop: Hop): void {
    this.#blacklist.worked(hop);
  }

  /** Addresses of a host's name, best first, for `TransportOptions.lookup`: no NAPTR, no SRV. */
  readonly lookup: Lookup = (name) => {
    const { promise, resolve } = Promise.withResolvers<readonly string[]>();
    lookUp(this.#around, name.toLowerCase(), undefined, ({ addresses }) => resolve(addresses));
    return promise;
  };

  /** Settles what is under way, and asks nobody any more. */
  close(): void {
    this.#dns.close();
  }

  #literal(target: Target, family: IpFamily): Resolution {
    const transport = target.transport ?? defaultTransport(this.#around, target.secure, family);
    if (!this.#around.serves(transport, family))
      return { ok: false, reason: `nothing can be sent by ${transport.toUpperCase()} over IPv${family}` };
    const { name: host, port = defaultPorts[transport], domain } = target;
    // The certificate of an address that a maddr names is still that of the URI's domain.
    if (isSecure(transport) && domain !== undefined)
      return { ok: true, hops: [{ transport, host, port, serverName: domain }] };
    return { ok: true, hops: [{ transport, host, port }] };
  }

  #named(around: Locating, target: Target, done: (resolution: Resolution) => void): void {
    if (this.#waiting >= maxWaiting) return done({ ok: false, reason: "too many names are to be resolved" });
    this.#waiting++;
    let settled = false;
    let sameTurn = true;
    const settle = (resolution: Resolution) => {
      if (settled) return;
      settled = true;
      this.#waiting--;
      deadline?.cancel();
      const ordered = resolution.ok ? { ok: true as const, hops: this.#blacklist.order(resolution.hops) } : resolution;
      if (sameTurn) return done(ordered);
      try {
        done(ordered);
      } catch (error) {
        const reason = error instanceof Error ? (error.stack ?? error.message) : String(error);
        this.#log.error("a resolved name could not be used", { name: target.name, reason });
      }
    };
    let deadline: { cancel(): void } | undefined;
    this.#inDomains(around, target, settle);
    sameTurn = false;
    if (settled) return;
    deadline = this.#around.clock.after(this.#timeout, () =>
      settle({ ok: false, reason: `${target.name} cannot be resolved: the DNS takes too long` }),
    );
  }

  /** A name of one label is looked for in the search domains first, as the system's resolver does (resolv.conf(5), ndots 1). */
  #inDomains(around: Locating, target: Target, done: (resolution: Resolution) => void): void {
    const { name } = target;
    const single = !name.includes(".") && name !== "localhost" && !this.#around.hosts().has(name);
    const candidates = single ? this.#search().map((domain) => `${name}.${domain}`) : [];
    const next = (at: number) => {
      const candidate = candidates[at];
      if (candidate === undefined) return locate(around, target, done);
      locate(around, { ...target, name: candidate }, (resolution) => (resolution.ok ? done(resolution) : next(at + 1)));
    };
    next(0);
  }
}

const noDns: DnsClient = {
  query: (_name, _type, done) => done({ kind: "failed", reason: "there is no DNS server to ask" }),
  close() {},
};
