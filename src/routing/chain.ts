/**
 * The receive chain: each receiver takes a request, or passes it on to the next. What stands in `routes:` of a
 * configuration becomes the same chain that a program can build by hand.
 */
import type { Request } from "../sip/message.ts";
import type { ServerTransaction } from "../sip/transaction/index.ts";

/** A request outside of any dialog, on its way along a chain. */
export interface Incoming {
  readonly request: Request;
  readonly tx: ServerTransaction;
}

/** True: taken, and the receiver sees to the response. False: the next one's. */
export type Receiver = (incoming: Incoming) => boolean;

/** Receivers in order, as one. The first that takes a request ends its way. */
export function chain(...receivers: readonly Receiver[]): Receiver {
  return (incoming) => receivers.some((receive) => receive(incoming));
}

/** Lets a receiver see only the requests that `accepts` lets through. */
export function only(accepts: (incoming: Incoming) => boolean, receiver: Receiver): Receiver {
  return (incoming) => accepts(incoming) && receiver(incoming);
}
