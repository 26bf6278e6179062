/**
 * Bursts of datagrams, read and sent in batches by a turn of our own in Bun's event loop.
 *
 * Bun reads a UDP socket itself: eight datagrams a system call, an object and a text for each, and one system call for
 * each that is sent. While datagrams come faster than one a millisecond, the sockets that joined are therefore taken out
 * of what Bun waits for (their descriptors stay in its epoll, with no events asked for) and each turn of the loop reads and
 * answers them in batches. Between two turns it waits for up to eight milliseconds, less the faster they come and when Bun's
 * epoll has something, so that more have come by then; timers and other sockets are served as ever. When the burst is over,
 * Bun has them back.
 *
 * Linux; where libc or Bun's epoll cannot be found, joining does nothing.
 */
import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import { EPOLL_CTL_MOD, EPOLLOUT, epollEventData, epollEventWords, type Libc, libc, memory, POLLIN } from "./libc.ts";
import { batchSize, type UdpBatch } from "./udp-batch.ts";

/** A burst is looked for, and its end, in so many ms. */
const span = 20;
/** It begins when so many datagrams came in one span, and ends when fewer than half of them did. */
const start = 20;
/**
 * Datagrams that a turn waits for: each system call, each round of Bun's loop, and what it takes to have code and data in
 * the caches again, is shared by all that came. Where so many came at once it does not wait: there are more by now.
 */
const plenty = 24;
/** ms that it waits at most. */
const longest = 8;
/** ms of reading in one turn, after which the loop has its say: longer than what a flood is dropped after (datagram-turns.ts). */
const longestReading = 30;

interface Member {
  readonly descriptor: number;
  readonly batch: UdpBatch;
  readonly watch: Watch;
  readonly busy: () => boolean;
}

/** How Bun waits for datagrams of a socket: the descriptor of its epoll, and what it has registered there. */
interface Watch {
  readonly epoll: number;
  readonly events: number;
  readonly data: bigint;
}

export class Bursts {
  readonly #libc: Libc;
  readonly #members = new Set<Member>();
  /** Of all that joined, and have not left: also of those that stay with Bun. */
  readonly #batches = new Set<UdpBatch>();
  #poll = memory(8);
  #polled = 0;
  /** Datagrams of this span. */
  #count = 0;
  #spanEnds = 0;
  /** ms that a turn waits, by how fast they came in the last span. */
  #wait = longest;
  #scheduled = false;
  #active = false;
  #gathering = false;

  constructor(of: Libc) {
    this.#libc = of;
  }

  /** Whether the sockets are read by turns of ours. */
  get active(): boolean {
    return this.#active;
  }

  /** Whether what is pushed into a batch now is flushed soon. */
  get gathering(): boolean {
    return this.#gathering;
  }

