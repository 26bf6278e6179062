/**
 * The real clock: a timer wheel, because SIP sets timers by the hundred thousand and cancels nearly all of them.
 * Four levels of 128 slots, 10 ms per tick, reach beyond 2^31 ms; setting and cancelling are O(1). One system timer is
 * armed only while wheel timers wait.
 */
import { type Alarm, type Clock, ring, type Timer } from "../sip/clock.ts";

const tick = 10;
const bits = 7;
const slotsPerLevel = 1 << bits;
const mask = slotsPerLevel - 1;
const levelCount = 4;
const longest = 2 ** 31 - 1;
/** The wheel is turned at least this often while timers wait, so that its reach is counted from a recent tick. */
const longestSleep = 3_600_000;

export interface SystemClockOptions {
  /** Milliseconds since a fixed point; `performance.now` by default. */
  now?: () => number;
  /** Calls `fire` once after `ms`; gives a function that cancels. `setTimeout` by default. */
  schedule?: (ms: number, fire: () => void) => () => void;
  /** Takes what a timer's function threw; the other timers fire all the same. By default it is thrown outside the wheel. */
  onError?: (error: unknown) => void;
}

/** A link of a slot's ring, and the ring's head when nothing is to fire. */
class Entry implements Timer {
  previous: Entry = this;
  next: Entry = this;
  fire: Alarm | undefined;
  readonly due: number;

  constructor(due: number, fire: Alarm | undefined) {
    this.due = due;
    this.fire = fire;
  }

  cancel(): void {
    this.fire = undefined;
    this.unlink();
  }

  unlink(): void {
    this.previous.next = this.next;
    this.next.previous = this.previous;
    this.previous = this;
    this.next = this;
  }

  append(entry: Entry): void {
    entry.previous = this.previous;
    entry.next = this;
    this.previous.next = entry;
    this.previous = entry;
  }

  /** Takes the first one out of the ring that this is the head of; what is cancelled meanwhile is not in it. */
  takeFirst(): Entry | undefined {
    const entry = this.next;
    if (entry === this) return undefined;
    entry.unlink();
    return entry;
  }

  get empty(): boolean {
    return this.next === this;
  }
}

/**
 * A timer never fires early, and at most 10 ms (plus the event loop's delay) late. Timers of one tick fire in the
 * order in which they came due on the wheel.
 */
export class SystemClock implements Clock {
  readonly #now: () => number;
  readonly #schedule: (ms: number, fire: () => void) => () => void;
  readonly #onError: (error: unknown) => void;
  readonly #levels = Array.from({ length: levelCount }, () =>
    Array.from({ length: slotsPerLevel }, () => new Entry(0, undefined)),
  );
  /** The last tick that was worked off. */
  #current: number;
  /** The tick that the system timer is armed for. */
  #armed = Number.POSITIVE_INFINITY;
  #disarm: (() => void) | undefined;
  #working = false;
  /** How far it is ahead of the system's time, in ms. */
  #ahead = 0;
  #stopped = false;
  readonly #wake = () => this.#advance();

  constructor(options: SystemClockOptions = {}) {
    this.#now = options.now ?? (() => performance.now());
    this.#schedule = options.schedule ?? systemTimeout;
    this.#onError = options.onError ?? throwLater;
    this.#current = Math.floor(this.#now() / tick);
  }

  now(): number {
    return this.#now() + this.#ahead;
  }

  /** It is `ms` later at once, and what is due by then fires. */
  skip(ms: number): void {
    this.#ahead += ms;
    if (this.#disarm === undefined || this.#working) return;
    this.#disarm();
    this.#advance();
  }

  /** `ms` is clamped to 0 … 2^31-1. */
  after(ms: number, fire: Alarm): Timer {
    const now = this.now();
    const delay = ms > 0 ? Math.min(ms, longest) : 0;
    // An idle wheel has not been turned for a while: nothing is on it before `#armed`, so it may be set to now.
    if (this.#disarm === undefined && !this.#working) this.#current = Math.floor(now / tick);
    const due = Math.max(Math.ceil((now + delay) / tick), this.#current + 1);
    const entry = new Entry(due, fire);
    if (this.#stopped) return entry;
    const at = this.#insert(entry);
    if (at < this.#armed && !this.#working) this.#arm(at, now);
    return entry;
  }

  /** Nothing fires any more, and nothing keeps the process waiting: the server is down. */
  stop(): void {
    this.#stopped = true;
    this.#disarm?.();
  }

  /** Puts an entry where it belongs; returns the tick at which its slot is to be worked off. */
  #insert(entry: Entry): number {
    const distance = entry.due - this.#current;
    let level = 0;
    while (level < levelCount - 1 && distance >= 1 << (bits * (level + 1))) level++;
    const span = 1 << (bits * level);
    const slot = Math.floor(entry.due / span);
    this.#levels[level]?.[slot & mask]?.append(entry);
    return slot * span;
  }

  #arm(at: number, now: number): void {
    if (this.#stopped) return;
    this.#disarm?.();
    this.#armed = at;
    this.#disarm = this.#schedule(Math.min(Math.max(1, Math.ceil(at * tick - now)), longestSleep), this.#wake);
  }

  #advance(): void {
    this.#disarm = undefined;
    this.#armed = Number.POSITIVE_INFINITY;
    this.#working = true;
    const target = Math.floor(this.now() / tick);
    for (let at = this.#nextBusy(); at <= target; at = this.#nextBusy()) {
      this.#current = at;
      this.#cascade(at);
      this.#fireSlot(at);
    }
    if (target > this.#current) this.#current = target;
    this.#working = false;
    const next = this.#nextBusy();
    if (next !== Number.POSITIVE_INFINITY) this.#arm(next, this.now());
  }

  /** The next tick with a slot to work off: a timer's own, or one where a coarser slot is spread over finer ones. */
  #nextBusy(): number {
    let first = Number.POSITIVE_INFINITY;
    for (let level = 0; level < levelCount; level++) {
      const slots = this.#levels[level];
      const span = 1 << (bits * level);
      const base = Math.floor(this.#current / span);
      for (let step = 1; step <= slotsPerLevel; step++) {
        const at = (base + step) * span;
        if (at >= first) break;
        if (slots?.[(base + step) & mask]?.empty === false) first = at;
      }
    }
    return first;
  }

  #cascade(at: number): void {
    for (let level = levelCount - 1; level > 0; level--) {
      const span = 1 << (bits * level);
      if (at % span !== 0) continue;
      const slot = this.#levels[level]?.[(at / span) & mask];
      if (slot === undefined) continue;
      for (let entry = slot.takeFirst(); entry !== undefined; entry = slot.takeFirst()) {
        // Due exactly now: into the slot that is fired next.
        if (entry.due <= at) this.#levels[0]?.[at & mask]?.append(entry);
        else this.#insert(entry);
      }
    }
  }

  #fireSlot(at: number): void {
    const slot = this.#levels[0]?.[at & mask];
    if (slot === undefined) return;
    for (let entry = slot.takeFirst(); entry !== undefined; entry = slot.takeFirst()) {
      const fire = entry.fire;
      entry.fire = undefined;
      try {
        if (fire !== undefined) ring(fire);
      } catch (error) {
        this.#onError(error);
      }
    }
  }
}

function systemTimeout(ms: number, fire: () => void): () => void {
  const handle = setTimeout(fire, ms);
  return () => clearTimeout(handle);
}

function throwLater(error: unknown): void {
  queueMicrotask(() => {
    throw error;
  });
}
