/**
 * Time as the protocol layers see it: they never read a wall clock or start a timer themselves, so that each
 * timer of RFC 3261 can be tested in virtual time.
 */
export interface Clock {
  /** Milliseconds since an arbitrary fixed point; never goes back. */
  now(): number;
  /** Calls `fire` once after `ms` milliseconds (clamped to 0 … 2^31-1) unless cancelled before. */
  after(ms: number, fire: Alarm): Timer;
}

/** What a timer calls. Objects that wait by the hundred thousand are called themselves: no function is made for each. */
export type Alarm = (() => void) | { ring(): void };

export function ring(alarm: Alarm): void {
  if (typeof alarm === "function") alarm();
  else alarm.ring();
}

export interface Timer {
  /** Safe to call at any time, any number of times. */
  cancel(): void;
}

interface Due {
  at: number;
  order: number;
  fire: Alarm;
}

/** A clock that stands still until `advance` moves it: for tests and for simulated calls. */
export class VirtualClock implements Clock {
  #now = 0;
  #order = 0;
  #due: Due[] = [];

  now(): number {
    return this.#now;
  }

  after(ms: number, fire: Alarm): Timer {
    const entry = { at: this.#now + Math.max(0, ms), order: this.#order++, fire };
    this.#due.push(entry);
    return {
      cancel: () => {
        this.#due = this.#due.filter((other) => other !== entry);
      },
    };
  }

  /** Moves time on by `ms`, firing what comes due in order of time, then of creation. */
  advance(ms: number): void {
    const end = this.#now + ms;
    for (;;) {
      const next = this.#due
        .filter((entry) => entry.at <= end)
        .reduce<Due | undefined>(
          (first, entry) =>
            first === undefined || entry.at < first.at || (entry.at === first.at && entry.order < first.order)
              ? entry
              : first,
          undefined,
        );
      if (next === undefined) break;
      this.#due = this.#due.filter((entry) => entry !== next);
      this.#now = next.at;
      ring(next.fire);
    }
    this.#now = end;
  }

  /** How many timers are waiting: a finished state machine leaves none. */
  get pending(): number {
    return this.#due.length;
  }
}
