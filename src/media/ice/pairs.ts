/** The check list of one ICE session (RFC 8445 §6.1.2): ours is one address, so a pair is one of the peer's. */
import { maxCandidates, type RemoteCandidate } from "./candidate.ts";

export interface Pair extends RemoteCandidate {
  /** `valid`: a check of ours was answered. `failed`: none of many was. */
  state: "waiting" | "checking" | "valid" | "failed";
  /** An authentic request or response came from there. */
  proven: boolean;
  /** The peer has nominated it before it was valid. */
  nominated: boolean;
  /** Checks sent in a row without an answer, and when the next one is due, ms. */
  tries: number;
  due: number;
}

/** Addresses of a peer at a time, those that it did not announce included. */
const maxPairs = 2 * maxCandidates;
/** A check is repeated after 250 ms, 500 ms, and so on to 2 s; so often, and it has failed. */
const firstPause = 250;
const maxPause = 2000;
const maxTries = 9;

export class Pairs {
  readonly #byAddress = new Map<string, Pair>();

  find(host: string, port: number): Pair | undefined {
    return this.#byAddress.get(`${host} ${port}`);
  }

  /** Adds a candidate if there is room: that of pairs that have come to nothing is used again. */
  add({ host, port, priority }: RemoteCandidate, now: number): Pair | undefined {
    const known = this.find(host, port);
    if (known !== undefined) return known;
    if (this.#byAddress.size >= maxPairs && !this.#makeRoom()) return undefined;
    const pair: Pair = { host, port, priority, state: "waiting", proven: false, nominated: false, tries: 0, due: now };
    this.#byAddress.set(`${host} ${port}`, pair);
    return pair;
  }

  #makeRoom(): boolean {
    for (const [key, pair] of this.#byAddress)
      if (pair.state === "failed" || !pair.proven) return this.#byAddress.delete(key);
    return false;
  }

  /** A new session begins: all are checked anew. */
  restart(): void {
    this.#byAddress.clear();
  }

  /** The pair whose check is due, the most promising one first. Those that were tried too often fail. */
  due(now: number): Pair | undefined {
    let best: Pair | undefined;
    for (const pair of this.#byAddress.values()) {
      if (pair.state === "valid" || pair.state === "failed" || pair.due > now) continue;
      if (pair.tries >= maxTries) pair.state = "failed";
      else if (
        best === undefined ||
        pair.tries < best.tries ||
        (pair.tries === best.tries && pair.priority > best.priority)
      )
        best = pair;
    }
    return best;
  }

  /** Notes that a check was sent. */
  sent(pair: Pair, now: number): void {
    pair.state = "checking";
    pair.due = now + Math.min(maxPause, firstPause * 2 ** pair.tries++);
  }

  /** A check that the peer has asked for (RFC 8445 §7.3.1.4). */
  trigger(pair: Pair, now: number): void {
    if (pair.state === "valid") return;
    if (pair.state === "failed") pair.tries = 0;
    pair.state = "waiting";
    pair.due = now;
  }

  /** Whether a check may still be due. */
  get open(): boolean {
    for (const { state } of this.#byAddress.values()) if (state === "waiting" || state === "checking") return true;
    return false;
  }
}
