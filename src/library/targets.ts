/** Where the proxies of an agent send a request: who is registered here, what a program says, other servers. */
import type { ProxyTarget } from "../routing/index.ts";
import { type DomainOf, locate, targetsOf } from "../routing/registrar/index.ts";
import type { Server } from "../server/index.ts";
import type { Request } from "../sip/message.ts";
import { isSipUri } from "../sip/uri.ts";
import type { NextHop } from "./settings.ts";

/**
 * Where a request that a proxy takes is to go: a URI, a target, or several of them; undefined: as without this function.
 *
 * @example
 * const target: Targeting = (request) =>
 *   request.uri.startsWith("sip:0") ? request.uri.replace(/@.*$/, "@gateway.example.com") : undefined;
 */
export type Targeting = (request: Request) => string | ProxyTarget | readonly ProxyTarget[] | undefined;

export interface TargetParts {
  server: Server;
  domainOf: DomainOf;
  /** Where requests for a domain go. */
  next: NextHop;
  decide: Targeting | undefined;
  /** Whether what nothing else decides goes to where its Request-URI says. */
  anywhere: boolean;
}

/** `elsewhere`: the request is the next receiver's; `absent`: a user of ours who is not there. */
export function findTargets(request: Request, parts: TargetParts): readonly ProxyTarget[] | "elsewhere" | "absent" {
  const { server, domainOf } = parts;
  const decided = parts.decide?.(request);
  if (decided !== undefined) return typeof decided === "string" ? [{ uri: decided }] : [decided].flat();
  const { target, uri } = request;
  if (target === undefined || !isSipUri(target)) return "elsewhere";
  const { location, gruus } = server.services;
  const registered = targetsOf(locate(target, { location, domainOf, gruus }).bindings, server.transport);
  if (registered.length > 0) return registered;
  const next = parts.next(target.host);
  if (next !== undefined) return [{ uri, nextHop: next.uri }];
  // Nobody is at an address of our own but who is registered: to send it there would be to send it to ourselves.
  if (server.transport.isOwn(target.host, target.port)) return target.user === undefined ? "elsewhere" : "absent";
  return parts.anywhere ? [{ uri }] : "elsewhere";
}
