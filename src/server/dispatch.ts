/** Where transactions go: what RFC 3261 §8.2 asks first, then the dialog's session, or the routes. */
import { refuse, type UserAgent } from "../agent/index.ts";
import { Arrival, type Receiver } from "../routing/index.ts";
import type { MergeGuard } from "../sip/merged.ts";
import type { Request } from "../sip/message.ts";
import type { ServerTransaction, TransactionUser } from "../sip/transaction/index.ts";

export class Dispatch implements TransactionUser {
  /** The compiled routes; replaced when the configuration is read anew. */
  routes: Receiver = () => false;
  /** Methods that a route names, so that it and not the user agent says what becomes of them. */
  routedMethods: ReadonlySet<string> = new Set();
  readonly #agent: () => UserAgent;
  readonly #merged: MergeGuard;

  /** The user agent comes later than its transactions: `agent` is asked when the first request is here. */
  constructor(agent: () => UserAgent, merged: MergeGuard) {
    this.#agent = agent;
    this.#merged = merged;
  }

  request(tx: ServerTransaction, request: Request): void {
    const agent = this.#agent();
    const refusal = refuse(request, this.routedMethods);
    if (refusal !== undefined) return agent.reply(tx, refusal.status, refusal);
    if (request.to.tag !== undefined) return agent.inDialog(tx, request);
    if (this.#merged.isMerged(request)) return agent.reply(tx, 482);
    if (!this.routes(new Arrival(tx))) agent.reply(tx, 404);
  }

  ack(request: Request): void {
    this.#agent().ack(request);
  }

  cancel(tx: ServerTransaction): void {
    this.#agent().cancel(tx);
  }

  /** RFC 6026 §7.2: a response that belongs to no transaction is dropped. */
  strayResponse(): void {}
}
