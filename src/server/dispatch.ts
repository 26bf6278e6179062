/** Where messages go that a transaction does not take by itself: a dialog's session, a proxy on a dialog's path, the routes. */
import type { UserAgent } from "../agent/index.ts";
import { Arrival, type Guard, type Incoming, type Receiver } from "../routing/index.ts";
import type { Flow } from "../sip/flow.ts";
import type { Request, Response } from "../sip/message.ts";
import type { ServerTransaction, TransactionLayer, TransactionUser } from "../sip/transaction/index.ts";
import { StrayTransaction } from "./stray.ts";

/** The proxies, as far as they are reached by other ways than a route. */
export interface OnPath {
  /** A request whose topmost Route is ours. False: the routes decide. */
  byRoute(incoming: Incoming): boolean;
  /** The CANCEL of an INVITE that a stateful proxy has forwarded. False: it is not one. */
  cancel(tx: ServerTransaction, cancel: Request): boolean;
  /** A response to what a stateless proxy has forwarded. False: it is not one. */
  response(response: Response, flow: Flow): boolean;
}

export interface DispatchParts {
  agent: UserAgent;
  transactions: Pick<TransactionLayer, "replyStateless">;
  guard: Guard;
  proxies: OnPath;
  /** Value of the Retry-After for a source that sends too much, in seconds. */
  retryAfter: () => string;
}

export class Dispatch implements TransactionUser {
  /** The compiled routes; replaced when the configuration is read anew. */
  routes: Receiver = () => false;
  readonly #parts: () => DispatchParts;

  /** The parts come later than the transactions that they need: they are asked for when the first request is here. */
  constructor(parts: () => DispatchParts) {
    this.#parts = parts;
  }

  request(tx: ServerTransaction, request: Request): void {
    const { agent, guard, proxies, retryAfter } = this.#parts();
    if (agent.owns(request)) return agent.inDialog(tx, request);
    const { flow } = tx;
    if (guard.isScanner(request, flow)) return tx.forget();
    const incoming = new Arrival(tx);
    // RFC 3261 §16.3: who asks the last hop on the way asks us.
    const isLast = request.method === "OPTIONS" && request.header("max-forwards") === "0";
    if (!isLast && proxies.byRoute(incoming)) return;
    if (!guard.admits(flow.remote.host))
      return tx.respondStateless(503, { reason: "Too Many Requests", headers: [["Retry-After", retryAfter()]] });
    if (isLast) agent.options(tx);
    else if (!this.routes(incoming)) agent.reply(tx, 404);
  }

  ack(request: Request, flow: Flow): void {
    const { agent } = this.#parts();
    if (agent.owns(request)) agent.ack(request);
    else this.#stray(request, flow);
  }

  cancel(tx: ServerTransaction, cancel: Request): void {
    const { agent, proxies } = this.#parts();
    if (!proxies.cancel(tx, cancel)) agent.cancel(tx, cancel);
  }

  strayCancel(cancel: Request, flow: Flow): boolean {
    return this.#stray(cancel, flow);
  }

  strayResponse(response: Response, flow: Flow): void {
    this.#parts().proxies.response(response, flow);
  }

  #stray(request: Request, flow: Flow): boolean {
    const { guard, proxies, transactions } = this.#parts();
    const incoming = new Arrival(new StrayTransaction(request, flow, transactions));
    return proxies.byRoute(incoming) || (guard.admits(flow.remote.host) && this.routes(incoming));
  }
}
