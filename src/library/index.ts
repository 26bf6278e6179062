/** The door of the library's own parts. */
export { Agent, type ListenOptions } from "./agent.ts";
export { type AuthOptions, accountsFrom } from "./auth.ts";
export { dropFrequent, type FrequentOptions } from "./drop-frequent.ts";
export { type DropEntry, DropList, DropListError, type DropListOptions } from "./drop-list.ts";
export { Endpoint } from "./endpoint.ts";
export {
  type ContextOptions,
  type EndpointAddress,
  type EndpointCallback,
  EndpointContext,
  type EndpointNews,
} from "./endpoint-context.ts";
export type {
  Application,
  EndpointRegistration,
  EndpointRequestOptions,
  EndpointResponse,
} from "./endpoint-types.ts";
export { CallFailed, type InviteOptions } from "./invite.ts";
export type { ProxyOptions, RegisteredContact, RegistrarOptions, StatelessProxyOptions } from "./receivers.ts";
export type { RegisterOptions } from "./register.ts";
export type { Answer, KeptSubscription, News, RequestOptions, SubscribeOptions } from "./request.ts";
export { type AgentOptions, OptionError } from "./settings.ts";
export type { Targeting } from "./targets.ts";
