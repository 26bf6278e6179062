/** What `location` and `proxy` routes do: from a route and a request to targets, and on to the proxy that is asked for. */
import type { ProxySettings, RouteAction } from "../config/config.ts";
import {
  expandGroups,
  type ForwardOptions,
  type Incoming,
  isDirect,
  isHopByHop,
  type PatternMatch,
  type ProxyTarget,
  type StatefulProxy,
  type StatelessForwardOptions,
  type StatelessProxy,
} from "../routing/index.ts";
import { absence, type LocateOptions, locate, redirect, targetsOf } from "../routing/registrar/index.ts";
import { isSipUri, parseUri, type SipUri } from "../sip/uri.ts";
import type { TransportLayer } from "../transport/index.ts";

export interface ForwardingParts extends LocateOptions {
  ways: TransportLayer;
  /** Whether there is such a user; undefined: nobody knows. */
  known: ((user: string, domain: string) => boolean) | undefined;
  stateless: StatelessProxy;
  stateful: StatefulProxy;
  /** Is told of sources that call who does not exist; `proved`: the source is not forged. */
  nobody(source: string, proved: boolean): void;
}

export type ForwardingAction = RouteAction & { type: "location" | "proxy" };

/** What one route does. */
export class Forwarding {
  readonly #parts: ForwardingParts;
  /** What the URIs of the routes say, once they were read; those in which groups are put are read each time. */
  readonly #hops = new Map<string, SipUri | undefined>();
  readonly #action: ForwardingAction;
  /** The same for all that is forwarded: some of it is kept for long. */
  readonly #options: ForwardOptions & StatelessForwardOptions;

  constructor(parts: ForwardingParts, action: ForwardingAction) {
    this.#parts = parts;
    this.#action = action;
    const { relay: nat, media, recordRoute, rewriteContact } = action;
    this.#options = { nat, media, recordRoute, rewriteContact };
  }

  forward(incoming: Incoming, groups: PatternMatch): void {
    const action = this.#action;
    if (action.type === "location") this.#toUser(incoming, action);
    else this.#toServer(incoming, groups, action);
  }

  /** To where a user of ours is registered. */
  #toUser(incoming: Incoming, settings: ProxySettings): void {
    const { request, tx, flow } = incoming;
    const parts = this.#parts;
    if (settings.mode === "redirect") {
      const known = incoming.authenticated === undefined ? undefined : parts.known;
      if (!redirect({ ...parts, known })(incoming)) refuse(incoming, 404);
      return;
    }
    const { target } = request;
    const { aor, bindings, invalidGruu } =
      target !== undefined && isSipUri(target) ? locate(target, parts) : { aor: undefined, bindings: [] };
    const targets = targetsOf(bindings, parts.ways);
    if (targets.length > 0) return this.#send(incoming, targets);
    if (isHopByHop(request)) return refuse(incoming, 481);
    const status = invalidGruu === true ? 404 : absence(aor, parts.known);
    // People misdial: of those who have shown a password, or whom a provider's proxy has sent here, it is no attack.
    if (status === 404 && incoming.authenticated === undefined && isDirect(request))
      parts.nobody(flow.remote.host, flow.reliable);
    // Only who has shown a password is told whether a user exists.
    tx.respondStateless(incoming.authenticated === undefined && parts.known !== undefined ? 480 : status);
  }

  #toServer(incoming: Incoming, groups: PatternMatch, action: RouteAction & { type: "proxy" }): void {
    const { request } = incoming;
    const { uris } = action;
    const targets: ProxyTarget[] = [];
    for (const uri of uris) targets.push(this.#targetOf(request.uri, uri, groups, 1 - targets.length / uris.length));
    if (action.mode !== "redirect") this.#send(incoming, targets);
    else this.#redirect(incoming, targets, uris);
  }

  #redirect(incoming: Incoming, targets: readonly ProxyTarget[], uris: readonly string[]): void {
    if (isHopByHop(incoming.request)) return refuse(incoming, 481);
    incoming.tx.respondStateless(302, {
      headers: targets.map(({ uri, nextHop }, i) => ["Contact", `<${nextHop === undefined ? uri : (uris[i] ?? uri)}>`]),
    });
  }

  /** A URI with a user part is the new Request-URI; one without only says where to send. */
  #targetOf(requestUri: string, template: string, groups: PatternMatch, q: number): ProxyTarget {
    if (template === "request-uri") return { uri: requestUri, q };
    const fixed = !template.includes("$");
    const uri = fixed ? template : expandGroups(template, groups);
    const nextHop = fixed ? this.#fixedHop(uri) : hopOf(uri);
    return nextHop === undefined ? { uri, q } : { uri: requestUri, nextHop, q };
  }

  #fixedHop(text: string): SipUri | undefined {
    let hop = this.#hops.get(text);
    if (hop === undefined && !this.#hops.has(text)) {
      hop = hopOf(text);
      this.#hops.set(text, hop);
    }
    return hop;
  }

  #send(incoming: Incoming, targets: readonly ProxyTarget[]): void {
    const [first] = targets;
    if (this.#action.mode === "stateless" && first !== undefined)
      this.#parts.stateless.forward(incoming, first, this.#options);
    else this.#parts.stateful.forward(incoming, targets, this.#options);
  }
}

function hopOf(text: string): SipUri | undefined {
  const uri = parseUri(text);
  return uri !== undefined && isSipUri(uri) && uri.user === undefined ? uri : undefined;
}

/** Of an ACK nothing is said. */
function refuse({ tx }: Incoming, status: number): void {
  tx.respondStateless(status);
}
