/** Which final response goes upstream when no branch was answered: RFC 3261 §16.7, steps 6 and 7. */
import type { Response } from "../../sip/message.ts";
import { Splice } from "../../sip/splice.ts";

/** Challenges of other branches that a 401 or 407 is given along, at most. */
const maxChallenges = 20;

/** Statuses that tell the client how its request would succeed (§16.7 step 6), after 401 and 407. */
const instructive = new Set([413, 414, 415, 416, 417, 420, 421, 422, 423, 428, 436, 437, 438, 484, 494]);

/** Lower is better: 6xx, then the lowest class; within 4xx what helps the client most. */
function rank(status: number): number {
  if (status >= 600) return 0;
  if (status < 400) return 1;
  if (status >= 500) return status === 503 ? 9 : 8;
  if (status === 401 || status === 407) return 2;
  if (instructive.has(status)) return 3;
  // What a branch says that was cancelled, or that said nothing, is not what the called side says.
  if (status === 487) return 5;
  if (status === 408) return 6;
  return status === 430 ? 7 : 4;
}

/** A response that came, or the status of one that has to be made. */
export type Outcome =
  | { readonly type: "received"; readonly response: Response }
  | { readonly type: "own"; readonly status: number };

/** The final responses of all branches of one request, of which only what may be needed is kept. */
export class BestResponse {
  #rank = Number.POSITIVE_INFINITY;
  #status = 0;
  #response: Response | undefined;
  #challenges: { of: Response; lines: string[] }[] | undefined;

  /** A final response from 300 on, its own Via removed, or the status that a branch without one counts as having. */
  add(outcome: Response | number): void {
    const status = typeof outcome === "number" ? outcome : outcome.status;
    if (typeof outcome !== "number" && (status === 401 || status === 407)) this.#keepChallenges(outcome);
    const rankOf = rank(status);
    if (rankOf > this.#rank || (rankOf === this.#rank && this.#response !== undefined)) return;
    if (rankOf === this.#rank && typeof outcome === "number") return;
    this.#rank = rankOf;
    this.#status = status;
    this.#response = typeof outcome === "number" ? undefined : outcome;
  }

  /** Undefined when there was nothing. `edge`: the one to be told is the proxy that chose the flow (RFC 5626 §5.3). */
  choose(edge: boolean): Outcome | undefined {
    if (this.#rank === Number.POSITIVE_INFINITY) return undefined;
    // A 503 would say that this proxy can serve nobody (step 6).
    if (this.#status === 503) return { type: "own", status: 500 };
    if (this.#status === 430 && !edge) return { type: "own", status: 480 };
    if (this.#response === undefined) return { type: "own", status: this.#status };
    return { type: "received", response: this.#withChallenges(this.#response) };
  }

  #keepChallenges(response: Response): void {
    const { lines } = response;
    const kept: string[] = [];
    for (let line = 0; line < lines.count; line++) {
      const name = lines.names[line];
      if (name === "www-authenticate" || name === "proxy-authenticate") kept.push(lines.raw(line));
    }
    this.#challenges ??= [];
    const already = this.#challenges.reduce((sum, each) => sum + each.lines.length, 0);
    kept.length = Math.min(kept.length, maxChallenges - already);
    if (kept.length > 0) this.#challenges.push({ of: response, lines: kept });
  }

  #withChallenges(response: Response): Response {
    if (response.status !== 401 && response.status !== 407) return response;
    const others = (this.#challenges ?? []).filter(({ of }) => of !== response);
    if (others.length === 0) return response;
    const splice = new Splice(response);
    for (const { lines } of others) for (const line of lines) splice.insert("last", line);
    return splice.message();
  }
}
