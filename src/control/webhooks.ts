/**
 * Events posted to receivers elsewhere: signed, in order, several at a time, and again until they are taken. What waits is the
 * feed's own ring, so that a receiver that is slow or gone costs nothing but a number.
 */
import { createHmac } from "node:crypto";
import type { Log } from "../log.ts";
import { version } from "../version.ts";
import type { Feed, FeedEntry } from "./feed.ts";
import { feedTypeMatches } from "./feed-events.ts";
import type { WebhookSettings } from "./settings.ts";

export interface WebhookOptions {
  readonly feed: Feed;
  readonly log: Log;
  /** ms since 1970. */
  readonly now?: () => number;
  readonly send?: (url: string, request: RequestInit) => Promise<Response>;
  /** ms: before the second attempt, before any other at most, and how long an attempt may take. */
  readonly pauses?: { readonly first: number; readonly longest: number; readonly attempt: number };
}

/** Events of one request, and the events that are looked at to find them. */
const mostEvents = 100;
const mostLooked = 2000;
const usualPauses = { first: 1000, longest: 60_000, attempt: 10_000 };

/** What `Siproc-Signature` is: `t=SECONDS,v1=HEX`, where HEX is the HMAC-SHA256 of `SECONDS.BODY` by the secret. */
export function signatureOf(secret: string, seconds: number, body: string): string {
  return `t=${seconds},v1=${createHmac("sha256", secret).update(`${seconds}.${body}`).digest("hex")}`;
}

export class Webhooks {
  readonly #options: WebhookOptions;
  #hooks: Webhook[] = [];

  constructor(options: WebhookOptions) {
    this.#options = options;
  }

