/** The door of routing: the receive chain, and the conditions of routes. */
export {
  type AuthorizeFilter,
  type AuthorizeFilterName,
  type AuthorizeOutcome,
  type AuthorizerOptions,
  authorizeFilters,
  authorizer,
  withoutCredentialsFor,
  withoutOwnCredentials,
} from "./authorize.ts";
export { type Ban, Bans } from "./bans.ts";
export { type Block, blocker, type DropCondition, type DropperOptions, dropper } from "./block.ts";
export type { CallRecord } from "./call-record.ts";
export {
  Arrival,
  type Authenticated,
  chain,
  type Incoming,
  isDirect,
  isHopByHop,
  methodOf,
  methods,
  only,
  type Receiver,
} from "./chain.ts";
export type { Bye } from "./dialog-ends.ts";
export { Guard, type GuardSettings } from "./guard.ts";
export { CallGateway, type ConvertedCall, type GatewayReport } from "./media-gateway.ts";
export type {
  GatewayBackend,
  GatewayEnd,
  GatewayMedia,
  GatewaySession,
  GatewaySide,
  MediaGateway,
} from "./media-gateway-seam.ts";
export { type MediaProfile, type MediaWish, mediaWishes, type Profiles } from "./media-profile.ts";
export { CallRelay, type CallRelayOptions, type RelayedCall, type RelayReport } from "./media-relay.ts";
export type { MediaRelay, RelayBackend, RelayCount } from "./media-relay-seam.ts";
export { Networks } from "./networks.ts";
export { compilePattern, expandGroups, type Pattern, type PatternMatch } from "./pattern.ts";
export { type ForwardOptions, StatefulProxy } from "./proxy-stateful/index.ts";
export { type StatelessForwardOptions, StatelessProxy } from "./proxy-stateless/index.ts";
export { RecordRoute } from "./record-route.ts";
export { type Conditions, matches, route, userAtHost, userOf } from "./routes.ts";
export type { ProxyTarget } from "./target.ts";
