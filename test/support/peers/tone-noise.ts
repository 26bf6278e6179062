/** Tones of whole numbers, and how clear one is in what became of it. */

/** `count` samples of a sine of `hertz` at `rate` Hz. */
export function tone(hertz: number, rate: number, count: number, amplitude: number): Int16Array {
  return Int16Array.from({ length: count }, (_, n) =>
    Math.round(amplitude * Math.sin((2 * Math.PI * hertz * n) / rate)),
  );
}

/** How much of `amplitude` the sine of `hertz` has in `samples`, and how far, in dB, it stands over everything else. */
export function signalToNoise(samples: Int16Array, hertz: number, rate: number, amplitude: number) {
  let sine = 0;
  let cosine = 0;
  let total = 0;
  // Whole periods, so that the two are orthogonal.
  const count = Math.floor(samples.length / (rate / 100)) * (rate / 100);
  for (let n = 0; n < count; n++) {
    const sample = samples[n] ?? 0;
    sine += sample * Math.sin((2 * Math.PI * hertz * n) / rate);
    cosine += sample * Math.cos((2 * Math.PI * hertz * n) / rate);
    total += sample * sample;
  }
  const peak = (2 * Math.hypot(sine, cosine)) / count;
  const noise = Math.max(total / count - (peak * peak) / 2, 1e-9);
  return { gain: peak / amplitude, decibels: 10 * Math.log10((peak * peak) / 2 / noise) };
}
