/**
 * What sources do that honest phones do not, counted: wrong passwords, numbers that nobody has, floods. Over a limit a
 * source is banned, or gets 503.
 *
 * A ban rests on what a source has proved to be its own doing: datagrams with a forged address must not get an honest
 * phone banned. So over UDP only an answer to a challenge that we sent to that very address counts.
 */
import type { Clock } from "../sip/clock.ts";
import type { Flow } from "../sip/flow.ts";
import type { Request } from "../sip/message.ts";
import type { Bans } from "./bans.ts";
import { isDirect } from "./chain.ts";
import { Networks, sourceKey } from "./networks.ts";

export interface GuardSettings {
  /** Failures of one source within `within` ms until it is banned; 0: never. */
  readonly failures: number;
  readonly within: number;
  /** How long a ban lasts, ms. */
  readonly for: number;
  /** Whether scanners are looked for. */
  readonly scanners: boolean;
  /** Addresses and networks that are neither banned nor limited. */
  readonly never: readonly string[];
  /** Requests a second that one source may send outside of dialogs; 0: any number. */
  readonly requestsPerSource: number;
}

export interface GuardOptions {
  clock: Clock;
  bans: Bans;
  settings: GuardSettings;
  /** Told of each ban as it begins. */
  banned?: (source: string, why: string) => void;
}

/** Sources that are counted at a time; with more, the one that began first is forgotten. */
const mostCounted = 20_000;
/** What a source that has shown a right password may send more than others. */
const trust = 10;
/** How long a right password speaks for its source, ms. */
const trusted = 3_600_000;

/** How known scanners call themselves. What they send is not answered, over any transport. */
const scanner =
  /friendly-scanner|friendly-request|sipvicious|sip-scan|sipscan|sundayddr|iwar|sivus|sipcli|smap|sipptk|vaxsipuseragent|pplsip|siparmyknife|eyebeam-scan/i;

export class Guard {
  readonly bans: Bans;
  #settings: GuardSettings;
  #never: Networks;
  readonly #clock: Clock;
  readonly #banned: (source: string, why: string) => void;
  readonly #failures = new Map<string, { count: number; since: number }>();
  readonly #buckets = new Map<string, { tokens: number; at: number }>();
  readonly #trusted = new Map<string, number>();
  /** Since the start. */
  readonly counts = { limited: 0, scanners: 0, failures: 0, banned: 0 };

  constructor(options: GuardOptions) {
    this.#clock = options.clock;
    this.bans = options.bans;
    this.#banned = options.banned ?? (() => {});
    this.#settings = options.settings;
    this.#never = new Networks(options.settings.never);
  }

  set settings(settings: GuardSettings) {
    this.#settings = settings;
    this.#never = new Networks(settings.never);
  }

  /** Whether this source is heard at all. Asked for each datagram and each new connection. */
  hears(source: string): boolean {
    return !this.bans.has(source) || this.#never.has(source);
  }

  /** Whether a request comes from a scanner, and is to be met with silence. */
  isScanner(request: Request, flow: Flow): boolean {
    if (!this.#settings.scanners) return false;
    const product = request.header("user-agent");
    if (product === undefined || !scanner.test(product.slice(0, 200)) || this.#never.has(flow.remote.host))
      return false;
    this.counts.scanners++;
    // Behind a proxy there are honest people, too.
    if (flow.reliable && isDirect(request)) this.#ban(flow.remote.host, "a scanner");
    return true;
  }

  /** Whether a source may send one more request outside of dialogs now. */
  admits(address: string): boolean {
    const rate = this.#settings.requestsPerSource;
    if (rate === 0 || this.#never.has(address)) return true;
    const source = sourceKey(address);
    const now = this.#clock.now();
    const allowed = (this.#trusted.get(source) ?? 0) > now ? rate * trust : rate;
    const bucket = this.#buckets.get(source);
    if (bucket === undefined) {
      forgetFirst(this.#buckets);
      this.#buckets.set(source, { tokens: 2 * allowed - 1, at: now });
      return true;
    }
    bucket.tokens = Math.min(2 * allowed, bucket.tokens + ((now - bucket.at) * allowed) / 1000);
    bucket.at = now;
    if (bucket.tokens < 1) {
      this.counts.limited++;
      return false;
    }
    bucket.tokens -= 1;
    return true;
  }

  /** A source has shown a right password. */
  trust(address: string): void {
    const source = sourceKey(address);
    const now = this.#clock.now();
    // Most come from where the last came from: written once in a while, not for each request.
    if ((this.#trusted.get(source) ?? 0) > now + trusted / 2) return;
    forgetFirst(this.#trusted);
    this.#trusted.set(source, now + trusted);
  }

  /**
   * A source has done what honest phones rarely do. `proved`: it is no forged address, since it answered what we sent
   * there, or came by connection.
   */
  failed(source: string, why: string, proved: boolean): void {
    this.counts.failures++;
    const { failures, within } = this.#settings;
    if (failures === 0 || !proved || this.#never.has(source)) return;
    const now = this.#clock.now();
    const key = sourceKey(source);
    const count = this.#failures.get(key);
    if (count === undefined || now - count.since > within) {
      this.#failures.delete(key);
      forgetFirst(this.#failures);
      this.#failures.set(key, { count: 1, since: now });
      if (failures > 1) return;
    } else if (++count.count < failures) return;
    this.#failures.delete(key);
    this.#ban(source, why);
  }

  #ban(source: string, why: string): void {
    if (this.bans.has(source)) return;
    this.bans.add(source, this.#settings.for, why);
    this.counts.banned++;
    this.#banned(source, why);
  }
}

/** Makes room for one more. */
function forgetFirst(map: Map<string, unknown>): void {
  if (map.size < mostCounted) return;
  const { value } = map.keys().next();
  if (value !== undefined) map.delete(value);
}
