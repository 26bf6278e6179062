/**
 * The library: what `import { Agent } from "siproc"` gives, under Bun. docs/library.md shows how it goes together.
 *
 * @module
 */
export type { AccountFields } from "./accounts/index.ts";
export type { RegistrationState } from "./agent/index.ts";
export {
  CallError,
  type LibraryCall as Call,
  type LibraryEnd as CallEnd,
  type LibraryEvent as CallEvent,
} from "./handlers/callback.ts";
export * from "./library/index.ts";
export type { Log } from "./log.ts";
export {
  type AuthorizeFilter,
  type Block,
  blocker,
  chain,
  type DropCondition,
  type DropperOptions,
  dropper,
  type Incoming,
  methods,
  only,
  type ProxyTarget,
  type Receiver,
} from "./routing/index.ts";
export type { Request } from "./sip/message.ts";
