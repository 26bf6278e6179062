/** The door of routing: the receive chain, and the conditions of routes. */
export {
  Arrival,
  type Authenticated,
  chain,
  type Incoming,
  isHopByHop,
  methodOf,
  methods,
  only,
  type Receiver,
} from "./chain.ts";
export { compilePattern, expandGroups, type Pattern, type PatternMatch } from "./pattern.ts";
export { type Conditions, matches, route, userAtHost, userOf } from "./routes.ts";
