/** The transaction layer: finds the transaction that a message belongs to, and makes new ones. */
import type { Clock } from "../clock.ts";
import type { Flow } from "../flow.ts";
import type { Request, Response } from "../message.ts";
import type { Random } from "../random.ts";
import type { Timers } from "./timers.ts";
import type { ClientTransaction, ClientUser, StatelessOptions, TransactionUser } from "./user.ts";

export interface LayerOptions {
  clock: Clock;
  random: Random;
  user: TransactionUser;
  timers?: Partial<Timers>;
  /** Above this many open transactions, requests that open a dialog get 503; at twice as many, every request does. 200,000 by default. */
  maxTransactions?: number;
  /** Seconds in the Retry-After of these 503; 10 by default. */
  retryAfter?: number;
  /** Whether a request belongs to something already established, which is preferred under overload; by default: it has a To tag. */
  established?: (request: Request) => boolean;
  /** The flow for the responses to a request (RFC 3261 §18.2.2: a UDP client without rport listens where its Via says); by default the one it came on. */
  responseFlow?: (request: Request, flow: Flow) => Flow;
}

export declare class TransactionLayer {
  constructor(options: LayerOptions);
  /** Open transactions, clients and servers. */
  get size(): number;
  /** Takes a message that passed `checkRequest` or `checkResponse`. */
  receive(message: Request | Response, flow: Flow): void;
  /** Sends a request that has its Via with a fresh branch. An ACK is no transaction: send it with `flow.send`. */
  request(request: Request, flow: Flow, user: ClientUser): ClientTransaction;
  /** Answers without a transaction, such as a request that failed `checkRequest`. An ACK is not answered. */
  replyStateless(request: Request, flow: Flow, status: number, options?: StatelessOptions): void;
}
