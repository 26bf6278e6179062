/**
 * The relay's sockets by libc and epoll: two system calls a packet, no copy, no string, no object. Bun's own cost a third
 * more, since it reads each socket until it is empty and makes an object and a string of each datagram.
 *
 * The thread waits in `epoll_wait` and in between lets the loop take its messages: it must be a thread that has nothing
 * else to do, and who sends it a message sends a datagram to `wakePort`, too. One datagram of each ready socket is read per round, so that a flooded one
 * takes no more than its share.
 */
import { dlopen, ptr, read } from "bun:ffi";
import { canonicalHost } from "../address.ts";
import type { Family } from "../types.ts";
import type { Receiver, RelaySocket, Sockets } from "./socket.ts";

// Numbers of Linux's headers, the same on x86-64 and ARM64.
const AF_INET = 2;
const AF_INET6 = 10;
const SOCK_DGRAM = 2;
const SOCK_NONBLOCK = 0o4000;
const SOCK_CLOEXEC = 0o2000000;
const EPOLL_CLOEXEC = 0o2000000;
const EPOLL_CTL_ADD = 1;
const EPOLLIN = 1;
const MSG_DONTWAIT = 0x40;
const IPPROTO_IPV6 = 41;
const IPV6_V6ONLY = 26;

const errors: Readonly<Record<number, string>> = {
  13: "EACCES",
  23: "ENFILE",
  24: "EMFILE",
  97: "EAFNOSUPPORT",
  98: "EADDRINUSE",
};

/** ms between two looks at messages and timers: while packets come; when nothing does; and when nobody can wake the thread. */
const slice = 8;
const rest = 250;
const restUnwakeable = 8;
/** Sockets that one `epoll_wait` tells of. */
const maxEvents = 512;
/** No datagram is longer. */
const maxDatagram = 65_536;
/** Datagrams dropped when a socket is taken into use again. */
const maxStale = 1024;

function load() {
  const names = ["libc.so.6", "libc.so", `libc.musl-${process.arch === "arm64" ? "aarch64" : "x86_64"}.so.1`];
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
        recvfrom: { args: ["i32", "ptr", "usize", "i32", "ptr", "ptr"], returns: "i32" },
        sendto: { args: ["i32", "ptr", "usize", "i32", "ptr", "u32"], returns: "i32" },
        __errno_location: { args: [], returns: "ptr" },
      }).symbols;
    } catch {
      // The next name.
    }
  }
  return undefined;
}

type Libc = NonNullable<ReturnType<typeof load>>;
type Pointer = ReturnType<typeof ptr>;

/**
 * Memory that C writes to, and where it is. With a buffer of its own, because the collector may move the octets of a small
 * typed array that has none.
 */
function memory(size: number): { octets: Uint8Array; at: Pointer } {
  const octets = new Uint8Array(new ArrayBuffer(size));
  return { octets, at: ptr(octets) };
}

/** `struct epoll_event` is packed on x86-64. */
const eventWords = process.arch === "x64" ? 3 : 4;
const eventFd = process.arch === "x64" ? 1 : 2;

export class LibcSockets implements Sockets {
  readonly #libc: Libc;
  readonly #epoll: number;
  readonly #failed: (receiver: Receiver, error: unknown) => void;
  readonly #sockets: (LibcSocket | undefined)[] = [];
  readonly #packet = memory(maxDatagram);
  readonly #source = memory(32);
  readonly #sourceWords = new Uint32Array(this.#source.octets.buffer);
  readonly #sourceLength = memory(4);
  readonly #sourceLengthWord = new Uint32Array(this.#sourceLength.octets.buffer);
  readonly #events = memory(maxEvents * eventWords * 4);
  readonly #eventWords = new Int32Array(this.#events.octets.buffer);
  readonly wakePort: number | undefined;
  readonly descriptors: readonly number[];
  readonly #rest: number;
  #running = false;
  #waiting = false;

  /**
   * Undefined where there is no libc with epoll to be had.
   * @param stale descriptors of a thread that died with them
   */
  static open(
    failed: (receiver: Receiver, error: unknown) => void,
    stale: readonly number[] = [],
  ): LibcSockets | undefined {
    if (process.platform !== "linux" || (process.arch !== "x64" && process.arch !== "arm64")) return undefined;
    const libc = load();
    for (const fd of stale) libc?.close(fd);
    const epoll = libc?.epoll_create1(EPOLL_CLOEXEC) ?? -1;
    return libc === undefined || epoll < 0 ? undefined : new LibcSockets(libc, epoll, failed);
  }

