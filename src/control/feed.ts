/**
 * What happens, as it happens: a bounded ring of events whose numbers grow, also from one start of the server to the next, and
 * whoever listens. Where nobody can listen it keeps nothing.
 */
import type { FeedData, FeedType } from "./feed-events.ts";

export interface FeedEntry {
  /** Grows from event to event; a restarted server goes on above. */
  readonly id: number;
  readonly type: FeedType;
  /** The whole event as JSON: `{"id":…,"time":…,"type":…,"call":…,"callId":…,"data":{…}}`. */
  readonly json: string;
  /** Our id of the call that it belongs to. */
  readonly call: string | undefined;
}

export interface FeedOptions {
  /** ms since 1970. */
  readonly now?: () => number;
  /** Most events, and most characters of JSON, that are kept for those who come back. */
  readonly entries?: number;
  readonly characters?: number;
}

export interface FeedListener {
  /** Tells first what is kept of the events after this one; without it only what comes. */
  readonly after?: number | undefined;
  /** Called in the turn in which something happens: it only puts the entry where it is dealt with later. */
  readonly heard: (entry: FeedEntry) => void;
}

export class Feed {
  /**
   * Whether anybody may ever listen. Producers ask before they make an event; publishing without it does nothing.
   */
  active = false;
  readonly #now: () => number;
  readonly #mostEntries: number;
  readonly #mostCharacters: number;
  #last: number;
  /** The entries that are kept, the oldest at `#first`; what stands before is empty. */
  #ring: (FeedEntry | undefined)[] = [];
  #first = 0;
  #characters = 0;
  /** The newest event that is not kept any more. */
  #forgotten: number;
  readonly #listeners = new Set<FeedListener["heard"]>();

  constructor({ now = Date.now, entries = 10_000, characters = 4_000_000 }: FeedOptions = {}) {
    this.#now = now;
    this.#mostEntries = entries;
    this.#mostCharacters = characters;
    // Numbers of an earlier run are smaller than ours, as long as that run told less than 1,000 events a millisecond.
    this.#last = now() * 1000;
    this.#forgotten = this.#last;
  }

  /** The number of the last event. */
  get last(): number {
    return this.#last;
  }

  /** How many listen at the moment. */
  get listeners(): number {
    return this.#listeners.size;
  }

  /** Tells of an event. `of.call`: our id of its call; `of.callId`: its Call-ID. */
  publish<T extends FeedType>(
    type: T,
    content: FeedData<T>,
    of: { readonly call?: string | undefined; readonly callId?: string | undefined } = {},
  ): void {
    if (!this.active) return;
    const id = ++this.#last;
    const { call, callId } = of;
    const json = JSON.stringify({ id, time: this.#now(), type, call, callId, data: content });
    const entry = { id, type, json, call };
    this.#keep(entry);
    for (const heard of this.#listeners) heard(entry);
  }

  /** Listens until the returned function is called. What is no longer kept is told as one `feed.gap`. */
  subscribe({ after, heard }: FeedListener): () => void {
    // Whoever was ahead of us heard an earlier run, whose clock was ahead of ours.
    if (after !== undefined && after > this.#last) heard(this.gap(after));
    if (after !== undefined) for (const entry of this.read(after, Number.POSITIVE_INFINITY)) heard(entry);
    // Two listeners may bring the same function.
    const listener = (entry: FeedEntry) => heard(entry);
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  /** At most `most` of the kept events after this one, the oldest first; what is no longer kept is told as one `feed.gap`. */
  read(after: number, most: number): FeedEntry[] {
    const oldest = this.#ring[this.#first];
    const found = after < this.#forgotten ? [this.gap(after)] : [];
    if (oldest === undefined || after >= this.#last) return found;
    // Numbers have no gaps in them.
    const from = this.#first + Math.max(0, after + 1 - oldest.id);
    for (const entry of this.#ring.slice(from, from + most - found.length)) if (entry !== undefined) found.push(entry);
    return found;
  }

  /** What tells somebody that events are missing; its number is that of the newest of them that are gone from the ring. */
  gap(after: number): FeedEntry {
    const id = after > this.#last ? this.#last : Math.max(after, this.#forgotten);
    const json = JSON.stringify({ id, time: this.#now(), type: "feed.gap", data: { after } });
    return { id, type: "feed.gap", json, call: undefined };
  }

  #keep(entry: FeedEntry): void {
    this.#ring.push(entry);
    this.#characters += entry.json.length;
    while (this.#ring.length - this.#first > this.#mostEntries || this.#characters > this.#mostCharacters) {
      const oldest = this.#ring[this.#first];
      if (oldest === undefined) break;
      this.#ring[this.#first++] = undefined;
      this.#characters -= oldest.json.length;
      this.#forgotten = oldest.id;
    }
    // Moved together now and then, so that each event costs the same in the mean.
    if (this.#first > 1000 && this.#first * 2 > this.#ring.length) {
      this.#ring = this.#ring.slice(this.#first);
      this.#first = 0;
    }
  }
}
