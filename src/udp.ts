/**
 * UDP sockets that carry the traffic of many peers: on Linux one peer's ICMP errors must not touch another's packets.
 *
 * Bun asks the kernel for ICMP errors (IP_RECVERR), and then the next send or receive on the socket fails in place of
 * the one that met a closed port: with a dead phone on a socket, packets to live ones are lost. The option is therefore
 * switched off right after binding, through libc. Where that is not to be had, a send that fails is repeated once.
 */
import { dlopen, ptr } from "bun:ffi";

export interface UdpOptions {
  /** Local IP address to bind; `0.0.0.0` or `::` (which takes IPv6 alone) for all. */
  host: string;
  /** Local port; 0 for any. */
  port: number;
  /** Takes each datagram. `host` is the source as the kernel writes it, without brackets. Must not throw. */
  onPacket(datagram: Uint8Array, port: number, host: string): void;
  /** SO_RCVBUF in octets (the kernel caps it at net.core.rmem_max). */
  receiveBuffer?: number;
}

export interface UdpSocket {
  /** The address that is bound, with the real port where 0 was asked. */
  readonly host: string;
  readonly port: number;
  /** Sends one datagram to an IP address. Never throws: false means that it was not sent (bad address, no route, full buffer). */
  send(datagram: Uint8Array, port: number, host: string): boolean;
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
  const request: Bun.udp.SocketOptions<"buffer"> & { flags: number } = {
    hostname: options.host,
    port: options.port,
    flags: ipv6 ? ipv6Only : 0,
    socket: {
      data: (_socket, datagram, port, host) => options.onPacket(datagram, port, host),
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
    close: () => socket.close(),
  };
}

// Numbers of Linux's headers: <linux/in.h>, <linux/in6.h>, <asm-generic/socket.h>.
const SOL_IP = 0;
const IP_RECVERR = 11;
const SOL_IPV6 = 41;
const IPV6_RECVERR = 25;
const SOL_SOCKET = 1;
const SO_RCVBUF = 8;

function setSocketOptions(socket: Bun.udp.Socket<"buffer">, ipv6: boolean, receiveBuffer: number | undefined): void {
  const fd = "fd" in socket && typeof socket.fd === "number" ? socket.fd : -1;
  const set = setsockopt();
  if (fd < 0 || set === undefined) return;
  set(fd, SOL_IP, IP_RECVERR, 0);
  if (ipv6) set(fd, SOL_IPV6, IPV6_RECVERR, 0);
  if (receiveBuffer !== undefined) set(fd, SOL_SOCKET, SO_RCVBUF, receiveBuffer);
}

type SetOption = (fd: number, level: number, name: number, value: number) => boolean;
let loaded: { set: SetOption | undefined } | undefined;

/** libc's setsockopt for int options; undefined where it cannot be loaded (not Linux, no FFI). */
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
      const value = new Int32Array(1);
      return (fd, level, name, number) => {
        value[0] = number;
        return symbols.setsockopt(fd, level, name, ptr(value), 4) === 0;
      };
    } catch {
      // The next name.
    }
  }
  return undefined;
}
