/** Reliable provisional responses (RFC 3262): the UAS's retransmissions until PRACK, the UAC's order and its RAck. */
import type { Clock, Timer } from "./clock.ts";
import type { Message, Request, Response } from "./message.ts";
import type { Random } from "./random.ts";

/** What an INVITE says of 100rel: its provisional responses must be reliable, may be, or must not be (RFC 3262 §3). */
export type Reliability = "required" | "supported" | "none";

export function reliabilityOf(invite: Message): Reliability {
  if (invite.values("require").some(is100rel)) return "required";
  return invite.values("supported").some(is100rel) ? "supported" : "none";
}

function is100rel(tag: string): boolean {
  return tag.toLowerCase() === "100rel";
}

/** The value of RAck (RFC 3262 §7.2): `776656 1 INVITE`. */
export interface Rack {
  rseq: number;
  cseq: number;
  method: string;
}

const rackGrammar = /^(\d{1,10})[ \t]+(\d{1,10})[ \t]+([-A-Za-z0-9.!%*_+`'~]+)$/;

/** Undefined for anything that is not of the grammar, or a number over 32 bits. */
export function parseRack(value: string | undefined): Rack | undefined {
  const match = rackGrammar.exec(value ?? "");
  if (match === null) return undefined;
  const [, first = "", second = "", method = ""] = match;
  const rseq = Number(first);
  const cseq = Number(second);
  return rseq > 0xffff_ffff || cseq > 0xffff_ffff ? undefined : { rseq, cseq, method };
}

/** The value of RSeq, 1 to 2^32-1; undefined for anything else. */
export function parseRseq(value: string | undefined): number | undefined {
  if (value === undefined || !/^\d{1,10}$/.test(value)) return undefined;
  const rseq = Number(value);
  return rseq >= 1 && rseq <= 0xffff_ffff ? rseq : undefined;
}

export interface ReliableSenderOptions {
  clock: Clock;
  random: Random;
  /** ms; 500 by default. */
  T1?: number | undefined;
  /** CSeq number of the INVITE, which a RAck must repeat; not checked when left out. */
  cseq?: number | undefined;
}

interface Waiting {
  send: (rseq: number) => void;
  done: (acknowledged: boolean) => void;
}

/**
 * The reliable provisional responses of one INVITE server transaction (RFC 3262 §3). One is out at a time, others wait
 * for its PRACK. Each is sent at once, again after T1, 2*T1, 4*T1 …, and given up after 64*T1.
 */
export class ReliableSender {
  readonly #clock: Clock;
  readonly #T1: number;
  readonly #cseq: number | undefined;
  #next: number;
  #waiting: Waiting[] = [];
  #out: (Waiting & { rseq: number }) | undefined;
  #retransmission: Timer | undefined;
  #end: Timer | undefined;
  #idle: (() => void)[] = [];
  #stopped = false;

  constructor({ clock, random, T1, cseq }: ReliableSenderOptions) {
    this.#clock = clock;
    this.#T1 = T1 ?? 500;
    this.#cseq = cseq;
    // The first is drawn from 1 to 2^31-1, so that the numbers never wrap.
    this.#next = 1 + (Number.parseInt(random.token(4), 16) % 0x7fff_ffff);
  }

  /** A response is out, or waits to be: a 2xx must wait for its PRACK if it carries a description. */
  get pending(): boolean {
    return this.#out !== undefined || this.#waiting.length > 0;
  }

  /**
   * Sends a response reliably, after those before it. `send` transmits it, with `Require: 100rel` and this RSeq, each
   * time it is called. `done` is called once: acknowledged by PRACK, or not within 64*T1, when the INVITE is to be
   * rejected with 5xx; never after `stop`.
   */
  send(send: (rseq: number) => void, done: (acknowledged: boolean) => void = () => {}): void {
    if (this.#stopped) return;
    this.#waiting.push({ send, done });
    this.#advance();
  }

  /** Does this PRACK acknowledge the response that is out? If not it gets 481 (RFC 3262 §3). Changes nothing. */
  matches(prack: Request): boolean {
    const rack = parseRack(prack.header("rack"));
    return (
      rack !== undefined &&
      rack.rseq === this.#out?.rseq &&
      rack.method === "INVITE" &&
      (this.#cseq === undefined || rack.cseq === this.#cseq)
    );
  }

  /** Takes a PRACK that matches: ends the retransmissions, reports the response acknowledged, sends the next. */
  acknowledge(prack: Request): void {
    const out = this.#out;
    if (out === undefined || !this.matches(prack)) return;
    this.#clear();
    if (!this.#stopped) out.done(true);
    this.#advance();
  }

  /** Calls `then` as soon as nothing is pending: now, or after the last PRACK. Not after `stop` or a timeout. */
  whenIdle(then: () => void): void {
    if (this.pending) this.#idle.push(then);
    else then();
  }

  /** A final response goes out: nothing is retransmitted, nothing new is sent; a late PRACK still matches. */
  stop(): void {
    this.#stopped = true;
    this.#waiting = [];
    this.#idle = [];
    this.#retransmission?.cancel();
    this.#end?.cancel();
  }

  #advance(): void {
    if (this.#out !== undefined || this.#stopped) return;
    const next = this.#waiting.shift();
    if (next === undefined) {
      const idle = this.#idle;
      this.#idle = [];
      for (const then of idle) then();
      return;
    }
    const rseq = this.#next++;
    this.#out = { ...next, rseq };
    this.#end = this.#clock.after(64 * this.#T1, () => this.#giveUp());
    this.#retransmit(next.send, rseq, this.#T1);
    next.send(rseq);
  }

  #retransmit(send: (rseq: number) => void, rseq: number, interval: number): void {
    this.#retransmission = this.#clock.after(interval, () => {
      this.#retransmit(send, rseq, interval * 2);
      send(rseq);
    });
  }

  #giveUp(): void {
    const failed = [this.#out, ...this.#waiting];
    this.#clear();
    this.stop();
    for (const response of failed) response?.done(false);
  }

  #clear(): void {
    this.#out = undefined;
    this.#retransmission?.cancel();
    this.#end?.cancel();
  }
}

/** What the UAC does with a provisional response: PRACK it with this RAck, take it as it is, or drop it. */
export type ProvisionalVerdict = { rack: string } | "unreliable" | "ignore";

/** The reliable provisional responses of one early dialog, seen by the UAC (RFC 3262 §4). */
export class ReliableReceiver {
  #last: number | undefined;

  /**
   * Judges a 101 to 199 response of the dialog. `ignore`: a retransmission, or one that came before its predecessor
   * (it will come again), or one that asks for 100rel without a valid RSeq.
   */
  receive(response: Response): ProvisionalVerdict {
    if (response.status <= 100 || !response.values("require").some(is100rel)) return "unreliable";
    const rseq = parseRseq(response.header("rseq"));
    if (rseq === undefined) return "ignore";
    if (this.#last !== undefined && rseq !== this.#last + 1) return "ignore";
    this.#last = rseq;
    const { number, method } = response.cseq;
    return { rack: `${rseq} ${number} ${method}` };
  }
}
