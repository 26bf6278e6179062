/**
 * The session timer of one dialog (RFC 4028): both sides agree on an interval; one of them refreshes the session at half
 * of it, and who hears nothing hangs up before it ends. Knows header values and time, no messages.
 */
import type { Clock, Timer } from "./clock.ts";
import type { HeaderList } from "./message.ts";

/** RFC 4028 §4: no interval is shorter, in seconds. */
const shortestInterval = 90;
/** Intervals are capped at this, in seconds: 20 days, what fits into a timer. */
const longestInterval = 1_728_000;
/** A peer's Min-SE above this, in seconds, is not followed. */
const longestMinimum = 86_400;

export type Refresher = "uac" | "uas";

export interface SessionExpires {
  /** Seconds. */
  interval: number;
  refresher: Refresher | undefined;
}

/** `1800;refresher=uas`; undefined when it is not of the grammar. Unknown parameters are skipped. */
export function parseSessionExpires(value: string): SessionExpires | undefined {
  const [seconds = "", ...params] = value.split(";");
  const interval = parseSeconds(seconds);
  if (interval === undefined) return undefined;
  const refresher = params
    .map((param) => /^\s*refresher\s*=\s*(uac|uas)\s*$/i.exec(param)?.[1]?.toLowerCase())
    .find((found) => found !== undefined);
  return { interval, refresher: refresher === "uac" || refresher === "uas" ? refresher : undefined };
}

/** Seconds of a Min-SE or Session-Expires header; undefined when it is not a number. */
function parseSeconds(value: string): number | undefined {
  const text = value.split(";", 1)[0]?.trim() ?? "";
  return /^\d{1,10}$/.test(text) ? Number(text) : undefined;
}

export interface SessionTimerOptions {
  clock: Clock;
  /** Seconds to ask for; 0: never ask, only go along. */
  interval: number;
  /** Seconds below which we refuse with 422; 90, the least that RFC 4028 §4 allows, by default. */
  minimum?: number;
  /** Refresh the session alone when the peer knows nothing of timers. False by default. */
  insist?: boolean;
  /** It is time to refresh: send UPDATE without SDP if the peer allows it, else a re-INVITE (RFC 4028 §7.4). */
  refresh: () => void;
  /** Nobody has refreshed the session: send BYE. */
  expire: () => void;
}

/** The header values of a session refresh request that count here. */
export interface RefreshRequest {
  sessionExpires: string | undefined;
  minSE: string | undefined;
  /** `Supported` or `Require` lists `timer`. */
  timerSupported: boolean;
}

export type RefreshVerdict = { ok: true } | { ok: false; status: 400 | 422; headers: HeaderList };

type State =
  | { name: "off" }
  /** `us`: we refresh. `deadline`: when the session is given up, ms. */
  | { name: "on"; interval: number; us: boolean; deadline: number };

/** What the answer to the last request will set, once it is sent. */
type Plan = { interval: number; us: boolean; headers: HeaderList } | undefined;

export class SessionTimer {
  readonly #options: SessionTimerOptions;
  readonly #minimum: number;
  #state: State = { name: "off" };
  #plan: Plan;
  /** The largest Min-SE that came, in 422s and requests (RFC 4028 §7.4). */
  #minSE = 0;
  #asked: number | undefined;
  #refresh: Timer | undefined;
  #expiry: Timer | undefined;

  constructor(options: SessionTimerOptions) {
    this.#options = options;
    this.#minimum = Math.max(1, options.minimum ?? shortestInterval);
  }

  /** The agreed interval and who refreshes; undefined while there is none. */
  get agreed(): { interval: number; refresher: "us" | "them" } | undefined {
    const state = this.#state;
    return state.name === "off" ? undefined : { interval: state.interval, refresher: state.us ? "us" : "them" };
  }

  // --- requests of ours: INVITE, re-INVITE, UPDATE ---

