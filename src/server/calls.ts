/** The calls that are up: how many there may be, from whom, and who handles each. */

import {
  type InviteFailure,
  type InviteOptions,
  invite,
  type Session,
  type SessionEnd,
  type SessionUser,
  type UserAgent,
} from "../agent/index.ts";
import { Call, type CallEvent, type CallFacts, type Dialer, type Handler, type Peers, Rooms } from "../call/index.ts";
import type { Log } from "../log.ts";
import type { MediaEngine, RtpStats } from "../media/index.ts";
import { userOf } from "../routing/index.ts";
import type { Clock } from "../sip/clock.ts";
import type { Flow } from "../sip/flow.ts";
import type { Request } from "../sip/message.ts";
import type { NameAddr } from "../sip/name-addr.ts";
import type { SrtpPolicy } from "../sip/offer-answer.ts";
import type { Random } from "../sip/random.ts";
import { decodeUtf8 } from "../sip/text.ts";
import type { ServerTransaction } from "../sip/transaction/index.ts";
import { isSipUri, type Uri, withoutPassword } from "../sip/uri.ts";
import type { Speech } from "../speech/index.ts";
import type { Admission } from "./admission.ts";
import { Episode } from "./episode.ts";

export interface CallLimits {
  /** Calls at a time, in all and from one IP address. */
  calls: number;
  callsPerSource: number;
}

/** Refusals that come within so many ms of one another are one story in the log. */
const calm = 10_000;

/** Told of all calls: records, the feed, metrics. What it is told must cost little, and it must not throw. */
export interface CallObserver {
  /** `source`: the flow that its INVITE came by; undefined for a call that we place. */
  began?(call: Call, handler: Handler, source: Flow | undefined): void;
  happened?(call: Call, event: CallEvent): void;
  /** Its audio may still tell its last counts. */
  ended?(call: Call, end: SessionEnd): void;
  /** An INVITE got 503. */
  turnedAway?(why: Refusal): void;
  /** How its packets stand, when that was asked for, and at its end: `last`. */
  counted?(call: Call, stats: RtpStats, last: boolean): void;
}

interface Surroundings {
  agent: UserAgent;
  media: MediaEngine;
  /** The engines that a call beginning now speaks and listens with. */
  speech?: () => Speech | undefined;
  admission: Admission;
  clock: Clock;
  random: Random;
  log: Log;
}

/** Why a call is refused, but for overload of the main thread. The log tells of all but the last, which its overload tells. */
export type Refusal =
  | "the server is stopping"
  | "the events are not read"
  | "too many calls are up"
  | "too many calls of one source are up"
  | "no media ports are free"
  | "its handler is late";

export class Calls implements Peers {
  limits: CallLimits;
  /** Set while the server is stopping: new calls get 503. */
  draining = false;
  /** What calls the handlers' calls for them. */
  dialer: Dialer = {
    dial: (by, uri, { handler, ...options }) => this.place({ uri, ...options }, handler, undefined, by.facts),
    dialOn: (_by, uri, { user, ...options }) => this.placeOn({ uri, ...options }, user),
  };
  /** Lets the handler of a call call whom it likes. */
  trust: (call: CallFacts) => void = () => {};
  /** Told of each call that begins (without an event), and of all that happens in it. */
  watch: ((call: Call, event: CallEvent | undefined) => void) | undefined;
  readonly observers = new Set<CallObserver>();
  /** Whether somebody follows what happens in calls and may tell them what to do, besides `watch`. */
  followed: () => boolean = () => false;
  /** Whether those who watch cannot keep up: then no call begins. */
  crowded: () => boolean = () => false;
  readonly #calls = new Set<Call>();
  readonly rooms = new Rooms();
  readonly #byId = new Map<string, Call>();
  readonly #perSource = new Map<string, number>();
  #idle: (() => void)[] = [];
  readonly #around: Surroundings;
  /** By reason. */
  readonly #refusals = new Map<Refusal, Episode>();

  constructor(around: Surroundings, limits: CallLimits) {
    this.#around = around;
    this.limits = limits;
  }

  get size(): number {
    return this.#calls.size;
  }

  /** How many pairs of media ports are bound and free; more are bound as they are taken, up to what the configuration has. */
  get room(): number {
    return this.#around.media.stats.free;
  }

