/**
 * A call: joins a SIP session, its audio and the handler that decides what happens. It performs the vocabulary's
 * commands, turns what happens into its events, and takes care that each command is answered and ENDED comes last.
 */
import dns from "node:dns/promises";
import type { AudioPorts, Referral, Session, SessionEnd, SessionUser } from "../agent/index.ts";
import type { Log } from "../log.ts";
import type { MediaEngine, MediaEvent, MediaSession, RtpStats } from "../media/index.ts";
import type { Clock } from "../sip/clock.ts";
import type { Negotiated } from "../sip/offer-answer.ts";
import type { Family } from "../sip/sdp.ts";
import type { Speech } from "../speech/index.ts";
import { isIpLiteral } from "../transport/index.ts";
import { type Attachment, unasked } from "./attachment.ts";
import { performers } from "./commands.ts";
import { configurationOf } from "./configuration.ts";
import { type CallControl, type CallFacts, callOver, type Finish, type Outcome } from "./control.ts";
import type { Dialer, Peers } from "./dialer.ts";
import { Gatherer } from "./gather.ts";
import { KeyWays } from "./key-ways.ts";
import { Sayings } from "./saying.ts";
import { Succession } from "./succession.ts";
import type { CallEvent, Command } from "./vocabulary.ts";

export interface CallSurroundings {
  media: MediaEngine;
  clock: Clock;
  log: Log;
  /** The address of a host name in SDP; the system's resolver by default. */
  lookup?: Lookup;
  /** Calls others for this call; without one it can call nobody. */
  dialer?: Dialer;
  /** Speaks and listens; without it a call can do neither. */
  speech?: Speech | undefined;
  /** The calls that it can be joined to. */
  peers?: Peers;
}

type Lookup = (host: string, family: Family) => Promise<string>;

const systemLookup: Lookup = async (host, family) =>
  (await dns.lookup(host, { family: family === "ipv4" ? 4 : 6 })).address;

type Done = (outcome: Outcome) => void;

/** Events that wait for a listener; a handler that takes longer than this to appear has lost its call anyway. */
const maxEarlyEvents = 1000;
/** How long a BYE may come behind the end of the way that the sound takes, ms. */
const lastWord = 1000;

export class Call implements CallControl, SessionUser {
  readonly facts: CallFacts;
  readonly log: Log;
  /** The peer's; another one when the peer was transferred, or we were. */
  session: Session;
  readonly gatherer: Gatherer;
  readonly speech: Speech | undefined;
  readonly sayings = new Sayings(this);
  /** What goes along with it at the moment. */
  readonly attachments = new Set<Attachment>();
  /** Transfers that concern us. */
  readonly succession: Succession;
  readonly clock: Clock;
  readonly dialer: Dialer | undefined;
  readonly peers: Peers | undefined;
  /** Recordings get a channel for each side. */
  stereo = false;
  /** Commands whose sound is still being fetched, the last one last. */
  readonly fetching: number[] = [];
  /** Files that are being recorded to. */
  readonly recordings = new Set<string>();
  /** Called with each event, before its handler has it. */
  onEvent: (event: CallEvent) => void = () => {};
  /** Called once when its handler has done something: it has begun to work. */
  onFirstCommand: (() => void) | undefined;
  /** Called once when the call is over and its audio released. */
  onEnded: (call: Call, end: SessionEnd) => void = () => {};
  /** Called once after that with what the audio's packets came to, unless it had no audio; and when they were to be counted. */
  onStats: (stats: RtpStats, last: boolean) => void = () => {};
  /** The same for whoever watches all calls. `last`: nothing comes after it. */
  onCount: (stats: RtpStats, last: boolean) => void = () => {};

  readonly #media: MediaEngine;
  #audio: MediaSession | undefined;
  /** Our address that it was opened for. */
  #audioHost: string | undefined;
  #audible = false;
  #connected = false;
  #whenAudible: (() => void)[] = [];
  #whenConnected: (() => void)[] = [];
  #negotiated: Negotiated | undefined;
  readonly #lookup: Lookup;
  #listener: ((event: CallEvent) => void) | undefined;
  #early: CallEvent[] = [];
  #ended = false;
  #nextId = 1;
  readonly #keys = new KeyWays();
  readonly #running = new Map<number, { command: Command; done: Done }>();
  #waitingForAudio: { command: Command; done: Done }[] = [];

  constructor(session: Session, facts: CallFacts, surroundings: CallSurroundings) {
    this.session = session;
    this.facts = facts;
    this.log = surroundings.log.with({ call: facts.id, callId: facts.callId });
    this.clock = surroundings.clock;
    this.speech = surroundings.speech;
    this.dialer = surroundings.dialer;
    this.peers = surroundings.peers;
    this.gatherer = new Gatherer(surroundings.clock);
    this.succession = new Succession(this);
    this.#media = surroundings.media;
    this.#lookup = surroundings.lookup ?? systemLookup;
  }

