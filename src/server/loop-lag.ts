/** How late the main thread's event loop is, measured while somebody looks: an idle server that nobody watches sets no timers. */
import { Histogram } from "../control/metrics/instruments.ts";
import type { Clock } from "../sip/clock.ts";

/** ms between two measurements. */
const interval = 100;
/** ms after the last look after which nobody looks any more: longer than the time between two scrapes. */
const patience = 600_000;

export class LoopLag {
  /** Seconds. */
  readonly histogram = new Histogram([0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5]);
  readonly #clock: Clock;
  #running = false;
  #looked = 0;
  #worst = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Says that somebody looks. */
  look(): void {
    this.#looked = this.#clock.now();
    if (this.#running) return;
    this.#running = true;
    this.#measure();
  }

  /** The longest delay, in ms, since this was last asked. */
  takeWorst(): number {
    const worst = this.#worst;
    this.#worst = 0;
    return worst;
  }

  #measure(): void {
    const due = this.#clock.now() + interval;
    this.#clock.after(interval, () => {
      const now = this.#clock.now();
      const late = Math.max(0, now - due);
      this.histogram.observe(late / 1000);
      this.#worst = Math.max(this.#worst, late);
      if (now - this.#looked < patience) this.#measure();
      else this.#running = false;
    });
  }
}
