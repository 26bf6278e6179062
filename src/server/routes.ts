/** The routes of a configuration as a receive chain: which request goes to which handler, reply or redirect. */
import { allowOutside, type UserAgent } from "../agent/index.ts";
import type { Handler } from "../call/index.ts";
import type { Config, Route } from "../config/config.ts";
import { chain, expandGroups, type Incoming, type PatternMatch, type Receiver, route } from "../routing/index.ts";
import type { Request } from "../sip/message.ts";
import { encodeUtf8 } from "../sip/text.ts";
import type { ServerTransaction } from "../sip/transaction/index.ts";
import { isSipUri } from "../sip/uri.ts";
import type { Calls } from "./calls.ts";

export interface RouteTargets {
  agent: UserAgent;
  calls: Calls;
  /** The handler of a `script` or `exec` route. */
  handler(action: Route["action"] & { type: "script" | "exec" }): Handler;
  /** Is told of each call that no route takes. */
  unrouted(request: Request, source: string): void;
  /** Whether a host is an address that we listen on or announce. */
  isOwnAddress(host: string): boolean;
}

/** Who we are, then the routes in order, then what a user agent says of itself. */
export function compileRoutes(config: Config, targets: RouteTargets): Receiver {
  return chain(
    otherDomains(config, targets),
    ...config.routes.map((rule) => route(rule, action(rule, targets))),
    withoutRoute(targets),
  );
}

/** Requests for a domain that is not ours: this is no relay. */
function otherDomains(config: Config, targets: RouteTargets): Receiver {
  return ({ tx, request }) => {
    const { target } = request;
    if (config.domains.length === 0 || target === undefined || !isSipUri(target)) return false;
    if (config.domains.includes(target.host.toLowerCase()) || targets.isOwnAddress(target.host)) return false;
    targets.agent.reply(tx, 404);
    return true;
  };
}

function action(rule: Route, targets: RouteTargets): (incoming: Incoming, groups: PatternMatch) => void {
  const { agent, calls } = targets;
  const { action } = rule;
  switch (action.type) {
    case "script":
    case "exec": {
      const handler = targets.handler(action);
      return ({ tx, request }) => {
        if (request.method === "INVITE") calls.receive(tx, request, handler);
        else answerAsUserAgent(agent, tx);
      };
    }
    case "reply": {
      const reason = action.reason === undefined ? undefined : encodeUtf8(action.reason);
      return ({ tx, request }) => {
        if (request.method === "OPTIONS" && action.code === 200) agent.options(tx);
        else agent.reply(tx, action.code, { reason });
      };
    }
    case "redirect":
      return ({ tx }, groups) =>
        agent.reply(tx, 302, { headers: [["Contact", `<${expandGroups(action.uri, groups)}>`]] });
  }
}

function withoutRoute({ agent, unrouted }: RouteTargets): Receiver {
  return (incoming) => {
    const { request, tx } = incoming;
    if (request.method !== "INVITE" && request.method !== "MESSAGE") answerAsUserAgent(agent, tx);
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
    case "PRACK":
    case "UPDATE":
      return agent.reply(tx, 481);
    default:
      return agent.reply(tx, 405, { headers: [["Allow", allowOutside]] });
  }
}
