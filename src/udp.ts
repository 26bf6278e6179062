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
import { dlopen, ptr } from "bun:ffi";
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
}

export interface UdpSocket {
  /** The address that is bound, with the real port where 0 was asked. */
  readonly host: string;
  readonly port: number;
  /** Sends one datagram to an IP address. Never throws: false means that it was not sent (bad address, no route, full buffer). */
  send(datagram: Uint8Array, port: number, host: string): boolean;
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
  const guard = options.guarded === false ? undefined : new ReadGuard((sources) => filter(socket, sources));
  const request: Bun.udp.SocketOptions<"buffer"> & { flags: number } = {
    hostname: options.host,
    port: options.port,
    flags: ipv6 ? ipv6Only : 0,
    socket: {
      data:
        guard === undefined
          ? (_socket, datagram, port, host) => onPacket(datagram, port, host)
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
  return {
    host: socket.hostname,
    port: socket.port,
    send(datagram, port, host) {
      try {
        return socket.send(datagram, port, host);
      } catch {
        try {
          return socket.send(datagram, port, host);
        } catch {
          return false;
        }
      }
    },
    drop: (sources) => filter(socket, sources),
    close: () => {
      guard?.close();
      socket.close();
    },
  };
}

// Numbers of Linux's headers: <linux/in.h>, <linux/in6.h>, <asm-generic/socket.h>.
const SOL_IP = 0;
const IP_RECVERR = 11;
const SOL_IPV6 = 41;
const IPV6_RECVERR = 25;
const SOL_SOCKET = 1;
const SO_RCVBUF = 8;
const SO_ATTACH_FILTER = 26;
const SO_DETACH_FILTER = 27;

function setSocketOptions(socket: Bun.udp.Socket<"buffer">, ipv6: boolean, receiveBuffer: number | undefined): void {
  const fd = descriptorOf(socket);
  const set = setsockopt();
  if (fd < 0 || set === undefined) return;
  set(fd, SOL_IP, IP_RECVERR, int(0));
  if (ipv6) set(fd, SOL_IPV6, IPV6_RECVERR, int(0));
  if (receiveBuffer !== undefined) set(fd, SOL_SOCKET, SO_RCVBUF, int(receiveBuffer));
}

function filter(socket: Bun.udp.Socket<"buffer">, sources: Dropped): void {
  const fd = descriptorOf(socket);
  const set = setsockopt();
  if (fd < 0 || set === undefined) return;
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

type SetOption = (fd: number, level: number, name: number, value: Int32Array | BigUint64Array) => boolean;
let loaded: { set: SetOption | undefined } | undefined;

/** libc's setsockopt; undefined where it cannot be loaded (not Linux, no FFI). */
function setsockopt(): SetOption | undefined {
  loaded ??= { set: load() };
  return loaded.set;
}

function load(): SetOption | undefined {
  if (process.platform !== "linux") return undefined;
  for (const library of ["libc.so.6", "libc.so", `libc.musl-${process.arch === "arm64" ? "aarch64" : "x86_64"}.so.1`]) {
    try {
      const { symbols } = dlopen(library, {
        setsockopt: { args: ["i32", "i32", "i32", "ptr", "u32"], returns: "i32" },
      });
      return (fd, level, name, value) => symbols.setsockopt(fd, level, name, ptr(value), value.byteLength) === 0;
    } catch {
      // The next name.
    }
  }
  return undefined;
}
