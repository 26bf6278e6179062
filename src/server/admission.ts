/**
 * Which new calls are refused because we cannot keep up: the main thread is late, or the scripts are. A refusal costs a small
 * part of what a call does: the transaction layer asks before it makes anything of a request.
 */
import type { Log } from "../log.ts";
import type { Clock } from "../sip/clock.ts";
import type { Request } from "../sip/message.ts";
import type { Random } from "../sip/random.ts";
import { LagMeter } from "./lag-meter.ts";
import { Overload, type OverloadLimits } from "./overload.ts";

export interface AdmissionOptions {
  clock: Clock;
  random: Random;
  log: Log;
  /** Milliseconds that the request at hand has waited in a queue of ours. */
  waited: () => number;
  limits?: Partial<OverloadLimits> | undefined;
  /** Told when refusals begin, with how late we are, ms; and when they are over, with how many there were. */
  told?: { began(late: number): void; passed(refused: number): void } | undefined;
}

/** Methods that open dialogs (RFC 3261 §12.1, RFC 6665 §4, RFC 3515 §2). */
const opening: ReadonlySet<string> = new Set(["INVITE", "SUBSCRIBE", "REFER"]);

export class Admission {
  readonly #options: AdmissionOptions;
  readonly #lag: LagMeter;
  /** The main thread's, and that of whoever handles the calls. */
  readonly #own: Overload;
  readonly #handlers: Overload;
  readonly #refused: RecentRefusals;

  constructor(options: AdmissionOptions) {
    const { clock, log, limits, told } = options;
    this.#options = options;
    this.#lag = new LagMeter(clock);
    this.#refused = new RecentRefusals(clock);
    const overload = (what: string) =>
      new Overload({
        clock,
        limits,
        began(delay) {
          log.warn(`${what} cannot keep up: new calls are refused with 503`, { lateMs: rounded(delay) });
          told?.began(rounded(delay));
        },
        passed({ refused, admitted, ms, delay }) {
          log.info(`${what} keeps up again`, {
            refused,
            accepted: admitted,
            seconds: Math.round(ms / 100) / 10,
            lateMs: rounded(delay),
          });
          told?.passed(refused);
        },
      });
    this.#own = overload("signalling");
    this.#handlers = overload("the script worker");
  }

  /** Whether this new request, outside of any dialog that stands, is one call too many for the main thread. */
  refuses(request: Request): boolean {
    if (!opening.has(request.method) || request.to.tag !== undefined) return false;
    if (this.#refused.has(request)) return true;
    return this.#own.refuses(Math.max(this.#options.waited(), this.#lag.lag)) && this.#note(request);
  }

  /** The same for its handler, where it would wait for `delay` ms; undefined: that is not known. */
  refusesAt(delay: number | undefined, request: Request): boolean {
    return delay !== undefined && this.#handlers.refuses(delay) && this.#note(request);
  }

  /** Seconds for a Retry-After: 10 to 19, so that those who were refused together do not come back together. */
  retryAfter(): string {
    return String(10 + (Number.parseInt(this.#options.random.token(2), 16) % 10));
  }

  stop(): void {
    this.#own.stop();
    this.#handlers.stop();
  }

  #note(request: Request): true {
    this.#refused.add(request);
    return true;
  }
}

/** Longer than a request and its first repetitions can wait in our queues and the kernel's. */
const remembered = 4_000;
const mostRemembered = 8_192;

/**
 * Refusals are stateless, but a request whose repetition waits behind it in a queue must not be refused and then let in:
 * its caller has gone, and we would repeat a 200 to nobody. What is kept is a number for each, in two generations.
 */
class RecentRefusals {
  readonly #clock: Clock;
  #young = new Set<number>();
  #old = new Set<number>();
  #turned: number;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#turned = clock.now();
  }

  has(request: Request): boolean {
    this.#turn();
    if (this.#young.size === 0 && this.#old.size === 0) return false;
    const key = hashOf(request);
    return this.#young.has(key) || this.#old.has(key);
  }

  add(request: Request): void {
    this.#turn();
    this.#young.add(hashOf(request));
  }

  #turn(): void {
    const now = this.#clock.now();
    const age = now - this.#turned;
    if (age < remembered && this.#young.size < mostRemembered) return;
    if (this.#young.size > 0 || this.#old.size > 0) {
      this.#old = age < 2 * remembered ? this.#young : new Set();
      this.#young = new Set();
    }
    this.#turned = now;
  }
}

/** FNV-1a with 32 bits over what names a transaction: one in a million newcomers is taken for one that was refused, at most. */
function hashOf(request: Request): number {
  const text = `${request.callId}\n${request.cseq.number}\n${request.via.branch ?? request.from.tag ?? ""}`;
  let hash = 0x811c9dc5;
  for (let at = 0; at < text.length; at++) hash = Math.imul(hash ^ text.charCodeAt(at), 0x01000193);
  return hash;
}

function rounded(ms: number): number {
  return Math.round(ms);
}
