/** GATHER: keys become an entry that ends by count, by terminator or by time. Keys wait here between two GATHERs. */
import type { Clock, Timer } from "../sip/clock.ts";
import type { Gathered } from "./vocabulary.ts";

export interface GatherRules {
  max: number;
  /** Keys that end the entry; empty for none. */
  terminator: string;
  /** Milliseconds to wait for the first key, and for each further one. */
  timeout: number;
  interdigit: number;
  /** Told of the first key. */
  pressed?: () => void;
}

/** A caller who leans on the keys while nothing gathers must not fill the memory: older keys are forgotten. */
const maxWaiting = 256;

export class Gatherer {
  #waiting = "";
  #entry: { rules: GatherRules; digits: string; done: (gathered: Gathered) => void; timer: Timer } | undefined;
  readonly #clock: Clock;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** An entry runs, and no key has been pressed in it. */
  get untouched(): boolean {
    return this.#entry?.digits === "";
  }

  get busy(): boolean {
    return this.#entry !== undefined;
  }

  /** Starts an entry; keys that were pressed before count. Call only while not `busy`. */
  start(rules: GatherRules, done: (gathered: Gathered) => void): void {
    this.#entry = { rules, digits: "", done, timer: this.#clock.after(rules.timeout, this.#expire) };
    const waiting = this.#waiting;
    this.#waiting = "";
    for (const digit of waiting) this.press(digit);
  }

  press(digit: string): void {
    const entry = this.#entry;
    if (entry === undefined) {
      this.#waiting = (this.#waiting + digit).slice(-maxWaiting);
      return;
    }
    if (entry.digits === "") entry.rules.pressed?.();
    if (entry.rules.terminator.includes(digit)) return this.#end("terminator");
    entry.digits += digit;
    if (entry.digits.length >= entry.rules.max) return this.#end("count");
    entry.timer.cancel();
    entry.timer = this.#clock.after(entry.rules.interdigit, this.#expire);
  }

  /** The other side is speaking: its time is not up meanwhile. */
  hold(): void {
    this.#entry?.timer.cancel();
  }

  /** Nothing was made of what it said: keys may follow. */
  resume(): void {
    if (this.#entry === undefined) return;
    this.#entry.timer.cancel();
    this.#entry.timer = this.#clock.after(this.#entry.rules.interdigit, this.#expire);
  }

  /** Ends a running entry with what the other side said. */
  understand(speech: string): void {
    this.#end("speech", speech);
  }

  /** Forgets a running entry without an outcome: the call is over. */
  cancel(): void {
    this.#entry?.timer.cancel();
    this.#entry = undefined;
  }

  #expire = () => this.#end("timeout");

  #end(reason: Gathered["reason"], speech?: string): void {
    const entry = this.#entry;
    if (entry === undefined) return;
    entry.timer.cancel();
    this.#entry = undefined;
    entry.done({ digits: entry.digits, reason, ...(speech === undefined ? {} : { speech }) });
  }
}
