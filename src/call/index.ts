/** The door of calls: the call itself, what handlers see of it, and the vocabulary. */
export { Call } from "./call.ts";
export { configurationOf } from "./configuration.ts";
export { type CallControl, type CallFacts, callOver, type Handler, type Outcome } from "./control.ts";
export type { Dialer, DialOptions, Peers } from "./dialer.ts";
export { isHeaderValue, isOpenHeader } from "./header-names.ts";
export { Rooms } from "./rooms.ts";
export * from "./vocabulary.ts";
