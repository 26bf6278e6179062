/**
 * Many calls one after another: so many at a time, so many a second, some tried again. It reads no further target than it
 * can call soon, and calls nobody while the results are not taken.
 */
import type { Clock, Timer } from "../sip/clock.ts";
import { type CallResult, mayRetry } from "./result.ts";
import type { Target } from "./targets.ts";

export interface FilterSettings {
  /** Calls at a time. */
  readonly atOnce: number;
  /** Milliseconds between two calls' beginnings; 0: none. */
  readonly interval: number;
  /** How often a call that failed is tried again, and the pause before that in ms. */
  readonly retries: number;
  readonly retryPause: number;
}

export interface FilterParts {
  readonly clock: Clock;
  readonly targets: AsyncIterable<Target>;
  /** Calls somebody; resolves when all about the call is known. It does not reject. */
  call(target: Target): Promise<CallResult>;
  /** Takes a result; resolves when there is room for the next. */
  report(result: CallResult): Promise<void>;
  /** Told of each change. */
  changed?(tally: Tally): void;
}

/** How it stands. */
export interface Tally {
  /** Calls that are up or being placed, and those that wait to be tried again. */
  running: number;
  waiting: number;
  answered: number;
  failed: number;
  /** Whether all targets have been read. */
  complete: boolean;
}

interface Job {
  readonly target: Target;
  attempts: number;
  /** By the clock, ms. */
  due: number;
}

/** Targets that are read ahead. */
const ahead = 16;
/** Lateness of timers that is made up for, ms: a rate is what is placed, not what is tried. */
const catchUp = 50;

export class Filter {
  readonly tally: Tally = { running: 0, waiting: 0, answered: 0, failed: 0, complete: false };
  readonly #settings: FilterSettings;
  readonly #parts: FilterParts;
  readonly #fresh: Job[] = [];
  readonly #again: Job[] = [];
  #reporting = 0;
  /** The earliest time of the next call. */
  #next: number;
  #stopped = false;
  #timer: Timer | undefined;
  #wake = () => {};
  #room = () => {};

  constructor(settings: FilterSettings, parts: FilterParts) {
    this.#settings = settings;
    this.#parts = parts;
    this.#next = parts.clock.now();
  }

  /** Calls all targets; resolves when the last result is reported. Rejects when the targets cannot be read. */
  async run(): Promise<Tally> {
    let broken: { error: unknown } | undefined;
    const reading = this.#read().catch((error: unknown) => {
      broken = { error };
    });
    void reading.then(() => {
      this.tally.complete = true;
      this.#changed();
    });
    for (;;) {
      const job = this.#take();
      if (job !== undefined) void this.#call(job);
      else if (this.#through()) break;
      else await this.#sleep();
    }
    this.#timer?.cancel();
    if (broken !== undefined) throw broken.error;
    return this.tally;
  }

  /** Calls nobody any more. `run` resolves when the calls that are up have ended. */
  stop(): void {
    this.#stopped = true;
    this.#fresh.length = 0;
    this.#again.length = 0;
    this.tally.waiting = 0;
    this.#room();
    this.#changed();
  }

  async #read(): Promise<void> {
    for await (const target of this.#parts.targets) {
      if (this.#stopped) return;
      this.#fresh.push({ target, attempts: 0, due: 0 });
      this.#wake();
      while (this.#fresh.length >= ahead && !this.#stopped) {
        const { promise, resolve } = Promise.withResolvers<void>();
        this.#room = resolve;
        await promise;
      }
    }
  }

  #through(): boolean {
    const { running, complete } = this.tally;
    const nobody = this.#fresh.length === 0 && this.#again.length === 0;
    return running === 0 && this.#reporting === 0 && nobody && (complete || this.#stopped);
  }

  /** The next to be called now. Those who are to be tried again come first. */
  #take(): Job | undefined {
    const { clock } = this.#parts;
    if (this.tally.running >= this.#settings.atOnce || this.#reporting > 0) return undefined;
    const now = clock.now();
    if (now < this.#next) return undefined;
    const due = this.#again.findIndex((job) => job.due <= now);
    const job = due >= 0 ? this.#again.splice(due, 1)[0] : this.#fresh.shift();
    if (job === undefined) return undefined;
    if (due >= 0) this.tally.waiting--;
    else this.#room();
    this.#next = Math.max(this.#next, now - catchUp) + this.#settings.interval;
    return job;
  }

  async #call(job: Job): Promise<void> {
    const { clock, call, report } = this.#parts;
    job.attempts++;
    this.tally.running++;
    this.#changed();
    const result = await call(job.target);
    this.tally.running--;
    if (!this.#stopped && mayRetry(result) && job.attempts <= this.#settings.retries) {
      job.due = clock.now() + this.#settings.retryPause;
      this.#again.push(job);
      this.tally.waiting++;
      return this.#changed();
    }
    if (result.status === "answered") this.tally.answered++;
    else this.tally.failed++;
    this.#reporting++;
    this.#changed();
    await report(job.attempts > 1 ? { ...result, attempts: job.attempts } : result);
    this.#reporting--;
    this.#wake();
  }

  #changed(): void {
    this.#parts.changed?.(this.tally);
    this.#wake();
  }

  /** Until something has changed, or the next call is due. */
  async #sleep(): Promise<void> {
    const { clock } = this.#parts;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#wake = resolve;
    this.#timer?.cancel();
    const now = clock.now();
    const dues = this.#again.map(({ due }) => due).filter((due) => due > now);
    if (this.#next > now) dues.push(this.#next);
    const first = Math.min(...dues);
    if (Number.isFinite(first)) this.#timer = clock.after(first - now, resolve);
    await promise;
  }
}
