/** Follows the calls that are forwarded, from the INVITE to the BYE, to tell of each once (accounting). */
import type { Clock, Timer } from "../../sip/clock.ts";
import type { Address } from "../../sip/flow.ts";
import { formatHost } from "../../sip/host.ts";
import type { Request, Response } from "../../sip/message.ts";
import { ownCopy } from "../../sip/text.ts";
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
    return new CallInProgress(this.#options, incoming, this.#follow);
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
    if (request.method !== "BYE") {
      this.#heard(call);
      return undefined;
    }
    const ended = this.#options.clock.now();
    return (status) => {
      // A BYE that is challenged comes again; any other answer leaves nothing of the dialog.
      if (status === 401 || status === 407 || status === 491) return this.#heard(call);
      const side = byCaller === undefined ? "callee" : "caller";
      if (!call.hangsUp(side === "caller" ? to : from)) return this.#heard(call);
      if (this.#answered.delete(call.key)) call.close(side, ended);
    };
  }

  /** Another branch of a call that is up answered, too, or the same one again. */
  answeredAgain(response: Response): void {
    this.#answered.get(keyOf(response.callId, response.from.tag ?? ""))?.answeredAgain(response);
  }

  /** To the end of the order: the first one is always the one that was silent for longest. */
  #heard(call: CallInProgress): void {
    if (this.#answered.get(call.key) !== call) return;
    this.#answered.delete(call.key);
    this.#answered.set(call.key, call);
    call.heard = this.#options.clock.now();
  }

  /** Closes all that is open, as lost: the proxy stops. */
  stop(): void {
    this.#sweep?.cancel();
    this.#sweep = undefined;
    for (const call of this.#answered.values()) call.close("lost", this.#options.clock.now());
    this.#answered.clear();
  }

  readonly #follow = (call: CallInProgress) => {
    const { limit, clock } = this.#options;
    const known = this.#answered.get(call.key);
    if (known !== undefined) this.#lose(known);
    if (this.#answered.size >= limit) this.#makeRoom(limit);
    this.#answered.set(call.key, call);
    call.heard = clock.now();
    this.#arm();
  };

  #makeRoom(limit: number): void {
    for (const oldest of this.#answered.values()) {
      if (this.#answered.size < limit) break;
      this.#lose(oldest);
    }
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
  /** The Call-ID and the caller's tag. */
  readonly key: string;
  /** When it was heard of last. */
  heard = 0;
  readonly #options: CallsOptions;
  readonly #follow: (call: CallInProgress) => void;
  readonly #begin: number;
  readonly #source: Address;
  readonly #transport: string;
  /** Caller, callee and user, until it is answered. */
  #parties: readonly string[] | undefined;
  /**
   * Of an answered call, a line each: the callee's tag, caller, callee, user and the targets: nothing of a message is
   * kept for it.
   */
  #kept = "";
  /** The dialog whose tag stands in there is up. */
  #up = false;
  /** The callee's tags of the further dialogs that are up. */
  #further: string[] = noTags;
  #ring: number | undefined;
  #answer: number | undefined;
  #status = 0;
  readonly #targets: Try[] = [];

  constructor(
    options: CallsOptions,
    { request, flow, authenticated }: Incoming,
    follow: (call: CallInProgress) => void,
  ) {
    this.#options = options;
    this.#follow = follow;
    this.#begin = options.clock.now();
    this.#source = flow.remote;
    this.#transport = flow.transport;
    const { callId, from, uri } = request;
    this.key = keyOf(callId, from.tag ?? "");
    this.#parties = [from.uriText, uri, authenticated?.user ?? ""];
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
    this.#keep(response.to.tag ?? "");
    this.#follow(this);
  }

  /** Another branch answered, too, or the same one again. */
  answeredAgain(response: Response): void {
    const tag = cut(response.to.tag ?? "");
    if (this.#isFirst(tag)) this.#up = true;
    else if (this.#further.length < maxDialogs - 1 && !this.#further.includes(tag))
      this.#further = [...this.#further, ownCopy(tag)];
  }

  failed(status: number, cancelled: boolean): void {
    this.#status = status;
    this.close(cancelled && status === 487 ? "cancelled" : "failed", this.#options.clock.now());
  }

  /** One of its dialogs is over. True: it was the last. */
  hangsUp(calleeTag: string): boolean {
    const tag = cut(calleeTag);
    if (this.#isFirst(tag)) this.#up = false;
    else if (this.#further.length > 0) this.#further = this.#further.filter((each) => each !== tag);
    return !this.#up && this.#further.length === 0;
  }

  close(ending: CallEnding, at: number): void {
    const { clock, wallClock, record } = this.#options;
    const offset = wallClock() - clock.now();
    const [, caller = "", callee = "", user = "", ...tried] = this.#texts();
    const { host, port } = this.#source;
    const ring = this.#ring;
    const answer = this.#answer;
    record({
      callId: this.key.slice(0, this.key.indexOf("\n")),
      caller,
      callee,
      user: user === "" ? undefined : user,
      source: `${this.#transport}:${formatHost(host)}:${port}`,
      begin: Math.round(this.#begin + offset),
      ring: ring === undefined ? undefined : Math.round(ring + offset),
      answer: answer === undefined ? undefined : Math.round(answer + offset),
      end: Math.round(at + offset),
      targets: this.#targets.map(({ status }, target) => ({ uri: tried[target] ?? "", status })),
      status: this.#status,
      ending,
    });
  }

  #keep(tag: string): void {
    this.#up = true;
    this.#kept = ownCopy(this.#written(tag));
    this.#parties = undefined;
    for (const attempt of this.#targets) attempt.uri = "";
  }

  #texts(): readonly string[] {
    return (this.#parties === undefined ? this.#kept : this.#written("")).split("\n");
  }

  #written(tag: string): string {
    const [caller = "", callee = "", user = ""] = this.#parties ?? [];
    let text = `${cut(tag)}\n${told(caller)}\n${told(callee)}\n${cut(user)}`;
    for (const { uri } of this.#targets) text += `\n${told(uri)}`;
    return text;
  }

  #isFirst(tag: string): boolean {
    return this.#kept.startsWith(tag) && this.#kept.charCodeAt(tag.length) === 0x0a;
  }
}

const noTags: string[] = [];

/** A URI as it stands in a record. */
function told(uri: string): string {
  return cut(withoutPassword(uri));
}

function cut(text: string): string {
  return text.length > maxText ? text.slice(0, maxText) : text;
}

function keyOf(callId: string, callerTag: string): string {
  return `${cut(callId)}\n${cut(callerTag)}`;
}
