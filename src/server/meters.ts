/** What is counted and timed of all that passes through a server, for metrics and `siproc top`. */
import type { SessionEnd } from "../agent/index.ts";
import type { Call, CallEvent } from "../call/index.ts";
import { Busiest, Histogram, Histograms, Tally } from "../control/metrics/instruments.ts";
import type { CallRecord } from "../control/records.ts";
import type { RtpStats } from "../media/index.ts";
import type { Clock } from "../sip/clock.ts";
import type { Flow } from "../sip/flow.ts";
import type { Request, Response } from "../sip/message.ts";
import type { TransactionObserver } from "../sip/transaction/index.ts";
import type { CallObserver, Refusal } from "./calls.ts";
import { LoopLag } from "./loop-lag.ts";

/** Seconds: from what a machine answers to what a caller bears. */
const transactionTimes = [0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 32];
const setupTimes = [0.05, 0.1, 0.25, 0.5, 1, 2, 4, 8, 15, 30, 60, 180];
const handlerTimes = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5];
const callTimes = [1, 5, 15, 30, 60, 120, 300, 600, 1800, 3600, 7200];
const opinions = [1.5, 2, 2.5, 3, 3.3, 3.6, 3.8, 4, 4.1, 4.2, 4.3, 4.4];
const jitters = [0.001, 0.0025, 0.005, 0.01, 0.02, 0.03, 0.05, 0.1, 0.2];

/** Whatever else strangers send is one method more. */
const methods: ReadonlySet<string> = new Set([
  ...["INVITE", "ACK", "BYE", "CANCEL", "REGISTER", "OPTIONS", "PRACK", "UPDATE", "INFO"],
  ...["MESSAGE", "REFER", "SUBSCRIBE", "NOTIFY", "PUBLISH"],
]);

/** As metrics have them. */
const refusals: Readonly<Record<Refusal, string>> = {
  "the server is stopping": "stopping",
  "the events are not read": "events",
  "too many calls are up": "calls",
  "too many calls of one source are up": "source",
  "no media ports are free": "ports",
  "its handler is late": "handler",
};

