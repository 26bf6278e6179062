/** The relay on the main thread: gives sessions their ports at once, and carries commands and reports. */

import { bindUdp, type UdpSocket } from "../../udp.ts";
import type { WorkerPort } from "../main-thread.ts";
import { PacketQuestions } from "../packet-questions.ts";
import type { PacketHeader } from "../packet-ring.ts";
import { Batch, readBatch } from "../protocol.ts";
import { type Family, MediaError } from "../types.ts";
import type { FromRelay, PairName, ToRelay } from "./protocol.ts";
import type { EndReason, Line, Peer, RelayOptions, RelayTotals, Side, Stats } from "./types.ts";

const defaults = { families: ["ipv4"], maxPairs: 4000, maxSessions: 2000, maxLines: 4, freePairs: 64 } as const;
/** Pairs bound at a time. */
const bindAtOnce = 64;
/** How long nothing may come before somebody says otherwise, ms: the phones may be ringing. */
const setupIdle = 300_000;
/** How long after the start further pairs are bound, ms, unless calls need them before. */
const settled = 100;
/** A worker that keeps dying is started this many times. */
const maxRestarts = 10;

interface Pool {
  free: number[];
  /** Pairs asked for and not yet there. */
  coming: number;
  /** The worker has no more to bind. */
  exhausted: boolean;
}

