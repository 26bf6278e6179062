/** The transport layer as its users see it: listeners, and flows to peers (RFC 3261 §18). */
import { readFileSync } from "node:fs";
import { isLoopback, isUnspecified } from "../ip.ts";
import type { Log } from "../log.ts";
import type { Clock } from "../sip/clock.ts";
import type { Address, Flow } from "../sip/flow.ts";
import { formatHost } from "../sip/host.ts";
import { UdpBindError } from "../udp.ts";
import { formatAddress, ipFamily, refusesSending, socketHost } from "./address.ts";
import { Delivery, failLater, type TransportContext } from "./context.ts";
import {
  defaultLimits,
  type ListenUrl,
  TransportError,
  type TransportErrorCode,
  type TransportEvents,
  type TransportLimits,
} from "./contract.ts";
import { HostLookup, type Lookup } from "./host-lookup.ts";
import { NamedFlow } from "./named-flow.ts";
import { OversizeFlow, TcpRefusals } from "./oversize.ts";
import { defaultSources, SourceAddresses } from "./source-address.ts";
import { TcpTransport } from "./tcp.ts";
import { UdpTransport } from "./udp.ts";

export interface TransportOptions {
  listen: readonly ListenUrl[];
  /** Host put in Via and Contact when it is not the bound one: an IP literal or a name, without a port. */
  advertise?: string | undefined;
  limits?: Partial<TransportLimits> | undefined;
  log: Log;
  clock: Clock;
  events: TransportEvents;
  /** The system's resolver by default. */
  lookup?: Lookup | undefined;
}

export interface Listening {
  readonly transport: "udp" | "tcp";
  /** The bound address with its real port. */
  readonly local: Address;
  /** What peers are told; for a wildcard without `advertise` the address of the default route. */
  readonly advertised: Address;
}

type Bound = Pick<Listening, "transport" | "local">;

export interface FlowTarget {
  transport: "udp" | "tcp";
  /** An IP literal, with or without brackets, or a name that the system's resolver knows. */
  host: string;
  port: number;
  /** Octets of the request that will be sent. */
  size?: number | undefined;
}

export class TransportLayer {
  /** In the order of `listen`. */
  readonly listening: readonly Listening[];
  readonly #options: TransportOptions;
  readonly #limits: TransportLimits;
  readonly #sources: SourceAddresses;
  readonly #udp: readonly UdpTransport[];
  readonly #tcp: TcpTransport;
  readonly #tcpListening: readonly Address[];
  readonly #names: HostLookup;
  readonly #refusals: TcpRefusals;

  /** Binds all listeners or none. Throws TransportError. */
  static async open(options: TransportOptions): Promise<TransportLayer> {
    const limits = { ...defaultLimits, ...options.limits };
    limits.maxConnections = Math.min(limits.maxConnections, descriptorsForConnections());
    const { clock, log } = options;
    const defaults = options.listen.some(({ host }) => isUnspecified(host)) ? await defaultSources() : {};
    const sources = new SourceAddresses({ now: () => clock.now(), defaults });
    const context: TransportContext = {
      log,
      clock,
      limits,
      deliver: new Delivery(options.events, log),
      localToward: (bound, remote) =>
        isUnspecified(bound.host) ? { host: sources.toward(remote), port: bound.port } : bound,
    };
    const udp: UdpTransport[] = [];
    const tcp = new TcpTransport(context);
    const bound: Bound[] = [];
    for (const url of options.listen) {
      try {
        if (url.transport === "udp") {
          const transport = await UdpTransport.open(url, context);
          udp.push(transport);
          bound.push({ transport: "udp", local: transport.local });
        } else {
          bound.push({ transport: "tcp", local: tcp.listen(url) });
        }
      } catch (error) {
        for (const open of udp) open.close();
        await tcp.close();
        throw bindFailure(url, error);
      }
    }
    return new TransportLayer(options, limits, sources, udp, tcp, bound);
  }

