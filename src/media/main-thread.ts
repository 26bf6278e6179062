/** The main thread's side: hands out ports at once, and carries commands and events to and from the worker. */

import type { Log } from "../log.ts";
import { ownCertificate } from "./dtls/certificate.ts";
import { addLateness, neverLate } from "./lateness.ts";
import { noStats } from "./no-stats.ts";
import { PacketQuestions } from "./packet-questions.ts";
import { pairsIn } from "./ports.ts";
import { Batch, readBatch, type ToMain, type ToWorker } from "./protocol.ts";
import { TapBatch } from "./tap-channel.ts";
import { MainTaps } from "./tap-main.ts";
import {
  type Configuration,
  type DtmfWay,
  type EngineStats,
  type Family,
  type MappedPorts,
  type MediaEngine,
  MediaError,
  type MediaEvent,
  type MediaOptions,
  type MediaSession,
  type MediaTap,
  type PacketHeader,
  type PlayOptions,
  type RecordOptions,
  type RoomEntry,
  type TapListener,
  type TapSettings,
  type ToneName,
} from "./types.ts";

/** What of a Worker is used here, so that tests can stand in for one. */
export interface WorkerPort {
  /** A batch of messages, or sound of taps. */
  postMessage(batch: string | Uint8Array): void;
  onmessage: ((event: MessageEvent<string | Uint8Array>) => void) | null;
  onerror: ((event: ErrorEvent) => void) | null;
  /** Fires when the thread has ended and its sockets are closed. */
  addEventListener(type: "close", listener: () => void): void;
  terminate(): void;
}

interface Pool {
  free: number[];
  /** What a NAT makes of those that are free, by the RTP port. */
  mapped: Map<number, MappedPorts>;
  /** Pairs asked for and not yet there. */
  coming: number;
  /** The worker has no more to bind. */
  exhausted: boolean;
}

/** Pairs that are kept free: what a burst of calls takes before more can be bound. */
const freePorts = 256;
/** So many where each is asked about every while, or listens for connections, too. */
const askedPorts = 16;
/** Pairs bound at a time: binding one takes the worker some 0.1 ms, in which it sends nothing. */
const bindAtOnce = 32;

/** How long after the start further ports are bound, in ms, unless calls need them before. */
const settled = 100;

/** A worker that keeps dying is started this many times. */
const maxRestarts = 10;

export class MainThread implements MediaEngine {
  #options: MediaOptions;
  #log: Log;
  #createWorker: () => WorkerPort;
  #worker: WorkerPort | undefined;
  #batch = new Batch<ToWorker>((batch) => this.#worker?.postMessage(batch));
  #taps = new MainTaps(new TapBatch((sound) => this.#worker?.postMessage(sound)));
  #pools = new Map<Family, Pool>();
  #sessions = new Map<number, Session>();
  /** By a STUN server, the last time that it changed. */
  #seenAs: string | undefined;
  #lastSession = 0;
  readonly #packets = new PacketQuestions();
  #restarts = 0;
  readonly #late = neverLate();
  #started: { resolve(): void; reject(error: MediaError): void } | undefined;
  #ending: { promise: Promise<void>; done(): void } | undefined;

  constructor(options: MediaOptions, createWorker: () => WorkerPort) {
    this.#options = options;
    this.#log = options.log;
    this.#createWorker = createWorker;
  }

