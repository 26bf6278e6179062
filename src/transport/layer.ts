/** The transport layer as its users see it: listeners, and flows to peers (RFC 3261 §18). */
import { isUnspecified } from "../ip.ts";
import type { Log } from "../log.ts";
import type { Clock } from "../sip/clock.ts";
import type { Address, Flow } from "../sip/flow.ts";
import { formatAddress, ipFamily, refusesSending, socketHost } from "./address.ts";
import { bindFailure, descriptorsForConnections, withoutCertificate } from "./bind.ts";
import { Delivery, failLater, type TransportContext } from "./context.ts";
import {
  defaultLimits,
  type FlowRef,
  type ListenUrl,
  type Tap,
  type TlsSettings,
  type Transport,
  type TransportEvents,
  type TransportLimits,
} from "./contract.ts";
import { HostLookup, type Lookup } from "./host-lookup.ts";
import { NamedFlow } from "./named-flow.ts";
import { OversizeFlow, TcpRefusals } from "./oversize.ts";
import { type Bound, type Listening, OwnAddresses, pick, type ViaTransport } from "./own-addresses.ts";
import { defaultSources, SourceAddresses } from "./source-address.ts";
import { isSecure, StreamListener } from "./stream-socket.ts";
import { StreamPool } from "./streams.ts";
import { readTls } from "./tls/certificates.ts";
import { CertificateWatch } from "./tls/watch.ts";
import { type BindUdp, UdpTransport } from "./udp.ts";
import type { HttpHook } from "./websocket/page.ts";

export interface TransportOptions {
  listen: readonly ListenUrl[];
  /** Host put in Via and Contact when it is not the bound one: an IP literal or a name, without a port. */
  advertise?: string | undefined;
  limits?: Partial<TransportLimits> | undefined;
  /** Needed to listen on tls and wss; for connections of ours the runtime's authorities are trusted without it. */
  tls?: TlsSettings | undefined;
  /** The values of Origin, such as `https://phone.example.com`, whose pages may open WebSockets; any by default. */
  allowedOrigins?: readonly string[] | undefined;
  /** Answers requests of HTTP that come to the ports of ws and wss and ask for no WebSocket; 404 by default. */
  http?: HttpHook | undefined;
  /**
   * Whether an IP address may speak to us: asked for each connection and each datagram before anything of it is read.
   * False: it gets no answer.
   */
  admit?: ((source: string) => boolean) | undefined;
  log: Log;
  clock: Clock;
  events: TransportEvents;
  /** The system's resolver by default. */
  lookup?: Lookup | undefined;
  /** Makes the sockets of UDP; real ones by default. */
  bindUdp?: BindUdp | undefined;
}

export interface FlowTarget {
  transport: Transport;
  /** An IP literal, with or without brackets, or a name that the system's resolver knows. */
  host: string;
  port: number;
  /** Octets of the request that will be sent. */
  size?: number | undefined;
  /** For tls the domain that the peer's certificate must name (RFC 5922); `host` by default. */
  serverName?: string | undefined;
}

