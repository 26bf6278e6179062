/** Follows the calls that are forwarded, from the INVITE to the BYE, to tell of each once (accounting). */
import type { Clock, Timer } from "../../sip/clock.ts";
import { formatHost } from "../../sip/host.ts";
import type { Request, Response } from "../../sip/message.ts";
import { withoutPassword } from "../../sip/uri.ts";
import type { CallEnding, CallRecord } from "../call-record.ts";
import type { Incoming } from "../chain.ts";

/** Targets in one record. */
const maxTargets = 20;
/** Dialogs of one call, which it has when several branches answer. */
const maxDialogs = 8;
const maxText = 256;

export interface CallsOptions {
  readonly clock: Clock;
  readonly wallClock: () => number;
  readonly record: (record: CallRecord) => void;
  /** Answered calls that are followed. */
  readonly limit: number;
  /** Milliseconds. */
  readonly silence: number;
}

/** The calls of one proxy. What is kept of an answered call is some hundred octets; their number is bounded. */
export class Calls {
  readonly #options: CallsOptions;
  /** The answered ones by Call-ID and the caller's tag; who was heard of last comes last. */
  readonly #answered = new Map<string, CallInProgress>();
  #sweep: Timer | undefined;

  constructor(options: CallsOptions) {
    this.#options = options;
  }

  get size(): number {
    return this.#answered.size;
  }

