/** What resamplers are made of: a windowed sinc in polyphase form. */

/**
 * One row of `2 * half` taps per phase: a Blackman-windowed sinc, each row summing up to one.
 * @param bandwidth of half the input's rate, up to 1
 */
export function sincRows(bandwidth: number, phases: number, half: number): Float32Array {
  const taps = 2 * half;
  const rows = new Float32Array(phases * taps);
  for (let phase = 0; phase < phases; phase++) {
    let sum = 0;
    for (let i = 0; i < taps; i++) {
      const distance = i - half + 1 - phase / phases;
      const x = Math.PI * distance * bandwidth;
      const turn = (Math.PI * distance) / half;
      const window = 0.42 + 0.5 * Math.cos(turn) + 0.08 * Math.cos(2 * turn);
      const value = (Math.abs(x) < 1e-9 ? 1 : Math.sin(x) / x) * window;
      rows[phase * taps + i] = value;
      sum += value;
    }
    for (let i = 0; i < taps; i++) rows[phase * taps + i] = (rows[phase * taps + i] ?? 0) / sum;
  }
  return rows;
}

export function gcd(a: number, b: number): number {
  return b === 0 ? a : gcd(b, a % b);
}