  /** Does this work. What the sockets that joined send meanwhile goes out in batches, the last ones at its end. */
  gather(work: () => void): void {
    this.#gathering = true;
    try {
      work();
    } finally {
      this.#gathering = false;
      for (const batch of this.#batches) batch.flush();
    }
  }

  /**
   * Takes part in bursts, until `leave` is called, which is to be done before the socket is closed. Undefined where
   * that cannot be had. `came` is to be told of each datagram that Bun gave. `busy`: whether what was read still waits to
   * be handled.
   */
  join(descriptor: number, batch: UdpBatch, busy: () => boolean): { came(): void; leave(): void } | undefined {
    const watch = findWatch(descriptor);
    if (watch === undefined) return undefined;
    const member: Member = { descriptor, batch, watch, busy };
    if (this.#active) this.#watch(member, false);
    this.#members.add(member);
    this.#batches.add(batch);
    this.#arrange();
    return {
      came: () => this.#came(),
      leave: () => {
        if (this.#active) this.#watch(member, true);
        this.#batches.delete(batch);
        this.#members.delete(member);
        if (this.#members.size === 0) this.#active = false;
        this.#arrange();
      },
    };
  }

  /** The array of `struct pollfd`: Bun's epoll, or one for each of its loops. */
  #arrange(): void {
    const descriptors = new Set<number>();
    for (const { watch } of this.#members) descriptors.add(watch.epoll);
    this.#poll = memory(8 * Math.max(1, descriptors.size));
    const words = new Int32Array(this.#poll.octets.buffer);
    [...descriptors].forEach((descriptor, i) => {
      words[2 * i] = descriptor;
      words[2 * i + 1] = POLLIN;
    });
    this.#polled = descriptors.size;
  }

  #came(): void {
    this.#count++;
    if (this.#scheduled) return;
    this.#scheduled = true;
    setImmediate(this.#turn);
  }

  readonly #turn = (): void => {
    this.#scheduled = false;
    const now = performance.now();
    if (now >= this.#spanEnds) {
      this.#judge(this.#count);
      this.#wait = Math.min(longest, Math.ceil((plenty * span) / Math.max(1, this.#count)));
      this.#count = 0;
      this.#spanEnds = now + span;
    } else if (!this.#active && this.#count >= start) this.#judge(this.#count);
    if (!this.#active) return;
    this.#scheduled = true;
    setImmediate(this.#turn);
    const before = this.#count;
    this.gather(() => this.#receive(now));
    if (this.#count - before < plenty && !this.#busy()) this.#libc.poll(this.#poll.at, this.#polled, this.#wait);
  };

  #busy(): boolean {
    for (const { busy } of this.#members) if (busy()) return true;
    return false;
  }

  #receive(began: number): void {
    for (const { batch } of this.#members) {
      let count: number;
      do {
        count = batch.receive();
        if (count > 0) this.#count += count;
      } while (count === batchSize && performance.now() < began + longestReading);
    }
  }

  #judge(count: number): void {
    const active = this.#active ? 2 * count >= start : count >= start;
    if (active === this.#active) return;
    for (const member of this.#members) {
      if (this.#watch(member, !active)) continue;
      // As it was: it stays with Bun for good.
      this.#watch(member, true);
      this.#members.delete(member);
      this.#arrange();
    }
    this.#active = active && this.#members.size > 0;
  }

  /** Lets Bun wait for this socket, or not. */
  #watch({ descriptor, watch }: Member, on: boolean): boolean {
    const event = memory(epollEventWords * 4);
    const words = new Uint32Array(event.octets.buffer);
    words[0] = on ? watch.events : 0;
    words[epollEventData] = Number(watch.data & 0xffff_ffffn);
    words[epollEventData + 1] = Number(watch.data >> 32n);
    return this.#libc.epoll_ctl(watch.epoll, EPOLL_CTL_MOD, descriptor, event.at) === 0;
  }
}

/** The kernel tells of each epoll what waits in it (proc(5), /proc/pid/fdinfo). */
function findWatch(descriptor: number): Watch | undefined {
  const line = new RegExp(`^tfd:\\s*${descriptor} events:\\s*([0-9a-f]+) data:\\s*([0-9a-f]+)`, "m");
  let open: string[];
  try {
    open = readdirSync("/proc/self/fd");
  } catch {
    return undefined;
  }
  for (const name of open) {
    try {
      if (readlinkSync(`/proc/self/fd/${name}`) !== "anon_inode:[eventpoll]") continue;
      const found = line.exec(readFileSync(`/proc/self/fdinfo/${name}`, "latin1"));
      if (found === null) continue;
      const [, events = "0", data = "0"] = found;
      // A new socket waits for its first chance to send, too. By the time when it gets this back Bun does not, and would
      // be woken again and again.
      const readable = Number.parseInt(events, 16) & ~EPOLLOUT;
      return { epoll: Number(name), events: readable, data: BigInt(`0x${data}`) };
    } catch {
      // It was closed meanwhile.
    }
  }
  return undefined;
}

let own: { bursts: Bursts | undefined } | undefined;

/** Those of this thread; undefined where there is no libc. */
export function bursts(): Bursts | undefined {
  if (own === undefined) {
    const of = libc();
    own = { bursts: of === undefined ? undefined : new Bursts(of) };
  }
  return own.bursts;
}
