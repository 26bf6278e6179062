/** A condition that comes and goes, such as being overloaded: when it begins, how often it was noted, when it has passed. */
import type { Clock, Timer } from "../sip/clock.ts";

export interface EpisodeOptions {
  clock: Clock;
  /** Milliseconds without a note after which it has passed. */
  calm: number;
  /** Called with the first note. */
  began?(): void;
  /** `ms`: from the first note to the last. */
  passed(episode: { notes: number; ms: number }): void;
}

export class Episode {
  readonly #options: EpisodeOptions;
  #notes = 0;
  #first = 0;
  #last = 0;
  #timer: Timer | undefined;

  constructor(options: EpisodeOptions) {
    this.#options = options;
  }

  get active(): boolean {
    return this.#notes > 0;
  }

  note(): void {
    this.#last = this.#options.clock.now();
    if (this.#notes++ > 0) return;
    this.#first = this.#last;
    this.#wait(this.#options.calm);
    this.#options.began?.();
  }

  /** Forgets it; nobody is told. */
  stop(): void {
    this.#timer?.cancel();
    this.#notes = 0;
  }

  #wait(ms: number): void {
    this.#timer = this.#options.clock.after(ms, () => {
      const left = this.#last + this.#options.calm - this.#options.clock.now();
      if (left > 0) return this.#wait(left);
      const notes = this.#notes;
      this.#notes = 0;
      this.#options.passed({ notes, ms: this.#last - this.#first });
    });
  }
}
