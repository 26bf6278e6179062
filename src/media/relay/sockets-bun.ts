/** The relay's sockets where libc cannot be had: Bun's own. A packet costs about a third more. */
import { bindUdp, UdpBindError, type UdpSocket } from "../../udp.ts";
import type { Family } from "../types.ts";
import type { Receiver, RelaySocket, Sockets } from "./socket.ts";

export class BunSockets implements Sockets {
  readonly wakePort = undefined;
  readonly descriptors = [];
  readonly #failed: (receiver: Receiver, error: unknown) => void;

  /** @param failed takes a receiver that threw at a datagram */
  constructor(failed: (receiver: Receiver, error: unknown) => void) {
    this.#failed = failed;
  }

  async bind(family: Family, port: number): Promise<RelaySocket | string> {
    let socket: BunRelaySocket | undefined;
    try {
      const bound = await bindUdp({
        host: family === "ipv6" ? "::" : "0.0.0.0",
        port,
        onPacket: (packet, from, host) => {
          const receiver = socket?.receiver;
          if (socket === undefined || receiver === undefined) return;
          try {
            socket.receive(receiver, packet, from, host);
          } catch (error) {
            this.#failed(receiver, error);
          }
        },
      });
      socket = new BunRelaySocket(family, bound);
      return socket;
    } catch (error) {
      if (error instanceof UdpBindError) return error.code;
      throw error;
    }
  }

  run(): void {}
  close(): void {}
}

class BunRelaySocket implements RelaySocket {
  readonly family: Family;
  readonly port: number;
  readonly descriptor = undefined;
  receiver: Receiver | undefined;
  readonly #socket: UdpSocket;
  #host: string | undefined;
  #port = 0;
  #silent = false;

  constructor(family: Family, socket: UdpSocket) {
    this.family = family;
    this.port = socket.port;
    this.#socket = socket;
  }

  receive(receiver: Receiver, packet: Uint8Array, port: number, host: string): void {
    if (port !== this.#port || host !== this.#host) {
      if (receiver.locked) return receiver.stranger();
      if (!receiver.learn(packet, packet.length, port, host)) return;
    }
    if (receiver.take(packet, packet.length, performance.now())) receiver.out.send(packet, packet.length);
  }

  aim(host: string | undefined, port: number, silent: boolean): void {
    this.#host = host;
    this.#port = port;
    this.#silent = silent;
  }

  send(packet: Uint8Array): void {
    if (this.#host !== undefined && !this.#silent) this.#socket.send(packet, this.#port, this.#host);
  }

  drain(): void {}

  close(): void {
    this.#socket.close();
  }
}
