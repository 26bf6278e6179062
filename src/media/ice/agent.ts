/**
 * ICE (RFC 8445) for one component at one address of ours: which address is the peer's, proven by checks that only who has
 * seen the signalling can make or answer, and whether the peer still wants what we send (RFC 7675).
 *
 * Lite, on an address that everybody can reach, it only answers; full, it checks as well, which opens the way through NATs.
 * What is not authentic leaves no trace and gets no answer.
 */
import { randomBytes } from "node:crypto";
import { maxCandidates, priorityOf, readCandidate } from "./candidate.ts";
import { type Pair, Pairs } from "./pairs.ts";
import { isAuthentic, readStun, type StunMessage, writeCheck, writeRoleConflict, writeSuccess } from "./stun.ts";

export interface IceCredentials {
  readonly ufrag: string;
  readonly pwd: string;
}

export interface IceSettings {
  readonly local: IceCredentials;
  readonly remote: IceCredentials;
  /** Values of `a=candidate`. */
  readonly candidates: readonly string[];
  /** The family of our address. */
  readonly ipv6: boolean;
  /** We only answer. */
  readonly lite: boolean;
  /** We nominate; with a full peer, the offerer does. */
  readonly controlling: boolean;
}

export interface IceWorld {
  now(): number;
  after(ms: number, fire: () => void): { cancel(): void };
}

export interface IceUser {
  send(packet: Uint8Array, port: number, host: string): void;
  /** The peer is at `selected` now. */
  selected(): void;
  /** Nobody was found, or the peer no longer answers. Once, last. */
  lost(reason: string): void;
}

/** Between two checks, ms (RFC 8445 §14.2). */
const Ta = 50;
/** RFC 7675 §5.1. */
const consentPause = 5000;
const consentLasts = 30_000;
/** Checks whose answer is awaited. */
const maxTransactions = 64;
/** Credentials of earlier sessions that are remembered. */
const maxBefore = 4;

interface Sent {
  readonly pair: Pair;
  readonly controlling: boolean;
  readonly nominates: boolean;
}

export class IceAgent {
  readonly #world: IceWorld;
  readonly #user: IceUser;
  #settings: IceSettings | undefined;
  /** Ours of before the last restarts. */
  #before: readonly IceCredentials[] = [];
  #controlling = false;
  readonly #tieBreaker = randomBytes(8).readBigUInt64BE();
  #pairs = new Pairs();
  readonly #sent = new Map<string, Sent>();
  #selected: Pair | undefined;
  /** By a nomination, which only another one changes. */
  #nominated = false;
  #lastConsent = 0;
  #checking: { cancel(): void } | undefined;
  #consenting: { cancel(): void } | undefined;
  #over = false;

  constructor(world: IceWorld, user: IceUser) {
    this.#world = world;
    this.#user = user;
  }

  /** Where to send; undefined before the peer was found. */
  get selected(): { readonly host: string; readonly port: number } | undefined {
    return this.#selected;
  }

  /** Whether an address has proven to be the peer's. */
  isProven(host: string, port: number): boolean {
    const { host: selectedHost, port: selectedPort } = this.#selected ?? {};
    return (host === selectedHost && port === selectedPort) || this.#pairs.find(host, port)?.proven === true;
  }

  /** Takes what was signalled: at first, anew with further candidates, or with new credentials, which is a restart (§9). */
  configure(settings: IceSettings): void {
    const now = this.#world.now();
    const before = this.#settings;
    this.#settings = settings;
    if (before === undefined || before.remote.ufrag !== settings.remote.ufrag) {
      this.#controlling = settings.controlling;
      if (before !== undefined) this.#before = [before.local, ...this.#before].slice(0, maxBefore);
      // Media goes on where it went until the new session has found its way.
      this.#pairs = new Pairs();
      this.#sent.clear();
      this.#nominated = false;
      this.#lastConsent = now;
      this.#consenting ??= this.#world.after(consentPause, this.#watch);
    }
    if (settings.lite) return;
    for (const line of settings.candidates.slice(0, maxCandidates)) {
      const candidate = readCandidate(line, settings.ipv6);
      if (candidate !== undefined) this.#pairs.add(candidate, now);
    }
    this.#check();
  }

  close(): void {
    this.#over = true;
    this.#checking?.cancel();
    this.#consenting?.cancel();
  }

