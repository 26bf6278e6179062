/** SIP over streams: all connections in one pool, in which each peer's address leads to at most one per transport. */
import { isLoopback } from "../ip.ts";
import type { Address, Flow } from "../sip/flow.ts";
import type { Request } from "../sip/message.ts";
import { secureRandom } from "../sip/random.ts";
import { formatAddress, refusesSending, socketHost } from "./address.ts";
import { Connection, type ConnectionOwner } from "./connection.ts";
import { type Failed, failLater, type TransportContext } from "./context.ts";
import type { FlowRef, StreamTransport } from "./contract.ts";
import { type Framing, SipFraming } from "./framing.ts";
import { responseTarget } from "./response-target.ts";
import { connectSocket, type OpenSocket } from "./stream-socket.ts";
import { noCertificates, type TlsMaterial } from "./tls/certificates.ts";
import { WebSocketFraming } from "./websocket/framing.ts";
import type { HttpRequest } from "./websocket/http.ts";
import { type HttpHook, pageFor } from "./websocket/page.ts";

/** A flow that also says how it failed. */
export interface StreamFlow extends Omit<Flow, "send"> {
  send(bytes: Uint8Array, failed?: Failed): void;
}

/** Where a connection goes, and for TLS whom the certificate there must name. */
interface StreamTarget {
  transport: StreamTransport;
  remote: Address;
  serverName?: string | undefined;
}

export interface StreamOptions {
  readonly origins: ReadonlySet<string> | undefined;
  readonly http: HttpHook | undefined;
}

/** Octets that may wait for slow peers in all. */
const maxQueuedInAll = 64 * 1024 * 1024;

export class StreamPool implements ConnectionOwner {
  readonly context: TransportContext;
  tls: TlsMaterial = noCertificates;
  readonly #options: StreamOptions;
  /** All connections, by id. */
  readonly #connections = new Map<string, Connection>();
  /** Those that take requests, by transport and the peer's address. */
  readonly #byPeer = new Map<string, Connection>();
  /** Those whose peer has shown a certificate for a name, by address and name. */
  readonly #byName = new Map<string, Connection>();
  readonly #named = new WeakMap<Connection, string>();
  readonly #perSource = new Map<string, number>();
  /** In front of each number, so that the id of a connection never comes again, not in another process either. */
  readonly #era = secureRandom.token(4);
  #queuedInAll = 0;
  #count = 0;
  #closing = false;
  #drained: (() => void) | undefined;

  constructor(context: TransportContext, options: StreamOptions) {
    this.context = context;
    this.#options = options;
  }

  get size(): number {
    return this.#connections.size;
  }

  /** A flow to `remote` that finds or opens a connection whenever it sends. */
  flow(target: StreamTarget): StreamFlow {
    const { transport, remote } = target;
    return new StreamRoute(this, `${transport}:${formatAddress(remote)}`, target, undefined, () => target);
  }

  /** The connection itself as a flow: never another one to the same peer. */
  flowOf({ id, transport }: FlowRef): Connection | undefined {
    const connection = this.#connections.get(id);
    return connection?.transport === transport && connection.usable ? connection : undefined;
  }

  /** The open connection whose peer has this address. */
  connectionFrom(transport: StreamTransport, remote: Address): Connection | undefined {
    const connection = this.#byPeer.get(peerKey(transport, remote));
    return connection?.usable === true ? connection : undefined;
  }

  /** The open connection that a request to `target` would use. */
  connectionTo({ transport, remote, serverName }: StreamTarget): Connection | undefined {
    if (transport !== "tls" || serverName === undefined) return this.connectionFrom(transport, remote);
    const connection = this.#byName.get(nameKey(remote, serverName));
    return connection?.usable === true ? connection : undefined;
  }

  /** Sends over the open connection to `target`, or over a new one. */
  send(bytes: Uint8Array, target: StreamTarget, failed: Failed | undefined): void {
    const connection = this.connectionTo(target);
    if (connection !== undefined) {
      connection.send(bytes, failed);
      return;
    }
    const { transport, remote } = target;
    const refusal = this.#closing ? "the transport is closed" : refusesSending(remote);
    if (refusal !== undefined) {
      failLater(failed, refusal, "lost");
      return;
    }
    if (transport === "ws" || transport === "wss") {
      failLater(
        failed,
        `no WebSocket connection from ${formatAddress(remote)} is open, and only clients open them`,
        "lost",
      );
      return;
    }
    if (this.#connections.size >= this.context.limits.maxConnections) {
      failLater(failed, "too many connections", "lost");
      return;
    }
    this.#connect(transport, target).send(bytes, failed);
  }

