/** The relay's UDP sockets as its sessions see them: where packets come from and where they are let out. */
import type { Family } from "../types.ts";

/** Takes what comes to a socket. Called for each datagram: nothing here may allocate for a packet that is forwarded. */
export interface Receiver {
  /** Nobody but the aim is heard: what comes from elsewhere is dropped unseen. */
  locked: boolean;
  /** A stranger's datagram was dropped unseen. */
  stranger(): void;
  /** May a datagram from another source than the aim be the peer's? It may re-aim the socket. */
  learn(packet: Uint8Array, length: number, port: number, host: string): boolean;
  /** Checks and counts a datagram of the peer. True: it goes on. `now` in ms. */
  take(packet: Uint8Array, length: number, now: number): boolean;
  /** The socket that lets it out, on the other side. */
  readonly out: RelaySocket;
}

export interface RelaySocket {
  readonly family: Family;
  readonly port: number;
  /** Its file descriptor, if nobody closes that when this thread dies. */
  readonly descriptor: number | undefined;
  /** Undefined: what comes is dropped. */
  receiver: Receiver | undefined;
  /**
   * Where the peer is, an IP literal as the kernel writes it: what comes from there is taken without further questions,
   * and `send` goes there unless `silent`. Undefined: no source is known, and nothing is sent.
   */
  aim(host: string | undefined, port: number, silent: boolean): void;
  /** Sends the first `length` octets of a datagram that `take` was called with in this turn. Never throws. */
  send(packet: Uint8Array, length: number): void;
  /** Drops what waits in it. */
  drain(): void;
  close(): void;
}

/** Makes sockets. `bind` resolves to the system's error code when the port cannot be had. */
export interface Sockets {
  bind(family: Family, port: number): Promise<RelaySocket | string>;
  /** Whether packets are to be moved at all; off, no turn of the loop is spent on them. */
  run(on: boolean): void;
  /** A UDP port on 127.0.0.1: a datagram to it lets this thread look at its messages at once. Undefined: no need to. */
  readonly wakePort: number | undefined;
  /** File descriptors of its own that nobody closes when this thread dies. */
  readonly descriptors: readonly number[];
  close(): void;
}