  /** Session-Expires and Min-SE for a request of ours (RFC 4028 §7.1, §7.4). `Supported: timer` is the user's. */
  requestHeaders(): HeaderList {
    const state = this.#state;
    const headers: [string, string][] = [];
    const current = state.name === "on" ? state.interval : this.#options.interval;
    this.#asked = undefined;
    if (current > 0) {
      this.#asked = Math.max(current, this.#minSE, this.#minimum);
      const refresher = state.name === "off" ? "" : `;refresher=${state.us ? "uac" : "uas"}`;
      headers.push(["Session-Expires", `${this.#asked}${refresher}`]);
    }
    const least = Math.max(this.#minSE, this.#minimum);
    if (this.#minSE > 0 || (current > 0 && least > shortestInterval)) headers.push(["Min-SE", String(least)]);
    return headers;
  }

  /**
   * Takes the Min-SE of a 422 to a request of ours (RFC 4028 §7.3). True: send the request again, with new
   * `requestHeaders`. False: it asks for no more than we did, or for more than a day; do not.
   */
  tooSmall(minSE: string | undefined): boolean {
    const least = minSE === undefined ? undefined : parseSeconds(minSE);
    if (least === undefined || least > longestMinimum || least <= (this.#asked ?? 0)) return false;
    this.#minSE = least;
    return true;
  }

  /** Takes the Session-Expires of a 2xx to a request of ours and starts anew (RFC 4028 §7.2). */
  confirmed(sessionExpires: string | undefined): void {
    const answer = sessionExpires === undefined ? undefined : parseSessionExpires(sessionExpires);
    if (answer !== undefined) this.#start(answer.interval, answer.refresher !== "uas");
    else if (this.#options.insist === true && this.#asked !== undefined) this.#start(this.#asked, true);
    else this.stop();
  }

  /**
   * A refresh of ours failed with neither 2xx nor 422 (408 and 481 end the dialog in any case): it is tried again at
   * half of the time that is left, while that is more than 10 s; then the session expires.
   */
  refreshFailed(): void {
    const state = this.#state;
    if (state.name === "off") return;
    const left = state.deadline - this.#options.clock.now();
    this.#refresh?.cancel();
    if (left > 10_000) this.#refresh = this.#options.clock.after(left / 2, this.#options.refresh);
  }

  // --- requests of the peer ---

  /** Judges a session refresh request of the peer (RFC 4028 §9). 422 carries our Min-SE. */
  judge(request: RefreshRequest): RefreshVerdict {
    const asked = request.sessionExpires === undefined ? undefined : parseSessionExpires(request.sessionExpires);
    const least = request.minSE === undefined ? 0 : parseSeconds(request.minSE);
    if ((request.sessionExpires !== undefined && asked === undefined) || least === undefined)
      return { ok: false, status: 400, headers: [] };
    if (asked !== undefined && asked.interval < this.#minimum && request.timerSupported)
      return { ok: false, status: 422, headers: [["Min-SE", String(this.#minimum)]] };
    this.#minSE = Math.max(this.#minSE, Math.min(least, longestMinimum));
    this.#plan = this.#planFor(request.timerSupported, asked, least);
    return { ok: true };
  }

  /** Table 2 of RFC 4028 §9. Where the choice is ours, the peer refreshes. */
  #planFor(supported: boolean, asked: SessionExpires | undefined, least: number): Plan {
    const own = this.#options.interval === 0 ? undefined : Math.max(this.#options.interval, this.#minimum, least);
    if (!supported) {
      // A proxy may have asked for it; an interval that could not be refused is not worth having.
      if (asked !== undefined && asked.interval >= this.#minimum)
        return {
          interval: asked.interval,
          us: true,
          headers: [["Session-Expires", `${asked.interval};refresher=uas`]],
        };
      return this.#options.insist === true && own !== undefined ? { interval: own, us: true, headers: [] } : undefined;
    }
    const interval = asked === undefined ? own : Math.max(Math.min(asked.interval, longestInterval), least);
    if (interval === undefined) return undefined;
    const refresher = asked?.refresher ?? "uac";
    return {
      interval,
      us: refresher === "uas",
      headers: [
        ["Require", "timer"],
        ["Session-Expires", `${interval};refresher=${refresher}`],
      ],
    };
  }

  /** Require and Session-Expires for the 2xx to the request judged last. */
  responseHeaders(): HeaderList {
    return this.#plan?.headers ?? [];
  }

  /** The 2xx to the request judged last was sent: the interval runs from now (RFC 4028 §9). */
  responded(): void {
    const plan = this.#plan;
    if (plan === undefined) this.stop();
    else this.#start(plan.interval, plan.us);
  }

  /** Ends all timers: the dialog is over, or there is no session expiration any more. */
  stop(): void {
    this.#state = { name: "off" };
    this.#refresh?.cancel();
    this.#expiry?.cancel();
  }

  #start(seconds: number, us: boolean): void {
    const { clock, refresh, expire } = this.#options;
    this.stop();
    // A shorter one than the RFC allows would have us refresh without pause.
    const interval = Math.min(Math.max(seconds, this.#minimum), longestInterval);
    const lasts = 1000 * (interval - Math.min(32, interval / 3));
    this.#state = { name: "on", interval, us, deadline: clock.now() + lasts };
    if (us) this.#refresh = clock.after((1000 * interval) / 2, refresh);
    this.#expiry = clock.after(lasts, () => {
      this.stop();
      expire();
    });
  }
}
