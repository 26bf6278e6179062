/**
 * ICE over TCP (RFC 6544), for browsers whose network lets no UDP out: they connect to the call's port, and each packet has its
 * length before it (RFC 4571). Connections look like addresses of their own, so that ICE, DTLS and SRTP need not know.
 */
import type { Socket, TCPSocketListener } from "bun";
import type { PacerClock } from "./pacer.ts";
import type { Family } from "./types.ts";

/** What hosts begin with that are reached by a connection. */
export const overTcp = "tcp:";

/** Connections of one call at a time; a browser has one for each of its addresses. */
const maxConnections = 8;
/** Whoever has made no authentic check in so many ms is nobody's browser. */
const patience = 10_000;
/** Octets of a packet, more than any that ICE, DTLS or RTP send. */
const maxPacket = 2048;

interface Connection {
  readonly socket: Socket<{ connection?: Connection }>;
  readonly host: string;
  readonly port: number;
  /** What came of a packet that is not complete. */
  rest: Uint8Array;
  /** What could not be written yet of one; meanwhile others are dropped, as a full network would. */
  unsent: Uint8Array | undefined;
  /** ICE has answered, so that it is somebody who knows the password. */
  answered: boolean;
}

/** Takes a packet, which it may change in place. */
export type TcpUser = (packet: Uint8Array, port: number, host: string) => void;

export class TcpWay {
  readonly #connections = new Map<string, Connection>();
  /** The call that has the port at the moment; what comes before it has begun is lost, and said again. */
  user: TcpUser | undefined;
  readonly #clock: PacerClock;
  readonly #timers = new Set<{ cancel(): void }>();
  #listener: TCPSocketListener<{ connection?: Connection }> | undefined;

  /** Listens, from before a call is said to be there; where the port is taken, nobody comes. */
  constructor(family: Family, port: number, clock: PacerClock) {
    this.#clock = clock;
    try {
      this.#listener = Bun.listen<{ connection?: Connection }>({
        hostname: family === "ipv6" ? "::" : "0.0.0.0",
        port,
        data: {},
        socket: {
          open: (socket) => this.#open(socket),
          data: (socket, octets) => this.#take(socket.data.connection, octets),
          drain: (socket) => this.#drain(socket.data.connection),
          close: (socket) => this.#forget(socket.data.connection),
          error: (socket) => void socket.end(),
        },
      });
    } catch {
      this.#listener = undefined;
    }
  }

  /** Sends a packet on the connection of that address; without one, or while it is full, the packet is lost. */
  send(packet: Uint8Array, port: number, host: string): void {
    const connection = this.#connections.get(`${host} ${port}`);
    if (connection === undefined) return;
    connection.answered = true;
    if (connection.unsent !== undefined) return;
    const frame = new Uint8Array(2 + packet.length);
    frame[0] = packet.length >> 8;
    frame[1] = packet.length & 255;
    frame.set(packet, 2);
    const written = connection.socket.write(frame);
    if (written >= 0 && written < frame.length) connection.unsent = frame.subarray(written);
  }

  /** The call is over: whoever was connected is not any more. */
  leave(): void {
    this.user = undefined;
    for (const timer of this.#timers) timer.cancel();
    this.#timers.clear();
    for (const connection of [...this.#connections.values()]) this.#end(connection);
  }

  close(): void {
    this.leave();
    this.#listener?.stop(true);
    this.#listener = undefined;
  }

  #open(socket: Socket<{ connection?: Connection }>): void {
    const host = overTcp + socket.remoteAddress.replace(/^::ffff:(?=\d+\.)/, "");
    const port = socket.remotePort;
    if (this.#connections.size >= maxConnections && !this.#makeRoom()) return void socket.end();
    const connection: Connection = {
      ...{ socket, host, port },
      ...{ rest: new Uint8Array(0), unsent: undefined, answered: false },
    };
    socket.data = { connection };
    socket.setNoDelay(true);
    this.#connections.set(`${host} ${port}`, connection);
    const timer = this.#clock.after(patience, () => {
      this.#timers.delete(timer);
      if (!connection.answered) this.#end(connection);
    });
    this.#timers.add(timer);
  }

  /** The oldest of those that have proven nothing goes. */
  #makeRoom(): boolean {
    for (const connection of this.#connections.values())
      if (!connection.answered) {
        this.#end(connection);
        return true;
      }
    return false;
  }

  #take(connection: Connection | undefined, octets: Uint8Array): void {
    if (connection === undefined) return;
    let left = octets;
    if (connection.rest.length > 0) {
      left = new Uint8Array(connection.rest.length + octets.length);
      left.set(connection.rest);
      left.set(octets, connection.rest.length);
    }
    while (left.length >= 2) {
      const length = ((left[0] ?? 0) << 8) | (left[1] ?? 0);
      // Before ICE has answered there is nothing to say but STUN (RFC 7983).
      const strange = length > maxPacket || (!connection.answered && left.length > 2 && (left[2] ?? 255) > 3);
      if (strange) return this.#end(connection);
      if (left.length < 2 + length) break;
      if (length > 0) this.user?.(left.slice(2, 2 + length), connection.port, connection.host);
      left = left.subarray(2 + length);
    }
    connection.rest = left.slice();
  }

  #drain(connection: Connection | undefined): void {
    if (connection?.unsent === undefined) return;
    const written = connection.socket.write(connection.unsent);
    connection.unsent =
      written >= 0 && written < connection.unsent.length ? connection.unsent.subarray(written) : undefined;
  }

  #end(connection: Connection): void {
    this.#forget(connection);
    connection.socket.terminate();
  }

  #forget(connection: Connection | undefined): void {
    if (connection === undefined) return;
    const key = `${connection.host} ${connection.port}`;
    if (this.#connections.get(key) === connection) this.#connections.delete(key);
  }
}
