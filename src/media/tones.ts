/** Tones that a call hears from us: ring-back and busy (ITU-T E.180 Supplement 2), and who comes into a room or leaves it. */

/** So many ms of these frequencies (Hz); none is silence. */
export interface ToneSpan {
  readonly frequencies: readonly number[];
  readonly milliseconds: number;
}

export type ToneName = "ringback" | "busy" | "congestion";

/** Repeated until another one, or none, is asked for. */
const lasting: Readonly<Record<ToneName, readonly ToneSpan[]>> = {
  ringback: [
    { frequencies: [425], milliseconds: 1000 },
    { frequencies: [], milliseconds: 4000 },
  ],
  busy: [
    { frequencies: [425], milliseconds: 500 },
    { frequencies: [], milliseconds: 500 },
  ],
  congestion: [
    { frequencies: [425], milliseconds: 240 },
    { frequencies: [], milliseconds: 240 },
  ],
};

/** What a room's members hear when somebody joins them, and when somebody leaves: once. */
export const joined: readonly ToneSpan[] = [
  { frequencies: [523], milliseconds: 120 },
  { frequencies: [784], milliseconds: 120 },
];
export const left: readonly ToneSpan[] = [
  { frequencies: [784], milliseconds: 120 },
  { frequencies: [523], milliseconds: 120 },
];

/** Of one frequency: some -16 dBm0. */
const amplitude = 4000;
/** Begins and ends are faded over this many ms: no clicks. */
const fadeMs = 5;

/**
 * Adds to `frame` what a sequence of tones sounds like from its sample `from` on.
 * @param rate Hz
 * @returns true when the sequence ends within the frame, or has ended before
 */
export function addTone(
  spans: readonly ToneSpan[],
  rate: number,
  from: number,
  frame: Int32Array | Int16Array,
): boolean {
  let start = 0;
  for (const { frequencies, milliseconds } of spans) {
    const end = start + Math.round((milliseconds * rate) / 1000);
    const first = Math.max(from, start);
    const last = Math.min(from + frame.length, end);
    const fade = (fadeMs * rate) / 1000;
    for (const frequency of frequencies)
      for (let at = first; at < last; at++) {
        const level = amplitude * Math.min(1, (at - start) / fade, (end - at) / fade);
        const sample = level * Math.sin((2 * Math.PI * frequency * (at - start)) / rate);
        frame[at - from] = (frame[at - from] ?? 0) + Math.round(sample);
      }
    start = end;
  }
  return from + frame.length >= start;
}

/** The tone that a session sends, if any. */
export class Tone {
  #spans: readonly ToneSpan[] | undefined;
  #samples = 0;
  #rate = 8000;
  #frame = new Int16Array(160);

  get sounding(): boolean {
    return this.#spans !== undefined;
  }

  /** Starts a tone, from its beginning; undefined stops it. */
  set(name: ToneName | undefined): void {
    this.#spans = name === undefined ? undefined : lasting[name];
    this.#samples = 0;
  }

  /** The next 20 ms at `rate` Hz, valid until the next call; undefined: no tone. */
  next(rate: number): Int16Array | undefined {
    if (this.#spans === undefined) return undefined;
    if (rate !== this.#rate) {
      this.#frame = new Int16Array(rate / 50);
      this.#rate = rate;
      this.#samples = 0;
    }
    this.#frame.fill(0);
    const over = addTone(this.#spans, rate, this.#samples, this.#frame);
    this.#samples = over ? 0 : this.#samples + this.#frame.length;
    return this.#frame;
  }
}
