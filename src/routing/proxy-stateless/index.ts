/** The door of the stateless proxy. */
export { StatelessProxy } from "./proxy.ts";
export type { StatelessForwardOptions, StatelessProxyOptions, StatelessResolver } from "./surroundings.ts";
