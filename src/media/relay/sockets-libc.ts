/**
 * The relay's sockets by libc and epoll: two system calls a packet, no copy, no string, no object. Bun's own cost a third
 * more, since it reads each socket until it is empty and makes an object and a string of each datagram.
 *
 * The thread waits in `epoll_wait` and in between lets the loop take its messages: it must be a thread that has nothing
 * else to do, and who sends it a message sends a datagram to `wakePort`, too. One datagram of each ready socket is read per round, so that a flooded one
 * takes no more than its share.
 */
import {
  AF_INET,
  AF_INET6,
  EPOLL_CLOEXEC,
  EPOLL_CTL_ADD,
  EPOLLIN,
  epollEventData,
  epollEventWords,
  errno,
  IPPROTO_IPV6,
  IPV6_V6ONLY,
  type Libc,
  libc,
  MSG_DONTWAIT,
  memory,
  type Pointer,
  SOCK_CLOEXEC,
  SOCK_DGRAM,
  SOCK_NONBLOCK,
} from "../../libc.ts";
import { largestSocketAddress, readSocketHost, readSocketPort, writeSocketAddress } from "../../socket-address.ts";
import type { Family } from "../types.ts";
import type { Receiver, RelaySocket, Sockets } from "./socket.ts";

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
  readonly #events = memory(maxEvents * epollEventWords * 4);
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
    const of = libc();
    for (const fd of stale) of?.close(fd);
    const epoll = of?.epoll_create1(EPOLL_CLOEXEC) ?? -1;
    return of === undefined || epoll < 0 ? undefined : new LibcSockets(of, epoll, failed);
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
    const address = memory(largestSocketAddress);
    const length = writeSocketAddress(address.octets, 0, host, port);
    const event = memory(epollEventWords * 4);
    const words = new Int32Array(event.octets.buffer);
    words[0] = EPOLLIN;
    words[epollEventData] = fd;
    if (libc.bind(fd, address.at, length) < 0 || libc.epoll_ctl(this.#epoll, EPOLL_CTL_ADD, fd, event.at) < 0) {
      const error = this.#error();
      libc.close(fd);
      return error;
    }
    const size = memory(4);
    size.octets[0] = length;
    libc.getsockname(fd, address.at, size.at);
    const bound = readSocketPort(address.octets, 0);
    const socket = new LibcSocket(this.#libc, fd, family, bound, this.#packet.at, () => {
      this.#sockets[fd] = undefined;
    });
    this.#sockets[fd] = socket;
    return socket;
  }

  #error(): string {
    const number = errno(this.#libc);
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
        const socket = this.#sockets[this.#eventWords[i * epollEventWords + epollEventData] ?? -1];
        if (socket === undefined) continue;
        if (socket.port === this.wakePort) woken = true;
        this.#receive(socket, now);
      }
    }
    setImmediate(this.#turn);
  };

  #receive(socket: LibcSocket, now: number): void {
    this.#sourceLengthWord[0] = largestSocketAddress;
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
        if (!receiver.learn(packet, length, readSocketPort(source, 0), readSocketHost(source, 0))) return;
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
  readonly #aim = memory(largestSocketAddress);
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
    // Without the zone of a link-local address.
    const [bare] = host?.split("%", 1) ?? [];
    this.#length = bare === undefined ? 0 : writeSocketAddress(this.#aim.octets, 0, bare, port);
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
