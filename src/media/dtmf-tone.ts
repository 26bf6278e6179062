/** Keys as the tones that they have in the sound itself (ITU-T Q.23), sent in band. */
import { frameMs } from "./rtp.ts";
import { digits, keyCodes } from "./telephone-event.ts";

/** The tones of rows and columns, Hz. */
export const rowTones = [697, 770, 852, 941] as const;
export const columnTones = [1209, 1336, 1477, 1633] as const;
/** Keys by row and column. */
export const keypad = ["123A", "456B", "789C", "*0#D"] as const;

/** 160 ms of tone, then 80 ms of pause, as telephone-events have it. */
const toneTicks = 160 / frameMs;
const cycleTicks = toneTicks + 80 / frameMs;
/** The higher tone is 2 dB stronger, as lines weaken it more; together they stay 4 dB below clipping (Q.23, Q.24). */
const rowLevel = 6500;
const columnLevel = 8200;

export class ToneSender {
  #queue: { id: number; codes: number[] }[] = [];
  #step = 0;
  #samples = 0;
  #frame = new Int16Array(0);

  /** Adds keys and pauses; false when one is none or too many wait. */
  enqueue(id: number, text: string): boolean {
    const codes = keyCodes(text);
    if (codes === undefined || this.#queue.length >= 1000) return false;
    this.#queue.push({ id, codes });
    return true;
  }

  get active(): boolean {
    return this.#queue.length > 0 || this.#step > 0;
  }

  /**
   * The next 20 ms at `rate` Hz, which are sent instead of other sound; undefined while there is a pause.
   * `done` is told when the last key of an `enqueue` is released.
   */
  next(rate: number, done: (id: number) => void): Int16Array | undefined {
    const entry = this.#queue[0];
    const code = entry?.codes[0];
    if (this.#step === 0 && code !== undefined && code < 0) {
      if (code < -1 && entry !== undefined) entry.codes[0] = code + 1;
      else this.#released(done);
      return undefined;
    }
    const step = this.#step;
    this.#step = step + 1 === cycleTicks ? 0 : step + 1;
    if (step === 0) this.#samples = 0;
    if (step >= toneTicks || code === undefined) return undefined;
    const frame = this.#tone(code, rate);
    if (step === toneTicks - 1) this.#released(done);
    return frame;
  }

  #released(done: (id: number) => void): void {
    const entry = this.#queue[0];
    if (entry === undefined) return;
    entry.codes.shift();
    if (entry.codes.length > 0) return;
    this.#queue.shift();
    done(entry.id);
  }

  #tone(code: number, rate: number): Int16Array {
    const key = digits.charAt(code);
    const row = keypad.findIndex((keys) => keys.includes(key));
    const column = keypad[row]?.indexOf(key) ?? 0;
    const low = (2 * Math.PI * (rowTones[row] ?? 0)) / rate;
    const high = (2 * Math.PI * (columnTones[column] ?? 0)) / rate;
    if (this.#frame.length !== rate / 50) this.#frame = new Int16Array(rate / 50);
    for (let i = 0; i < this.#frame.length; i++) {
      const n = this.#samples++;
      this.#frame[i] = rowLevel * Math.sin(low * n) + columnLevel * Math.sin(high * n);
    }
    return this.#frame;
  }
}
