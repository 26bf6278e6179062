/**
 * Merged requests (RFC 3261 §8.2.2.2): a request that forked upstream reaches us more than once, by several ways. A user
 * agent answers the copies with 482; a proxy must not, since to it they are different branches.
 */
import type { Clock } from "./clock.ts";
import type { Request } from "./message.ts";
import type { Via } from "./via.ts";

export interface MergeGuardOptions {
  /** How long a request is remembered at least, in ms. Copies come within the client's 64*T1 = 32 s, the default. */
  window?: number;
  /** How many requests are remembered at most; the older half is forgotten first. 200,000 by default. */
  limit?: number;
}

export class MergeGuard {
  readonly #clock: Clock;
  readonly #window: number;
  readonly #half: number;
  /** By identity, a number that stands for the branch. Two generations instead of a timer for each request. */
  #young = new Map<string, number>();
  #old = new Map<string, number>();
  #turned: number;

  constructor(clock: Clock, options: MergeGuardOptions = {}) {
    this.#clock = clock;
    this.#window = options.window ?? 32_000;
    this.#half = Math.max(1, (options.limit ?? 200_000) >> 1);
    this.#turned = clock.now();
  }

  get size(): number {
    return this.#young.size + this.#old.size;
  }

  /**
   * Notes a new request, and tells whether one with the same From tag, Call-ID and CSeq, but another branch, was noted
   * before: then the answer is 482 (Loop Detected). Requests within a dialog are never merged ones.
   */
  isMerged(request: Request): boolean {
    if (request.to.tag !== undefined || request.method === "CANCEL") return false;
    this.#turn();
    const identity = identityOf(request);
    const branch = hashOf(request.via);
    const known = this.#young.get(identity) ?? this.#old.get(identity);
    if (known === undefined) this.#young.set(identity, branch);
    return known !== undefined && known !== branch;
  }

  /** Forgets a request that was answered statelessly, as if it had never come: it may come again by another way. */
  forget(request: Request): void {
    const identity = identityOf(request);
    this.#young.delete(identity);
    this.#old.delete(identity);
  }

  #turn(): void {
    const now = this.#clock.now();
    const age = now - this.#turned;
    if (age < this.#window && this.#young.size < this.#half) return;
    this.#old = age < 2 * this.#window ? this.#young : new Map();
    this.#young = new Map();
    this.#turned = now;
  }
}

function identityOf(request: Request): string {
  return `${request.callId}\n${request.from.tag ?? ""}\n${request.cseq.number}\n${request.method}`;
}

/**
 * FNV-1a with 32 bits over sent-by and branch. A number weighs less than the text, which would keep all of its message in
 * memory; that two branches of one request have the same lets a copy through once in four billion.
 */
function hashOf(via: Via): number {
  const text = `${via.host}:${via.port ?? ""};${via.branch ?? ""}`;
  let hash = 0x811c9dc5;
  for (let at = 0; at < text.length; at++) hash = Math.imul(hash ^ text.charCodeAt(at), 0x01000193);
  return hash;
}
