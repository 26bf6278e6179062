/**
 * Decides who is refused when there is more to do than the processor can (R5). What tells is how long work has waited, not
 * how much there is: it means the same on each machine. As in CoDel (RFC 8289), a wait that passes by itself is no
 * overload: a machine that was away for half a second gets over that. The share that is refused grows with the wait, so
 * that it settles where what is let in is just what can be served: at 300 ms for twice that, always below the 500 ms after
 * which a caller repeats its INVITE.
 */
import type { Clock } from "../sip/clock.ts";
import { Episode } from "./episode.ts";

/** Milliseconds. */
export interface OverloadLimits {
  /** Refusals begin when work has waited so long … */
  start: number;
  /** … and none has waited less than `stop` for so long. */
  sustained: number;
  /** Who waited less is let in. */
  stop: number;
  /** Who waited so long is refused; between `stop` and `all`, a share that grows evenly. */
  all: number;
  /** The overload has passed when nobody has waited for `stop` or longer for so long. */
  calm: number;
}

export const defaultOverloadLimits: Readonly<OverloadLimits> = {
  start: 300,
  sustained: 400,
  stop: 100,
  all: 400,
  calm: 2_000,
};

export interface OverloadOptions {
  clock: Clock;
  limits?: Partial<OverloadLimits> | undefined;
  /** `delay`: the wait that made it begin. */
  began?(delay: number): void;
  /** `ms`: how long it lasted. `delay`: the longest wait. */
  passed?(overload: { refused: number; admitted: number; ms: number; delay: number }): void;
}

export class Overload {
  readonly #clock: Clock;
  readonly #limits: OverloadLimits;
  readonly #episode: Episode;
  /** Since when nobody has waited for less than `stop`; undefined: the last did. */
  #longSince: number | undefined;
  /** When the last waited for longer. */
  #longLast = 0;
  /** Refusals owed: the shares of those that came, less those that were refused. */
  #owed = 0;
  #refused = 0;
  #admitted = 0;
  #longest = 0;

  constructor({ clock, limits, began, passed }: OverloadOptions) {
    this.#clock = clock;
    this.#limits = { ...defaultOverloadLimits, ...limits };
    this.#episode = new Episode({
      clock,
      calm: this.#limits.calm,
      began: () => began?.(this.#longest),
      passed: ({ ms }) => {
        passed?.({ refused: this.#refused, admitted: this.#admitted, ms, delay: this.#longest });
        this.#refused = 0;
        this.#admitted = 0;
        this.#longest = 0;
        this.#owed = 0;
      },
    });
  }

  get active(): boolean {
    return this.#episode.active;
  }

  /** Whether a newcomer that has waited, or will, for `delay` ms is to be refused. Ask once for each. */
  refuses(delay: number): boolean {
    if (!this.#judge(delay)) return false;
    const { stop, all } = this.#limits;
    this.#owed += Math.min(1, Math.max(0, (delay - stop) / (all - stop)));
    if (this.#owed < 1) {
      this.#admitted++;
      return false;
    }
    this.#owed -= 1;
    this.#refused++;
    return true;
  }

  stop(): void {
    this.#episode.stop();
  }

  /** True while there is an overload. */
  #judge(delay: number): boolean {
    const { start, stop, sustained } = this.#limits;
    if (delay < stop) {
      this.#longSince = undefined;
      return this.#episode.active;
    }
    const now = this.#clock.now();
    // Two that waited long, and nobody for a while between them, tell of two moments and not of the time between.
    if (this.#longSince === undefined || now - this.#longLast > this.#limits.calm) this.#longSince = now;
    this.#longLast = now;
    if (!this.#episode.active && (delay < start || now - this.#longSince < sustained)) return false;
    this.#longest = Math.max(this.#longest, delay);
    this.#episode.note();
    return true;
  }
}
