/** How late the worker is with its ticks: counted there, told now and then, summed up on the main thread. */

/** Seconds. A tick that is 20 ms late costs the next packet its place. */
export const lateBounds: readonly number[] = [0.001, 0.002, 0.005, 0.01, 0.02, 0.04, 0.06, 0.1, 0.5];

/** Ticks that were late by no more than each bound and by more than the one before; the last ones by more than all. */
export interface Lateness {
  counts: number[];
  /** Seconds. */
  sum: number;
}

export const neverLate = (): Lateness => ({ counts: new Array<number>(lateBounds.length + 1).fill(0), sum: 0 });

/** ms between two reports. */
const often = 5_000;

export class LatenessCount {
  readonly #tell: (lateness: Lateness) => void;
  #now: Lateness = neverLate();
  #told: number | undefined;

  constructor(tell: (lateness: Lateness) => void) {
    this.#tell = tell;
  }

  /** A tick was due `late` ms before `now`, which is in ms as well. */
  note(late: number, now: number): void {
    const seconds = late / 1000;
    let at = 0;
    while (at < lateBounds.length && seconds > (lateBounds[at] ?? 0)) at++;
    this.#now.counts[at] = (this.#now.counts[at] ?? 0) + 1;
    this.#now.sum += seconds;
    this.#told ??= now;
    if (now - this.#told < often) return;
    this.#told = now;
    this.#tell(this.#now);
    this.#now = neverLate();
  }
}

/** Adds what was told to what is known. */
export function addLateness(to: Lateness, { counts, sum }: Lateness): void {
  counts.forEach((count, i) => {
    to.counts[i] = (to.counts[i] ?? 0) + count;
  });
  to.sum += sum;
}
