/** How late the main thread is with its timers, and so with all that its event loop does. */
import type { Clock } from "../sip/clock.ts";

/** Milliseconds between two measurements. */
const interval = 50;

/** Measures only while it is asked: an idle server sets no timers. */
export class LagMeter {
  readonly #clock: Clock;
  #due: number | undefined;
  #asked = false;
  #last = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Milliseconds that the last measurement was late, or the next one is by now. */
  get lag(): number {
    this.#asked = true;
    if (this.#due === undefined) this.#measure();
    return Math.max(this.#last, this.#clock.now() - (this.#due ?? Number.POSITIVE_INFINITY));
  }

  #measure(): void {
    this.#asked = false;
    const due = this.#clock.now() + interval;
    this.#due = due;
    this.#clock.after(interval, () => {
      this.#due = undefined;
      this.#last = this.#asked ? this.#clock.now() - due : 0;
      if (this.#asked) this.#measure();
    });
  }
}
