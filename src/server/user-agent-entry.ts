/** What RFC 3261 §8.2 asks of a request before a user agent serves it; proxies and the registrar ask other things. */
import { refuse, type UserAgent } from "../agent/index.ts";
import { type Incoming, isHopByHop } from "../routing/index.ts";
import type { MergeGuard } from "../sip/merged.ts";

export class UserAgentEntry {
  /** Methods that a route names, so that it and not the user agent says what becomes of them. */
  routedMethods: ReadonlySet<string> = new Set();
  readonly #agent: UserAgent;
  readonly #merged: MergeGuard;

  constructor(agent: UserAgent, merged: MergeGuard) {
    this.#agent = agent;
    this.#merged = merged;
  }

  /** False: the request was refused, or is none that anybody answers. */
  admits({ request, tx }: Incoming): boolean {
    if (isHopByHop(request)) {
      tx.respondStateless(481);
      return false;
    }
    const agent = this.#agent;
    const refusal = refuse(request, this.routedMethods);
    if (refusal !== undefined) agent.reply(tx, refusal.status, refusal);
    // A dialog that we do not have.
    else if (request.to.tag !== undefined) agent.inDialog(tx, request);
    else if (this.#merged.isMerged(request)) agent.reply(tx, 482);
    else return true;
    return false;
  }
}
