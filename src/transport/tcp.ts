/** SIP over TCP: listeners, and one pool of connections in which each peer's address leads to at most one. */
import { isLoopback } from "../ip.ts";
import type { Address, Flow } from "../sip/flow.ts";
import type { Request } from "../sip/message.ts";
import { formatAddress, refusesSending, socketHost } from "./address.ts";
import { type Failed, failLater, type TransportContext } from "./context.ts";
import { responseTarget } from "./response-target.ts";
import { Connection, type ConnectionOwner, type StreamSocket } from "./tcp-connection.ts";

/** A flow that also says how it failed. */
export interface TcpFlow extends Omit<Flow, "send"> {
  send(bytes: Uint8Array, failed?: Failed): void;
}

type BunSocket = Bun.Socket<Connection | undefined>;

/** Octets that may wait for slow peers in all. */
const maxQueuedInAll = 64 * 1024 * 1024;

export class TcpTransport implements ConnectionOwner {
  readonly context: TransportContext;
  /** All connections, by id. */
  readonly #connections = new Map<string, Connection>();
  /** Those that take requests, by the peer's address. */
  readonly #pool = new Map<string, Connection>();
  readonly #perSource = new Map<string, number>();
  readonly #listeners: Bun.TCPSocketListener<Connection | undefined>[] = [];
  #queuedInAll = 0;
  #count = 0;
  #closing = false;
  #drained: (() => void) | undefined;

  constructor(context: TransportContext) {
    this.context = context;
  }

  /** Binds one listener and gives its address with the real port. Throws what Bun throws: an error with a `code`. */
  listen(bind: Address): Address {
    const listener = Bun.listen<Connection | undefined>({
      hostname: bind.host,
      port: bind.port,
      exclusive: true,
      allowHalfOpen: true,
      // `::` takes IPv6 alone, so that it and 0.0.0.0 can hold one port. Bun takes this, its types lack it here.
      ...{ ipv6Only: bind.host.includes(":") },
      socket: {
        ...handlers,
        open: (socket) => this.#accepted(socket),
      },
    });
    this.#listeners.push(listener);
    return { host: bind.host, port: listener.port };
  }

  get size(): number {
    return this.#connections.size;
  }

  /** A flow to `remote` that finds or opens a connection whenever it sends. */
  flow(remote: Address): TcpFlow {
    return new TcpRoute(this, `tcp:${formatAddress(remote)}`, remote, undefined, () => remote);
  }

  /** Sends over the open connection to `target`, or over a new one. */
  send(bytes: Uint8Array, target: Address, failed: Failed | undefined): void {
    const connection = this.#pool.get(formatAddress(target));
    if (connection?.usable === true) {
      connection.send(bytes, failed);
      return;
    }
    const refusal = this.#closing ? "the transport is closed" : refusesSending(target);
    if (refusal !== undefined) {
      failLater(failed, refusal, "lost");
      return;
    }
    if (this.#connections.size >= this.context.limits.maxConnections) {
      failLater(failed, "too many connections", "lost");
      return;
    }
    this.#connect(target).send(bytes, failed);
  }

  connectionTo(target: Address): Connection | undefined {
    return this.#pool.get(formatAddress(target));
  }

