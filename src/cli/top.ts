/** `siproc top`: a running server at a glance, drawn anew every few seconds; in a pipe once, as text or JSON. */
import type { Overview } from "../control/overview.ts";
import type { Arguments } from "./arguments.ts";
import { exitCodes } from "./exit-codes.ts";
import { durationExpected, optionValue, orUsage } from "./option-value.ts";
import { readDuration } from "./quantities.ts";
import { ask, configurationOf, json, unreachable } from "./running.ts";
import type { Terminal } from "./terminal.ts";
import { type Order, orders, topLines } from "./top-view.ts";

/** ms between two looks: drawn, and in a pipe, where somebody waits for the end. */
const usual = 2_000;
const briefly = 1_000;
/** Columns and rows where nobody says how many there are. */
const plain = { width: 100, height: 1_000 };

export async function top(given: Arguments, terminal: Terminal): Promise<number> {
  return await orUsage(terminal, () => watch(given, terminal));
}

/** @throws OptionValueError */
async function watch(given: Arguments, terminal: Terminal): Promise<number> {
  const file = configurationOf(given.operands);
  const interval = optionValue(given, "interval", durationExpected, readDuration);
  // The server is of this version, or says so: its socket is no input from outside.
  const look = async () => (await ask(file, "/overview")) as Overview;
  let first: Overview;
  try {
    first = await look();
    const drawn = process.stdout.isTTY === true && process.env.TERM !== "dumb";
    if (!drawn || given.options.has("json") || given.options.has("once")) {
      await Bun.sleep(Math.max(100, interval ?? briefly));
      const now = await look();
      if (given.options.has("json")) terminal.print(json(now));
      else
        terminal.print(
          topLines(first, now, { ...plain, order: "rate", mark: (_, text) => text })
            .map((line) => `${line}\n`)
            .join(""),
        );
      return exitCodes.ok;
    }
  } catch (error) {
    terminal.complain(unreachable(file, error));
    return exitCodes.failed;
  }
  await new Screen(first, look, Math.max(200, interval ?? usual)).run();
  return exitCodes.ok;
}

const keys = "q quit   s sort by name or rate   space look now";

/** The terminal while it belongs to `siproc top`. */
class Screen {
  readonly #look: () => Promise<Overview>;
  readonly #interval: number;
  readonly #over = Promise.withResolvers<void>();
  #before: Overview;
  #now: Overview;
  #order: Order = "rate";
  #trouble = "";
  #timer: Timer | undefined;
  #looking = false;

  constructor(first: Overview, look: () => Promise<Overview>, interval: number) {
    this.#before = first;
    this.#now = first;
    this.#look = look;
    this.#interval = interval;
  }

  async run(): Promise<void> {
    const { stdin, stdout } = process;
    const heard = (typed: string) => {
      for (const key of typed) this.#pressed(key);
    };
    const draw = () => this.#draw();
    const quit = () => this.#over.resolve();
    // The alternate screen, without a cursor.
    stdout.write("\x1b[?1049h\x1b[?25l");
    if (stdin.isTTY === true) {
      stdin.setRawMode(true);
      stdin.setEncoding("utf8");
      stdin.on("data", heard);
      stdin.resume();
    }
    stdout.on("resize", draw);
    for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.on(signal, quit);
    try {
      this.#draw();
      // The first figures come soon.
      this.#later(Math.min(this.#interval, briefly));
      await this.#over.promise;
    } finally {
      clearTimeout(this.#timer);
      stdout.off("resize", draw);
      for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.off(signal, quit);
      if (stdin.isTTY === true) {
        stdin.off("data", heard);
        stdin.setRawMode(false);
        stdin.pause();
      }
      stdout.write("\x1b[?25h\x1b[?1049l");
    }
  }

  #pressed(key: string): void {
    if (key === "q" || key === "Q" || key === "\x03" || key === "\x04") this.#over.resolve();
    else if (key === "s") {
      this.#order = orders[(orders.indexOf(this.#order) + 1) % orders.length] ?? "rate";
      this.#draw();
    } else if (key === " ") void this.#refresh();
  }

  #later(ms: number): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => void this.#refresh(), ms);
  }

  async #refresh(): Promise<void> {
    if (this.#looking) return;
    this.#looking = true;
    try {
      const now = await this.#look();
      // A server that was started anew counts from 0.
      const same = now.status.pid === this.#now.status.pid && now.status.started === this.#now.status.started;
      this.#before = same ? this.#now : now;
      this.#now = now;
      this.#trouble = "";
    } catch {
      this.#trouble = "the server does not answer; these are its last figures";
    }
    this.#looking = false;
    this.#draw();
    this.#later(this.#interval);
  }

  #draw(): void {
    const { columns = plain.width, rows = 24 } = process.stdout;
    const coloured = !process.env.NO_COLOR;
    const marks = { head: "\x1b[7m", bad: "\x1b[1;31m" } as const;
    const mark = (kind: keyof typeof marks, text: string) => (coloured ? `${marks[kind]}${text}\x1b[0m` : text);
    const foot = this.#trouble === "" ? `${keys}   (by ${this.#order})` : this.#trouble;
    const lines = topLines(this.#before, this.#now, { width: columns, height: rows, order: this.#order, mark, foot });
    const [last = "", ...rest] = [...lines].reverse();
    const empty = Array.from({ length: Math.max(0, rows - lines.length) }, () => "");
    const all = [...rest.reverse(), ...empty, this.#trouble === "" ? last : mark("bad", last)];
    process.stdout.write(`\x1b[H${all.map((line) => `${line}\x1b[K`).join("\r\n")}\x1b[J`);
  }
}
