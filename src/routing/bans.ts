/** Sources that are not answered for a while: in memory, where each packet asks, and in a store, where they outlive us. */

/** One banned IP address. */
export interface Ban {
  /** As sockets report it: IPv6 without brackets, in lower case. */
  readonly source: string;
  /** When it ends, in ms since 1970. */
  readonly until: number;
  /** In words, for people. */
  readonly why: string;
}

/** Where bans are kept. Writing may happen later; it never fails to the caller. */
export interface BanStore {
  load(): readonly Ban[];
  put(ban: Ban): void;
  remove(source: string): void;
}

/** More banned addresses than this, and the oldest go: a flood from forged addresses must not fill our memory. */
const most = 50_000;

export class Bans {
  readonly #now: () => number;
  readonly #store: BanStore | undefined;
  /** In the order in which they began. */
  readonly #bans = new Map<string, Ban>();

  /** `now`: ms since 1970. */
  constructor(options: { now: () => number; store?: BanStore | undefined }) {
    this.#now = options.now;
    this.#store = options.store;
    for (const ban of this.#store?.load() ?? []) if (ban.until > this.#now()) this.#bans.set(ban.source, ban);
  }

  /** Whether the source is banned now. Asked for each datagram. */
  has(source: string): boolean {
    if (this.#bans.size === 0) return false;
    const ban = this.#bans.get(source);
    if (ban === undefined) return false;
    if (ban.until > this.#now()) return true;
    this.lift(source);
    return false;
  }

  /** Bans a source for `ms`; a ban that lasts longer stays. */
  add(source: string, ms: number, why: string): Ban {
    const until = this.#now() + ms;
    const old = this.#bans.get(source);
    if (old !== undefined && old.until >= until) return old;
    const ban = { source, until, why };
    this.#bans.delete(source);
    this.#bans.set(source, ban);
    this.#store?.put(ban);
    if (this.#bans.size > most) {
      const { value: oldest } = this.#bans.keys().next();
      if (oldest !== undefined) this.lift(oldest);
    }
    return ban;
  }

  /** Ends a ban; false when there was none. */
  lift(source: string): boolean {
    if (!this.#bans.delete(source)) return false;
    this.#store?.remove(source);
    return true;
  }

  /** Those that hold now. */
  list(): readonly Ban[] {
    for (const { source } of [...this.#bans.values()]) this.has(source);
    return [...this.#bans.values()];
  }
}