  /** Stops listening, closes connections once their queues have left; resolves when none is left. */
  async close(): Promise<void> {
    this.#closing = true;
    for (const listener of this.#listeners) listener.stop();
    for (const connection of [...this.#connections.values()]) connection.closeAfterQueue();
    if (this.#connections.size === 0) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#drained = resolve;
    await promise;
  }

  // For connections.

  responseRoute(connection: Connection, request: Request): Flow {
    return new TcpRoute(this, connection.id, connection.remote, connection, () => {
      try {
        return responseTarget(request.via, connection.remote, { reliable: true });
      } catch {
        return connection.remote;
      }
    });
  }

  retired(connection: Connection): void {
    const key = formatAddress(connection.remote);
    if (this.#pool.get(key) === connection) this.#pool.delete(key);
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

  reserve(octets: number): boolean {
    if (octets > 0 && this.#queuedInAll + octets > maxQueuedInAll) return false;
    this.#queuedInAll += octets;
    return true;
  }

  #accepted(socket: BunSocket): void {
    const remote = { host: socketHost(socket.remoteAddress), port: socket.remotePort };
    const { limits, log } = this.context;
    const fromSource = this.#perSource.get(remote.host) ?? 0;
    if (
      this.#closing ||
      this.#connections.size >= limits.maxConnections ||
      (fromSource >= limits.maxConnectionsPerSource && !isLoopback(remote.host))
    ) {
      log.debug("connection refused: too many", { peer: remote.host });
      socket.terminate();
      return;
    }
    this.#perSource.set(remote.host, fromSource + 1);
    const connection = this.#add(remote, true);
    socket.data = connection;
    connection.opened(socket, localOf(socket));
  }

  #connect(target: Address): Connection {
    const connection = this.#add(target, false);
    Promise.try(() =>
      Bun.connect<Connection | undefined>({
        hostname: target.host,
        port: target.port,
        data: connection,
        // As for listeners: taken, but missing in the types here.
        ...{ allowHalfOpen: true },
        socket: {
          ...handlers,
          open: (socket) => connection.opened(socket, localOf(socket)),
          connectError: (_socket, error) => connection.lost(connectFailure(error)),
        },
      }),
    ).catch((error: unknown) => connection.lost(connectFailure(error)));
    return connection;
  }

  #add(remote: Address, inbound: boolean): Connection {
    const id = `tcp#${++this.#count}:${formatAddress(remote)}`;
    const connection = new Connection(this, { id, remote, inbound });
    this.#connections.set(id, connection);
    this.#pool.set(formatAddress(remote), connection);
    return connection;
  }
}

/** A way over connections: the one that a request came by while it lasts, else the one to the target, made when needed. */
class TcpRoute implements Flow {
  readonly transport = "tcp";
  readonly reliable = true;
  readonly id: string;
  readonly remote: Address;
  readonly #tcp: TcpTransport;
  readonly #origin: Connection | undefined;
  readonly #target: () => Address;

  constructor(
    tcp: TcpTransport,
    id: string,
    remote: Address,
    origin: Connection | undefined,
    /** Where to connect when `origin` is gone (RFC 3261 §18.2.2). */
    target: () => Address,
  ) {
    this.#tcp = tcp;
    this.id = id;
    this.remote = remote;
    this.#origin = origin;
    this.#target = target;
  }

  get local(): Address {
    const connection = this.#origin ?? this.#tcp.connectionTo(this.remote);
    if (connection !== undefined && connection.local.port !== 0) return connection.local;
    return this.#tcp.context.localToward(unbound(this.remote.host), this.remote.host);
  }

  send(bytes: Uint8Array, failed?: Failed): void {
    if (this.#origin?.usable === true) this.#origin.send(bytes, failed);
    else this.#tcp.send(bytes, this.#target(), failed);
  }
}

const handlers = {
  data: (socket: BunSocket, chunk: Uint8Array) => socket.data?.received(chunk),
  drain: (socket: BunSocket) => socket.data?.drained(),
  end: (socket: BunSocket) => socket.data?.ended(),
  close: (socket: BunSocket) => socket.data?.lost("connection closed"),
  error: (socket: BunSocket, error: Error) => socket.data?.abort(error.message),
};

function unbound(remote: string): Address {
  return { host: remote.includes(":") ? "::" : "0.0.0.0", port: 0 };
}

function localOf(socket: StreamSocket & { localAddress: string; localPort: number }): Address {
  return { host: socketHost(socket.localAddress), port: socket.localPort };
}

function connectFailure(error: unknown): string {
  const code = error instanceof Error && "code" in error ? String(error.code) : "";
  return code === "ECONNREFUSED" ? "connection refused" : `cannot connect${code === "" ? "" : ` (${code})`}`;
}
