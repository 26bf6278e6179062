/** Sound of a stream from one rate to another, frame by frame, without ever holding a frame back: 20 ms in, 20 ms out. */

import { gcd, sincRows } from "./sinc.ts";

/** Zero crossings of the sinc on each side. */
const crossings = 16;
/** Of the lower rate's band; above it the stop band begins. */
const cutoff = 0.92;

interface Filter {
  readonly up: number;
  readonly down: number;
  readonly taps: number;
  /** `up` rows of `taps`, each summing up to one. */
  readonly rows: Float32Array;
}

const filters = new Map<string, Filter>();

/** A causal windowed-sinc filter in polyphase form; it delays by half its length, some 2 ms. */
export class StreamResampler {
  readonly #filter: Filter | undefined;
  /** What was held of the samples before, and room for those that come. */
  #line: Float32Array;
  /** Where the next output stands, in input samples times `up`. */
  #rest = 0;

  /** @param from, to Hz, both out of the few rates that codecs and streams have */
  constructor(from: number, to: number) {
    this.#filter = from === to ? undefined : filterFor(from, to);
    this.#line = new Float32Array(this.#filter === undefined ? 0 : this.#filter.taps - 1);
  }

  /**
   * Takes all of `samples` and puts what comes out at the beginning of `out`, which has room for it.
   * @returns how many samples that were: exactly in proportion as long as what goes in is whole milliseconds
   */
  push(samples: Int16Array, out: Int16Array): number {
    const filter = this.#filter;
    if (filter === undefined) {
      out.set(samples);
      return samples.length;
    }
    const { taps, up, down, rows } = filter;
    const count = samples.length;
    const line = this.#lineFor(taps - 1 + count);
    for (let i = 0; i < count; i++) line[taps - 1 + i] = samples[i] ?? 0;
    let made = 0;
    let at = Math.floor(this.#rest / up);
    let phase = this.#rest - at * up;
    while (at < count) {
      const row = phase * taps;
      let sum = 0;
      for (let i = 0; i < taps; i++) sum += (line[at + i] ?? 0) * (rows[row + i] ?? 0);
      out[made++] = sum > 32767 ? 32767 : sum < -32768 ? -32768 : Math.round(sum);
      phase += down;
      while (phase >= up) {
        phase -= up;
        at++;
      }
    }
    this.#rest = (at - count) * up + phase;
    line.copyWithin(0, count, count + taps - 1);
    return made;
  }

  /** The line that begins with the samples held from before; made once for frames of one length. */
  #lineFor(length: number): Float32Array {
    if (this.#line.length >= length) return this.#line;
    const longer = new Float32Array(length);
    longer.set(this.#line);
    this.#line = longer;
    return longer;
  }
}

function filterFor(from: number, to: number): Filter {
  const key = `${from} ${to}`;
  const known = filters.get(key);
  if (known !== undefined) return known;
  const divisor = gcd(from, to);
  const up = to / divisor;
  const down = from / divisor;
  const half = Math.ceil(crossings * Math.max(1, from / to));
  const taps = 2 * half;
  const rows = sincRows(cutoff * Math.min(1, to / from), up, half);
  const filter = { up, down, taps, rows };
  filters.set(key, filter);
  return filter;
}
