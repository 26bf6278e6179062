/** When somebody begins to speak, and when they have finished: by the level of 20 ms frames above the noise around them. */

/** Root mean square of 16-bit samples below which nothing is speech: -46 dB of full scale. */
const least = 160;
/** Speech stands so much above the noise. */
const above = 3;
/** At first the noise counts as this much, until so many frames have shown less. */
const supposed = 250;
const settling = 5;
/** Frames of speech that make a beginning: a click is shorter. */
const onset = 4;

export interface EndpointerRules {
  /** ms of quiet that end an utterance. */
  readonly silence: number;
  /** ms until speech has to begin, and that an utterance may last. */
  readonly timeout: number;
  readonly max: number;
}

export type Endpoint = "waiting" | "speaking" | "finished" | "too-long" | "timeout";

export class Endpointer {
  readonly #rules: EndpointerRules;
  #noise = supposed;
  #settled = 0;
  #loud = 0;
  #quiet = 0;
  #elapsed = 0;
  #spoken = 0;
  state: Endpoint = "waiting";

  constructor(rules: EndpointerRules) {
    this.#rules = rules;
  }

  /** Takes 20 ms of L16. */
  push(frame: Uint8Array): Endpoint {
    const level = rms(frame);
    const loud = level > Math.max(least, above * this.#noise);
    if (this.#settled++ < settling) this.#noise = Math.min(this.#noise, level);
    // The noise follows quiet frames quickly downwards, slowly upwards, so that speech does not count as noise.
    this.#noise += (level - this.#noise) * (level < this.#noise ? 0.2 : loud ? 0.001 : 0.02);
    switch (this.state) {
      case "waiting":
        this.#elapsed += 20;
        this.#loud = loud ? this.#loud + 1 : Math.max(0, this.#loud - 1);
        if (this.#loud >= onset) this.state = "speaking";
        else if (this.#elapsed >= this.#rules.timeout) this.state = "timeout";
        break;
      case "speaking":
        this.#spoken += 20;
        this.#quiet = loud ? 0 : this.#quiet + 20;
        if (this.#quiet >= this.#rules.silence) this.state = "finished";
        else if (this.#spoken >= this.#rules.max) this.state = "too-long";
        break;
    }
    return this.state;
  }
}

function rms(frame: Uint8Array): number {
  let sum = 0;
  for (let i = 0; i + 1 < frame.length; i += 2) {
    const sample = (((frame[i] ?? 0) | ((frame[i + 1] ?? 0) << 8)) << 16) >> 16;
    sum += sample * sample;
  }
  return Math.sqrt(sum / Math.max(1, frame.length / 2));
}
