/** Keys and pauses that wait to be sent, whichever way they go: each ends with a word to who asked for it. */
import { frameMs } from "./rtp.ts";

/** The digits in order of their event codes (RFC 4733 §3.2). */
export const digits = "0123456789*#ABCD";

/** Ticks of 20 ms: 160 ms of tone, then 80 ms of pause. */
export const toneTicks = 160 / frameMs;
export const cycleTicks = toneTicks + 80 / frameMs;

/** What waits between keys, in ticks: `,` two seconds, as in the dial strings of phones; `w` half a second. */
const pauses: Readonly<Record<string, number>> = { ",": 2000 / frameMs, W: 500 / frameMs };
/** Keys and pauses that one command has at most, and commands that wait at most. */
const maxKeys = 256;
const maxWaiting = 1000;

/**
 * What is to be pressed: event codes, and pauses as negative numbers of ticks. Undefined when something in it is neither.
 * @param text 0-9 * # A-D, `,` and `w`, in any case
 */
export function keyCodes(text: string): number[] | undefined {
  const codes = [...text.toUpperCase()].map((key) => {
    const pause = key === "," || key === "W" ? pauses[key] : undefined;
    return pause === undefined ? digits.indexOf(key) : -pause;
  });
  return codes.length === 0 || codes.length > maxKeys || codes.includes(-1) ? undefined : codes;
}

export class KeyQueue {
  #waiting: { id: number; codes: number[] }[] = [];

  /** Adds keys (see `keyCodes`); false when one is none or too many wait. */
  add(id: number, text: string): boolean {
    const codes = keyCodes(text);
    if (codes === undefined || this.#waiting.length >= maxWaiting) return false;
    this.#waiting.push({ id, codes });
    return true;
  }

  get empty(): boolean {
    return this.#waiting.length === 0;
  }

  /** The code of the key at hand, negative for a pause. */
  get first(): number | undefined {
    return this.#waiting[0]?.codes[0];
  }

  /** One tick of the pause at hand; false when it is a key, or there is nothing. */
  pause(done: (id: number) => void): boolean {
    const codes = this.#waiting[0]?.codes;
    const code = codes?.[0];
    if (codes === undefined || code === undefined || code >= 0) return false;
    if (code < -1) codes[0] = code + 1;
    else this.release(done);
    return true;
  }

  /** The key at hand is over; `done` is told when it was the last of its `add`. */
  release(done: (id: number) => void): void {
    const entry = this.#waiting[0];
    if (entry === undefined) return;
    entry.codes.shift();
    if (entry.codes.length > 0) return;
    this.#waiting.shift();
    done(entry.id);
  }

  /** Forgets what waits and answers the ids of it. */
  clear(): number[] {
    return this.#waiting.splice(0).map(({ id }) => id);
  }
}
