/** Repeatable randomness for tests: the same seed gives the same numbers on every machine. */

/** A generator of numbers in [0, 1) from a 32-bit `seed` (the mulberry32 generator). */
export function seeded(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  };
}

/** A whole number in [0, below). */
export function below(random: () => number, limit: number): number {
  return Math.floor(random() * limit);
}

/** One element of a list that is not empty. */
export function pick<T>(random: () => number, list: readonly [T, ...T[]] | readonly T[]): T {
  const chosen = list[below(random, list.length)];
  if (chosen === undefined) throw new RangeError("pick from an empty list");
  return chosen;
}