  /** Takes a datagram that looks like STUN, from anybody. */
  receive(datagram: Uint8Array, port: number, host: string): void {
    const settings = this.#settings;
    if (settings === undefined || this.#over) return;
    const message = readStun(datagram);
    if (message === undefined) return;
    if (message.class === "request") this.#request(datagram, message, settings, port, host);
    else this.#response(datagram, message, settings, port, host);
  }

  #request(datagram: Uint8Array, message: StunMessage, settings: IceSettings, port: number, host: string): void {
    // The name first: it costs nothing, and strangers do not know it.
    const ufrag = message.username?.split(":", 1)[0];
    const now = this.#world.now();
    const { local } = settings;
    if (ufrag !== local.ufrag) return this.#earlier(datagram, message, ufrag, port, host);
    if (!isAuthentic(datagram, message, local.pwd)) return;
    if (!settings.lite && this.#conflict(message))
      return this.#user.send(writeRoleConflict(message, local.pwd), port, host);
    this.#user.send(writeSuccess(message, { host, port }, local.pwd), port, host);
    const pair = this.#pairs.add({ host, port, priority: message.priority ?? priorityOf("prflx") }, now);
    if (pair === undefined) return;
    pair.proven = true;
    if (settings.lite) {
      this.#lastConsent = now;
      if (message.useCandidate || !this.#nominated) this.#select(pair, message.useCandidate);
      return;
    }
    if (message.useCandidate && !this.#controlling) {
      if (pair.state === "valid") this.#select(pair, true);
      else pair.nominated = true;
    }
    if (pair.state === "valid") return;
    this.#pairs.trigger(pair, now);
    this.#check();
  }

  /**
   * A check of the session before a restart. Until the new one has found its way it may still nominate: Chromium, whose new
   * ports try our old credentials before our answer is there, goes on with them, since our address stays.
   */
  #earlier(datagram: Uint8Array, message: StunMessage, ufrag: string | undefined, port: number, host: string): void {
    const before = this.#before.find((each) => each.ufrag === ufrag);
    if (before === undefined || !isAuthentic(datagram, message, before.pwd)) return;
    this.#user.send(writeSuccess(message, { host, port }, before.pwd), port, host);
    if (this.#nominated) return;
    const now = this.#world.now();
    if (this.#settings?.lite === true) this.#lastConsent = now;
    if (!message.useCandidate) return;
    const pair = this.#pairs.add({ host, port, priority: message.priority ?? priorityOf("prflx") }, now);
    if (pair === undefined) return;
    pair.proven = true;
    this.#select(pair, false);
  }

  /** RFC 8445 §7.3.1.1. @returns whether the peer has to change its role */
  #conflict(message: StunMessage): boolean {
    const theirs = this.#controlling ? message.controlling : message.controlled;
    if (theirs === undefined) return false;
    if (this.#tieBreaker >= theirs === this.#controlling) return true;
    this.#controlling = !this.#controlling;
    return false;
  }

  #response(datagram: Uint8Array, message: StunMessage, settings: IceSettings, port: number, host: string): void {
    const key = Buffer.from(message.transaction).toString("hex");
    const sent = this.#sent.get(key);
    if (sent === undefined || !isAuthentic(datagram, message, settings.remote.pwd)) return;
    const { pair } = sent;
    // §7.2.5.2.1: the way back is the way there.
    if (pair.host !== host || pair.port !== port) return;
    this.#sent.delete(key);
    const now = this.#world.now();
    if (message.class === "error") {
      if (message.errorCode !== 487 || sent.controlling !== this.#controlling) return;
      this.#controlling = !sent.controlling;
      this.#pairs.trigger(pair, now);
      return this.#check();
    }
    pair.state = "valid";
    pair.proven = true;
    pair.tries = 0;
    if (pair === this.#selected || this.#selected === undefined) this.#lastConsent = now;
    if (sent.nominates || (pair.nominated && !this.#controlling)) return this.#select(pair, true);
    if (this.#controlling && !this.#nominated) this.#send(pair, true);
    // §12.1: a valid pair may be used before one is nominated.
    if (this.#selected === undefined) this.#select(pair, false);
  }

  #select(pair: Pair, nominated: boolean): void {
    if (nominated) this.#nominated = true;
    if (pair === this.#selected) return;
    this.#selected = pair;
    this.#lastConsent = this.#world.now();
    this.#user.selected();
  }

  /** Sends checks, one every `Ta`, as long as some are due. */
  #check = (): void => {
    if (this.#checking !== undefined || this.#over) return;
    const pair = this.#pairs.due(this.#world.now());
    if (pair !== undefined) {
      this.#pairs.sent(pair, this.#world.now());
      this.#send(pair, false);
    }
    if (!this.#pairs.open) return;
    this.#checking = this.#world.after(Ta, () => {
      this.#checking = undefined;
      this.#check();
    });
  };

  #send(pair: Pair, nominates: boolean): void {
    const settings = this.#settings;
    if (settings === undefined) return;
    const { local, remote } = settings;
    const transaction = randomBytes(12);
    if (this.#sent.size >= maxTransactions)
      for (const oldest of [...this.#sent.keys()].slice(0, 8)) this.#sent.delete(oldest);
    this.#sent.set(transaction.toString("hex"), { pair, controlling: this.#controlling, nominates });
    const packet = writeCheck({
      transaction,
      username: `${remote.ufrag}:${local.ufrag}`,
      password: remote.pwd,
      priority: priorityOf("prflx"),
      controlling: this.#controlling,
      tieBreaker: this.#tieBreaker,
      nominates,
    });
    this.#user.send(packet, pair.port, pair.host);
  }

  /** Asks for consent while that is ours to do, and ends what has none. */
  #watch = (): void => {
    if (this.#over) return;
    const found = this.#selected !== undefined;
    if (this.#world.now() - this.#lastConsent >= consentLasts) {
      this.close();
      this.#user.lost(found ? "the peer no longer answers" : "the peer was not reached");
      return;
    }
    if (this.#selected !== undefined && this.#settings?.lite === false)
      this.#send(this.#selected, this.#controlling && this.#nominated);
    // RFC 7675 §5.1: 0.8 to 1.2 times, so that calls do not ask all at once.
    this.#consenting = this.#world.after(consentPause * (0.8 + (0.4 * randomBytes(1).readUInt8()) / 255), this.#watch);
  };
}
