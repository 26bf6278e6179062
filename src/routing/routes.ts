/** Routes as receivers: conditions on the Request-URI, the From and the method, with the groups that a pattern found. */
import { formatHost } from "../sip/host.ts";
import type { Request } from "../sip/message.ts";
import { decodeUtf8 } from "../sip/text.ts";
import { isSipUri, isTelUri, type Uri, unescapeUri } from "../sip/uri.ts";
import { type Incoming, methodOf, type Receiver } from "./chain.ts";
import type { Pattern, PatternMatch } from "./pattern.ts";

/** What a request must be like; an undefined condition holds for every request. */
export interface Conditions {
  readonly to: Pattern | undefined;
  readonly from: Pattern | undefined;
  readonly methods: readonly string[] | undefined;
}

const noGroups: PatternMatch = [];

/** A receiver that takes the requests that fit; `take` gets the groups of the `to` pattern. */
export function route(conditions: Conditions, take: (incoming: Incoming, groups: PatternMatch) => void): Receiver {
  return (incoming) => {
    const groups = matches(conditions, incoming.request);
    if (groups === undefined) return false;
    take(incoming, groups);
    return true;
  };
}

/** The groups of the `to` pattern when the request fits, else undefined. */
export function matches(conditions: Conditions, request: Request): PatternMatch | undefined {
  if (conditions.methods !== undefined && !conditions.methods.includes(methodOf(request))) return undefined;
  if (conditions.from !== undefined && conditions.from.match(userAtHost(request.from.uri)) === undefined)
    return undefined;
  if (conditions.to === undefined) return noGroups;
  return request.target === undefined ? undefined : conditions.to.match(userAtHost(request.target));
}

/** What patterns are compared with: `user@host`, unescaped, without port and parameters; a tel URI is its number. */
export function userAtHost(uri: Uri): string {
  return isSipUri(uri) ? `${userOf(uri)}@${formatHost(uri.host)}` : userOf(uri);
}

/** The user part as people write it, or the number of a tel URI; empty when there is none. */
export function userOf(uri: Uri): string {
  if (isTelUri(uri)) return uri.number;
  return isSipUri(uri) && uri.user !== undefined ? decodeUtf8(unescapeUri(uri.user)) : "";
}
