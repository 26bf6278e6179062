/**
 * The way of a request that begins something: an outbound proxy and a service route, loose or strict (RFC 3261 §8.1.2 and
 * §12.2.1.1, RFC 3608 §6.1).
 */

import { canonicalHost } from "../sip/host.ts";
import type { HeaderList } from "../sip/message.ts";
import { parseNameAddr } from "../sip/name-addr.ts";
import { isSipUri, parseUri, type SipUri } from "../sip/uri.ts";

export interface RouteOptions {
  /** A server to send the request to first. With `lr` it stands in Route as well: `sip:edge.example.com;lr`. */
  proxy?: string | undefined;
  /** The proxy is a strict router, of RFC 2543: it is the Request-URI, and whom we mean stands at the end of Route. */
  strictRoute?: boolean | undefined;
  /** Values of Route that come after the proxy, such as the Service-Route of a registrar. */
  service?: readonly string[] | undefined;
}

export interface PreloadedRoute {
  readonly requestUri: string;
  readonly headers: HeaderList;
  /** Whose server is looked up (RFC 3263). */
  readonly nextHop: SipUri;
}

/** The way to `target`, whose text is `uri`; or what is wrong with the options. */
export function preloadedRoute(
  uri: string,
  target: SipUri,
  { proxy, strictRoute = false, service = [] }: RouteOptions,
): PreloadedRoute | { failure: string } {
  const edge = proxy === undefined ? undefined : sipUri(proxy);
  if (proxy !== undefined && edge === undefined) return { failure: `${proxy} is no sip: URI of a proxy` };
  const hops = service.map((value) => ({ value, uri: sipUri(parseNameAddr(value)?.uriText ?? "") }));
  const bad = hops.find((hop) => hop.uri === undefined);
  if (bad !== undefined) return { failure: `${bad.value} is no route` };
  const first = hops[0]?.uri;
  // A registrar may name the proxy that we came by.
  const known = edge !== undefined && first !== undefined && isSame(edge, first);
  const named = edge !== undefined && proxy !== undefined && !known && (strictRoute || edge.params.has("lr"));
  const set = [...(named ? [{ value: `<${proxy}>`, uri: edge }] : []), ...hops];
  const [top] = set;
  const nextHop = edge ?? first ?? target;
  if (top?.uri === undefined) return { requestUri: uri, headers: [], nextHop };
  if (top.uri.params.has("lr") && !(strictRoute && top.uri === edge))
    return { requestUri: uri, headers: set.map(({ value }) => ["Route", value] as const), nextHop };
  const others = [...set.slice(1).map(({ value }) => value), `<${uri}>`];
  const requestUri = top.value.slice(top.value.indexOf("<") + 1, top.value.lastIndexOf(">"));
  return { requestUri, headers: others.map((value) => ["Route", value] as const), nextHop };
}

function sipUri(text: string): SipUri | undefined {
  const uri = parseUri(text);
  return uri !== undefined && isSipUri(uri) ? uri : undefined;
}

function isSame(a: SipUri, b: SipUri): boolean {
  return canonicalHost(a.host) === canonicalHost(b.host) && (a.port ?? 5060) === (b.port ?? 5060);
}
