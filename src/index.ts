/** The library: what `import { … } from "siproc"` gives, under Bun. */
export { Account, type AccountFields } from "./accounts/index.ts";
export type { RegistrationState } from "./agent/index.ts";
export { CallError, type LibraryCall as Call, type LibraryEvent as CallEvent } from "./handlers/callback.ts";
export {
  Agent,
  CallFailed,
  type InviteArguments,
  type ListenArguments,
  type RegisterArguments,
} from "./library/agent.ts";
export type {
  AuthOptions,
  ProxyArguments,
  RegistrarArguments,
  StatelessArguments,
  Targeting,
} from "./library/receivers.ts";
export { type AgentOptions, OptionError } from "./library/settings.ts";
export type { Level, Log } from "./log.ts";
export {
  type Block,
  blocker,
  chain,
  type DropCondition,
  dropper,
  type Incoming,
  methods,
  only,
  type ProxyTarget,
  type Receiver,
} from "./routing/index.ts";
export type { Request, Response } from "./sip/message.ts";
