/** The routes of a configuration as a receive chain: which request goes to which handler, proxy, reply or redirect. */
import { allowOutside, Session, type UserAgent } from "../agent/index.ts";
import type { Handler } from "../call/index.ts";
import type { Config, Route, RouteAction } from "../config/config.ts";
import {
  chain,
  dropper,
  expandGroups,
  type Incoming,
  isHopByHop,
  type PatternMatch,
  type Receiver,
  route,
  userOf,
} from "../routing/index.ts";
import type { DomainOf } from "../routing/registrar/index.ts";
import type { Request } from "../sip/message.ts";
import { encodeUtf8 } from "../sip/text.ts";
import type { ServerTransaction } from "../sip/transaction/index.ts";
import { isSipUri } from "../sip/uri.ts";
import type { Calls } from "./calls.ts";

export interface RouteTargets {
  agent: UserAgent;
  calls: Calls;
  /** The domain of ours that a host stands for; undefined: none. */
  domainOf: DomainOf;
  /** The handler of a `script` or `exec` route. */
  handler(action: RouteAction & { type: "script" | "exec" }): Handler;
  /** Calls `user`, as people write it, through a trunk, and joins the two. */
  throughTrunk(trunk: string, user: string): Handler;
  /** The trunk that a request came by. */
  trunkOf(incoming: Incoming): string | undefined;
  /** Takes the REGISTERs for our domains; undefined: nobody registers here. */
  registrar: Receiver | undefined;
  /** Lets through whom a route's `auth` lets through. */
  authorizer(rule: Route): Receiver;
  /** Sends on what a `location` or `proxy` route matches. */
  proxy(action: RouteAction & { type: "location" | "proxy" }): (incoming: Incoming, groups: PatternMatch) => void;
  /** Whether a request may come to a user agent at all (RFC 3261 §8.2); false: it was refused. */
  comesToUserAgent(incoming: Incoming): boolean;
  /** Is told of each call that no route takes. */
  unrouted(request: Request, source: string): void;
}

/** A call that whoever watches it tells what to do. */
const driven: Handler = { name: "events", start: (control) => control.listen(() => {}) };

type Act = (incoming: Incoming, groups: PatternMatch) => void;

/** Who is not heard, who registers, the routes in order, then what a user agent says of itself. */
export function compileRoutes(config: Config, targets: RouteTargets): Receiver {
  const { registrar } = targets;
  return chain(
    dropper(config.drop),
    replacing(targets),
    ...(registrar === undefined ? [] : [registrarOf(registrar, targets)]),
    ...config.routes.map((rule) => compileRoute(rule, targets)),
    withoutRoute(targets),
  );
}

/** Who names a dialog of ours, tags and all, was told them by one of its ends, and needs no route (RFC 3891 §3). */
function replacing({ agent, calls, comesToUserAgent }: RouteTargets): Receiver {
  return (incoming) => {
    const { request, tx } = incoming;
    if (request.method !== "INVITE" || request.to.tag !== undefined || request.header("replaces") === undefined)
      return false;
    const session = agent.replacedBy(request);
    if (!(session instanceof Session) || !comesToUserAgent(incoming)) return session instanceof Session;
    return calls.replace(tx, request);
  };
}

function registrarOf(registrar: Receiver, { domainOf }: RouteTargets): Receiver {
  return (incoming) =>
    incoming.request.method === "REGISTER" && isOurs(incoming.request, domainOf) && registrar(incoming);
}

/** A route that hands on takes requests for any domain, if it says so; all others are about our own. */
function compileRoute(rule: Route, targets: RouteTargets): Receiver {
  const { action } = rule;
  const authorize = rule.auth === undefined ? undefined : targets.authorizer(rule);
  const act = actOf(rule, targets);
  const receiver = route(rule, (incoming, groups) => {
    if (authorize?.(incoming) !== true) act(incoming, groups);
  });
  if (rule.trunk === undefined && (action.type === "proxy" || action.type === "drop")) return receiver;
  const by = { trunkOf: targets.trunkOf, isOurs: (request: Request) => isOurs(request, targets.domainOf) };
  return (incoming) => fitOf(rule, incoming, by) === "fits" && receiver(incoming);
}

