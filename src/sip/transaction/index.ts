/** The transaction layer of RFC 3261 §17, with RFC 4320 and RFC 6026. The only door to this folder. */
export { type LayerOptions, TransactionError, TransactionLayer } from "./layer.ts";
export type { TransactionObserver } from "./observer.ts";
export { defaultTimers, type Timers } from "./timers.ts";
export type {
  ClientTransaction,
  ClientUser,
  ServerTransaction,
  StatelessOptions,
  TransactionUser,
} from "./user.ts";