  begin(incoming: Incoming): CallInProgress {
    return new CallInProgress(this.#options, incoming, (call) => this.#follow(call));
  }

  /**
   * A request within a dialog passes: its call is alive. For a BYE, the function to be called with its final status;
   * undefined for all others, and where no call is known.
   */
  passes(request: Request): ((status: number) => void) | undefined {
    if (this.#answered.size === 0) return undefined;
    const from = request.from.tag ?? "";
    const to = request.to.tag ?? "";
    const byCaller = this.#answered.get(keyOf(request.callId, from));
    const call = byCaller ?? this.#answered.get(keyOf(request.callId, to));
    if (call === undefined) return undefined;
    // To the end of the order: the first one is always the one that was silent for longest.
    this.#answered.delete(call.key);
    this.#answered.set(call.key, call);
    call.heard = this.#options.clock.now();
    if (request.method !== "BYE") return undefined;
    const ended = this.#options.clock.now();
    return (status) => {
      // A BYE that is challenged comes again; any other answer leaves nothing of the dialog.
      if (status === 401 || status === 407 || status === 491) return;
      const side = byCaller === undefined ? "callee" : "caller";
      if (!call.hangsUp(side === "caller" ? to : from)) return;
      if (this.#answered.delete(call.key)) call.close(side, ended);
    };
  }

  /** Closes all that is open, as lost: the proxy stops. */
  stop(): void {
    this.#sweep?.cancel();
    this.#sweep = undefined;
    for (const call of this.#answered.values()) call.close("lost", this.#options.clock.now());
    this.#answered.clear();
  }

  #follow(call: CallInProgress): void {
    const { limit, clock } = this.#options;
    const known = this.#answered.get(call.key);
    if (known !== undefined) this.#lose(known);
    for (const oldest of this.#answered.values()) {
      if (this.#answered.size < limit) break;
      this.#lose(oldest);
    }
    this.#answered.set(call.key, call);
    call.heard = clock.now();
    this.#arm();
  }

  #lose(call: CallInProgress): void {
    this.#answered.delete(call.key);
    call.close("lost", this.#options.clock.now());
  }

  /** One timer for all: for the one that has been silent for longest. */
  #arm(): void {
    if (this.#sweep !== undefined) return;
    const { clock, silence } = this.#options;
    for (const { heard } of this.#answered.values()) {
      this.#sweep = clock.after(Math.max(1000, heard + silence - clock.now()), () => {
        this.#sweep = undefined;
        const now = clock.now();
        for (const call of this.#answered.values()) {
          if (call.heard + silence > now) break;
          this.#lose(call);
        }
        this.#arm();
      });
      return;
    }
  }
}

/** A target in a record that is still being made. */
export interface Try {
  uri: string;
  status: number | undefined;
}

/** One call. Times are the clock's; the record has those of the wall. */
export class CallInProgress {
  /** When it was heard of last. */
  heard = 0;
  readonly #options: CallsOptions;
  readonly #follow: (call: CallInProgress) => void;
  readonly #begin: number;
  /** Call-ID, the caller's tag, caller, callee, user. */
  #texts: readonly string[];
  readonly #source: string;
  #ring: number | undefined;
  #answer: number | undefined;
  #status = 0;
  readonly #targets: Try[] = [];
  /** The callee's tags of the dialogs that are up. */
  readonly #dialogs: string[] = [];

  constructor(
    options: CallsOptions,
    { request, flow, authenticated }: Incoming,
    follow: (call: CallInProgress) => void,
  ) {
    this.#options = options;
    this.#follow = follow;
    this.#begin = options.clock.now();
    const { host, port } = flow.remote;
    this.#source = `${flow.transport}:${formatHost(host)}:${port}`;
    const { callId, from, uri } = request;
    this.#texts = [callId, from.tag ?? "", from.uriText, uri, authenticated?.user ?? ""];
  }

  get key(): string {
    return keyOf(this.#texts[0] ?? "", this.#texts[1] ?? "");
  }

  rang(): void {
    this.#ring ??= this.#options.clock.now();
  }

  /** A target is tried; what comes of it is to be written into what is returned. */
  tries(uri: string): Try | undefined {
    if (this.#targets.length === maxTargets) return undefined;
    const attempt: Try = { uri, status: undefined };
    this.#targets.push(attempt);
    return attempt;
  }

  answered(response: Response): void {
    this.#answer = this.#options.clock.now();
    this.#status = response.status;
    this.#noteDialog(response);
    this.#own();
    this.#follow(this);
  }

  /** Another branch answered, too, or the same one again. */
  answeredAgain(response: Response): void {
    this.#noteDialog(response);
  }

  failed(status: number, cancelled: boolean): void {
    this.#status = status;
    this.close(cancelled && status === 487 ? "cancelled" : "failed", this.#options.clock.now());
  }

  /** One of its dialogs is over. True: it was the last. */
  hangsUp(calleeTag: string): boolean {
    const at = this.#dialogs.indexOf(cut(calleeTag));
    if (at >= 0) this.#dialogs.splice(at, 1);
    return this.#dialogs.length === 0;
  }

  close(ending: CallEnding, at: number): void {
    const { clock, wallClock, record } = this.#options;
    const offset = wallClock() - clock.now();
    const wall = (time: number | undefined) => (time === undefined ? undefined : Math.round(time + offset));
    const [callId = "", , caller = "", callee = "", user = ""] = this.#texts;
    record({
      callId: cut(callId),
      caller: cut(withoutPassword(caller)),
      callee: cut(withoutPassword(callee)),
      user: user === "" ? undefined : cut(user),
      source: this.#source,
      begin: Math.round(this.#begin + offset),
      ring: wall(this.#ring),
      answer: wall(this.#answer),
      end: Math.round(at + offset),
      targets: this.#targets.map(({ uri, status }) => ({ uri: cut(withoutPassword(uri)), status })),
      status: this.#status,
      ending,
    });
  }

  /** Its texts become strings of their own: a piece of a message would keep the whole of it in memory. */
  #own(): void {
    const count = this.#texts.length;
    const texts = ownCopy([...this.#texts, ...this.#targets.map(({ uri }) => uri)].map(cut));
    this.#texts = texts.slice(0, count);
    for (const [at, attempt] of this.#targets.entries()) attempt.uri = texts[count + at] ?? "";
  }

  #noteDialog(response: Response): void {
    const tag = cut(response.to.tag ?? "");
    if (this.#dialogs.length < maxDialogs && !this.#dialogs.includes(tag)) this.#dialogs.push(...ownCopy([tag]));
  }
}

function cut(text: string): string {
  return text.length > maxText ? text.slice(0, maxText) : text;
}

function keyOf(callId: string, callerTag: string): string {
  return `${cut(callId)}\n${cut(callerTag)}`;
}

function ownCopy(texts: readonly string[]): readonly string[] {
  return Buffer.from(texts.join("\n"), "latin1").toString("latin1").split("\n");
}