  // --- what handlers see ---

  listen(listener: (event: CallEvent) => void): void {
    this.#listener = listener;
    const early = this.#early;
    this.#early = [];
    for (const event of early) listener(event);
  }

  perform(command: Command, done: Done): void {
    this.onFirstCommand?.();
    this.onFirstCommand = undefined;
    if (this.#ended) return done(failed(command, callOver));
    performers[command.name](this, command, done);
  }

  finish(how: Finish): void {
    if (this.#ended) return;
    if (how.type === "failed" && !how.logged)
      this.log.warn("the handler failed, which ends its call", { reason: how.reason });
    this.session.end(
      how.type === "failed" ? { by: "system", cause: "error", code: 500 } : { by: "local", cause: "hangup", code: 480 },
    );
  }

  // --- what commands use ---

  emit(event: CallEvent): void {
    this.onEvent(event);
    if (this.#listener !== undefined) this.#listener(event);
    else if (this.#early.length < maxEarlyEvents) this.#early.push(event);
  }

  /** How the audio is encrypted; undefined before anything was agreed upon. */
  get security(): "none" | "sdes" | "dtls" | undefined {
    if (this.#negotiated === undefined) return undefined;
    return this.#negotiated.webRtc !== undefined ? "dtls" : this.#negotiated.security !== undefined ? "sdes" : "none";
  }

  /** What audio was agreed upon last. */
  get codec(): Negotiated["codec"] | undefined {
    return this.#negotiated?.codec;
  }

  /** The audio session, once there is one. */
  get audio(): MediaSession | undefined {
    return this.#audio;
  }

  /**
   * Runs `start` with the audio as soon as the other side can hear it: at once in an answered call or in early media, after
   * the acknowledgement while an answer is on its way, never in a call that nobody has answered.
   */
  withAudio(command: Command, done: Done, start: (audio: MediaSession) => void): void {
    if (this.#audio !== undefined && this.#audible) start(this.#audio);
    else if (this.session.answerExpected) this.#waitingForAudio.push({ command, done });
    else done(failed(command, "the call has no audio yet: ANSWER it first, or open it early with EARLY"));
  }

  /** Whether the other side can hear us: in early media or after the answer. */
  get audible(): boolean {
    return this.#audible;
  }

  /** Does `work` once the other side can hear us, or at once. */
  whenAudible(work: () => void): void {
    if (this.#audible) work();
    else this.#whenAudible.push(work);
  }

  /** Does `work` once the call is answered and that is acknowledged, or at once. */
  whenConnected(work: () => void): void {
    if (this.#connected) work();
    else this.#whenConnected.push(work);
  }

  /** Keeps `done` until the media worker reports on `id`, or the call ends. */
  track(command: Command, done: Done): number {
    const id = this.#nextId++;
    this.#running.set(id, { command, done });
    return id;
  }

  /** Whether `id` is still waited for. */
  tracks(id: number): boolean {
    return this.#running.has(id);
  }

  settle(id: number, outcome?: Outcome): void {
    const running = this.#running.get(id);
    if (running === undefined) return;
    this.#running.delete(id);
    running.done(outcome ?? { ok: true });
  }

  /** Settles the commands of that name which wait for the audio. */
  settleAll(name: Command["name"], outcome?: Outcome): void {
    for (const [id, { command }] of this.#running) if (command.name === name) this.settle(id, outcome);
  }

  // --- what the session tells ---

  openAudio(host: string): AudioPorts {
    // Nobody has agreed to audio at an address that the call's next server cannot reach.
    if (this.#audio !== undefined && this.#negotiated === undefined && this.#audioHost !== host) {
      this.#audio.listener = () => {};
      this.#audio.close();
      this.#audio = undefined;
    }
    if (this.#audio === undefined) {
      this.#audio = this.#media.open({ host });
      this.#audio.listener = this.#onMedia;
      this.#audioHost = host;
    }
    return this.#audio;
  }

  ringing(): void {
    this.emit({ name: "RINGING" });
  }

  mediaChanged(negotiated: Negotiated, audible: boolean): void {
    const { remote } = negotiated;
    this.#negotiated = negotiated;
    if (remote === undefined || isIpLiteral(remote.host)) this.#configure(negotiated, remote);
    else this.#configureByName(negotiated, remote);
    if (audible) this.#startAudible();
  }

  /** Audio for a host name waits for its address; nothing else does. */
  #configureByName(negotiated: Negotiated, remote: NonNullable<Negotiated["remote"]>): void {
    this.#configure(negotiated, undefined);
    this.#lookup(remote.host, remote.family).then(
      (host) => {
        if (this.#negotiated === negotiated && !this.#ended) this.#configure(negotiated, { ...remote, host });
      },
      () => this.log.warn("the other side's media address is a name that is not known", { host: remote.host }),
    );
  }

  #configure(negotiated: Negotiated, remote: Negotiated["remote"]): void {
    this.#audio?.configure(configurationOf(negotiated, remote));
  }

  connected(): void {
    this.#connected = true;
    this.emit({ name: "CONNECTED" });
    this.#startAudible();
    for (const work of this.#whenConnected.splice(0)) work();
  }

  held(on: boolean): void {
    this.emit({ name: "HOLD", on });
  }

  key(digit: string, duration: number): void {
    this.#pressed("info", digit, duration);
  }

  message(text: string): void {
    this.emit({ name: "MESSAGE", text });
  }

  referred(referral: Referral): void {
    this.succession.asked(referral);
  }

  replaced(by: Session): SessionUser {
    return this.succession.replacedBy(by);
  }

  ended(end: SessionEnd): void {
    if (this.#ended || this.succession.survives(end)) return;
    this.#ended = true;
    this.gatherer.cancel();
    this.sayings.cancel();
    for (const attachment of this.attachments) attachment.over();
    this.attachments.clear();
    this.#audio?.close();
    const unfinished = [...this.#running.values(), ...this.#waitingForAudio];
    this.#running.clear();
    this.#waitingForAudio = [];
    for (const { command, done } of unfinished)
      done(command.name === "HANGUP" ? { ok: true } : failed(command, callOver));
    this.emit({ name: "ENDED", ...end });
    this.onEnded(this, end);
  }

  // --- inside ---

  #startAudible(): void {
    if (this.#audible) return;
    this.#audible = true;
    const waiting = this.#waitingForAudio;
    this.#waitingForAudio = [];
    for (const { command, done } of waiting) this.perform(command, done);
    for (const work of this.#whenAudible.splice(0)) work();
  }

  #pressed(way: "rtp" | "info", digit: string, duration: number, inSound = false): void {
    if (this.#ended || this.#keys.isEcho(way, digit, this.clock.now())) return;
    this.emit({ name: "DTMF", digit, duration });
    this.gatherer.press(digit);
    for (const attachment of this.attachments) attachment.digit?.(digit, duration, inSound);
  }

  #onMedia = (event: MediaEvent): void => {
    if (event.type === "closed" || event.type === "counted") {
      const last = event.type === "closed";
      this.onStats(event.stats, last);
      this.onCount(event.stats, last);
    }
    if (this.#ended) return;
    switch (event.type) {
      case "dtmf":
        return this.#pressed("rtp", event.digit, event.duration, event.inSound);
      case "played":
        if (!this.sayings.over(event.id)) this.emit({ name: "STOPPED", file: event.file });
        return this.settle(event.id);
      case "dtmf-sent":
        return this.settle(event.id);
      case "recording":
        this.settleAll("RECORD");
        return;
      case "recorded":
        this.recordings.delete(event.file);
        this.emit({ name: "RECORDED", file: event.file });
        this.settleAll("RECORD");
        return;
      case "error":
        return this.#mediaFailed(event);
      case "gone":
        return this.#wayLost(event.reason);
      case "silent":
        this.log.debug("no audio arrives any more");
        return;
      case "closed":
        // Only what was not closed from here comes this far.
        this.log.error("the audio of a call is lost, which ends it", { reason: event.error });
        return this.session.end({ by: "system", cause: "error", code: 500 });
    }
  };

  /** A page that hangs up closes its association, and its BYE comes a moment later; one that is left sends none. */
  #wayLost(reason: string): void {
    const { session } = this;
    this.clock.after(lastWord, () => {
      // Who was transferred has another way by now.
      if (this.#ended || this.session !== session || session.offerAnswer.negotiated?.webRtc === undefined) return;
      this.log.info("a call's way to the other side is lost, which ends it", { reason });
      session.end({ by: "remote", cause: "timeout", code: 408 });
    });
  }

  #mediaFailed(event: MediaEvent & { type: "error" }): void {
    if (event.id === unasked) return;
    const failure = { command: event.command, reason: event.reason };
    if (event.id !== undefined) this.sayings.forget(event.id);
    this.log.warn("a command failed", failure);
    if (event.id !== undefined && this.#running.has(event.id)) return this.settle(event.id, { ok: false, failure });
    if (event.command === "RECORD") {
      if (event.file !== undefined) this.recordings.delete(event.file);
      const waiting = [...this.#running.values()].some(({ command }) => command.name === "RECORD");
      if (waiting) return this.settleAll("RECORD", { ok: false, failure });
    }
    this.emit({ name: "ERROR", ...failure });
  }
}

export function failed(command: Command, reason: string): Outcome {
  return { ok: false, failure: { command: command.name, reason } };
}