/** Whether a request, whose conditions are looked at elsewhere, is one for this route at all: by how it came, and whose it is. */
export function fitOf<I extends { readonly request: Request }>(
  { trunk, action }: Pick<Route, "trunk" | "action">,
  incoming: I,
  by: { trunkOf(incoming: I): string | undefined; isOurs(request: Request): boolean },
): "fits" | "other trunk" | "not ours" | "no user" {
  // Whoever calls by a trunk means us, whatever the trunk's server calls us.
  if (trunk !== undefined) return by.trunkOf(incoming) === trunk ? "fits" : "other trunk";
  if (action.type === "proxy" || action.type === "drop") return "fits";
  const { request } = incoming;
  // A domain without a user is registered nowhere: that is us.
  if (action.type === "location") return !hasUser(request) ? "no user" : by.isOurs(request) ? "fits" : "not ours";
  return by.isOurs(request) || by.trunkOf(incoming) !== undefined ? "fits" : "not ours";
}

function isForUs(incoming: Incoming, { domainOf, trunkOf }: RouteTargets): boolean {
  return isOurs(incoming.request, domainOf) || trunkOf(incoming) !== undefined;
}

/** `$1` … `$9` as the pattern found them: what is called is escaped when it becomes a URI. */
function plainGroups(template: string, groups: PatternMatch): string {
  return template.replace(/\$(\d)/g, (_, digit: string) => groups[Number(digit)] ?? "");
}

function actOf({ action, srtp }: Route, targets: RouteTargets): Act {
  const { agent, calls } = targets;
  switch (action.type) {
    case "script":
    case "exec": {
      const handler = targets.handler(action);
      return asUserAgent(targets, ({ tx, request }) => {
        if (request.method === "INVITE") calls.receive(tx, request, handler, srtp);
        else answerAsUserAgent(agent, tx);
      });
    }
    case "trunk":
      return asUserAgent(targets, ({ tx, request }, groups) => {
        if (request.method !== "INVITE") return answerAsUserAgent(agent, tx);
        const called = request.target === undefined ? "" : userOf(request.target);
        const user = action.number === undefined ? called : plainGroups(action.number, groups);
        calls.receive(tx, request, targets.throughTrunk(action.name, user), srtp);
      });
    case "events":
      return asUserAgent(targets, ({ tx, request }) => {
        if (request.method !== "INVITE") answerAsUserAgent(agent, tx);
        else if (calls.watch === undefined && !calls.followed()) agent.reply(tx, 480);
        else calls.receive(tx, request, driven, srtp);
      });
    case "reply": {
      const reason = action.reason === undefined ? undefined : encodeUtf8(action.reason);
      return asUserAgent(targets, ({ tx, request }) => {
        if (request.method === "OPTIONS" && action.code === 200) agent.options(tx);
        else agent.reply(tx, action.code, { reason });
      });
    }
    case "redirect":
      return asUserAgent(targets, ({ tx }, groups) =>
        agent.reply(tx, 302, { headers: [["Contact", `<${expandGroups(action.uri, groups)}>`]] }),
      );
    case "location":
    case "proxy":
      return targets.proxy(action);
    case "drop":
      return ({ tx }) => tx.forget();
  }
}

/** What a user agent does with a request that it may serve. */
function asUserAgent(targets: RouteTargets, act: Act): Act {
  return (incoming, groups) => {
    if (targets.comesToUserAgent(incoming)) act(incoming, groups);
  };
}

function hasUser({ target }: Request): boolean {
  return target === undefined || !isSipUri(target) || target.user !== undefined;
}

function isOurs({ target }: Request, domainOf: DomainOf): boolean {
  return target === undefined || !isSipUri(target) || domainOf(target.host, target.port) !== undefined;
}

function withoutRoute(targets: RouteTargets): Receiver {
  const { agent, unrouted } = targets;
  return (incoming) => {
    const { request, tx } = incoming;
    if (isHopByHop(request)) return false;
    // From strangers to strangers: this is no relay.
    if (!isForUs(incoming, targets)) agent.reply(tx, 403);
    else if (!targets.comesToUserAgent(incoming)) return true;
    else if (request.method !== "INVITE" && request.method !== "MESSAGE") answerAsUserAgent(agent, tx);
    else {
      unrouted(request, tx.flow.remote.host);
      agent.reply(tx, 404);
    }
    return true;
  };
}

/** What needs no handler: OPTIONS tells what we can do; the rest belongs into a dialog, and there is none. */
function answerAsUserAgent(agent: UserAgent, tx: ServerTransaction): void {
  switch (tx.request.method) {
    case "OPTIONS":
      return agent.options(tx);
    case "BYE":
    case "NOTIFY":
    case "PRACK":
    case "UPDATE":
      return agent.reply(tx, 481);
    default:
      return agent.reply(tx, 405, { headers: [["Allow", allowOutside]] });
  }
}
