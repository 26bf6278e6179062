/** One line on a terminal that says how many calls are through: painted over itself, a few times a second. */
import type { Clock, Timer } from "../sip/clock.ts";
import type { Tally } from "./filter.ts";

/** Milliseconds between two paintings. */
const pace = 200;
const barWidth = 20;

export class Progress {
  readonly #clock: Clock;
  readonly #write: (text: string) => void;
  readonly #total: number | undefined;
  #tally: Tally | undefined;
  #timer: Timer | undefined;
  #shown = false;

  /** @param total how many targets there are, where that is known */
  constructor(clock: Clock, write: (text: string) => void, total: number | undefined) {
    this.#clock = clock;
    this.#write = write;
    this.#total = total;
  }

  show(tally: Tally): void {
    this.#tally = tally;
    if (this.#timer !== undefined) return;
    this.#timer = this.#clock.after(pace, () => {
      this.#timer = undefined;
      this.#paint();
    });
  }

  /** Paints the last state, and leaves the line. */
  end(): void {
    this.#timer?.cancel();
    this.#paint();
    if (this.#shown) this.#write("\n");
  }

  #paint(): void {
    if (this.#tally === undefined) return;
    this.#shown = true;
    this.#write(`\r\x1b[K${progressLine(this.#tally, this.#total)}`);
  }
}

/** `[=====>    ] 120/1000 · 50 up · 3 wait · 12 failed`. */
export function progressLine({ running, waiting, answered, failed }: Tally, total: number | undefined): string {
  const done = answered + failed;
  const share = total === undefined || total === 0 ? undefined : Math.min(1, done / total);
  const filled = Math.round((share ?? 0) * barWidth);
  const bar = share === undefined ? "" : `[${"=".repeat(filled).padEnd(barWidth)}] `;
  return [
    `${bar}${done}${total === undefined ? "" : `/${total}`} done`,
    `${running} up`,
    ...(waiting === 0 ? [] : [`${waiting} to be tried again`]),
    `${failed} failed`,
  ].join(", ");
}
