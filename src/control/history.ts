/** How the server stood over the last hour and the last day: what the console's overview draws. Bounded, and cheap to keep. */
import type { CodeCount } from "./overview.ts";
import type { CallRecord } from "./records.ts";
import type { Status } from "./status.ts";

/** What is counted of all calls' packets since the start. */
export interface PacketCounts {
  readonly received: number;
  readonly lost: number;
}

/** One value for each interval, the oldest first. */
export interface HistoryView {
  /** Seconds of an interval. */
  readonly every: number;
  /** The intervals' ends, ms since 1970. */
  readonly times: readonly number[];
  /** At the end of each: calls that handlers have, and that are relayed or forwarded. */
  readonly handled: readonly number[];
  readonly relayed: readonly number[];
  /** Contacts that are registered. */
  readonly contacts: readonly number[];
  /** Octets. */
  readonly memory: readonly number[];
  /** Cores in use, 0.5: half of one. */
  readonly cpu: readonly number[];
  /** Within each: calls that ended and had been answered; INVITEs of others that were refused, and calls of ours that failed. */
  readonly answered: readonly number[];
  readonly failed: readonly number[];
  /** Packets of sound that came, and that did not. */
  readonly packets: readonly number[];
  readonly lost: readonly number[];
  /** At the end of each: calls that sound poor, those with a mean opinion score below 3.6. */
  readonly poor: readonly number[];
  /** What failed in all intervals together by its final status, `486`. */
  readonly codes: Readonly<Record<string, number>>;
}

interface Interval {
  at: number;
  handled: number;
  relayed: number;
  contacts: number;
  memory: number;
  cpu: number;
  answered: number;
  failed: number;
  packets: number;
  lost: number;
  poor: number;
  readonly codes: Map<number, number>;
}

/** Seconds between two samples. */
export const sampleEvery = 5;

/** Intervals of so many samples each, and how many intervals are kept. */
class Ring {
  readonly samples: number;
  readonly most: number;
  kept: Interval[] = [];
  current = empty();
  taken = 0;

  constructor(samples: number, most: number) {
    this.samples = samples;
    this.most = most;
  }

  /** Seconds of an interval. */
  get every(): number {
    return this.samples * sampleEvery;
  }

  next(): void {
    this.kept.push(this.current);
    if (this.kept.length > this.most) this.kept.shift();
    this.current = empty();
    this.taken = 0;
  }
}

export interface HistoryOptions {
  readonly status: () => Pick<Status, "calls" | "registrations" | "process">;
  readonly packets?: () => PacketCounts;
  /** How many calls sound poor. */
  readonly poor?: () => number;
  /** Final responses since the start. */
  readonly answers?: () => readonly CodeCount[];
  /** ms since 1970. */
  readonly now?: () => number;
}

export class History {
  readonly #options: HistoryOptions;
  readonly #now: () => number;
  /** An hour finely, a day roughly. */
  readonly #fine = new Ring(1, 720);
  readonly #rough = new Ring(12, 1440);
  /** Responses to INVITEs by code, as they were counted at the last sample. */
  readonly #answers = new Map<number, number>();
  #before: { at: number; cpu: number; received: number; lost: number };

  constructor(options: HistoryOptions) {
    this.#options = options;
    this.#now = options.now ?? Date.now;
    const { received, lost } = options.packets?.() ?? none;
    this.#before = { at: this.#now(), cpu: options.status().process.cpu, received, lost };
  }

  /** Takes a sample; to be called every `sampleEvery` seconds. */
  sample(): void {
    const at = this.#now();
    const { calls, registrations, process } = this.#options.status();
    const { received, lost } = this.#options.packets?.() ?? none;
    const before = this.#before;
    this.#before = { at, cpu: process.cpu, received, lost };
    this.#refusals();
    const seconds = Math.max(0.001, (at - before.at) / 1000);
    const poor = this.#options.poor?.() ?? 0;
    const cpu = Math.max(0, (process.cpu - before.cpu) / seconds);
    for (const ring of [this.#fine, this.#rough]) {
      const { current } = ring;
      current.at = at;
      current.handled = calls.handled;
      current.relayed = Math.max(calls.relayed, calls.forwarding);
      current.contacts = registrations?.contacts ?? 0;
      current.memory = process.memory;
      current.poor = poor;
      current.cpu += cpu / ring.samples;
      current.packets += Math.max(0, received - before.received);
      current.lost += Math.max(0, lost - before.lost);
      if (++ring.taken === ring.samples) ring.next();
    }
  }

  /** Counts a call that is over. One of others that failed was refused, and is counted by that. */
  call({ answer, status, direction }: Pick<CallRecord, "answer" | "status" | "direction">): void {
    if (answer !== undefined) for (const { current } of [this.#fine, this.#rough]) current.answered++;
    else if (direction === "outgoing") this.#failed(status, 1);
  }

  /** Final responses to INVITEs that came since the last sample. A challenge is no failure (RFC 3261 §22). */
  #refusals(): void {
    for (const { method, code, count } of this.#options.answers?.() ?? []) {
      if (method !== "INVITE" || code < 300 || code === 401 || code === 407) continue;
      const more = count - (this.#answers.get(code) ?? 0);
      this.#answers.set(code, count);
      if (more > 0) this.#failed(code, more);
    }
  }

  #failed(status: number, count: number): void {
    for (const { current } of [this.#fine, this.#rough]) {
      current.failed += count;
      current.codes.set(status, (current.codes.get(status) ?? 0) + count);
    }
  }

  /** @param seconds - how far back to look; beyond an hour it is seen roughly. */
  view(seconds: number): HistoryView {
    const ring = seconds <= this.#fine.every * this.#fine.most ? this.#fine : this.#rough;
    const since = this.#now() - seconds * 1000;
    const kept = ring.kept.filter(({ at }) => at > since);
    const codes: Record<string, number> = {};
    for (const interval of [...kept, ring.current])
      for (const [status, n] of interval.codes) codes[status] = (codes[status] ?? 0) + n;
    const all = (name: Exclude<keyof Interval, "codes">, digits = 0) =>
      kept.map((interval) => Math.round(interval[name] * 10 ** digits) / 10 ** digits);
    return {
      every: ring.every,
      times: all("at"),
      handled: all("handled"),
      relayed: all("relayed"),
      contacts: all("contacts"),
      memory: all("memory"),
      cpu: all("cpu", 3),
      answered: all("answered"),
      failed: all("failed"),
      packets: all("packets"),
      lost: all("lost"),
      poor: all("poor"),
      codes,
    };
  }
}

const none: PacketCounts = { received: 0, lost: 0 };

function empty(): Interval {
  return {
    ...{ at: 0, handled: 0, relayed: 0, contacts: 0, memory: 0, cpu: 0 },
    ...{ answered: 0, failed: 0, packets: 0, lost: 0, poor: 0 },
    codes: new Map(),
  };
}
