/**
 * One request and the hops that RFC 3263 found for it: sent to the first, and to the next when one cannot be reached, does
 * not answer, or says 503 (§4.3). Each attempt is a client transaction with a branch of its own.
 *
 * Where `patience` is given, a hop that is silent for so long is not waited for: the next one is tried beside it, since
 * timer B takes 32 s and nobody waits so long for a call. Whoever answers first is the one; the others are cancelled.
 */
import type { Timer } from "../sip/clock.ts";
import type { Flow } from "../sip/flow.ts";
import type { HeaderList, Request, Response } from "../sip/message.ts";
import type { ClientTransaction } from "../sip/transaction/index.ts";
import type { Hop } from "../transport/resolve/index.ts";
import type { AgentContext } from "./context.ts";

/** What is sent to one hop. */
export interface Sent {
  readonly message: Request;
  readonly way: Flow;
}

export interface WalkUser<S extends Sent> {
  /** Makes the request for a hop, with a fresh branch; undefined: there is none to be made, and no hop is tried any more. */
  prepare(hop: Hop): S | undefined;
  /** A response of the hop that answered first; a 503 only when there is no other hop. */
  response(response: Response, sent: S): void;
  /** A 2xx to an INVITE from a hop that answered too late. */
  surplus(response: Response, sent: S): void;
  /** No hop is left: the last one was silent (408) or could not be reached (503). */
  failed(status: 408 | 503): void;
}

interface Attempt<S> {
  readonly hop: Hop;
  readonly sent: S;
  tx: ClientTransaction | undefined;
  heard: boolean;
  /** Another one is preferred, whatever comes of this. */
  abandoned: boolean;
}

export class HopWalk<S extends Sent> {
  readonly #context: AgentContext;
  readonly #hops: readonly Hop[];
  readonly #user: WalkUser<S>;
  readonly #patience: number | undefined;
  readonly #attempts = new Set<Attempt<S>>();
  #next = 0;
  #chosen: Attempt<S> | undefined;
  #timer: Timer | undefined;
  #cancelled = false;

  /** `patience` in ms. */
  constructor(context: AgentContext, hops: readonly Hop[], user: WalkUser<S>, patience?: number) {
    this.#context = context;
    this.#hops = hops;
    this.#user = user;
    this.#patience = patience;
  }

  /** Tries the first hop. The user is told nothing before this returns. */
  start(): void {
    this.#tryNext();
  }

  /** The hop that answered, and those that were not tried: for the same request once more, changed as the answer asks. */
  get remaining(): readonly Hop[] {
    const untried = this.#hops.slice(this.#next);
    return this.#chosen === undefined ? untried : [this.#chosen.hop, ...untried];
  }

  /** Cancels what is out (RFC 3261 §9.1), and tries no further hop. */
  cancel(headers?: HeaderList): void {
    this.#cancelled = true;
    this.#timer?.cancel();
    for (const { tx } of [...this.#attempts]) tx?.cancel(headers);
  }

  /** Gives up on the hops that were tried: what they answer from now on is surplus. */
  abandon(): void {
    for (const attempt of [...this.#attempts]) this.#abandon(attempt);
  }

  #abandon(attempt: Attempt<S>): void {
    attempt.abandoned = true;
    attempt.tx?.cancel();
  }

  /** False: there is no further hop. */
  #tryNext(): boolean {
    this.#timer?.cancel();
    const hop = this.#cancelled ? undefined : this.#hops[this.#next++];
    if (hop === undefined) return false;
    const sent = this.#user.prepare(hop);
    if (sent === undefined) {
      this.#cancelled = true;
      return true;
    }
    const attempt: Attempt<S> = { hop, sent, tx: undefined, heard: false, abandoned: false };
    this.#attempts.add(attempt);
    attempt.tx = this.#context.transactions.request(sent.message, sent.way, {
      response: (response) => this.#response(attempt, response),
      timeout: () => this.#failed(attempt, 408),
      transportError: () => this.#failed(attempt, 503),
    });
    if (this.#patience !== undefined && this.#next < this.#hops.length)
      this.#timer = this.#context.clock.after(this.#patience, () => {
        this.#note(attempt.hop, "it is silent");
        this.#tryNext();
      });
    return true;
  }

  #response(attempt: Attempt<S>, response: Response): void {
    const { status } = response;
    const { hop, sent } = attempt;
    attempt.heard = true;
    if (status >= 300) this.#attempts.delete(attempt);
    if (status === 503) this.#context.resolver?.failed(hop, retryAfter(response));
    else this.#context.resolver?.worked(hop);
    if (attempt.abandoned) {
      if (status >= 200 && status < 300) this.#user.surplus(response, sent);
      return;
    }
    if (status === 503) {
      if (this.#chosen === attempt) this.#chosen = undefined;
      if (this.#tryNext() || this.#waits()) return;
    } else if (this.#chosen === undefined) {
      this.#timer?.cancel();
      this.#chosen = attempt;
      for (const other of [...this.#attempts]) if (other !== attempt) this.#abandon(other);
    }
    this.#user.response(response, sent);
  }

  #failed(attempt: Attempt<S>, status: 408 | 503): void {
    this.#attempts.delete(attempt);
    // A hop that answered and then fell silent is none that is dead: the one behind it is.
    if (!attempt.heard) this.#note(attempt.hop, status === 408 ? "it does not answer" : "it cannot be reached");
    if (attempt.abandoned) return;
    if (this.#chosen !== attempt && (this.#tryNext() || this.#waits())) return;
    this.#user.failed(status);
  }

  /** Whether another attempt may still succeed. */
  #waits(): boolean {
    return [...this.#attempts].some(({ abandoned }) => !abandoned);
  }

  #note(hop: Hop, why: string): void {
    this.#context.resolver?.failed(hop);
    if (this.#next < this.#hops.length && !this.#cancelled)
      this.#context.log.info("the next server is tried", { failed: `${hop.transport} ${hop.host} ${hop.port}`, why });
  }
}

/** How long a 503 asks not to be bothered, in ms (RFC 3261 §21.5.4); undefined where it does not say. */
function retryAfter(response: Response): number | undefined {
  const [digits] = /^\d{1,6}/.exec(response.header("retry-after") ?? "") ?? [];
  return digits === undefined ? undefined : Number(digits) * 1000;
}