  /** Takes a connection that a peer has opened, or refuses it: undefined. */
  accept(transport: StreamTransport, socket: OpenSocket): Connection | undefined {
    const remote = { host: socketHost(socket.remoteAddress), port: socket.remotePort };
    const { limits, log } = this.context;
    if (this.#closing || !this.context.admit(remote.host)) return undefined;
    const fromSource = this.#perSource.get(remote.host) ?? 0;
    const greedy = fromSource >= limits.maxConnectionsPerSource && !isLoopback(remote.host);
    if (greedy || this.#connections.size >= limits.maxConnections) {
      log.debug("connection refused: too many", { peer: remote.host });
      return undefined;
    }
    this.#perSource.set(remote.host, fromSource + 1);
    return this.#add(transport, remote, true);
  }

  /** Closes at once what an IP address has open; gives how many that were. */
  disconnect(source: string): number {
    const host = socketHost(source);
    const theirs = [...this.#connections.values()].filter(({ remote }) => remote.host === host);
    for (const connection of theirs) connection.abort("the peer was cut off");
    return theirs.length;
  }

  /** Closes connections once their queues have left; resolves when none is left. */
  async close(): Promise<void> {
    this.#closing = true;
    for (const connection of [...this.#connections.values()]) connection.closeAfterQueue();
    if (this.#connections.size === 0) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#drained = resolve;
    await promise;
  }

  // For connections.

  responseRoute(connection: Connection, request: Request): Flow {
    const { id, transport, remote } = connection;
    return new StreamRoute(this, id, { transport, remote }, connection, () => reconnection(request, connection));
  }

  ready(connection: Connection): void {
    if (connection.inbound) this.#byPeer.set(peerKey(connection.transport, connection.remote), connection);
  }

  retired(connection: Connection): void {
    const peer = peerKey(connection.transport, connection.remote);
    if (this.#byPeer.get(peer) === connection) this.#byPeer.delete(peer);
    const name = this.#named.get(connection);
    if (name !== undefined && this.#byName.get(name) === connection) this.#byName.delete(name);
  }

  gone(connection: Connection): void {
    this.retired(connection);
    if (!this.#connections.delete(connection.id)) return;
    if (connection.inbound) {
      const { host } = connection.remote;
      const left = (this.#perSource.get(host) ?? 1) - 1;
      if (left > 0) this.#perSource.set(host, left);
      else this.#perSource.delete(host);
    }
    if (this.#connections.size === 0) this.#drained?.();
  }

  reserve(octets: number, page: boolean): boolean {
    if (octets > 0 && this.#queuedInAll + octets > (page ? maxQueuedInAll / 2 : maxQueuedInAll)) return false;
    this.#queuedInAll += octets;
    return true;
  }

  answer(request: HttpRequest, connection: Connection): Promise<Uint8Array> {
    const { transport, local } = connection;
    const { http } = this.#options;
    return pageFor(request, { http, secure: transport === "wss", local, log: this.context.log });
  }

  #connect(transport: "tcp" | "tls", { remote, serverName }: StreamTarget): Connection {
    const connection = this.#add(transport, remote, false);
    const peer = peerKey(transport, remote);
    // A connection for one name serves what goes to the address alone, too, but takes no other's place.
    if (this.connectionFrom(transport, remote) === undefined) this.#byPeer.set(peer, connection);
    if (transport === "tls" && serverName !== undefined) {
      const name = nameKey(remote, serverName);
      this.#byName.set(name, connection);
      this.#named.set(connection, name);
    }
    const tls = transport === "tls" ? { options: this.tls.client, name: serverName ?? remote.host } : undefined;
    connectSocket(connection, tls, this.context.log);
    return connection;
  }

  #add(transport: StreamTransport, remote: Address, inbound: boolean): Connection {
    const id = `${transport}#${this.#era}.${++this.#count}:${formatAddress(remote)}`;
    const connection = new Connection(this, { id, transport, remote, inbound, framing: this.#framing(transport) });
    this.#connections.set(id, connection);
    return connection;
  }

  #framing(transport: StreamTransport): Framing {
    const { limits } = this.context;
    if (transport === "ws" || transport === "wss") {
      return new WebSocketFraming({ limits, origins: this.#options.origins });
    }
    return new SipFraming(limits);
  }
}

/** A way over connections: the one that a request came by while it lasts, else the one to the target, made when needed. */
class StreamRoute implements Flow {
  readonly transport: StreamTransport;
  readonly reliable = true;
  readonly id: string;
  readonly remote: Address;
  readonly #pool: StreamPool;
  readonly #way: StreamTarget;
  readonly #origin: Connection | undefined;
  readonly #target: () => StreamTarget | undefined;

  constructor(
    pool: StreamPool,
    id: string,
    way: StreamTarget,
    origin: Connection | undefined,
    /** Where to connect when `origin` is gone. */
    target: () => StreamTarget | undefined,
  ) {
    this.#pool = pool;
    this.id = id;
    this.transport = way.transport;
    this.remote = way.remote;
    this.#way = way;
    this.#origin = origin;
    this.#target = target;
  }

  get local(): Address {
    const connection = this.#origin ?? this.#pool.connectionTo(this.#way);
    if (connection !== undefined && connection.local.port !== 0) return connection.local;
    const { host } = this.remote;
    return this.#pool.context.localToward({ host: host.includes(":") ? "::" : "0.0.0.0", port: 0 }, host);
  }

  send(bytes: Uint8Array, failed?: Failed): void {
    if (this.#origin?.usable === true) {
      this.#origin.send(bytes, failed);
      return;
    }
    const target = this.#target();
    if (target === undefined) failLater(failed, "the connection is gone", "lost");
    else this.#pool.send(bytes, target, failed);
  }
}

/**
 * Where a response goes when the connection of its request is gone (RFC 3261 §18.2.2). Over TLS to the name in the Via,
 * which the certificate there must show; a WebSocket client can be reached by its own connection alone.
 */
function reconnection(request: Request, { transport, remote }: Connection): StreamTarget | undefined {
  if (transport === "ws" || transport === "wss") return undefined;
  try {
    const { via } = request;
    const target = responseTarget(via, remote, { reliable: true });
    if (transport === "tcp") return { transport, remote: target };
    const port = via.port ?? 5061;
    return { transport, remote: { host: target.host, port }, serverName: via.host };
  } catch {
    return transport === "tcp" ? { transport, remote } : undefined;
  }
}

const peerKey = (transport: StreamTransport, remote: Address) => `${transport}:${formatAddress(remote)}`;
const nameKey = (remote: Address, name: string) => `${formatAddress(remote)}|${name.toLowerCase()}`;
