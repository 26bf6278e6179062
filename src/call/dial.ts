/**
 * DIAL: calls one or several for a call, joins it with who answers first, and tells how it went. The calls that it makes
 * have no handler of their own: they live while they ring, and while they are joined to somebody.
 */
import type { SessionEnd } from "../agent/index.ts";
import type { Timer } from "../sip/clock.ts";
import type { Attachment } from "./attachment.ts";
import type { Call } from "./call.ts";
import type { Handler } from "./control.ts";
import { Bridge, whenAlone } from "./meeting.ts";
import type { Dialed } from "./vocabulary.ts";

export interface DialRules {
  readonly targets: readonly string[];
  /** ms that each may ring, and that the two may talk; undefined: as long as they like. */
  readonly timeout: number;
  readonly limit: number | undefined;
  readonly order: "parallel" | "sequential";
  readonly from: string | undefined;
  readonly trunk: string | undefined;
  readonly ringback: boolean;
}

/** A call that DIAL has made. */
interface Leg {
  readonly call: Call;
  readonly target: string;
  /** Ends its ringing. */
  readonly timer: Timer;
}

type Failure = Exclude<Dialed["status"], "answered" | "cancelled">;

/** Of several who did not answer, one tells the result: the first of these. */
const ranks: readonly Failure[] = ["busy", "refused", "unanswered", "unreachable"];

const hangUp: SessionEnd = { by: "local", cause: "hangup", code: 480 };
const elsewhere: SessionEnd = { by: "local", cause: "elsewhere", code: 480 };
const unanswered: SessionEnd = { by: "local", cause: "unanswered", code: 408 };

const dials = new WeakMap<Call, Dial>();

/** The DIAL that a call has under way. */
export function dialOf(call: Call): Dial | undefined {
  return dials.get(call);
}

export class Dial {
  readonly #call: Call;
  readonly #rules: DialRules;
  readonly #done: (result: Dialed) => void;
  readonly #waiting: string[];
  /** Those that ring, or talk. */
  readonly #legs = new Set<Leg>();
  /** What became of those who did not answer: of the best of them, as `ranks` has it. */
  #best: Omit<Dialed, "duration"> & { status: Failure };
  /** Why the last could not even be called. */
  #refusal = "there is nobody to be called";
  #answered: Leg | undefined;
  #bridge: Bridge | undefined;
  #since = 0;
  #limit: Timer | undefined;
  #ringing = false;
  #over = false;
  readonly #attachment: Attachment = { over: () => this.cancel("caller") };

  constructor(call: Call, rules: DialRules, done: (result: Dialed) => void) {
    this.#call = call;
    this.#rules = rules;
    this.#done = done;
    this.#waiting = [...rules.targets];
    this.#best = { status: "unreachable", code: 503, target: rules.targets[0] ?? "" };
  }

