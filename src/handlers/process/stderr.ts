/** A process's stderr becomes log lines: cut to length and limited in number, whatever it writes. */
import type { Log } from "../../log.ts";
import type { Clock } from "../../sip/clock.ts";
import { type Line, LineSplitter } from "./lines.ts";

const maxLine = 1000;
const maxLinesPerSecond = 50;

export class StderrLog {
  readonly #log: Log;
  readonly #clock: Clock;
  // A line may be far longer than what is shown of it: its beginning says the most.
  readonly #lines = new LineSplitter(64 * 1024);
  #second = Number.NEGATIVE_INFINITY;
  #shown = 0;
  #dropped = 0;

  constructor(log: Log, clock: Clock) {
    this.#log = log;
    this.#clock = clock;
  }

  write(chunk: Uint8Array): void {
    for (const line of this.#lines.push(chunk)) this.#line(line);
  }

  end(): void {
    for (const line of this.#lines.end()) this.#line(line);
    this.#reportDropped();
  }

  #line(line: Line): void {
    const now = this.#clock.now();
    if (now - this.#second >= 1000) {
      this.#reportDropped();
      this.#second = now;
      this.#shown = 0;
    }
    if (this.#shown >= maxLinesPerSecond) {
      this.#dropped++;
      return;
    }
    this.#shown++;
    this.#log.info("the handler wrote", { stderr: shown(line) });
  }

  #reportDropped(): void {
    if (this.#dropped > 0) this.#log.warn("the handler wrote more than the log takes", { lines: this.#dropped });
    this.#dropped = 0;
  }
}

function shown(line: Line): string {
  if (line.type === "too-long") return "(a line of more than 64 KiB)";
  if (line.type === "not-utf8") return "(a line that is not UTF-8)";
  return line.text.length > maxLine ? `${line.text.slice(0, maxLine)}…` : line.text;
}
