/**
 * Hops that failed lately go last (RFC 3263 §4.3): for 5 s at first, for twice as long with each failure after that, and
 * five minutes at most. When the time is over, one request tries the hop again; the others follow when it has worked.
 */
import type { Clock } from "../../sip/clock.ts";
import type { Hop } from "./contract.ts";

const firstPause = 5_000;
const longestPause = 300_000;
/** How long one request may take to find out whether a hop is back, in ms: an INVITE that nobody answers takes 32 s. */
const probeTakes = 35_000;
/** A failure that is older than this is forgotten. */
const forgottenAfter = 2 * longestPause;
const maxEntries = 2_000;

interface Entry {
  pause: number;
  /** Until then the hop goes last. */
  until: number;
  failedAt: number;
}

export class Blacklist {
  readonly #clock: Clock;
  readonly #entries = new Map<string, Entry>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get size(): number {
    return this.#entries.size;
  }

  /** `pause` in ms: what a Retry-After asks for (RFC 3261 §21.5.4). */
  failed(hop: Hop, pause?: number): void {
    const key = keyOf(hop);
    const now = this.#clock.now();
    const known = this.#current(key, now);
    // Requests that were on their way to it when it failed say nothing new.
    if (known !== undefined && now < known.failedAt + firstPause / 2) return;
    const next = Math.min(longestPause, pause ?? (known === undefined ? firstPause : known.pause * 2));
    this.#entries.delete(key);
    this.#entries.set(key, { pause: Math.max(next, firstPause), until: now + next, failedAt: now });
    if (this.#entries.size <= maxEntries) return;
    const oldest = this.#entries.keys().next();
    if (!oldest.done) this.#entries.delete(oldest.value);
  }

  worked(hop: Hop): void {
    if (this.#entries.size > 0) this.#entries.delete(keyOf(hop));
  }

  /** The same hops, those that are to be avoided last. The one that is first after this may be a trial. */
  order(hops: readonly Hop[]): readonly Hop[] {
    if (this.#entries.size === 0 || hops.length < 2) return hops;
    const now = this.#clock.now();
    const avoided: { hop: Hop; until: number }[] = [];
    const good: Hop[] = [];
    for (const hop of hops) {
      const entry = this.#current(keyOf(hop), now);
      if (entry === undefined) good.push(hop);
      else if (now < entry.until) avoided.push({ hop, until: entry.until });
      // Only who stands first is certain to be tried.
      else if (good.length > 0) avoided.push({ hop, until: entry.until });
      else {
        entry.until = now + probeTakes;
        good.push(hop);
      }
    }
    if (avoided.length === 0) return hops;
    // Where all are bad, the one that is to be avoided for the shortest time is the best.
    return [...good, ...avoided.toSorted((a, b) => a.until - b.until).map(({ hop }) => hop)];
  }

  #current(key: string, now: number): Entry | undefined {
    const entry = this.#entries.get(key);
    if (entry === undefined || now - entry.failedAt < forgottenAfter) return entry;
    this.#entries.delete(key);
    return undefined;
  }
}

function keyOf(hop: Hop): string {
  return `${hop.transport} ${hop.host} ${hop.port}`;
}