export class TransportLayer {
  /** In the order of `listen`. */
  readonly listening: readonly Listening[];
  readonly #options: TransportOptions;
  readonly #limits: TransportLimits;
  readonly #sources: SourceAddresses;
  readonly #own: OwnAddresses;
  readonly #udp: readonly UdpTransport[];
  readonly #streams: StreamPool;
  readonly #listeners: readonly StreamListener[];
  readonly #names: HostLookup;
  readonly #refusals: TcpRefusals;
  readonly #deliver: Delivery;
  #watch: CertificateWatch | undefined;

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
      admit: options.admit ?? (() => true),
      localToward: (bound, remote) =>
        isUnspecified(bound.host) ? { host: sources.toward(remote), port: bound.port } : bound,
    };
    const origins = options.allowedOrigins?.map((origin) => origin.toLowerCase());
    const streams = new StreamPool(context, {
      origins: origins === undefined ? undefined : new Set(origins),
      http: options.http,
    });
    if (options.tls !== undefined) streams.tls = readTls(options.tls, log, Date.now());
    const udp: UdpTransport[] = [];
    const listeners: StreamListener[] = [];
    const bound: Bound[] = [];
    for (const url of options.listen) {
      const { transport, host, port } = url;
      try {
        if (transport === "udp") {
          const opened = await UdpTransport.open(url, context, options.bindUdp);
          udp.push(opened);
          bound.push(opened);
        } else {
          if (isSecure(transport) && streams.tls.server === undefined) throw withoutCertificate(url);
          const opened = new StreamListener({ transport, host, port }, streams);
          listeners.push(opened);
          bound.push(opened);
        }
      } catch (error) {
        for (const open of [...udp, ...listeners]) open.close();
        await streams.close();
        throw bindFailure(url, error);
      }
    }
    return new TransportLayer(options, limits, sources, udp, streams, listeners, bound, context.deliver);
  }

  private constructor(
    options: TransportOptions,
    limits: TransportLimits,
    sources: SourceAddresses,
    udp: readonly UdpTransport[],
    streams: StreamPool,
    listeners: readonly StreamListener[],
    bound: readonly Bound[],
    deliver: Delivery,
  ) {
    this.#deliver = deliver;
    this.#options = options;
    this.#limits = limits;
    this.#sources = sources;
    this.#udp = udp;
    this.#streams = streams;
    this.#listeners = listeners;
    this.#own = new OwnAddresses({ bound, advertise: options.advertise, sources });
    this.#names = new HostLookup({ clock: options.clock, timeout: limits.resolveTimeout, lookup: options.lookup });
    this.#refusals = new TcpRefusals(options.clock);
    if (options.tls !== undefined) this.#watchCertificates(options.tls);
    this.listening = bound.map(({ transport, local }) => ({
      transport,
      local,
      advertised: this.#own.advertised(local, local.host.includes(":") ? "2001:db8::1" : "192.0.2.1"),
    }));
  }

  /** Milliseconds that the message which is being handed on has waited here: it came while others were handled. */
  get waited(): number {
    return this.#udp.reduce((most, { turns }) => Math.max(most, turns.waited), 0);
  }

  /** Has somebody see all messages that come and go; undefined: nobody, which is how it begins. */
  set tap(tap: Tap | undefined) {
    this.#deliver.tap = tap;
  }

  get tap(): Tap | undefined {
    return this.#deliver.tap;
  }

  /** Open stream connections. */
  get connections(): number {
    return this.#streams.size;
  }

  /**
   * A way to a peer. Never throws and does no IO before `send`; what cannot be reached fails there. Over TCP and TLS the
   * flow uses the open connection to that address, one that the peer opened from it included, and reconnects when it is
   * gone; with a `serverName` only one whose peer has shown a certificate for it. Over WebSocket it uses the connection
   * that the client has opened, and fails when it is gone. A request on UDP of a `size` above 1300 octets goes over TCP
   * (RFC 3261 §18.1.1): build its Via with `viaFor` of this flow. Where the peer has no TCP it is sent over UDP with a
   * rewritten Via (see oversize.ts).
   */
  flowTo(target: FlowTarget): Flow {
    const host = socketHost(target.host);
    return ipFamily(host) !== 0 ? this.#flowToAddress(target, host) : this.#flowToName(target, host);
  }

  /**
   * The flow that `ref` names, undefined when it is gone: for UDP from the listener with that port, for a stream that
   * very connection. What is sent on a connection that goes after this call fails at once.
   */
  flowOf(ref: FlowRef): Flow | undefined {
    if (ref.transport !== "udp") return this.#streams.flowOf(ref);
    const remote = { host: socketHost(ref.remote.host), port: ref.remote.port };
    const family = ipFamily(remote.host);
    if (family === 0) return undefined;
    for (const udp of this.#udp) {
      const { host, port } = udp.local;
      if (port === ref.local.port && host === ref.local.host && ipFamily(host) === family) return udp.flow(remote);
    }
    return this.#listenerAt(ref.local.port, remote.host)?.flow(remote);
  }

  /** The open connection whose peer has this address; undefined for UDP, which has none. */
  connectionFrom(transport: Transport, remote: Address): Flow | undefined {
    if (transport === "udp") return undefined;
    return this.#streams.connectionFrom(transport, { host: socketHost(remote.host), port: remote.port });
  }

  /** Keeps a connection open for at least `ms`, even when its peer is silent: as long as it is registered, say. */
  holdOpen(ref: FlowRef, ms: number): void {
    if (ref.transport !== "udp") this.#streams.flowOf(ref)?.hold(ms);
  }

  /** Closes what an IP address has open, at once; gives how many connections that were. */
  disconnect(source: string): number {
    return this.#streams.disconnect(source);
  }

  /** The sent-by of a Via for requests on `flow`. IPv6 hosts come without brackets. */
  viaFor(flow: Flow): { transport: ViaTransport; host: string; port: number } {
    return this.#own.viaFor(flow);
  }

  /**
   * `host:port` or `host:port;transport=tcp`, to stand behind `sip:user@` in a Contact. UDP's where we listen on no
   * TCP, and for a request that is on TCP for its size alone: later requests may be small.
   */
  contactFor(flow: Flow): string {
    const inner = flow instanceof NamedFlow ? (flow.resolved ?? flow) : flow;
    return this.#own.contactFor(inner instanceof OversizeFlow ? inner.udp : inner);
  }

  /** Whether this is an address that we listen on or advertise. `port` undefined: a default one. */
  isOwn(host: string, port: number | undefined): boolean {
    return this.#own.isOwn(host, port);
  }

  /**
   * Takes over certificates, key, authorities and names: new connections use them, open ones live on. Throws
   * TransportError, and then leaves all as it was. Happens by itself within a minute where the files change.
   */
  reloadTls(settings: TlsSettings): void {
    this.#streams.tls = readTls(settings, this.#options.log, Date.now());
    if (this.#watch === undefined) this.#watchCertificates(settings);
    else this.#watch.use(settings);
    for (const listener of this.#listeners) {
      if (!listener.secure) continue;
      try {
        listener.renew();
      } catch (error) {
        throw bindFailure({ transport: listener.transport, ...listener.local }, error);
      }
    }
  }

  /** Stops listening, closes each connection after its queue, resolves when all is down. */
  async close(): Promise<void> {
    this.#watch?.close();
    for (const listener of [...this.#udp, ...this.#listeners]) listener.close();
    await this.#streams.close();
  }

  #watchCertificates(settings: TlsSettings): void {
    const { clock, log } = this.#options;
    this.#watch = new CertificateWatch(clock, settings, (changed) => {
      try {
        this.reloadTls(changed);
        log.info("certificates have changed: new connections get the new ones");
      } catch (error) {
        const reason = error instanceof Error ? error.message : String(error);
        log.warn("certificates have changed, but cannot be used: the former ones stay", { reason });
      }
    });
  }

  /** The listener with this port from which an address is reached: behind a wildcard it has another host than the flow. */
  #listenerAt(port: number, remote: string): UdpTransport | undefined {
    const ours = this.#udp.filter(({ local }) => local.port === port);
    return pick(ours, localOf, remote, this.#sources);
  }

  #flowToName(target: FlowTarget, host: string): Flow {
    const oversize = target.transport === "udp" && (target.size ?? 0) > this.#limits.maxDatagram;
    const transport = oversize ? "tcp" : target.transport;
    return new NamedFlow({
      transport,
      target: { host, port: target.port },
      maxQueued: this.#limits.maxQueued,
      unresolvedLocal: () => this.#own.localFor(transport, "192.0.2.1"),
      resolve: (done) =>
        this.#names.resolve(host, (result) => {
          if (!result.ok) return done(result);
          const { hosts } = result;
          const served = hosts.find((each) => this.#own.serves(target.transport, each)) ?? hosts[0] ?? host;
          const flow = oversize
            ? this.#oversize({ host: served, port: target.port })
            : this.#flowToAddress({ ...target, serverName: target.serverName ?? host, size: undefined }, served);
          done({ ok: true, flow });
        }),
    });
  }

  #flowToAddress({ transport, port, size, serverName }: Omit<FlowTarget, "host">, host: string): Flow {
    const remote = { host, port };
    if (transport !== "udp") return this.#streams.flow({ transport, remote, serverName });
    if ((size ?? 0) > this.#limits.maxDatagram && !this.#refusals.has(remote)) return this.#oversize(remote);
    const socket = pick(this.#udp, localOf, host, this.#sources);
    return socket?.flow(remote) ?? new NoFlow(remote);
  }

  #oversize(remote: Address): Flow {
    const udp = this.#flowToAddress({ transport: "udp", port: remote.port }, remote.host);
    if (refusesSending(remote) !== undefined) return udp;
    return new OversizeFlow(
      this.#streams.flow({ transport: "tcp", remote }),
      udp,
      () => this.#own.advertised(udp.local, remote.host),
      this.#refusals,
    );
  }
}

function localOf({ local }: UdpTransport): Address {
  return local;
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
