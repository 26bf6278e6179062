/** What we are to peers: our addresses in Via and Contact, and which addresses are ours. */
import { isLoopback, isUnspecified } from "../ip.ts";
import type { Address, Flow } from "../sip/flow.ts";
import { canonicalHost } from "../sip/host.ts";
import { defaultPorts, formatAddress, ipFamily, socketHost } from "./address.ts";
import type { Transport } from "./contract.ts";
import type { SourceAddresses } from "./source-address.ts";

export interface Listening {
  readonly transport: Transport;
  /** The bound address with its real port. */
  readonly local: Address;
  /** What peers are told; for a wildcard without `advertise` the address of the default route. */
  readonly advertised: Address;
}

export type Bound = Pick<Listening, "transport" | "local">;

export type ViaTransport = "UDP" | "TCP" | "TLS" | "WS" | "WSS";

const viaTransports: Readonly<Record<Transport, ViaTransport>> = {
  udp: "UDP",
  tcp: "TCP",
  tls: "TLS",
  ws: "WS",
  wss: "WSS",
};

/** The `transport` parameter of a URI; RFC 7118 §5.2 knows none for WSS. */
const uriTransports: Readonly<Record<Exclude<Transport, "udp">, string>> = {
  tcp: "tcp",
  tls: "tls",
  ws: "ws",
  wss: "ws",
};

export class OwnAddresses {
  readonly #bound: readonly Bound[];
  readonly #advertise: string | undefined;
  readonly #sources: SourceAddresses;

  constructor(options: { bound: readonly Bound[]; advertise: string | undefined; sources: SourceAddresses }) {
    this.#bound = options.bound;
    this.#advertise = options.advertise === undefined ? undefined : socketHost(options.advertise);
    this.#sources = options.sources;
  }

  /** The sent-by of a Via for requests on `flow`. IPv6 hosts come without brackets. */
  viaFor(flow: Flow): { transport: ViaTransport; host: string; port: number } {
    const bound = flow.transport === "udp" ? flow.local : this.#listener(flow);
    const { host, port } = this.advertised(bound, flow.remote.host);
    return { transport: viaTransports[flow.transport], host, port };
  }

  /**
   * `host:port` or `host:port;transport=tcp`, to stand behind `sip:user@` in a Contact. UDP's where we listen on no TCP;
   * a secure way is never exchanged for another.
   */
  contactFor(flow: Flow): string {
    const remote = flow.remote.host;
    const { transport } = flow;
    if (transport === "udp" || (transport === "tcp" && !this.#listensOn("tcp") && this.#listensOn("udp"))) {
      const local = transport === "udp" ? flow.local : this.localFor("udp", remote);
      return formatAddress(this.advertised(local, remote));
    }
    return `${formatAddress(this.advertised(this.#listener(flow), remote))};transport=${uriTransports[transport]}`;
  }

  /** What `remote` is told of a listener at `bound`. */
  advertised(bound: Address, remote: string): Address {
    if (this.#advertise !== undefined) return { host: this.#advertise, port: bound.port };
    return isUnspecified(bound.host) ? { host: this.#sources.toward(remote), port: bound.port } : bound;
  }

  /** Where peers reach us over `transport`; where we do not listen on it the UDP listener's address: a Via has to say something. */
  localFor(transport: Transport, remote: string): Address {
    const listening = this.#localsOf(this.#listensOn(transport) ? transport : "udp");
    return (
      pick(listening, (local) => local, remote, this.#sources) ??
      listening[0] ??
      this.#bound[0]?.local ?? { host: this.#sources.toward(remote), port: defaultPorts[transport] }
    );
  }

  /**
   * Whether this is an address that we listen on or advertise. `port` undefined: the default of a transport that we
   * listen on there.
   */
  isOwn(host: string, port: number | undefined): boolean {
    const own = socketHost(host);
    return this.#bound.some(({ transport, local }) => {
      if (local.port !== (port ?? defaultPorts[transport])) return false;
      if (this.#advertise !== undefined && canonicalHost(this.#advertise) === canonicalHost(own)) return true;
      if (isUnspecified(local.host)) {
        return ipFamily(local.host) === ipFamily(own) && (isLoopback(own) || this.#sources.has(own));
      }
      return local.host === own;
    });
  }

  /** Whether a listener is of the family of `host`, an IP address. */
  serves(transport: Transport, host: string): boolean {
    const own = this.#localsOf(transport);
    const listening = transport !== "udp" && own.length > 0 ? own : this.#bound.map(({ local }) => local);
    return listening.length === 0 || listening.some((local) => ipFamily(local.host) === ipFamily(host));
  }

  /** The listener that a flow came by; for one that we opened, the one where its peer would reach us. */
  #listener({ transport, local, remote }: Flow): Address {
    const own = this.#bound.find(
      (each) =>
        each.transport === transport &&
        each.local.port === local.port &&
        ipFamily(each.local.host) === ipFamily(local.host),
    );
    return own?.local ?? this.localFor(transport, remote.host);
  }

  #listensOn(transport: Transport): boolean {
    return this.#bound.some((each) => each.transport === transport);
  }

  #localsOf(transport: Transport): Address[] {
    return this.#bound.filter((each) => each.transport === transport).map(({ local }) => local);
  }
}

/** The listener to reach `remote` from: on the address that the system would choose, on all addresses, then any of the family. */
export function pick<T>(
  listeners: readonly T[],
  localOf: (listener: T) => Address,
  remote: string,
  sources: SourceAddresses,
): T | undefined {
  const family = ipFamily(remote) || 4;
  const [first] = listeners;
  // Nearly always there is one.
  if (listeners.length === 1 && first !== undefined)
    return ipFamily(localOf(first).host) === family ? first : undefined;
  return pickOfMany(listeners, localOf, remote, family, sources);
}

function pickOfMany<T>(
  listeners: readonly T[],
  localOf: (listener: T) => Address,
  remote: string,
  family: 4 | 6,
  sources: SourceAddresses,
): T | undefined {
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
