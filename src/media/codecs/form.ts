/** The form in which sound waits to be sent: encoded already for G.711, linear at 16 kHz for codecs that need its course. */
import type { Codec } from "../types.ts";
import { type G711, g711, saturated } from "./g711.ts";

export interface SoundForm {
  readonly name: "PCMU" | "PCMA" | "L16";
  /** Hz. */
  readonly rate: 8000 | 16_000;
  /** Samples and octets of 20 ms. */
  readonly samples: number;
  readonly octets: number;
  /** Octets of a sample. */
  readonly width: 1 | 2;
  /** 20 ms of silence. */
  readonly silence: Uint8Array;
  /** Writes `count` samples at `offset` octets. */
  write(from: Int16Array, to: Uint8Array, offset: number, count: number): void;
  /** Adds 20 ms at `offset` octets to `sum`, `gain` times as loud. */
  add(octets: Uint8Array, offset: number, sum: Int32Array, gain: number): void;
}

function companded(law: G711): SoundForm {
  const samples = 160;
  return {
    name: law.name,
    rate: 8000,
    samples,
    octets: samples,
    width: 1,
    silence: new Uint8Array(samples).fill(law.silence),
    write(from, to, offset, count) {
      const { octets } = law;
      for (let i = 0; i < count; i++) to[offset + i] = octets[((from[i] ?? 0) >> 2) & 0x3fff] ?? 0;
    },
    add(octets, offset, sum, gain) {
      const { linear } = law;
      for (let i = 0; i < samples; i++) {
        const sample = linear[octets[offset + i] ?? 0] ?? 0;
        sum[i] = (sum[i] ?? 0) + (gain === 1 ? sample : gain * sample);
      }
    },
  };
}

const wideSamples = 320;
const linear16: SoundForm = {
  name: "L16",
  rate: 16_000,
  samples: wideSamples,
  octets: 2 * wideSamples,
  width: 2,
  silence: new Uint8Array(2 * wideSamples),
  write(from, to, offset, count) {
    for (let i = 0; i < count; i++) {
      const sample = from[i] ?? 0;
      to[offset + 2 * i] = sample;
      to[offset + 2 * i + 1] = sample >> 8;
    }
  },
  add(octets, offset, sum, gain) {
    for (let i = 0; i < wideSamples; i++) {
      const sample = linearAt(octets, offset + 2 * i);
      sum[i] = (sum[i] ?? 0) + (gain === 1 ? sample : gain * sample);
    }
  },
};

function linearAt(octets: Uint8Array, at: number): number {
  return (((octets[at] ?? 0) | ((octets[at + 1] ?? 0) << 8)) << 16) >> 16;
}

/** Reads 20 ms of a form as samples into `to`. */
export function readForm(form: SoundForm, octets: Uint8Array, offset: number, to: Int16Array): void {
  if (form.name === "L16") for (let i = 0; i < wideSamples; i++) to[i] = linearAt(octets, offset + 2 * i);
  else {
    const { linear } = g711[form.name];
    for (let i = 0; i < form.samples; i++) to[i] = linear[octets[offset + i] ?? 0] ?? 0;
  }
}

/** Writes a sum as sound: clipped, never wrapped around. */
export function writeSum(form: SoundForm, sum: Int32Array, scratch: Int16Array, to: Uint8Array): void {
  for (let i = 0; i < form.samples; i++) scratch[i] = saturated(sum[i] ?? 0);
  form.write(scratch, to, 0, form.samples);
}

const forms = { PCMU: companded(g711.PCMU), PCMA: companded(g711.PCMA), G722: linear16, opus: linear16 } as const;

export function formOf(codec: Codec): SoundForm {
  return forms[codec];
}
