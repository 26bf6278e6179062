/** The door of the library's own parts. */
export { Agent, type ListenOptions } from "./agent.ts";
export {
  type AccountsOption,
  type AuthOption,
  type AuthOptions,
  accountsFrom,
  type FilterOption,
} from "./auth.ts";
export { type DropEntry, DropList, DropListError, type DropListOptions } from "./drop-list.ts";
export { CallFailed, type InviteOptions } from "./invite.ts";
export type { ProxyOptions, RegisteredContact, RegistrarOptions, StatelessProxyOptions } from "./receivers.ts";
export type { RegisterOptions } from "./register.ts";
export { type AgentOptions, type Credentials, type HeaderOptions, OptionError, type TlsOptions } from "./settings.ts";
export type { Targeting } from "./targets.ts";