  /** Hands an INVITE to a handler, or refuses it when there is no room. `srtp`: what its route says. */
  receive(tx: ServerTransaction, request: Request, handler: Handler, srtp?: SrtpPolicy): void {
    const { agent, admission } = this.#around;
    if (this.replace(tx, request)) return;
    const source = tx.flow.remote.host;
    const refusal = this.#refusal(source);
    if (refusal !== undefined) this.#note(refusal, source);
    if (refusal !== undefined || admission.refusesAt(handler.delay?.(), request)) {
      for (const observer of this.observers) observer.turnedAway?.(refusal ?? "its handler is late");
      return agent.reply(tx, 503, { headers: [["Retry-After", admission.retryAfter()]] });
    }
    let call: Call | undefined;
    const serve = (session: Session) => {
      call = this.#adopt(session, incomingFacts(this.#id(), request), source);
      return call;
    };
    agent.invite(tx, request, serve, srtp);
    if (call !== undefined) this.#start(call, handler, tx.flow);
  }

  /** An INVITE that takes the place of a peer of ours (RFC 3891): the call goes on with it. False: it is none. */
  replace(tx: ServerTransaction, request: Request): boolean {
    const { agent, log } = this.#around;
    const before = agent.replacedBy(request);
    if (before === undefined) return false;
    if ("status" in before) {
      agent.reply(tx, before.status, before);
      return true;
    }
    const { user } = before;
    if (user.replaced === undefined) {
      agent.reply(tx, 603);
      return true;
    }
    let made: Session | undefined;
    agent.invite(tx, request, (session) => {
      made = session;
      return user.replaced?.(session) ?? user;
    });
    made?.accept((reason) => reason === undefined || log.info("nobody took a peer's place", { reason }));
    return true;
  }

