/**
 * What counts and measures while the server runs: plain numbers, read when somebody asks. They are always on, so that
 * nothing has to be switched on before a question; an observation costs some 0.1 µs.
 */

/** Upper bounds of buckets, ascending; what is larger than all falls into the last, which has no bound. */
export class Histogram {
  readonly bounds: readonly number[];
  /** One more than there are bounds; not cumulative. */
  readonly counts: number[];
  sum = 0;
  count = 0;

  constructor(bounds: readonly number[]) {
    this.bounds = bounds;
    this.counts = new Array<number>(bounds.length + 1).fill(0);
  }

  observe(value: number): void {
    const { bounds, counts } = this;
    let at = 0;
    while (at < bounds.length && value > (bounds[at] ?? 0)) at++;
    counts[at] = (counts[at] ?? 0) + 1;
    this.sum += value;
    this.count++;
  }
}

/** Numbers by one or two names, each from a small set: strangers must not choose them freely. */
export class Tally {
  readonly #counts = new Map<string, Map<string, number>>();

  add(name: string, detail = "", by = 1): void {
    let details = this.#counts.get(name);
    if (details === undefined) {
      details = new Map();
      this.#counts.set(name, details);
    }
    details.set(detail, (details.get(detail) ?? 0) + by);
  }

  get(name: string, detail = ""): number {
    return this.#counts.get(name)?.get(detail) ?? 0;
  }

  /** All, in the order in which they came up first. */
  *entries(): Generator<readonly [name: string, detail: string, count: number]> {
    for (const [name, details] of this.#counts) for (const [detail, count] of details) yield [name, detail, count];
  }
}

/** Histograms by name, each from a small set. */
export class Histograms {
  readonly #bounds: readonly number[];
  readonly #byName = new Map<string, Histogram>();

  constructor(bounds: readonly number[]) {
    this.#bounds = bounds;
  }

  observe(name: string, value: number): void {
    let histogram = this.#byName.get(name);
    if (histogram === undefined) {
      histogram = new Histogram(this.#bounds);
      this.#byName.set(name, histogram);
    }
    histogram.observe(value);
  }

  entries(): Iterable<readonly [name: string, histogram: Histogram]> {
    return this.#byName;
  }
}

/**
 * Who sends most, found among any number of senders with a bounded number of counters (Misra and Gries 1982): whoever has
 * more than 1/`most` of all is there; what it shows of one is at most what it sent.
 */
export class Busiest {
  readonly #most: number;
  readonly #counts = new Map<string, number>();

  constructor(most = 200) {
    this.#most = most;
  }

  add(who: string): void {
    const counts = this.#counts;
    const count = counts.get(who);
    if (count !== undefined || counts.size < this.#most) counts.set(who, (count ?? 0) + 1);
    else
      for (const [name, least] of counts)
        if (least === 1) counts.delete(name);
        else counts.set(name, least - 1);
  }

  /** The first ones and how much each has sent. */
  top(number: number): readonly (readonly [who: string, count: number])[] {
    return [...this.#counts].sort(([, a], [, b]) => b - a).slice(0, number);
  }
}