  /** Takes over a configuration: receivers that have not changed go on where they are. */
  use(settings: readonly WebhookSettings[]): void {
    const old = this.#hooks;
    const same = (each: WebhookSettings) => old.find((hook) => JSON.stringify(hook.settings) === JSON.stringify(each));
    this.#hooks = settings.map((each) => same(each) ?? new Webhook(each, this.#options));
    for (const hook of old) if (!this.#hooks.includes(hook)) hook.stop();
  }

  /** Ends them; what has happened until now may still be posted for so many ms. */
  async close(patience: number): Promise<void> {
    const late = Promise.withResolvers<void>();
    const timer = setTimeout(late.resolve, patience);
    await Promise.race([Promise.all(this.#hooks.map((hook) => hook.idle())), late.promise]);
    clearTimeout(timer);
    for (const hook of this.#hooks.splice(0)) hook.stop();
  }
}

class Webhook {
  readonly settings: WebhookSettings;
  readonly #options: WebhookOptions;
  readonly #pauses: NonNullable<WebhookOptions["pauses"]>;
  readonly #forget: () => void;
  readonly #abort = new AbortController();
  /** The last event that needs no more thought. */
  #after: number;
  #running: Promise<void> | undefined;
  #failures = 0;
  #wake = () => {};

  constructor(settings: WebhookSettings, options: WebhookOptions) {
    this.settings = settings;
    this.#options = options;
    this.#pauses = options.pauses ?? usualPauses;
    this.#after = options.feed.last;
    this.#forget = options.feed.subscribe({ heard: (entry) => this.#heard(entry) });
  }

  stop(): void {
    this.#forget();
    this.#abort.abort();
    this.#wake();
  }

  /** Resolves when all that has happened is posted. */
  async idle(): Promise<void> {
    while (this.#running !== undefined && !this.#abort.signal.aborted) await this.#running;
  }

  #heard(entry: FeedEntry): void {
    if (this.#running !== undefined) return;
    if (!this.#wants(entry)) {
      this.#after = entry.id;
      return;
    }
    // In a later turn: whatever happens here is nothing to whom this event is of.
    this.#running = Promise.resolve().then(() => this.#run());
  }

  async #run(): Promise<void> {
    const { feed } = this.#options;
    while (!this.#abort.signal.aborted && this.#after < feed.last) {
      const { events, after } = this.#next();
      if (events.length > 0 && !(await this.#deliver(events))) break;
      this.#after = after;
    }
    // In the turn in which nothing was left: what happens next begins anew.
    this.#running = undefined;
  }

  /** What is to be posted next, and the last event that was looked at for it. */
  #next(): { events: FeedEntry[]; after: number } {
    const events: FeedEntry[] = [];
    let after = this.#after;
    for (const entry of this.#options.feed.read(this.#after, mostLooked)) {
      if (events.length === mostEvents) break;
      if (entry.type === "feed.gap" || this.#wants(entry)) events.push(entry);
      after = entry.id;
    }
    return { events, after };
  }

  #wants({ type }: FeedEntry): boolean {
    return this.settings.events.some((pattern) => feedTypeMatches(pattern, type));
  }

  /** Posts until it is taken, or will never be; false: we are stopped. */
  async #deliver(events: readonly FeedEntry[]): Promise<boolean> {
    const body = `[${events.map(({ json }) => json).join(",")}]`;
    for (let attempt = 1; ; attempt++) {
      const outcome = await this.#post(body, attempt);
      if (this.#abort.signal.aborted) return false;
      if ("taken" in outcome) {
        this.#told(outcome.taken ? undefined : `it refuses them: ${outcome.reason}`, events.length);
        return true;
      }
      if (this.#failures++ === 0)
        this.#options.log.warn("a webhook cannot be reached; what happens is posted later", {
          webhook: this.#shown,
          reason: outcome.reason,
        });
      const { first, longest } = this.#pauses;
      const pause = Math.min(longest, Math.max(outcome.wait ?? 0, first * 2 ** Math.min(20, attempt - 1)));
      await this.#sleep(pause * (0.8 + 0.2 * Math.random()));
      if (this.#abort.signal.aborted) return false;
    }
  }

  #told(refusal: string | undefined, count: number): void {
    const { log } = this.#options;
    if (refusal !== undefined)
      log.warn("a webhook does not take events", { webhook: this.#shown, reason: refusal, events: count });
    else if (this.#failures > 0)
      log.info("a webhook takes events again", { webhook: this.#shown, failures: this.#failures });
    this.#failures = 0;
  }

  async #post(
    body: string,
    attempt: number,
  ): Promise<{ taken: boolean; reason: string } | { reason: string; wait?: number | undefined }> {
    const { now = Date.now, send = fetch } = this.#options;
    const seconds = Math.floor(now() / 1000);
    try {
      const response = await send(this.settings.url, {
        method: "POST",
        body,
        headers: {
          "Content-Type": "application/json",
          "User-Agent": `siproc/${version}`,
          "Siproc-Attempt": String(attempt),
          "Siproc-Signature": signatureOf(this.settings.secret, seconds, body),
        },
        // Where the configuration sends events is where they go, and nowhere else.
        redirect: "manual",
        signal: AbortSignal.any([this.#abort.signal, AbortSignal.timeout(this.#pauses.attempt)]),
      });
      const { status } = response;
      void response.body?.cancel().catch(() => {});
      const reason = `it answered ${status}`;
      if (status >= 200 && status < 300) return { taken: true, reason };
      const passing = status >= 500 || status === 408 || status === 425 || status === 429;
      return passing ? { reason, wait: waitOf(response.headers.get("retry-after")) } : { taken: false, reason };
    } catch (error) {
      return { reason: error instanceof Error ? error.message : String(error) };
    }
  }

  async #sleep(ms: number): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const timer = setTimeout(resolve, ms);
    this.#wake = resolve;
    await promise;
    clearTimeout(timer);
  }

  /** The URL without its query, where some put a key. */
  get #shown(): string {
    const { origin, pathname } = new URL(this.settings.url);
    return origin + pathname;
  }
}

/** `Retry-After` in ms; a date is not read. */
function waitOf(value: string | null): number | undefined {
  return value !== null && /^\d{1,6}$/.test(value) ? Number(value) * 1000 : undefined;
}
