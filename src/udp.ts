/**
 * UDP sockets that carry the traffic of many peers, of whom on Linux none harms another.
 *
 * Bun asks the kernel for ICMP errors (IP_RECVERR), and then the next send or receive on the socket fails in place of
 * the one that met a closed port: with a dead phone on a socket, packets to live ones are lost. The option is therefore
 * switched off right after binding, through libc. Where that is not to be had, a send that fails is repeated once.
 *
 * Bun reads a socket until it is empty before the loop turns: a flood would stop all timers and sockets. What is more
 * than the loop can bear is therefore dropped by the kernel (see udp-filter.ts, udp-turn.ts).
 */
import { ptr } from "bun:ffi";
import { networkInterfaces } from "node:os";
import {
  IP_RECVERR,
  IPPROTO_IP,
  IPPROTO_IPV6,
  IPV6_RECVERR,
  libc,
  SO_ATTACH_FILTER,
  SO_DETACH_FILTER,
  SO_RCVBUF,
  SOL_SOCKET,
} from "./libc.ts";
import { UdpBatch } from "./udp-batch.ts";
import { bursts } from "./udp-burst.ts";
import { type Dropped, filterProgram } from "./udp-filter.ts";
import { ReadGuard } from "./udp-turn.ts";

export interface UdpOptions {
  /** Local IP address to bind; `0.0.0.0` or `::` (which takes IPv6 alone) for all. */
  host: string;
  /** Local port; 0 for any. */
  port: number;
  /** Takes each datagram. `host` is the source as the kernel writes it, without brackets. Must not throw. */
  onPacket(datagram: Uint8Array, port: number, host: string): void;
  /** SO_RCVBUF in octets (the kernel caps it at net.core.rmem_max). */
  receiveBuffer?: number;
  /**
   * Whether datagrams beyond what one turn of the loop should read are dropped (the default): right where a peer sends
   * at a steady pace, as with RTP. Who takes bursts says false and bounds the reading himself, by `drop`.
   */
  guarded?: boolean;
  /**
   * Reads and sends in batches while datagrams come by the thousand a second (see udp-burst.ts). What is sent in answer
   * to one of a batch goes out with the batch: when the kernel then refuses it, this is called with the context that it
   * was sent with.
   */
  onUnsent?(datagram: Uint8Array, port: number, host: string, context: unknown): void;
  /** Whether what was read before still waits to be handled: then a turn of a burst does not wait for more. */
  busy?(): boolean;
}

export interface UdpSocket {
  /** The address that is bound, with the real port where 0 was asked. */
  readonly host: string;
  readonly port: number;
  /**
   * Sends one datagram to an IP address. Never throws: false means that it was not sent (bad address, no route, full
   * buffer). `context` comes back with `onUnsent`.
   */
  send(datagram: Uint8Array, port: number, host: string, context?: unknown): boolean;
  /** Does this work. What is sent meanwhile may go out in batches, the last one at its end. */
  gather(work: () => void): void;
  /** From now on the kernel drops what comes from these sources, and from no others. Linux; elsewhere nothing happens. */
  drop(sources: Dropped): void;
  close(): void;
}

/** A port that could not be bound. `code` is the system's, such as `EADDRINUSE`, `EACCES` or `EADDRNOTAVAIL`. */
export class UdpBindError extends Error {
  readonly code: string;
  constructor(code: string, message: string) {
    super(message);
    this.name = "UdpBindError";
    this.code = code;
  }
}

/** us_socket flag: IPV6_V6ONLY, so that `::` and `0.0.0.0` can hold the same port. Bun takes it, but its types lack it. */
const ipv6Only = 8;
const isIpv6 = (host: string) => host.includes(":");