  private constructor(libc: Libc, epoll: number, failed: (receiver: Receiver, error: unknown) => void) {
    this.#libc = libc;
    this.#epoll = epoll;
    this.#failed = failed;
    const waker = this.#bindWake();
    this.wakePort = waker?.port;
    this.descriptors = waker === undefined ? [epoll] : [epoll, waker.descriptor];
    this.#rest = this.wakePort === undefined ? restUnwakeable : rest;
  }

  /** Nobody takes what comes there: that it comes is enough. */
  #bindWake(): LibcSocket | undefined {
    const socket = this.#bind("ipv4", 0, "127.0.0.1");
    return typeof socket === "string" ? undefined : socket;
  }

  bind(family: Family, port: number): Promise<RelaySocket | string> {
    return Promise.resolve(this.#bind(family, port, family === "ipv6" ? "::" : "0.0.0.0"));
  }

  #bind(family: Family, port: number, host: string): LibcSocket | string {
    const libc = this.#libc;
    const ipv6 = family === "ipv6";
    const fd = libc.socket(ipv6 ? AF_INET6 : AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) return this.#error();
    const one = memory(4);
    one.octets[0] = 1;
    if (ipv6) libc.setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, one.at, 4);
    const address = memory(28);
    const length = writeAddress(address.octets, host, port);
    const event = memory(eventWords * 4);
    const words = new Int32Array(event.octets.buffer);
    words[0] = EPOLLIN;
    words[eventFd] = fd;
    if (libc.bind(fd, address.at, length) < 0 || libc.epoll_ctl(this.#epoll, EPOLL_CTL_ADD, fd, event.at) < 0) {
      const error = this.#error();
      libc.close(fd);
      return error;
    }
    const size = memory(4);
    size.octets[0] = length;
    libc.getsockname(fd, address.at, size.at);
    const bound = ((address.octets[2] ?? 0) << 8) | (address.octets[3] ?? 0);
    const socket = new LibcSocket(this.#libc, fd, family, bound, this.#packet.at, () => {
      this.#sockets[fd] = undefined;
    });
    this.#sockets[fd] = socket;
    return socket;
  }

  #error(): string {
    const at = this.#libc.__errno_location();
    const number = at === null ? 0 : read.i32(at, 0);
    return errors[number] ?? `errno ${number}`;
  }

  run(on: boolean): void {
    this.#running = on;
    if (!on || this.#waiting) return;
    this.#waiting = true;
    setImmediate(this.#turn);
  }

  #turn = (): void => {
    this.#waiting = this.#running;
    if (!this.#running) return;
    const end = performance.now() + slice;
    for (let now = end - slice, woken = false; now < end && !woken; ) {
      const count = this.#libc.epoll_wait(this.#epoll, this.#events.at, maxEvents, this.#rest);
      now = performance.now();
      for (let i = 0; i < count; i++) {
        const socket = this.#sockets[this.#eventWords[i * eventWords + eventFd] ?? -1];
        if (socket === undefined) continue;
        if (socket.port === this.wakePort) woken = true;
        this.#receive(socket, now);
      }
    }
    setImmediate(this.#turn);
  };

  #receive(socket: LibcSocket, now: number): void {
    this.#sourceLengthWord[0] = 28;
    const length = this.#libc.recvfrom(
      socket.descriptor,
      this.#packet.at,
      maxDatagram,
      MSG_DONTWAIT,
      this.#source.at,
      this.#sourceLength.at,
    );
    const receiver = socket.receiver;
    if (length < 0 || receiver === undefined) return;
    try {
      const packet = this.#packet.octets;
      if (!socket.isAim(this.#sourceWords)) {
        if (receiver.locked) return receiver.stranger();
        const source = this.#source.octets;
        const port = ((source[2] ?? 0) << 8) | (source[3] ?? 0);
        if (!receiver.learn(packet, length, port, readHost(source, socket.family))) return;
      }
      if (receiver.take(packet, length, now)) receiver.out.send(packet, length);
    } catch (error) {
      this.#failed(receiver, error);
    }
  }

  close(): void {
    this.#running = false;
    for (const socket of this.#sockets) socket?.close();
    this.#libc.close(this.#epoll);
  }
}

class LibcSocket implements RelaySocket {
  readonly family: Family;
  readonly port: number;
  receiver: Receiver | undefined;
  readonly #libc: Libc;
  readonly descriptor: number;
  readonly #packet: Pointer;
  readonly #closed: () => void;
  readonly #ipv6: boolean;
  /** `struct sockaddr_in` or `sockaddr_in6`. */
  readonly #aim = memory(28);
  readonly #words = new Uint32Array(this.#aim.octets.buffer);
  #aimed = false;
  /** 0: nothing is sent. */
  #length = 0;
  #open = true;

  constructor(libc: Libc, fd: number, family: Family, port: number, packet: Pointer, closed: () => void) {
    this.#libc = libc;
    this.descriptor = fd;
    this.family = family;
    this.port = port;
    this.#packet = packet;
    this.#closed = closed;
    this.#ipv6 = family === "ipv6";
  }

  aim(host: string | undefined, port: number, silent: boolean): void {
    this.#aimed = host !== undefined;
    this.#length = host === undefined ? 0 : writeAddress(this.#aim.octets, host, port);
    if (silent) this.#length = 0;
  }

  /** Is a source the aim? */
  isAim(source: Uint32Array): boolean {
    const aim = this.#words;
    // Family and port, then the address; an IPv6 address starts behind the flow label.
    if (!this.#aimed || source[0] !== aim[0]) return false;
    if (!this.#ipv6) return source[1] === aim[1];
    return source[2] === aim[2] && source[3] === aim[3] && source[4] === aim[4] && source[5] === aim[5];
  }

  send(_packet: Uint8Array, length: number): void {
    // What fails is lost, as on the way: no route, a full buffer.
    if (this.#length > 0)
      this.#libc.sendto(this.descriptor, this.#packet, length, MSG_DONTWAIT, this.#aim.at, this.#length);
  }

  drain(): void {
    for (let i = 0; i < maxStale; i++)
      if (this.#libc.recvfrom(this.descriptor, this.#packet, maxDatagram, MSG_DONTWAIT, null, null) < 0) return;
  }

  close(): void {
    if (!this.#open) return;
    this.#open = false;
    this.receiver = undefined;
    this.#closed();
    this.#libc.close(this.descriptor);
  }
}

/** Writes a socket address, whose octets are all set; answers its length. */
function writeAddress(into: Uint8Array, host: string, port: number): number {
  into.fill(0);
  into[2] = port >> 8;
  into[3] = port & 0xff;
  if (!host.includes(":")) {
    into[0] = AF_INET;
    host.split(".").forEach((part, i) => {
      into[4 + i] = Number(part);
    });
    return 16;
  }
  into[0] = AF_INET6;
  groupsOf(host).forEach((group, i) => {
    into[8 + 2 * i] = group >> 8;
    into[9 + 2 * i] = group & 0xff;
  });
  return 28;
}

/** The groups of an IPv6 address in the kernel's form; one of an interface (`%eth0`) is taken without it. */
function groupsOf(host: string): number[] {
  const [head = "", tail] = (host.split("%", 1)[0] ?? "").split("::", 2);
  const read = (text: string) =>
    text.split(":").flatMap((part) => {
      if (part === "") return [];
      if (!part.includes(".")) return [Number.parseInt(part, 16)];
      const [a = 0, b = 0, c = 0, d = 0] = part.split(".").map(Number);
      return [a * 256 + b, c * 256 + d];
    });
  const front = read(head);
  if (tail === undefined) return front;
  const back = read(tail);
  return [...front, ...new Array<number>(8 - front.length - back.length).fill(0), ...back];
}

function readHost(source: Uint8Array, family: Family): string {
  if (family === "ipv4") return `${source[4]}.${source[5]}.${source[6]}.${source[7]}`;
  const groups: string[] = [];
  for (let at = 8; at < 24; at += 2) groups.push((((source[at] ?? 0) << 8) | (source[at + 1] ?? 0)).toString(16));
  const host = groups.join(":");
  return canonicalHost(host) ?? host;
}