/** A relay of media in a worker of its own. Fits `RelayBackend` of routing/. */
export class RelayEngine {
  readonly #options: Required<Pick<RelayOptions, "families" | "maxPairs" | "maxSessions" | "maxLines" | "freePairs">> &
    RelayOptions;
  readonly #createWorker: () => WorkerPort;
  #worker: WorkerPort | undefined;
  readonly #batch = new Batch<ToRelay>((batch) => {
    this.#worker?.postMessage(batch);
    this.#wake();
  });
  /** From where the worker is woken, and where it wants that. */
  #waker: UdpSocket | undefined;
  #wakePort: number | undefined;
  readonly #pools = new Map<Family, Pool>();
  readonly #sessions = new Map<number, Session>();
  readonly #questions = new Map<number, { session: number; answer: (stats: Stats) => void }>();
  #last = 0;
  #asked = 0;
  #bound = 0;
  #used = 0;
  #timedOut = 0;
  #restarts = 0;
  readonly #packets = new PacketQuestions();
  /** What the worker leaves open should it die. */
  #descriptors: number[] = [];
  #starting: Promise<void> | undefined;
  #started: { resolve(): void; reject(error: MediaError): void } | undefined;
  #ending: { promise: Promise<void>; done(): void } | undefined;

  constructor(options: RelayOptions, createWorker: () => WorkerPort) {
    this.#options = { ...defaults, ...options };
    this.#createWorker = createWorker;
  }

  /**
   * Starts the worker unless that was done; resolves once each family has ports. Before, no session is to be had.
   * @throws MediaError `no-ports`, `failed`
   */
  start(): Promise<void> {
    if (this.#starting === undefined) {
      const { promise, resolve, reject } = Promise.withResolvers<void>();
      this.#starting = promise;
      this.#started = { resolve, reject };
      this.#startWorker();
    }
    return this.#starting;
  }

  #startWorker(): void {
    const worker = this.#createWorker();
    this.#worker = worker;
    worker.onmessage = ({ data }) => {
      // A relay has no taps, whose sound is all that is no text.
      if (typeof data !== "string") return;
      for (const message of readBatch<FromRelay>(data)) this.#receive(message);
    };
    worker.onerror = (event) => this.#workerFailed(worker, event.message);
    worker.addEventListener("close", () => this.#workerFailed(worker, "it ended"));
    const { ports, own = [], sockets = "libc", families, packets = 0 } = this.#options;
    this.#batch.add({ type: "relay", ports, own, sockets, stale: this.#descriptors, packets });
    this.#descriptors = [];
    this.#pools.clear();
    this.#bound = 0;
    for (const family of families) {
      this.#pools.set(family, { free: [], coming: 0, exhausted: false });
      this.#refill(family);
    }
  }

  #refill(family: Family): void {
    const pool = this.#pools.get(family);
    if (pool === undefined || pool.exhausted) return;
    const { freePairs, maxPairs } = this.#options;
    const coming = [...this.#pools.values()].reduce((sum, each) => sum + each.coming, 0);
    const wanted = Math.min(freePairs - pool.free.length, bindAtOnce) - pool.coming;
    const count = Math.min(wanted, maxPairs - this.#bound - coming);
    // Some at a time: one message for many.
    if (count <= 0 || (pool.free.length > 0 && count < Math.min(freePairs, bindAtOnce) / 4)) return;
    pool.coming += count;
    this.#batch.add({ type: "grow", family, count });
  }

  /** The worker may be waiting for packets. */
  #wake(): void {
    if (this.#wakePort !== undefined) this.#waker?.send(nothing, this.#wakePort, "127.0.0.1");
  }

  async #wakesAt(port: number | undefined): Promise<void> {
    this.#wakePort = port;
    if (port === undefined || this.#waker !== undefined) return;
    const waker = await bindUdp({ host: "127.0.0.1", port: 0, onPacket: () => {} }).catch(() => undefined);
    // Meanwhile all may be over; without a waker messages wait until the worker looks by itself.
    if (this.#ending === undefined && this.#waker === undefined) this.#waker = waker;
    else waker?.close();
    this.#wake();
  }

  #receive(message: FromRelay): void {
    switch (message.type) {
      case "ready":
        this.#descriptors.push(...message.descriptors);
        void this.#wakesAt(message.wakePort);
        return;
      case "ports":
        return this.#newPorts(message);
      case "stats": {
        const question = this.#questions.get(message.question);
        this.#questions.delete(message.question);
        question?.answer(message.stats ?? { age: 0, lines: [] });
        return;
      }
      case "over": {
        for (const { family, rtpPort } of message.pairs) this.#pools.get(family)?.free.push(rtpPort);
        this.#used -= message.pairs.length;
        if (message.reason === "timeout") this.#timedOut++;
        const session = this.#sessions.get(message.session);
        this.#sessions.delete(message.session);
        session?.over(message.stats, message.reason);
        return;
      }
      case "packets":
        return this.#packets.answer(message);
      case "log":
        this.#options.log[message.level](message.message, { reason: message.reason });
        return;
      case "done":
        this.#ending?.done();
    }
  }

  #newPorts({ family, asked, ports, descriptors, failure }: FromRelay & { type: "ports" }): void {
    this.#descriptors.push(...descriptors);
    const pool = this.#pools.get(family);
    if (pool === undefined) return;
    if (ports.length < asked) pool.exhausted = true;
    pool.coming -= asked;
    pool.free.push(...ports);
    this.#bound += ports.length;
    if (this.#started === undefined) return this.#refill(family);
    if (ports.length === 0) {
      const [first, last] = this.#options.ports;
      const why = failure === undefined ? "" : `, ${failure}`;
      const reason = `no pair of UDP ports between ${first} and ${last} can be bound for the relay (${family}${why})`;
      this.#started.reject(new MediaError("no-ports", reason));
      this.#started = undefined;
      void this.close();
    } else if ([...this.#pools.values()].every((other) => other.free.length > 0)) {
      this.#started.resolve();
      this.#started = undefined;
      // More are bound once the program that starts has done what cannot wait.
      setTimeout(() => {
        for (const each of this.#pools.keys()) this.#refill(each);
      }, settled).unref();
    }
  }

  /**
   * Opens a session. `a` and `b` are addresses of ours that the sides send to: their families choose the ports. Undefined:
   * there are as many as there may be, the worker is not there, or a family has no ports.
   */
  relay({ a, b }: { a: { host: string }; b: { host: string } }): Session | undefined {
    if (this.#ending !== undefined || this.#worker === undefined) return undefined;
    if (this.#sessions.size >= this.#options.maxSessions) return undefined;
    const families = { a: familyOf(a.host), b: familyOf(b.host) };
    if (!this.#pools.has(families.a) || !this.#pools.has(families.b)) return undefined;
    const id = ++this.#last;
    const session = new Session(id, {
      maxLines: this.#options.maxLines,
      tell: (message) => this.#batch.add(message),
      take: (line, idle) => this.#take(id, line, idle, families.a, families.b),
      ask: (answer) => {
        this.#questions.set(++this.#asked, { session: id, answer });
        this.#batch.add({ type: "stats", session: id, question: this.#asked });
      },
      // The worker knows of a session from its first m-line on.
      forget: () => this.#sessions.delete(id),
    });
    this.#sessions.set(id, session);
    return session;
  }

  /** Ports for an m-line: two pairs. */
  #take(session: number, line: number, idle: number, a: Family, b: Family): Line | undefined {
    const pair = (family: Family): PairName | undefined => {
      const rtpPort = this.#pools.get(family)?.free.shift();
      return rtpPort === undefined ? undefined : { family, rtpPort };
    };
    const ofA = pair(a);
    const ofB = ofA === undefined ? undefined : pair(b);
    this.#refill(a);
    this.#refill(b);
    if (ofA === undefined || ofB === undefined) {
      if (ofA !== undefined) this.#pools.get(a)?.free.unshift(ofA.rtpPort);
      return undefined;
    }
    this.#used += 2;
    this.#batch.add({ type: "open", session, line, a: ofA, b: ofB, idle });
    const ports = ({ rtpPort }: PairName) => ({ rtpPort, rtcpPort: rtpPort + 1 });
    return { a: ports(ofA), b: ports(ofB) };
  }

  /** The headers that are kept of these sessions' packets, the oldest first: some thousand at most. */
  packets(sessions: ReadonlySet<number>): Promise<PacketHeader[]> {
    if (this.#worker === undefined) return Promise.resolve([]);
    return this.#packets.ask((question) => this.#batch.add({ type: "packets", question, sessions: [...sessions] }));
  }

  get totals(): RelayTotals {
    const free = [...this.#pools.values()].reduce((sum, pool) => sum + pool.free.length, 0);
    return {
      sessions: this.#sessions.size,
      used: this.#used,
      free,
      most: this.#options.maxPairs,
      timedOut: this.#timedOut,
      restarts: this.#restarts,
    };
  }

  #workerFailed(worker: WorkerPort, reason: string): void {
    if (worker !== this.#worker) return;
    this.#worker = undefined;
    this.#wakePort = undefined;
    this.#packets.giveUp();
    worker.terminate();
    const sessions = [...this.#sessions.values()];
    this.#sessions.clear();
    this.#used = 0;
    for (const pool of this.#pools.values()) pool.free = [];
    for (const { answer } of this.#questions.values()) answer({ age: 0, lines: [] });
    this.#questions.clear();
    this.#options.log.error("the relay's worker failed; its sessions are ended", { reason, sessions: sessions.length });
    if (this.#ending !== undefined) this.#ending.done();
    else if (this.#started !== undefined) {
      this.#started.reject(new MediaError("failed", `the relay's worker cannot start: ${reason}`));
      this.#started = undefined;
    } else if (this.#restarts < maxRestarts) {
      this.#restarts++;
      // Its ports are free once the thread is gone.
      setTimeout(() => {
        if (this.#ending === undefined) this.#startWorker();
      }, 1000).unref();
    }
    for (const session of sessions) session.over({ age: 0, lines: [] }, "failed");
  }

  /** Ends all sessions and the worker. */
  close(): Promise<void> {
    if (this.#ending === undefined) {
      const { promise, resolve } = Promise.withResolvers<void>();
      const done = () => {
        const worker = this.#worker;
        this.#worker = undefined;
        this.#waker?.close();
        this.#waker = undefined;
        worker?.terminate();
        resolve();
      };
      this.#ending = { promise, done };
      if (this.#worker === undefined) done();
      else this.#batch.add({ type: "end" });
    }
    return this.#ending.promise;
  }
}

const nothing = new Uint8Array(1);

const familyOf = (host: string): Family => (host.includes(":") ? "ipv6" : "ipv4");

interface SessionWays {
  readonly maxLines: number;
  tell(message: ToRelay): void;
  take(line: number, idle: number): Line | undefined;
  ask(answer: (stats: Stats) => void): void;
  forget(): void;
}

/** One call's media on its way through us; see `RelaySession` of routing/. */
export class Session {
  readonly lines: (Line | undefined)[] = [];
  ended: (stats: Stats, reason: EndReason) => void = () => {};
  readonly id: number;
  readonly #ways: SessionWays;
  #open = 0;
  #idle = setupIdle;
  #over = false;

  constructor(id: number, ways: SessionWays) {
    this.id = id;
    this.#ways = ways;
  }

  open(line: number): boolean {
    if (this.lines[line] !== undefined) return true;
    if (this.#over || this.#open >= this.#ways.maxLines) return false;
    const taken = this.#ways.take(line, this.#idle);
    if (taken === undefined) return false;
    this.#open++;
    this.lines[line] = taken;
    return true;
  }

  configure(line: number, side: Side, peer: Peer | undefined): void {
    if (this.lines[line] === undefined) return;
    this.#ways.tell({ type: "configure", session: this.id, line, side, peer: peer ?? null });
  }

  expect(idle: number): void {
    this.#idle = idle;
    if (this.#open > 0) this.#ways.tell({ type: "expect", session: this.id, idle });
  }

  stats(): Promise<Stats> {
    if (this.#over || this.#open === 0) return Promise.resolve({ age: 0, lines: [] });
    return new Promise((resolve) => this.#ways.ask(resolve));
  }

  close(): void {
    if (this.#over) return;
    if (this.#open > 0) this.#ways.tell({ type: "close", session: this.id });
    else {
      this.#ways.forget();
      this.over({ age: 0, lines: [] }, "closed");
    }
  }

  /** Its last word. */
  over(stats: Stats, reason: EndReason): void {
    if (this.#over) return;
    this.#over = true;
    this.ended(stats, reason);
  }
}
