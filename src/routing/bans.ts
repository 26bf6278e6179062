/** Sources that are not answered for a while: in memory, where each packet asks, and in a store, where they outlive us. */

import type { Ban as StoredBan, Table } from "../store/types.ts";
import { sourceKey } from "./networks.ts";

/** One banned IPv4 address, or IPv6 network. */
export interface Ban {
  /** As sockets report it; of IPv6 the /64, such as `2001:db8:1:2::/64`. */
  readonly source: string;
  /** When it ends, in ms since 1970. */
  readonly until: number;
  /** In words, for people. */
  readonly why: string;
}

/** Where they outlive us; writing may happen later, and never fails to the caller. */
type Kept = Pick<Table<StoredBan>, "entries" | "put" | "delete">;

/** More banned addresses than this, and the oldest go: a flood from forged addresses must not fill our memory. */
const most = 50_000;

export class Bans {
  readonly #now: () => number;
  readonly #store: Kept | undefined;
  /** In the order in which they began. */
  readonly #bans = new Map<string, Ban>();

  /** `now`: ms since 1970. */
  constructor(options: { now: () => number; store?: Kept | undefined }) {
    this.#now = options.now;
    this.#store = options.store;
    for (const [source, { until, why }] of this.#store?.entries() ?? [])
      if (until > this.#now()) this.#bans.set(source, { source, until, why });
  }

  /** Whether the source is banned now. Asked for each datagram. */
  has(source: string): boolean {
    if (this.#bans.size === 0) return false;
    const key = sourceKey(source);
    const ban = this.#bans.get(key);
    if (ban === undefined) return false;
    if (ban.until > this.#now()) return true;
    this.lift(key);
    return false;
  }

  /** Bans a source for `ms`; a ban that lasts longer stays. */
  add(address: string, ms: number, why: string): Ban {
    const source = sourceKey(address);
    const until = this.#now() + ms;
    const old = this.#bans.get(source);
    if (old !== undefined && old.until >= until) return old;
    const ban = { source, until, why };
    this.#bans.delete(source);
    this.#bans.set(source, ban);
    this.#store?.put(source, { until, why });
    if (this.#bans.size > most) {
      const { value: oldest } = this.#bans.keys().next();
      if (oldest !== undefined) this.lift(oldest);
    }
    return ban;
  }

  /** Ends a ban; false when there was none. */
  lift(address: string): boolean {
    const source = sourceKey(address);
    if (!this.#bans.delete(source)) return false;
    this.#store?.delete(source);
    return true;
  }

  /** Those that hold now. */
  list(): readonly Ban[] {
    for (const { source } of [...this.#bans.values()]) this.has(source);
    return [...this.#bans.values()];
  }
}
