/**
 * Hears keys in the sound itself: Goertzel's sums for the eight tones of ITU-T Q.23, over windows of 14 ms, one
 * each 10 ms. What is taken for a key has two tones of like strength, hardly anything besides, and lasts: speech does not
 * (the guard against "talk-off").
 */
import { columnTones, keypad, rowTones } from "./dtmf-tone.ts";

/** Long enough to tell tones apart that are 73 Hz from each other, short enough to take those that are 1.5 % off (Q.24). */
const windowSeconds = 0.014;
/** The weaker tone's amplitude at least: -42 dBov. */
const leastAmplitude = 260;
/** How much of all power the two tones have. Speech that comes near a pair of tones has harmonics besides. */
const leastShare = 0.65;
/** The stronger of two tones may be so many times the other in power: 8 dB where it is the column's, else 6 (Q.24: 4 to 10). */
const mostColumnTwist = 6.3;
const mostRowTwist = 4;
/** Within rows and within columns the second strongest is so many times weaker in power. */
const leastDistance = 2.5;
/** So many windows in a row make a key: a tone of some 40 ms; and so many without it end it. */
const toBegin = 3;
const toEnd = 3;

export class DtmfDetector {
  readonly #heard: (digit: string, duration: number) => void;
  #rate = 0;
  #window = new Float64Array(0);
  /** 2 cos ω of the eight tones. */
  #coefficients: readonly number[] = [];
  /** The key that the last windows agree on, in how many, and how many since have another opinion. */
  #candidate: string | undefined;
  #windows = 0;
  #misses = 0;

  /** @param heard takes a key when it is released, and how long it was pressed, ms */
  constructor(heard: (digit: string, duration: number) => void) {
    this.#heard = heard;
  }

  /** Takes 20 ms of sound at `rate` Hz. */
  hear(samples: Int16Array, rate: number): void {
    if (rate !== this.#rate) {
      this.#rate = rate;
      this.#window = new Float64Array(Math.round(windowSeconds * rate));
      this.#coefficients = [...rowTones, ...columnTones].map((hertz) => 2 * Math.cos((2 * Math.PI * hertz) / rate));
    }
    const window = this.#window;
    const step = rate / 100;
    const kept = window.length - step;
    for (let part = 0; part < 2; part++) {
      window.copyWithin(0, step);
      for (let i = 0; i < step; i++) window[kept + i] = samples[part * step + i] ?? 0;
      this.#judge(this.#key());
    }
  }

  #judge(key: string | undefined): void {
    if (key !== undefined && key === this.#candidate) {
      this.#windows += 1 + this.#misses;
      this.#misses = 0;
      return;
    }
    if (this.#candidate !== undefined && ++this.#misses < toEnd && this.#windows >= toBegin) return;
    if (this.#candidate !== undefined && this.#windows >= toBegin)
      this.#heard(this.#candidate, (this.#windows + 1) * 10);
    this.#candidate = key;
    this.#windows = key === undefined ? 0 : 1;
    this.#misses = 0;
  }

  /** The key in the window, if it is one beyond doubt. */
  #key(): string | undefined {
    const window = this.#window;
    let power = 0;
    for (let i = 0; i < window.length; i++) power += (window[i] ?? 0) ** 2;
    power /= window.length;
    if (power < leastAmplitude ** 2) return undefined;
    const row = this.#strongest(0);
    const column = this.#strongest(4);
    if (row === undefined || column === undefined) return undefined;
    const weaker = Math.min(row.power, column.power);
    if (2 * weaker < leastAmplitude ** 2) return undefined;
    if (column.power > mostColumnTwist * row.power || row.power > mostRowTwist * column.power) return undefined;
    if (row.power + column.power < leastShare * power) return undefined;
    return keypad[row.index]?.charAt(column.index);
  }

  /** The strongest of four tones from `first` on, and its power; undefined when another comes near it. */
  #strongest(first: number): { index: number; power: number } | undefined {
    let index = 0;
    let best = 0;
    let second = 0;
    for (let i = 0; i < 4; i++) {
      const power = this.#power(this.#coefficients[first + i] ?? 0);
      if (power > best) {
        second = best;
        best = power;
        index = i;
      } else if (power > second) second = power;
    }
    return best > leastDistance * second ? { index, power: best } : undefined;
  }

  /** Mean power of one tone in the window: half its amplitude's square. */
  #power(coefficient: number): number {
    const window = this.#window;
    let before = 0;
    let last = 0;
    for (let i = 0; i < window.length; i++) {
      const next = (window[i] ?? 0) + coefficient * last - before;
      before = last;
      last = next;
    }
    const square = last * last + before * before - coefficient * last * before;
    return (2 * square) / window.length ** 2;
  }
}
