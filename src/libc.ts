/** The C library, for what Bun has no words for: socket options, epoll, datagrams in batches, sockets by path. Linux on x86-64 and ARM64. */
import { dlopen, ptr, read } from "bun:ffi";

/** The shared objects that may be it: glibc's, and musl's. */
const names = ["libc.so.6", "libc.so", `libc.musl-${process.arch === "arm64" ? "aarch64" : "x86_64"}.so.1`];

function open() {
  if (process.platform !== "linux" || (process.arch !== "x64" && process.arch !== "arm64")) return undefined;
  for (const name of names) {
    try {
      return dlopen(name, {
        socket: { args: ["i32", "i32", "i32"], returns: "i32" },
        bind: { args: ["i32", "ptr", "u32"], returns: "i32" },
        getsockname: { args: ["i32", "ptr", "ptr"], returns: "i32" },
        setsockopt: { args: ["i32", "i32", "i32", "ptr", "u32"], returns: "i32" },
        close: { args: ["i32"], returns: "i32" },
        epoll_create1: { args: ["i32"], returns: "i32" },
        epoll_ctl: { args: ["i32", "i32", "i32", "ptr"], returns: "i32" },
        epoll_wait: { args: ["i32", "ptr", "i32", "i32"], returns: "i32" },
        poll: { args: ["ptr", "usize", "i32"], returns: "i32" },
        recvfrom: { args: ["i32", "ptr", "usize", "i32", "ptr", "ptr"], returns: "i32" },
        sendto: { args: ["i32", "ptr", "usize", "i32", "ptr", "u32"], returns: "i32" },
        recvmmsg: { args: ["i32", "ptr", "u32", "i32", "ptr"], returns: "i32" },
        sendmmsg: { args: ["i32", "ptr", "u32", "i32"], returns: "i32" },
        clock_gettime: { args: ["i32", "ptr"], returns: "i32" },
        __errno_location: { args: [], returns: "ptr" },
      }).symbols;
    } catch {
      // The next name.
    }
  }
  return undefined;
}

export type Libc = NonNullable<ReturnType<typeof open>>;
export type Pointer = ReturnType<typeof ptr>;

let opened: { libc: Libc | undefined } | undefined;

/** Undefined where there is none to be had. */
export function libc(): Libc | undefined {
  opened ??= { libc: open() };
  return opened.libc;
}

/** The number of the last error. To be asked at once: whatever else this thread calls may change it. */
export function errno(of: Libc): number {
  const at = of.__errno_location();
  return at === null ? 0 : read.i32(at, 0);
}

/** Memory that C reads and writes, and where it is. */
export interface Memory {
  readonly octets: Uint8Array<ArrayBuffer>;
  readonly at: Pointer;
}

/**
 * Memory with a buffer of its own, because the collector may move the octets of a small typed array that has none. It
 * lives as long as `octets` are held.
 */
export function memory(size: number): Memory {
  const octets = new Uint8Array(new ArrayBuffer(size));
  return { octets, at: ptr(octets) };
}

// Numbers of Linux's headers, the same on x86-64 and ARM64.
export const AF_UNIX = 1;
export const AF_INET = 2;
export const AF_INET6 = 10;
export const SOCK_DGRAM = 2;
export const SOCK_NONBLOCK = 0o4000;
export const SOCK_CLOEXEC = 0o2000000;
export const SOL_SOCKET = 1;
export const SO_RCVBUF = 8;
export const SO_ATTACH_FILTER = 26;
export const SO_DETACH_FILTER = 27;
export const IPPROTO_IP = 0;
export const IP_RECVERR = 11;
export const IPPROTO_IPV6 = 41;
export const IPV6_RECVERR = 25;
export const IPV6_V6ONLY = 26;
export const MSG_DONTWAIT = 0x40;
export const EPOLL_CLOEXEC = 0o2000000;
export const EPOLL_CTL_ADD = 1;
export const EPOLL_CTL_MOD = 3;
export const EPOLLIN = 1;
export const EPOLLOUT = 4;
export const POLLIN = 1;

/** `struct epoll_event` in 32-bit words; it is packed on x86-64. */
export const epollEventWords = process.arch === "x64" ? 3 : 4;
/** The word where its data begin: a descriptor, or 64 bits. */
export const epollEventData = process.arch === "x64" ? 1 : 2;
