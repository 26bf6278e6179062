/** Keys as the tones that they have in the sound itself (ITU-T Q.23), sent in band. */
import { cycleTicks, digits, KeyQueue, toneTicks } from "./key-queue.ts";

/** The tones of rows and columns, Hz. */
export const rowTones = [697, 770, 852, 941] as const;
export const columnTones = [1209, 1336, 1477, 1633] as const;
/** Keys by row and column. */
export const keypad = ["123A", "456B", "789C", "*0#D"] as const;

/** The higher tone is 2 dB stronger, as lines weaken it more; together they stay 4 dB below clipping (Q.23, Q.24). */
const rowLevel = 6500;
const columnLevel = 8200;

export class ToneSender {
  readonly #keys = new KeyQueue();
  #step = 0;
  #samples = 0;
  #frame = new Int16Array(0);

  /** Adds keys and pauses; false when one is none or too many wait. */
  enqueue(id: number, text: string): boolean {
    return this.#keys.add(id, text);
  }

  get active(): boolean {
    return !this.#keys.empty || this.#step > 0;
  }

  /**
   * The next 20 ms at `rate` Hz, which are sent instead of other sound; undefined while there is a pause.
   * `done` is told when the last key of an `enqueue` is released.
   */
  next(rate: number, done: (id: number) => void): Int16Array | undefined {
    if (this.#step === 0 && this.#keys.pause(done)) return undefined;
    const code = this.#keys.first;
    const step = this.#step;
    this.#step = step + 1 === cycleTicks ? 0 : step + 1;
    if (step === 0) this.#samples = 0;
    if (step >= toneTicks || code === undefined) return undefined;
    const frame = this.#tone(code, rate);
    if (step === toneTicks - 1) this.#keys.release(done);
    return frame;
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