  /** Places a call that `handler` handles. `by`: the call whose handler wants it. */
  place(
    options: InviteOptions,
    handler: Handler,
    ended?: (end: SessionEnd) => void,
    by?: CallFacts,
  ): Call | InviteFailure {
    if (this.draining) return { failure: "the server is stopping" };
    if (this.#calls.size >= this.limits.calls) return { failure: "too many calls are up" };
    let call: Call | undefined;
    const session = invite(this.#around.agent.context, options, (session, request) => {
      const facts = { ...outgoingFacts(this.#id(), request), placedBy: by?.callId };
      call = this.#adopt(session, facts, undefined, ended);
      return call;
    });
    if ("failure" in session) return session;
    if (call === undefined) return { failure: "the call could not be made" };
    this.#start(call, handler, undefined);
    return call;
  }

  /** Places a call that goes on for one that is up, in its peer's stead. */
  placeOn(options: InviteOptions, user: SessionUser): Session | InviteFailure {
    if (this.draining) return { failure: "the server is stopping" };
    return invite(this.#around.agent.context, options, () => user);
  }

  find(id: string): Call | undefined {
    return this.#byId.get(id);
  }

  /** Whether a call records to this file, an absolute path. */
  isRecording(file: string): boolean {
    for (const { recordings } of this.#calls) if (recordings.has(file)) return true;
    return false;
  }

  /** Resolves when no call is up any more. */
  async idle(): Promise<void> {
    if (this.#calls.size === 0) return;
    await new Promise<void>((resolve) => this.#idle.push(resolve));
  }

  /** Ends all calls at once. */
  endAll(): void {
    for (const call of [...this.#calls]) call.session.end({ by: "system", cause: "shutdown", code: 503 });
  }

  /** Forgets the calls whose other side does not answer their end: a CANCEL, or a 200 that nobody acknowledges. */
  abandonAll(): void {
    for (const call of [...this.#calls]) call.session.over({ by: "system", cause: "shutdown", code: 503 });
  }

  /** Forgets the refusals that the log has not heard of. */
  stop(): void {
    for (const episode of this.#refusals.values()) episode.stop();
  }

  #refusal(source: string): Refusal | undefined {
    if (this.draining) return "the server is stopping";
    if (this.crowded()) return "the events are not read";
    if (this.#calls.size >= this.limits.calls) return "too many calls are up";
    if (this.#from(source) >= this.limits.callsPerSource) return "too many calls of one source are up";
    // Better now than when the call is answered. More pairs than are free may be bound, but no more than there are.
    const { free, pairs } = this.#around.media.stats;
    return free === 0 || this.#calls.size >= pairs ? "no media ports are free" : undefined;
  }

  #note(why: Refusal, source: string): void {
    const { clock, log } = this.#around;
    let episode = this.#refusals.get(why);
    if (episode === undefined) {
      episode = new Episode({
        clock,
        calm,
        passed: ({ notes }) => log.info("no more calls are refused", { why, refused: notes }),
      });
      this.#refusals.set(why, episode);
    }
    if (!episode.active) log.warn("calls are refused with 503", { why, source });
    episode.note();
  }

  #start(call: Call, handler: Handler, flow: Flow | undefined): void {
    const { direction, remoteUri, localUri } = call.facts;
    const [from, to] = direction === "incoming" ? [remoteUri, localUri] : [localUri, remoteUri];
    call.log.info(direction === "incoming" ? "a call comes in" : "calling", {
      from: withoutPassword(from),
      to: withoutPassword(to),
    });
    if (handler.trusted) this.trust(call.facts);
    const { watch, observers } = this;
    for (const observer of observers) observer.began?.(call, handler, flow);
    watch?.(call, undefined);
    call.onCount = (stats, last) => {
      for (const observer of observers) observer.counted?.(call, stats, last);
    };
    call.onEvent = (event) => {
      for (const observer of observers) observer.happened?.(call, event);
      watch?.(call, event);
    };
    try {
      handler.start(call);
    } catch (error) {
      call.finish({ type: "failed", reason: `its handler could not be started: ${error}` });
    }
  }

  #adopt(
    session: Session,
    facts: CallFacts,
    source: string | undefined,
    ended: (end: SessionEnd) => void = () => {},
  ): Call {
    const { clock, media, speech, log } = this.#around;
    const call = new Call(session, facts, { clock, media, log, speech: speech?.(), dialer: this.dialer, peers: this });
    const started = clock.now();
    this.#calls.add(call);
    this.#byId.set(facts.id, call);
    if (source !== undefined) this.#perSource.set(source, this.#from(source) + 1);
    call.onEnded = (_, end) => {
      this.#calls.delete(call);
      this.#byId.delete(facts.id);
      if (source !== undefined) this.#release(source);
      const seconds = Math.round((clock.now() - started) / 100) / 10;
      call.log.info("the call has ended", { by: end.by, cause: end.cause, code: end.code, seconds });
      ended(end);
      for (const observer of this.observers) observer.ended?.(call, end);
      if (this.#calls.size === 0) for (const resolve of this.#idle.splice(0)) resolve();
    };
    return call;
  }

  #from(source: string): number {
    return this.#perSource.get(source) ?? 0;
  }

  #release(source: string): void {
    const left = this.#from(source) - 1;
    if (left > 0) this.#perSource.set(source, left);
    else this.#perSource.delete(source);
  }

  #id(): string {
    return this.#around.random.token(4);
  }
}

function incomingFacts(id: string, request: Request): CallFacts {
  return {
    id,
    direction: "incoming",
    callId: request.callId,
    ...remoteFacts(request.from, request.header("from") ?? ""),
    remoteContact: request.contact?.uriText ?? "",
    localUri: request.uri,
    localUser: request.target === undefined ? "" : userOf(request.target),
    localHost: hostOf(request.target),
    get headers() {
      return [...request.fields()];
    },
  };
}

function outgoingFacts(id: string, request: Request): CallFacts {
  return {
    id,
    direction: "outgoing",
    callId: request.callId,
    ...remoteFacts(request.to, request.header("to") ?? ""),
    remoteContact: "",
    localUri: request.from.uriText,
    localUser: userOf(request.from.uri),
    localHost: hostOf(request.from.uri),
    headers: [],
  };
}

function remoteFacts(remote: NameAddr, value: string) {
  return {
    remoteUri: remote.uriText,
    remoteId: decodeUtf8(value.replace(/;tag=[^;]*/i, "")),
    remoteName: decodeUtf8(remote.display),
    remoteUser: userOf(remote.uri),
    remoteHost: hostOf(remote.uri),
  };
}

function hostOf(uri: Uri | undefined): string {
  return uri !== undefined && isSipUri(uri) ? uri.host : "";
}
