/** Any sampling rate from 8 to 48 kHz to 8 or 16 kHz: a windowed-sinc low pass in polyphase form, fed in chunks. */
import { clockRate } from "./rtp.ts";
import { gcd, sincRows } from "./sinc.ts";

/** Zero crossings of the sinc on each side: more make the edge steeper. */
const crossings = 24;
/** The edge, of half the lower rate: at 8 kHz the pass band goes up to 3.4 kHz, the stop band is complete shortly above 4 kHz. */
const cutoff = 0.94;
/** Rates with a great numerator share this many phases; the rounding stays below G.711's own noise. */
const maxPhases = 512;

export interface Resampler {
  /** Takes samples and appends what comes out to `out` (which must have room); answers how many samples that were. */
  push(samples: Float32Array, count: number, out: Int16Array): number;
  /** The end: what the filter still holds. `out` needs room for `tail` samples. */
  flush(out: Int16Array): number;
  readonly tail: number;
}

/**
 * @param rate Hz, 8000 to 48000
 * @param to Hz
 */
export function createResampler(rate: number, to: number = clockRate): Resampler {
  return rate === to ? copying : new Polyphase(rate, to);
}

const toInt16 = (value: number) => (value > 32767 ? 32767 : value < -32768 ? -32768 : Math.round(value));

const copying: Resampler = {
  tail: 0,
  push(samples, count, out) {
    for (let i = 0; i < count; i++) out[i] = toInt16(samples[i] ?? 0);
    return count;
  },
  flush: () => 0,
};

class Polyphase implements Resampler {
  readonly tail: number;
  /** Output k stands at input position k * step / denominator. */
  #step: number;
  #denominator: number;
  #phases: number;
  #taps: number;
  #filter: Float32Array;
  #held: Float32Array;
  #count: number;
  /** The next output's position in `#held`: whole samples, and the rest as a numerator. */
  #whole = 0;
  #rest = 0;

  constructor(rate: number, to: number) {
    const divisor = gcd(rate, to);
    this.#step = rate / divisor;
    this.#denominator = to / divisor;
    this.#phases = Math.min(this.#denominator, maxPhases);
    // As many crossings of the lower rate's sinc.
    const half = Math.ceil(crossings * Math.max(1, rate / to));
    this.#taps = 2 * half;
    this.#filter = sincRows(cutoff * Math.min(1, to / rate), this.#phases, half);
    this.#held = new Float32Array(this.#taps + 8192);
    // Half a filter of silence before the first sample centres it.
    this.#count = half - 1;
    this.tail = Math.ceil((half * to) / rate) + 2;
  }

  push(samples: Float32Array, count: number, out: Int16Array): number {
    let made = 0;
    for (let from = 0; from < count; ) {
      const take = Math.min(count - from, this.#held.length - this.#count);
      this.#held.set(samples.subarray(from, from + take), this.#count);
      this.#count += take;
      from += take;
      made = this.#run(out, made);
    }
    return made;
  }

  flush(out: Int16Array): number {
    return this.push(new Float32Array(this.#taps / 2), this.#taps / 2, out);
  }

  #run(out: Int16Array, made: number): number {
    const held = this.#held;
    const filter = this.#filter;
    const taps = this.#taps;
    while (this.#whole + taps <= this.#count) {
      const phase =
        this.#phases === this.#denominator ? this.#rest : Math.floor((this.#rest * this.#phases) / this.#denominator);
      const coefficients = phase * taps;
      let sum = 0;
      for (let i = 0; i < taps; i++) sum += (held[this.#whole + i] ?? 0) * (filter[coefficients + i] ?? 0);
      out[made++] = toInt16(sum);
      this.#rest += this.#step;
      const whole = Math.floor(this.#rest / this.#denominator);
      this.#whole += whole;
      this.#rest -= whole * this.#denominator;
    }
    const used = Math.min(this.#whole, this.#count);
    held.copyWithin(0, used, this.#count);
    this.#count -= used;
    this.#whole -= used;
    return made;
  }
}
