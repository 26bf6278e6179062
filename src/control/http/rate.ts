/** How many requests one address may make: a bucket each that fills again with time, for a bounded number of addresses. */

export interface RateOptions {
  /** Buckets fill by so many a second, and hold `burst`. */
  readonly perSecond: number;
  readonly burst: number;
  /** ms, of any epoch. */
  readonly now: () => number;
  /** Addresses that are told apart; beyond, those that came first are forgotten. */
  readonly most?: number;
}

export class Rate {
  readonly #options: RateOptions;
  readonly #buckets = new Map<string, { left: number; at: number }>();

  constructor(options: RateOptions) {
    this.#options = options;
  }

  /** Takes one; false: there is none left. */
  take(source: string): boolean {
    const bucket = this.#bucket(source);
    if (bucket.left < 1) return false;
    bucket.left -= 1;
    return true;
  }

  /** Whether there is one left. */
  has(source: string): boolean {
    return !this.#buckets.has(source) || this.#bucket(source).left >= 1;
  }

  /** Seconds until there is one again. */
  wait(source: string): number {
    return Math.max(1, Math.ceil((1 - this.#bucket(source).left) / this.#options.perSecond));
  }

  #bucket(source: string): { left: number; at: number } {
    const { perSecond, burst, now, most = 10_000 } = this.#options;
    const at = now();
    const bucket = this.#buckets.get(source) ?? { left: burst, at };
    bucket.left = Math.min(burst, bucket.left + ((at - bucket.at) * perSecond) / 1000);
    bucket.at = at;
    if (!this.#buckets.has(source)) {
      if (this.#buckets.size >= most) {
        const [first] = this.#buckets.keys();
        if (first !== undefined) this.#buckets.delete(first);
      }
      this.#buckets.set(source, bucket);
    }
    return bucket;
  }
}