  /** Starts calling. Gives the reason when nobody can be called at all; then it is over. */
  start(): string | undefined {
    this.#call.attachments.add(this.#attachment);
    dials.set(this.#call, this);
    this.#next();
    if (this.#legs.size > 0) return undefined;
    this.#close();
    return this.#refusal;
  }

  /** Gives up, or takes the two apart. */
  cancel(by: "caller" | "handler"): void {
    if (this.#answered !== undefined) this.#bridge?.leave(this.#call, by === "caller" ? "hangup" : "unbridge");
    else this.#finish({ status: "cancelled", code: 487, target: this.#rules.targets.at(-1) ?? "" });
  }

  /** Calls who is next: all at once, or one. */
  #next(): void {
    for (;;) {
      const target = this.#waiting.shift();
      if (target === undefined || (this.#place(target) && this.#rules.order === "sequential")) return;
    }
  }

  /** Rings all phones of a target. */
  #place(target: string): boolean {
    const devices = this.#call.dialer?.devices?.(target, this.#rules.trunk) ?? 1;
    return Array.from({ length: devices }, (_, device) => this.#ring(target, device)).includes(true);
  }

  #ring(target: string, device: number): boolean {
    const { clock, dialer } = this.#call;
    let leg: Leg | undefined;
    const handler: Handler = {
      start: (control) =>
        control.listen((event) => {
          if (leg === undefined) return;
          if (event.name === "RINGING") this.#rings();
          else if (event.name === "CONNECTED") this.#connected(leg);
          // There is nobody who could say whether it may go elsewhere.
          else if (event.name === "REFERRED") leg.call.perform({ name: "STAY" }, () => {});
          else if (event.name === "ENDED") this.#ended(leg, event);
        }),
    };
    const { from, trunk } = this.#rules;
    const placed = dialer?.dial(this.#call, target, {
      ...(from === undefined ? {} : { from }),
      trunk,
      device,
      headers: this.#call.session.headers,
      handler,
    });
    if (placed === undefined || "failure" in placed) {
      this.#refusal = placed?.failure ?? "this call may call nobody";
      return false;
    }
    const timer = clock.after(this.#rules.timeout, () => {
      if (leg !== undefined) this.#expired(leg);
    });
    leg = { call: placed, target, timer };
    this.#legs.add(leg);
    const made = leg;
    placed.whenAudible(() => {
      // The answer makes it audible as well.
      if (placed.session.phase.name === "outgoing") this.#early(made);
    });
    whenAlone(placed, () => placed.session.end(hangUp));
    this.#call.emit({ name: "DIALING", call: placed.facts.id, target });
    return true;
  }

  // --- what the calls tell ---

  #rings(): void {
    if (this.#ringing || this.#over || this.#answered !== undefined) return;
    this.#ringing = true;
    const { session, audible } = this.#call;
    if (session.phase.name === "incoming" && !audible) session.ring(() => {});
    else if (this.#rules.ringback && this.#bridge === undefined) this.#call.audio?.tone("ringback");
  }

  /** The other side is heard before it answers: where there is only one. */
  #early(leg: Leg): void {
    const { order, targets } = this.#rules;
    if (this.#over || this.#answered !== undefined || !this.#legs.has(leg)) return;
    if (this.#legs.size > 1 || (order === "parallel" && targets.length > 1)) return;
    const { session, audible } = this.#call;
    if (session.phase.name === "incoming" && !audible) session.early(() => {});
    this.#call.audio?.tone(undefined);
    this.#join(leg);
  }

  #connected(leg: Leg): void {
    leg.timer.cancel();
    if (this.#over || this.#answered !== undefined) return leg.call.session.end(hangUp);
    this.#answered = leg;
    this.#since = this.#call.clock.now();
    for (const other of this.#legs) if (other !== leg) this.#drop(other);
    this.#call.audio?.tone(undefined);
    if (this.#call.session.phase.name === "incoming") this.#call.session.accept(() => {});
    const bridge = this.#join(leg);
    this.#call.whenConnected(() => bridge.tell());
    const { limit } = this.#rules;
    if (limit !== undefined) this.#limit = this.#call.clock.after(limit, () => bridge.leave(this.#call, "limit"));
  }

  #expired(leg: Leg): void {
    leg.call.session.end(unanswered);
    // Its answer to our CANCEL may take its time, and need not be waited for.
    this.#ended(leg, unanswered);
  }

  #ended(leg: Leg, end: { cause: string; code: number }): void {
    leg.timer.cancel();
    if (!this.#legs.delete(leg) || this.#over) return;
    this.#bridge?.leave(leg.call, "hangup");
    this.#bridge = undefined;
    if (leg === this.#answered) return;
    const status = failureOf(end);
    if (ranks.indexOf(status) <= ranks.indexOf(this.#best.status))
      this.#best = { status, code: end.code, target: leg.target };
    if (this.#legs.size > 0) return;
    this.#next();
    if (this.#legs.size === 0) this.#finish(this.#best);
  }

  // --- together ---

  #join(leg: Leg): Bridge {
    this.#bridge ??= new Bridge(this.#call, leg.call, () => this.#apart(leg));
    this.#bridge.join();
    return this.#bridge;
  }

  #apart(leg: Leg): void {
    if (leg === this.#answered) this.#finish({ status: "answered", code: 200, target: leg.target });
  }

  #drop(leg: Leg): void {
    leg.timer.cancel();
    this.#legs.delete(leg);
    leg.call.session.end(this.#answered === undefined ? hangUp : elsewhere);
  }

  #finish(result: Omit<Dialed, "duration">): void {
    if (this.#over) return;
    this.#close();
    const duration = this.#answered === undefined ? 0 : Math.round(this.#call.clock.now() - this.#since);
    const told = { ...result, duration };
    this.#call.emit({ name: "DIALED", ...told });
    this.#done(told);
  }

  #close(): void {
    this.#over = true;
    dials.delete(this.#call);
    this.#call.attachments.delete(this.#attachment);
    this.#limit?.cancel();
    this.#call.audio?.tone(undefined);
    this.#bridge?.leave(this.#call, "unbridge");
    for (const leg of [...this.#legs]) if (leg !== this.#answered) this.#drop(leg);
  }
}

function failureOf({ cause, code }: { cause: string; code: number }): Failure {
  if (code === 486 || code === 600) return "busy";
  if (cause === "unanswered") return "unanswered";
  if (cause === "rejected" || cause === "redirected") return code >= 500 && code < 600 ? "unreachable" : "refused";
  return "unreachable";
}