/** @throws UdpBindError */
export async function bindUdp(options: UdpOptions): Promise<UdpSocket> {
  const ipv6 = isIpv6(options.host);
  const { onPacket } = options;
  let took = () => {};
  const guard = options.guarded === false ? undefined : new ReadGuard((sources) => filter(socket, sources));
  const request: Bun.udp.SocketOptions<"buffer"> & { flags: number } = {
    hostname: options.host,
    port: options.port,
    flags: ipv6 ? ipv6Only : 0,
    socket: {
      data:
        guard === undefined
          ? (_socket, datagram, port, host) => {
              took();
              onPacket(datagram, port, host);
            }
          : (_socket, datagram, port, host) => {
              if (guard.admits()) onPacket(datagram, port, host);
            },
      // Errors of single peers; whoever waits for an answer has a timer.
      error: () => {},
    },
  };
  let socket: Bun.udp.Socket<"buffer">;
  try {
    socket = await Bun.udpSocket(request);
  } catch (error) {
    const code = error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : "UNKNOWN";
    throw new UdpBindError(
      code,
      `cannot bind UDP ${ipv6 ? `[${options.host}]` : options.host}:${options.port} (${code})`,
    );
  }
  // What came before this is read after it: nothing awaits in between.
  setSocketOptions(socket, ipv6, options.receiveBuffer);
  const batched = joinBursts(socket, options);
  if (batched !== undefined) took = batched.came;
  const now = (datagram: Uint8Array, port: number, host: string): boolean => {
    try {
      return socket.send(datagram, port, host);
    } catch {
      try {
        return socket.send(datagram, port, host);
      } catch {
        return false;
      }
    }
  };
  return {
    host: socket.hostname,
    port: socket.port,
    send: (datagram, port, host, context) => batched?.send(datagram, port, host, context) || now(datagram, port, host),
    gather: (work) => (batched === undefined ? work() : batched.gather(work)),
    drop: (sources) => filter(socket, sources),
    close: () => {
      guard?.close();
      batched?.close();
      socket.close();
    },
  };
}

/** Undefined where bursts are not wanted, or cannot be had. `send` is false for what it did not send; Bun may try. */
function joinBursts(
  socket: Bun.udp.Socket<"buffer">,
  { onPacket: take, onUnsent: unsent, busy = () => false }: UdpOptions,
) {
  if (unsent === undefined) return undefined;
  const descriptor = descriptorOf(socket);
  const [own, of] = [bursts(), libc()];
  if (own === undefined || of === undefined || descriptor < 0) return undefined;
  const batch = new UdpBatch(of, { descriptor, take, unsent, zone: interfaceName });
  const member = own.join(descriptor, batch, busy);
  if (member === undefined) return undefined;
  return {
    came: member.came,
    gather: (work: () => void) => own.gather(work),
    send: (datagram: Uint8Array, port: number, host: string, context: unknown) =>
      own.gathering ? batch.push(datagram, port, host, context) : batch.sendNow(datagram, port, host),
    close: () => {
      member.leave();
      batch.close();
    },
  };
}

/** The name of a network interface, as it stands behind the `%` of a link-local address. */
function interfaceName(index: number): string {
  for (const [name, addresses] of Object.entries(networkInterfaces()))
    if (addresses?.some((each) => each.family === "IPv6" && each.scopeid === index)) return name;
  return String(index);
}

function setSocketOptions(socket: Bun.udp.Socket<"buffer">, ipv6: boolean, receiveBuffer: number | undefined): void {
  const fd = descriptorOf(socket);
  if (fd < 0) return;
  set(fd, IPPROTO_IP, IP_RECVERR, int(0));
  if (ipv6) set(fd, IPPROTO_IPV6, IPV6_RECVERR, int(0));
  if (receiveBuffer !== undefined) set(fd, SOL_SOCKET, SO_RCVBUF, int(receiveBuffer));
}

function filter(socket: Bun.udp.Socket<"buffer">, sources: Dropped): void {
  const fd = descriptorOf(socket);
  if (fd < 0) return;
  if (sources.length === 0) {
    set(fd, SOL_SOCKET, SO_DETACH_FILTER, int(0));
    return;
  }
  const program = filterProgram(sources);
  // struct sock_fprog: the number of instructions, and where they are.
  const description = new BigUint64Array(2);
  new DataView(description.buffer).setUint16(0, program.length / 8, true);
  description[1] = BigInt(ptr(program));
  set(fd, SOL_SOCKET, SO_ATTACH_FILTER, description);
}

/** -1 once the socket is closed: its number may be somebody else's by then. */
function descriptorOf(socket: Bun.udp.Socket<"buffer">): number {
  return !socket.closed && "fd" in socket && typeof socket.fd === "number" ? socket.fd : -1;
}

function int(value: number): Int32Array {
  return Int32Array.of(value);
}

function set(fd: number, level: number, name: number, value: Int32Array | BigUint64Array): void {
  libc()?.setsockopt(fd, level, name, ptr(value), value.byteLength);
}
