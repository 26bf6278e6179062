/** The stateful proxy of RFC 3261 §16, with RFC 4320, RFC 5393, RFC 5626 and RFC 6026. The only door to this folder. */
export { StatefulProxy } from "./proxy.ts";
export type { ForwardOptions, ProxyResolver, StatefulProxyLimits, StatefulProxyOptions } from "./surroundings.ts";
