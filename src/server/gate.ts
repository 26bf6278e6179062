/** Whether new requests are served. Closed, they are answered 503; what belongs to a dialog goes its way all the same. */
import type { GateControl } from "../control/accounts.ts";
import { isHopByHop, type Receiver } from "../routing/index.ts";

/** Seconds after which phones may try again. */
const retryAfter = "30";

export class Gate implements GateControl {
  readonly #changed: () => void;
  #open = true;

  constructor(changed: () => void) {
    this.#changed = changed;
  }

  get open(): boolean {
    return this.#open;
  }

  set(open: boolean): void {
    if (open === this.#open) return;
    this.#open = open;
    this.#changed();
  }

  /** Takes the place of the routes. */
  readonly closed: Receiver = ({ request, tx }) => {
    if (!isHopByHop(request))
      tx.respondStateless(503, { reason: "Service Stopped", headers: [["Retry-After", retryAfter]] });
    return true;
  };
}