  /** Starts the worker; resolves once each family has ports. */
  start(): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.#started = { resolve, reject };
    this.#startWorker();
    return promise;
  }

  #startWorker(): void {
    const worker = this.#createWorker();
    this.#worker = worker;
    worker.onmessage = ({ data }) => {
      if (typeof data !== "string") return this.#taps.receive(data);
      for (const message of readBatch<ToMain>(data)) this.#receive(message);
    };
    worker.onerror = (event) => this.#workerFailed(worker, errorLine(event.message));
    worker.addEventListener("close", () => this.#workerFailed(worker, "it ended"));
    const {
      ports,
      latch = "private",
      mediaTimeout = 0,
      families = ["ipv4"],
      packets = 0,
      stun = [],
      iceTcp = false,
    } = this.#options;
    this.#batch.add({ type: "start", ports, latch, mediaTimeout, packets, stun, iceTcp });
    this.#pools.clear();
    for (const family of families) {
      this.#pools.set(family, { free: [], mapped: new Map(), coming: 0, exhausted: false });
      this.#refill(family);
    }
  }

  /** Keeps enough pairs free; grows with the load, up to the whole range. */
  #refill(family: Family): void {
    const pool = this.#pools.get(family);
    if (pool === undefined || pool.exhausted) return;
    const wanted =
      this.#options.freePorts ?? (this.#options.stun?.length || this.#options.iceTcp ? askedPorts : freePorts);
    const missing = Math.min(wanted - pool.free.length, bindAtOnce) - pool.coming;
    // Some at a time: one message for many.
    if (missing < Math.min(wanted, bindAtOnce) / 4) return;
    pool.coming += missing;
    this.#batch.add({ type: "grow", family, count: missing });
  }

  #receive(message: ToMain): void {
    switch (message.type) {
      case "ports":
        this.#newPorts(message);
        return;
      case "late":
        return addLateness(this.#late, message);
      case "free":
        this.#pools.get(message.family)?.free.push(message.rtpPort);
        return;
      case "mapped": {
        const pool = this.#pools.get(message.family);
        if (message.mapped === undefined) return void pool?.mapped.delete(message.rtpPort);
        pool?.mapped.set(message.rtpPort, message.mapped);
        const { host } = message.mapped;
        if (this.#seenAs !== host) this.#log.info("media is seen from outside", { as: host });
        this.#seenAs = host;
        return;
      }
      case "event": {
        const session = this.#sessions.get(message.session);
        if (message.event.type === "closed") this.#sessions.delete(message.session);
        session?.tell(message.event);
        return;
      }
      case "packets":
        return this.#packets.answer(message);
      case "log":
        this.#log[message.level](message.message, { reason: message.reason });
        return;
      case "ended":
        this.#ending?.done();
    }
  }

  #newPorts({ family, asked, ports, failure }: ToMain & { type: "ports" }): void {
    const pool = this.#pools.get(family);
    if (pool === undefined) return;
    if (ports.length < asked) pool.exhausted = true;
    pool.coming -= asked;
    pool.free.push(...ports);
    if (this.#started === undefined) return this.#refill(family);
    if (ports.length === 0) {
      const [first, last] = this.#options.ports;
      const reason = `no pair of UDP ports between ${first} and ${last} can be bound (${family}${failure === undefined ? "" : `, ${failure}`})`;
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

  open({ host }: { host: string }): MediaSession {
    if (this.#ending !== undefined) throw new MediaError("closed", "the media engine is closed");
    const family: Family = host.includes(":") ? "ipv6" : "ipv4";
    const pool = this.#pools.get(family);
    if (pool === undefined) throw new MediaError("no-family", `media has no ${family} ports (for ${host})`);
    const rtpPort = nextFree(pool);
    this.#refill(family);
    if (rtpPort === undefined) {
      const [first, last] = this.#options.ports;
      throw new MediaError("no-ports", `all media ports between ${first} and ${last} are in use`);
    }
    const id = ++this.#lastSession;
    const session = new Session(id, rtpPort, (message) => this.#batch.add(message), this.#taps);
    session.iceTcp = this.#options.iceTcp === true;
    session.mapped = pool.mapped.get(rtpPort);
    pool.mapped.delete(rtpPort);
    this.#sessions.set(id, session);
    this.#batch.add({ type: "open", session: id, family, rtpPort });
    return session;
  }

  packets(sessions: ReadonlySet<number>): Promise<PacketHeader[]> {
    if (this.#worker === undefined) return Promise.resolve([]);
    return this.#packets.ask((question) => this.#batch.add({ type: "packets", question, sessions: [...sessions] }));
  }

  get stats(): EngineStats {
    const [first, last] = this.#options.ports;
    const pools = [...this.#pools.values()];
    return {
      sessions: this.#sessions.size,
      free: pools.reduce((sum, pool) => sum + pool.free.length, 0),
      pairs: pairsIn(first, last) * pools.length,
      restarts: this.#restarts,
      late: this.#late,
    };
  }

  #workerFailed(worker: WorkerPort, reason: string): void {
    if (worker !== this.#worker) return;
    this.#worker = undefined;
    this.#packets.giveUp();
    worker.terminate();
    const sessions = [...this.#sessions.values()];
    this.#sessions.clear();
    this.#log.error("the media worker failed; its sessions are ended", { reason, sessions: sessions.length });
    if (this.#ending !== undefined) this.#ending.done();
    else if (this.#started !== undefined) {
      this.#started.reject(new MediaError("failed", `the media worker cannot start: ${reason}`));
      this.#started = undefined;
    } else if (this.#restarts < maxRestarts) {
      this.#restarts++;
      this.#restart(worker);
    }
    // Until the new worker has bound ports, and for good when there is none, calls are refused.
    for (const pool of this.#pools.values()) pool.free = [];
    for (const session of sessions)
      session.tell({ type: "closed", stats: { ...noStats }, error: `the media worker failed: ${reason}` });
  }

  /** Starts a new worker once the old one has let go of its ports. */
  #restart(dead: WorkerPort): void {
    let started = false;
    const start = () => {
      if (started || this.#ending !== undefined) return;
      started = true;
      this.#startWorker();
    };
    dead.addEventListener("close", start);
    // A thread that ended by itself has told so already.
    setTimeout(start, 1000).unref();
  }

  close(): Promise<void> {
    if (this.#ending === undefined) {
      const { promise, resolve } = Promise.withResolvers<void>();
      const done = () => {
        this.#worker?.terminate();
        this.#worker = undefined;
        resolve();
      };
      this.#ending = { promise, done };
      if (this.#worker === undefined) done();
      else this.#batch.add({ type: "end" });
    }
    return this.#ending.promise;
  }
}

/** The pair that has been free for longest; of those that a NAT is known to show, if there are any. */
function nextFree({ free, mapped }: Pool): number | undefined {
  if (mapped.size === 0) return free.shift();
  const at = Math.max(
    0,
    free.findIndex((port) => mapped.has(port)),
  );
  return free.splice(at, 1)[0];
}

/** Bun's message of a worker's error shows the source around it: the line that names the error is enough. */
function errorLine(message: string): string {
  return /^\w*(Error|Message): .*$/m.exec(message)?.[0] ?? (message.split("\n", 1)[0] || "unknown error");
}

class Session implements MediaSession {
  readonly rtpPort: number;
  readonly rtcpPort: number;
  mapped: MappedPorts | undefined;
  iceTcp = false;
  listener: (event: MediaEvent) => void = () => {};
  readonly id: number;
  #send: (message: ToWorker) => void;
  readonly #taps: MainTaps;

  constructor(id: number, rtpPort: number, send: (message: ToWorker) => void, taps: MainTaps) {
    this.#taps = taps;
    this.id = id;
    this.rtpPort = rtpPort;
    this.rtcpPort = rtpPort + 1;
    this.#send = send;
  }

  tell(event: MediaEvent): void {
    this.listener(event);
  }

  configure(configuration: Configuration): void {
    const certificate = configuration.webRtc && ownCertificate();
    this.#send({ type: "configure", session: this.id, configuration, ...(certificate && { certificate }) });
  }

  play(id: number, file: string, options?: PlayOptions): void {
    this.#send({ type: "play", session: this.id, id, file, options });
  }

  pause(on: boolean): void {
    this.#send({ type: "pause", session: this.id, on });
  }

  seek(milliseconds: number): void {
    this.#send({ type: "seek", session: this.id, milliseconds });
  }

  volume(decibels: number): void {
    this.#send({ type: "volume", session: this.id, decibels });
  }

  stop(): void {
    this.#send({ type: "stop", session: this.id });
  }

  record(file: string | undefined, layout: "mono" | "stereo" = "mono", options?: RecordOptions): void {
    this.#send({ type: "record", session: this.id, file, layout, options });
  }

  dtmf(id: number, digits: string, by?: DtmfWay): void {
    this.#send({ type: "dtmf", session: this.id, id, digits, by });
  }

  mute(on: boolean): void {
    this.#send({ type: "mute", session: this.id, on });
  }

  echo(on: boolean): void {
    this.#send({ type: "echo", session: this.id, on });
  }

  count(): void {
    this.#send({ type: "count", session: this.id });
  }

  tone(tone: ToneName | undefined): void {
    this.#send({ type: "tone", session: this.id, tone });
  }

  join(room: string, { listenOnly = false, announced = false }: RoomEntry = {}): void {
    this.#send({ type: "join", session: this.id, room, listenOnly, announced });
  }

  leave(announced = false): void {
    this.#send({ type: "leave", session: this.id, announced });
  }

  listenOnly(on: boolean): void {
    this.#send({ type: "listen-only", session: this.id, on });
  }

  tap(settings: TapSettings, listener: TapListener): MediaTap {
    return this.#taps.open(this.id, settings, listener);
  }

  close(): void {
    this.#taps.forget(this.id);
    this.#send({ type: "close", session: this.id });
  }
}
