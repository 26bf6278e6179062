/** Requests that belong to no transaction and never will: ACKs and CANCELs on their way through a stateless proxy. */
import type { Flow } from "../sip/flow.ts";
import type { Request } from "../sip/message.ts";
import type { ServerTransaction, StatelessOptions, TransactionLayer } from "../sip/transaction/index.ts";

/** What stands for the transaction of such a request: an ACK is answered by nobody, a CANCEL without keeping anything. */
export class StrayTransaction implements ServerTransaction {
  readonly request: Request;
  readonly flow: Flow;
  readonly state = "terminated";
  onTimeout: undefined;
  onTransportError: undefined;
  onAck: undefined;
  readonly #layer: Pick<TransactionLayer, "replyStateless">;
  #answered: boolean;

  constructor(request: Request, flow: Flow, layer: Pick<TransactionLayer, "replyStateless">) {
    this.request = request;
    this.flow = flow;
    this.#layer = layer;
    this.#answered = request.method === "ACK";
  }

  get finalSent(): boolean {
    return this.#answered;
  }

  /** Nothing is sent: what would be said statefully of it has nobody to say it. */
  respond(): boolean {
    return false;
  }

  respondStateless(status: number, options?: StatelessOptions): void {
    if (this.#answered) return;
    this.#answered = true;
    this.#layer.replyStateless(this.request, this.flow, status, options);
  }

  forget(): void {
    this.#answered = true;
  }
}