export class Meters implements TransactionObserver, CallObserver {
  /** Requests that came, by method; responses that came, by code. */
  readonly requests = new Tally();
  readonly responses = new Tally();
  /** By method and code: final responses of ours, and what became of requests of ours. */
  readonly answers = new Tally();
  readonly results = new Tally();
  /** Seconds by method. */
  readonly serving = new Histograms(transactionTimes);
  readonly asking = new Histograms(transactionTimes);
  /** By direction; ended ones with cause and code. */
  readonly begun = new Tally();
  readonly answered = new Tally();
  readonly endings = new Tally();
  /** By what became of them: `registered`, `refreshed`, `expired` and so on. */
  readonly registrations = new Tally();
  /** INVITEs that got 503, by why in a word. */
  readonly turned = new Tally();
  /** Calls that proxies forwarded: by how they ended, and the status of the INVITE. */
  readonly forwarded = new Tally();
  /** Seconds by direction. */
  readonly setup = new Histograms(setupTimes);
  readonly lasted = new Histograms(callTimes);
  /** Seconds until a handler's first command. */
  readonly handling = new Histogram(handlerTimes);
  /** Seconds: what we saw of the peer's stream, and what it reported of ours. */
  readonly jitter = new Histograms(jitters);
  /** Mean opinion scores of calls that are over, `received` and `sent`. */
  readonly opinion = new Histograms(opinions);
  /** `received`, `sent`, `lost`, `lost by the peer`, `dropped`. */
  readonly packets = new Tally();
  /** Messages that came in. */
  messages = 0;
  readonly lag: LoopLag;
  readonly #clock: Clock;
  readonly #calls = new WeakMap<MeteredCall, Metered>();
  readonly #sources: Sources;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.lag = new LoopLag(clock);
    this.#sources = new Sources(clock);
  }

  /** A message came in. */
  message(message: Request | Response, { remote }: Flow): void {
    this.messages++;
    if (message.type === "request") this.requests.add(known(message.method));
    else this.responses.add(codeText(message.status));
    this.#sources.add(remote.host);
  }

  /** Messages a second from those who sent most in the last seconds; counted from the first question on. */
  busiest(): readonly { source: string; rate: number }[] {
    return this.#sources.look();
  }

  served(method: string, status: number, ms: number | undefined): void {
    const name = known(method);
    this.answers.add(name, codeText(status));
    if (ms !== undefined) this.serving.observe(name, ms / 1000);
  }

  completed(method: string, status: number, ms: number): void {
    const name = known(method);
    this.results.add(name, codeText(status));
    this.asking.observe(name, ms / 1000);
  }

  refused(method: string): void {
    if (method === "INVITE") this.turned.add("overload");
  }

  turnedAway(why: Refusal): void {
    this.turned.add(refusals[why]);
  }

  began(call: MeteredCall): void {
    const began = this.#clock.now();
    this.#calls.set(call, { began, most: new Map() });
    this.begun.add(call.facts.direction);
    call.onFirstCommand = () => this.handling.observe((this.#clock.now() - began) / 1000);
  }

  happened(call: MeteredCall, event: Pick<CallEvent, "name">): void {
    if (event.name !== "CONNECTED") return;
    const state = this.#calls.get(call);
    if (state === undefined || state.connected !== undefined) return;
    state.connected = this.#clock.now();
    const { direction } = call.facts;
    this.answered.add(direction);
    this.setup.observe(direction, (state.connected - state.began) / 1000);
  }

  ended(call: MeteredCall, { by, cause, code }: SessionEnd): void {
    const { direction } = call.facts;
    this.endings.add(direction, `${by} ${cause} ${code}`);
    const connected = this.#calls.get(call)?.connected;
    if (connected !== undefined) this.lasted.observe(direction, (this.#clock.now() - connected) / 1000);
  }

  counted(call: MeteredCall, stats: RtpStats, last: boolean): void {
    const state = this.#calls.get(call);
    if (state === undefined) return;
    const { most } = state;
    const add = (name: string, count: number | undefined) => {
      const more = (count ?? 0) - (most.get(name) ?? 0);
      // Packets that come late make the number of the lost ones smaller: a counter does not go back.
      if (more <= 0) return;
      this.packets.add(name, "", more);
      most.set(name, count ?? 0);
    };
    add("received", stats.receivedPackets);
    add("sent", stats.sentPackets);
    add("lost", stats.lost);
    add("lost by the peer", stats.remoteLost);
    add("dropped", stats.dropped);
    if (!last) return;
    if (stats.receivedPackets > 0) this.jitter.observe("received", stats.jitter / 1000);
    if (stats.remoteJitter !== undefined) this.jitter.observe("sent", stats.remoteJitter / 1000);
  }

  /** A call is over, and this is kept of it. */
  recorded({ kind, begin, answer, seconds, ending, status, quality }: CallRecord): void {
    if (quality?.received.mos !== undefined) this.opinion.observe("received", quality.received.mos);
    if (quality?.sent.mos !== undefined) this.opinion.observe("sent", quality.sent.mos);
    // All else of a call that a handler had was counted as it happened.
    if (kind === "handled") return;
    this.forwarded.add(ending, codeText(status));
    if (answer !== undefined) {
      this.setup.observe(kind, Math.max(0, answer - begin) / 1000);
      this.lasted.observe(kind, seconds);
    }
    // Both sides' packets came to us and went on.
    for (const side of quality === undefined ? [] : [quality.received, quality.sent]) {
      this.packets.add("received", "", side.packets);
      this.packets.add("sent", "", side.packets);
      this.packets.add("lost", "", Math.max(0, side.lost ?? 0));
      if (side.jitter !== undefined) this.jitter.observe("received", side.jitter / 1000);
    }
  }
}

/** What is looked at of a call. */
export type MeteredCall = Pick<Call, "onFirstCommand"> & { readonly facts: Pick<Call["facts"], "direction"> };

interface Metered {
  readonly began: number;
  connected?: number;
  /** The highest that each number was. */
  readonly most: Map<string, number>;
}

/** ms that senders are counted for before it is told how much they sent. */
const window = 5_000;
/** ms after the last question after which nobody looks any more. */
const patience = 60_000;
const shownSources = 20;

/** Who sends most, in windows of time; counted while somebody looks. */
class Sources {
  readonly #clock: Clock;
  #counting: Busiest | undefined;
  #since = 0;
  #looked = 0;
  #last: readonly { source: string; rate: number }[] = [];

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  add(source: string): void {
    this.#counting?.add(source);
  }

  look(): readonly { source: string; rate: number }[] {
    const now = this.#clock.now();
    const unwatched = this.#counting === undefined || now - this.#looked > patience;
    this.#looked = now;
    if (unwatched) {
      this.#begin(now);
      this.#clock.after(patience, this.#tire);
    } else if (now - this.#since >= window || this.#last.length === 0) {
      const seconds = Math.max(1, now - this.#since) / 1000;
      const top = this.#counting?.top(shownSources) ?? [];
      this.#last = top.map(([source, count]) => ({ source, rate: count / seconds }));
      if (now - this.#since >= window) this.#begin(now, this.#last);
    }
    return this.#last;
  }

  #begin(now: number, last: readonly { source: string; rate: number }[] = []): void {
    this.#counting = new Busiest();
    this.#since = now;
    this.#last = last;
  }

  readonly #tire = () => {
    const idle = this.#clock.now() - this.#looked;
    if (idle >= patience) this.#counting = undefined;
    else this.#clock.after(patience - idle, this.#tire);
  };
}

function known(method: string): string {
  return methods.has(method) ? method : "other";
}

/** Codes as texts, made once. */
const codes = Array.from({ length: 700 }, (_, code) => String(code));

function codeText(status: number): string {
  return status >= 100 ? (codes[status] ?? "other") : "other";
}
