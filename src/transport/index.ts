/** The door of the transport layer. */
export type { Address, Flow } from "../sip/flow.ts";
export { formatAddress, isIpLiteral, parseListenUrl } from "./address.ts";
export {
  defaultLimits,
  type ListenUrl,
  TransportError,
  type TransportErrorCode,
  type TransportEvents,
  type TransportLimits,
} from "./contract.ts";
export type { Lookup } from "./host-lookup.ts";
export { type FlowTarget, type Listening, TransportLayer, type TransportOptions } from "./layer.ts";
export { responseTarget } from "./response-target.ts";
export { SystemClock } from "./system-clock.ts";