  private constructor(
    options: TransportOptions,
    limits: TransportLimits,
    sources: SourceAddresses,
    udp: readonly UdpTransport[],
    tcp: TcpTransport,
    bound: readonly Bound[],
  ) {
    this.#options = options;
    this.#limits = limits;
    this.#sources = sources;
    this.#udp = udp;
    this.#tcp = tcp;
    this.#tcpListening = bound.filter(({ transport }) => transport === "tcp").map(({ local }) => local);
    this.#names = new HostLookup({ clock: options.clock, timeout: limits.resolveTimeout, lookup: options.lookup });
    this.#refusals = new TcpRefusals(options.clock);
    this.listening = bound.map(({ transport, local }) => ({
      transport,
      local,
      advertised: this.#advertised(local, local.host.includes(":") ? "2001:db8::1" : "192.0.2.1"),
    }));
  }

  /** Milliseconds that the message which is being handed on has waited here: it came while others were handled. */
  get waited(): number {
    return this.#udp.reduce((most, { turns }) => Math.max(most, turns.waited), 0);
  }

  /** Open stream connections. */
  get connections(): number {
    return this.#tcp.size;
  }

  /**
   * A way to a peer. Never throws and does no IO before `send`; what cannot be reached fails there. Over TCP the flow
   * uses the open connection to that address, one that the peer opened from it included, and reconnects when it is
   * gone. A request on UDP of a `size` above 1300 octets goes over TCP (RFC 3261 §18.1.1): build its Via with `viaFor`
   * of this flow. Where the peer has no TCP it is sent over UDP with a rewritten Via (see oversize.ts).
   */
  flowTo(target: FlowTarget): Flow {
    const host = socketHost(target.host);
    if (ipFamily(host) !== 0) return this.#flowToAddress(target.transport, { host, port: target.port }, target.size);
    const oversize = target.transport === "udp" && (target.size ?? 0) > this.#limits.maxDatagram;
    return new NamedFlow({
      transport: oversize ? "tcp" : target.transport,
      target: { host, port: target.port },
      maxQueued: this.#limits.maxQueued,
      unresolvedLocal: () => this.#localFor(oversize ? "tcp" : target.transport, "192.0.2.1"),
      resolve: (done) =>
        this.#names.resolve(host, (result) => {
          if (!result.ok) return done(result);
          const served = result.hosts.find((each) => this.#serves(target.transport, each)) ?? result.hosts[0] ?? host;
          const flow = oversize
            ? this.#oversize({ host: served, port: target.port })
            : this.#flowToAddress(target.transport, { host: served, port: target.port }, undefined);
          done({ ok: true, flow });
        }),
    });
  }

  /** The sent-by of a Via for requests on `flow`. IPv6 hosts come without brackets. */
  viaFor(flow: Flow): { transport: "UDP" | "TCP"; host: string; port: number } {
    const transport = flow.transport === "udp" ? "udp" : "tcp";
    const bound = transport === "udp" ? flow.local : this.#tcpListener(flow.remote.host);
    return { transport: transport === "udp" ? "UDP" : "TCP", ...this.#advertised(bound, flow.remote.host) };
  }

  /**
   * `host:port` or `host:port;transport=tcp`, to stand behind `sip:user@` in a Contact. UDP's where we listen on no
   * TCP, and for a request that is on TCP for its size alone: later requests may be small.
   */
  contactFor(flow: Flow): string {
    const inner = flow instanceof NamedFlow ? (flow.resolved ?? flow) : flow;
    const way = inner instanceof OversizeFlow ? inner.udp : inner;
    if (way.transport === "udp") return formatAddress(this.#advertised(way.local, way.remote.host));
    const remote = way.remote.host;
    if (this.#tcpListening.length === 0 && this.#udp.length > 0) {
      return formatAddress(this.#advertised(this.#localFor("udp", remote), remote));
    }
    return `${formatAddress(this.#advertised(this.#tcpListener(remote), remote))};transport=tcp`;
  }

  /** Stops listening, closes each connection after its queue, resolves when all is down. */
  async close(): Promise<void> {
    for (const udp of this.#udp) udp.close();
    await this.#tcp.close();
  }

  #flowToAddress(transport: "udp" | "tcp", remote: Address, size: number | undefined): Flow {
    if (transport === "tcp") return this.#tcp.flow(remote);
    if ((size ?? 0) > this.#limits.maxDatagram && !this.#refusals.has(remote)) return this.#oversize(remote);
    const socket = pick(this.#udp, (each) => each.local, remote.host, this.#sources);
    return socket?.flow(remote) ?? new NoFlow(remote);
  }

  #oversize(remote: Address): Flow {
    const udp = this.#flowToAddress("udp", remote, undefined);
    if (refusesSending(remote) !== undefined) return udp;
    return new OversizeFlow(
      this.#tcp.flow(remote),
      udp,
      () => this.#advertised(udp.local, remote.host),
      this.#refusals,
    );
  }

  #serves(transport: "udp" | "tcp", host: string): boolean {
    const listening =
      transport === "tcp" && this.#tcpListening.length > 0
        ? this.#tcpListening
        : this.listening.map(({ local }) => local);
    return listening.length === 0 || listening.some((local) => ipFamily(local.host) === ipFamily(host));
  }

  #advertised(bound: Address, remote: string): Address {
    const { advertise } = this.#options;
    if (advertise !== undefined) return { host: socketHost(advertise), port: bound.port };
    return { host: isUnspecified(bound.host) ? this.#sources.toward(remote) : bound.host, port: bound.port };
  }

  /** Where peers reach us over TCP; without a TCP listener the UDP one's address, since a Via has to say something. */
  #tcpListener(remote: string): Address {
    return this.#tcpListening.length > 0 ? this.#localFor("tcp", remote) : this.#localFor("udp", remote);
  }

  #localFor(transport: "udp" | "tcp", remote: string): Address {
    const listening = transport === "udp" ? this.#udp.map(({ local }) => local) : this.#tcpListening;
    return (
      pick(listening, (local) => local, remote, this.#sources) ??
      listening[0] ??
      this.listening[0]?.local ?? { host: this.#sources.toward(remote), port: 5060 }
    );
  }
}

/** The listener to reach `remote` from: on the address that the system would choose, on all addresses, then any of the family. */
function pick<T>(
  listeners: readonly T[],
  localOf: (listener: T) => Address,
  remote: string,
  sources: SourceAddresses,
): T | undefined {
  const family = ipFamily(remote) || 4;
  const fitting = listeners.filter((each) => ipFamily(localOf(each).host) === family);
  if (fitting.length < 2) return fitting[0];
  const source = sources.toward(remote);
  return (
    fitting.find((each) => localOf(each).host === source) ??
    fitting.find((each) => isUnspecified(localOf(each).host)) ??
    fitting.find((each) => isLoopback(localOf(each).host) === isLoopback(remote)) ??
    fitting[0]
  );
}

/** A flow to a peer whose address family no UDP listener serves. */
class NoFlow implements Flow {
  readonly transport = "udp";
  readonly reliable = false;
  readonly remote: Address;

  constructor(remote: Address) {
    this.remote = remote;
  }

  get local(): Address {
    return { host: this.remote.host.includes(":") ? "::" : "0.0.0.0", port: 0 };
  }

  get id(): string {
    return `udp:none-${formatAddress(this.remote)}`;
  }

  send(_bytes: Uint8Array, failed?: (reason: string) => void): void {
    const family = this.remote.host.includes(":") ? "IPv6" : "IPv4";
    failLater(failed, `no UDP listener for ${family}, which ${formatAddress(this.remote)} needs`, "lost");
  }
}

/**
 * Half of the file descriptors that the process may have: media, scripts and stores need theirs, and without a free
 * one a connection cannot even be accepted to be closed.
 */
function descriptorsForConnections(): number {
  try {
    const soft = /^Max open files\s+(\d+)/m.exec(readFileSync("/proc/self/limits", "latin1"))?.[1];
    return soft === undefined ? Number.POSITIVE_INFINITY : Math.floor(Number(soft) / 2);
  } catch {
    return Number.POSITIVE_INFINITY; // Not Linux.
  }
}

const bindCodes: Readonly<Record<string, [TransportErrorCode, string]>> = {
  EADDRINUSE: ["address-in-use", "the address is in use by another program"],
  EADDRNOTAVAIL: ["address-unavailable", "no interface of this machine has that address"],
  EACCES: ["permission", "permission denied (ports below 1024 need a privilege)"],
};

function bindFailure(url: ListenUrl, error: unknown): TransportError {
  const text = `${url.transport}://${formatHost(url.host)}:${url.port}`;
  const code = error instanceof UdpBindError || (error instanceof Error && "code" in error) ? String(error.code) : "";
  const [kind, why] = bindCodes[code] ?? ["bind-failed", error instanceof Error ? error.message : String(error)];
  return new TransportError(kind, text, `cannot listen on ${text}: ${why}`);
}
