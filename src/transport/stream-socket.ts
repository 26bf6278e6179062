/** Bun's stream sockets, with or without TLS, as connections use them: listening and connecting. */
import type { Log } from "../log.ts";
import type { Address } from "../sip/flow.ts";
import { ipFamily, socketHost } from "./address.ts";
import type { Connection, StreamSocket } from "./connection.ts";
import type { ListenUrl, StreamTransport, TlsSettings } from "./contract.ts";
import type { StreamPool } from "./streams.ts";
import { certifies } from "./tls/identity.ts";

/** The kernel asks a silent peer after so long, in ms, whether it is there; 10 s without an answer end the connection. */
const keepAliveTime = 60_000;

type BunSocket = Bun.Socket<Connection | undefined>;

export interface OpenSocket extends StreamSocket {
  readonly remoteAddress: string;
  readonly remotePort: number;
}

/** Where peers connect to us. */
export class StreamListener {
  readonly transport: StreamTransport;
  /** The bound address with its real port. */
  readonly local: Address;
  readonly #pool: StreamPool;
  #listener: Bun.TCPSocketListener<Connection | undefined>;

  /** Binds. Throws what Bun throws: an error with a `code`. */
  constructor(url: ListenUrl & { transport: StreamTransport }, pool: StreamPool) {
    this.transport = url.transport;
    this.#pool = pool;
    this.#listener = this.#bind(url);
    this.local = { host: url.host, port: this.#listener.port };
  }

  get secure(): boolean {
    return isSecure(this.transport);
  }

  /** From now on new connections get the pool's present certificates; open ones live on. Throws as the constructor. */
  renew(): void {
    // The kernel refuses connections for the microseconds between the two.
    this.#listener.stop();
    this.#listener = this.#bind(this.local);
  }

  close(): void {
    this.#listener.stop();
  }

  #bind({ host, port }: Address): Bun.TCPSocketListener<Connection | undefined> {
    const pool = this.#pool;
    const { transport, secure } = this;
    const { server, clients } = pool.tls;
    return Bun.listen<Connection | undefined>({
      hostname: host,
      port,
      exclusive: true,
      allowHalfOpen: true,
      ...(secure && server !== undefined ? { tls: server } : {}),
      // `::` takes IPv6 alone, so that it and 0.0.0.0 can hold one port. Bun takes this, its types lack it here.
      ...{ ipv6Only: host.includes(":") },
      socket: {
        ...handlers,
        open(socket) {
          const connection = pool.accept(transport, socket);
          if (connection === undefined) {
            socket.terminate();
            return;
          }
          socket.data = connection;
          socket.setKeepAlive(true, keepAliveTime);
          connection.opened(socket, localOf(socket), !secure);
        },
        handshake: (socket, success, error) =>
          settle(socket, refusesClient(socket, clients, success, error), pool.context.log),
        // The context for the name that a peer asks for. Bun takes this, its types lack it.
        ...{ serverName: (_listener: unknown, name: string) => pool.tls.contextFor(name) },
      },
    });
  }
}

/** Opens the socket of `connection`; what fails is told to it. `tls.name`: the domain or address that its certificate must name. */
export function connectSocket(
  connection: Connection,
  tls: { options: Bun.TLSOptions; name: string } | undefined,
  log: Log,
): void {
  const { remote } = connection;
  // An address is no server name (RFC 6066 §3).
  const serverName = tls === undefined || ipFamily(tls.name) !== 0 ? {} : { serverName: tls.name };
  Promise.try(() =>
    Bun.connect<Connection | undefined>({
      hostname: remote.host,
      port: remote.port,
      data: connection,
      ...(tls === undefined ? {} : { tls: { ...tls.options, ...serverName } }),
      // As for listeners: taken, but missing in the types here.
      ...{ allowHalfOpen: true },
      socket: {
        ...handlers,
        open(socket) {
          socket.setKeepAlive(true, keepAliveTime);
          connection.opened(socket, localOf(socket), tls === undefined);
        },
        handshake: (socket, success, error) => {
          if (tls !== undefined) settle(socket, refusesServer(socket, tls.name, success, error), log);
        },
        connectError: (_socket, error) => connection.lost(connectFailure(error)),
      },
    }),
  ).catch((error: unknown) => connection.lost(connectFailure(error)));
}

function settle(socket: BunSocket, refusal: string | undefined, log: Log): void {
  const connection = socket.data;
  if (connection === undefined) return;
  if (refusal === undefined) connection.secured();
  else {
    log.debug("no TLS connection", { flow: connection.id, reason: refusal });
    connection.abort(refusal);
  }
}

/** Bun's verdict when nothing but the name is wrong, by the rules of HTTP, which are not ours. */
const otherName = "ERR_TLS_CERT_ALTNAME_INVALID";

/** Why this server's certificate is not good enough for `name` (RFC 5922 §7.3). */
function refusesServer(socket: BunSocket, name: string, success: boolean, error: Error | null): string | undefined {
  const certificate = peerCertificate(socket);
  const fine = (success && error === null) || codeOf(error) === otherName;
  if (!fine || certificate === undefined) return `the TLS handshake failed: ${error?.message ?? "no certificate"}`;
  return certifies(certificate, name) ? undefined : `the peer's certificate is not for ${name}`;
}

/** Why a client is refused. `success` is false for a bad certificate, too, whatever was asked for. */
function refusesClient(
  socket: BunSocket,
  clients: TlsSettings["clients"],
  success: boolean,
  error: Error | null,
): string | undefined {
  const certificate = clients === "none" ? undefined : peerCertificate(socket);
  if (certificate === undefined) {
    if (!success) return `the TLS handshake failed${error === null ? "" : `: ${error.message}`}`;
    return clients === "require" ? "the peer has no certificate" : undefined;
  }
  return success && error === null ? undefined : `the peer's certificate is not valid: ${error?.message ?? "unknown"}`;
}

function peerCertificate(socket: BunSocket): Uint8Array | undefined {
  const { raw } = socket.getPeerX509Certificate() ?? {};
  return raw;
}

const handlers = {
  data: (socket: BunSocket, chunk: Uint8Array) => socket.data?.received(chunk),
  drain: (socket: BunSocket) => socket.data?.drained(),
  end: (socket: BunSocket) => socket.data?.ended(),
  close: (socket: BunSocket) => socket.data?.lost("connection closed"),
  error: (socket: BunSocket, error: Error) => socket.data?.abort(error.message),
};

export function isSecure(transport: StreamTransport): boolean {
  return transport === "tls" || transport === "wss";
}

function localOf(socket: { localAddress: string; localPort: number }): Address {
  return { host: socketHost(socket.localAddress), port: socket.localPort };
}

function codeOf(error: unknown): string {
  return error instanceof Error && "code" in error ? String(error.code) : "";
}

function connectFailure(error: unknown): string {
  const code = codeOf(error);
  return code === "ECONNREFUSED" ? "connection refused" : `cannot connect${code === "" ? "" : ` (${code})`}`;
}
