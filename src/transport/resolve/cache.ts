/**
 * What the DNS has said, for as long as it holds: equal questions share one query, what does not exist is remembered as
 * well (RFC 2308), and while no server answers, or none in time, what was true lately is true still (RFC 8767).
 */
import type { Clock } from "../../sip/clock.ts";
import type { DnsClient, RecordType, Reply } from "./contract.ts";

type Done = (reply: Reply) => void;

interface Known {
  reply: Reply;
  until: number;
  /** A reply that no longer holds may serve until then. */
  staleUntil: number;
}

interface Asking {
  /** Who waits, each served once. */
  waiting: Done[];
  /** Whoever asks meanwhile is served the stale reply at once: the rest has waited long enough. */
  late: boolean;
}

// All in ms. Whoever says that his records hold for no time at all would have us ask for each request.
const shortest = 5_000;
const longest = 3_600_000;
const longestNegative = 300_000;
/** A question that nobody answered is not asked again for so long. */
const failureHolds = 3_000;
/** RFC 8767 §5: how long a reply may be used after its time, how long before it is asked for again, and the patience before. */
const staleFor = 6 * 3_600_000;
const staleHolds = 30_000;
const stalePatience = 400;

export class DnsCache implements DnsClient {
  readonly #client: DnsClient;
  readonly #clock: Clock;
  readonly #max: number;
  /** By type and name, the one that was not asked for longest first. */
  readonly #known = new Map<string, Known>();
  readonly #asking = new Map<string, Asking>();

  /** `maxEntries`: replies that are remembered. */
  constructor(options: { client: DnsClient; clock: Clock; maxEntries?: number }) {
    this.#client = options.client;
    this.#clock = options.clock;
    this.#max = options.maxEntries ?? 5_000;
  }

  /** Replies that are remembered. */
  get size(): number {
    return this.#known.size;
  }

  /** Calls `done` in the same turn when the reply is known. */
  query(name: string, type: RecordType, done: Done): void {
    const key = `${type} ${name.toLowerCase()}`;
    const known = this.#known.get(key);
    const now = this.#clock.now();
    if (known !== undefined) {
      // Who is used stays; while there is room for all, that needs no work.
      if (this.#known.size > this.#max / 2) {
        this.#known.delete(key);
        this.#known.set(key, known);
      }
      if (now < known.until) return done(known.reply);
    }
    const stale = known !== undefined && now < known.staleUntil ? known.reply : undefined;
    const asking = this.#asking.get(key);
    if (asking !== undefined) {
      if (asking.late && stale !== undefined) done(stale);
      else asking.waiting.push(done);
      return;
    }
    this.#ask(name, type, key, stale, done);
  }

  close(): void {
    this.#client.close();
  }

  #ask(name: string, type: RecordType, key: string, stale: Reply | undefined, done: Done): void {
    const asking: Asking = { waiting: [done], late: false };
    this.#asking.set(key, asking);
    const patience =
      stale === undefined
        ? undefined
        : this.#clock.after(stalePatience, () => {
            asking.late = true;
            for (const tell of asking.waiting.splice(0)) tell(stale);
          });
    this.#client.query(name, type, (reply) => {
      patience?.cancel();
      this.#asking.delete(key);
      const useful = reply.kind === "failed" ? (stale ?? reply) : reply;
      this.#remember(key, reply, stale);
      for (const tell of asking.waiting.splice(0)) tell(useful);
    });
  }

  #remember(key: string, reply: Reply, stale: Reply | undefined): void {
    const now = this.#clock.now();
    const staleUntil = this.#known.get(key)?.staleUntil ?? 0;
    this.#known.delete(key);
    if (reply.kind === "failed") {
      this.#known.set(
        key,
        stale === undefined
          ? { reply, until: now + failureHolds, staleUntil: 0 }
          : { reply: stale, until: now + staleHolds, staleUntil },
      );
    } else {
      const most = reply.kind === "records" ? longest : longestNegative;
      const until = now + Math.min(most, Math.max(shortest, reply.ttl * 1000));
      this.#known.set(key, { reply, until, staleUntil: reply.kind === "records" ? until + staleFor : 0 });
    }
    if (this.#known.size <= this.#max) return;
    const oldest = this.#known.keys().next();
    if (!oldest.done) this.#known.delete(oldest.value);
  }
}
