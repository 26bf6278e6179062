/** The routes as operators see them, and which of them would take a request that nobody makes. */
import { refuse } from "../agent/index.ts";
import type { Config, Route, RouteAction } from "../config/config.ts";
import type { Refusal } from "../control/calls.ts";
import type { RouteAnswer, RouteQuestion, RoutesControl, RouteView } from "../control/operator.ts";
import { isHopByHop, matches, userAtHost } from "../routing/index.ts";
import type { DomainOf } from "../routing/registrar/index.ts";
import { parseMessage, type Request } from "../sip/message.ts";
import { encodeUtf8 } from "../sip/text.ts";
import { escapeUser, isSipUri, parseUri, withoutPassword } from "../sip/uri.ts";
import { nameOf } from "./report-calls.ts";
import { fitOf } from "./routes.ts";

export interface RouteDeskParts {
  readonly config: () => Config;
  readonly domainOf: () => DomainOf;
  /** Whether REGISTERs are taken. */
  readonly registers: () => boolean;
}

export function routeDesk({ config, domainOf, registers }: RouteDeskParts): RoutesControl {
  const test = (question: RouteQuestion): RouteAnswer | Refusal => {
    const { routes, trunks, domains, folder } = config();
    const { method = "INVITE", trunk } = question;
    if (trunk !== undefined && !trunks.some(({ name }) => name === trunk))
      return { refused: "not found", reason: "there is no such trunk" };
    const host = domains[0] ?? "siproc.invalid";
    const request = requestOf(question, method, host);
    if (request === undefined)
      return { refused: "wrong", reason: "to and from: expected a SIP URI, user@host, or a user" };
    const ours = domainOf();
    const isOurs = (uri: Request["target"]) =>
      uri === undefined || !isSipUri(uri) || uri.host === host || ours(uri.host, uri.port) !== undefined;
    const uri = withoutPassword(request.uri);
    const answer = (outcome: RouteAnswer["outcome"], says: string, passed: RouteAnswer["passed"]): RouteAnswer => ({
      ...{ outcome, uri, says, passed },
    });
    if (method === "REGISTER" && registers() && isOurs(request.target))
      return answer("register", "the registrar takes it, once the phone has proved who it is", []);
    const passed: { index: number; line: number; why: string }[] = [];
    for (const [index, route] of routes.entries()) {
      const why = misfit(route, request, { trunk, isOurs });
      if (why !== undefined) {
        passed.push({ index, line: route.line, why });
        continue;
      }
      if (!handsOn.has(route.action.type)) {
        const refusal = refuse(request, new Set(routes.flatMap(({ methods }) => methods ?? [])));
        if (refusal !== undefined)
          return answer(
            "answer",
            `siproc takes no ${method} by itself, and no route names it under method: ${refusal.status}`,
            passed,
          );
      }
      const groups = matches(route, request) ?? [];
      const view = viewOf(route, index, folder);
      const says = `${view.auth ? "once the caller has proved who it is, " : ""}${saysOf(route.action, view.target)}`;
      return {
        ...answer("route", says, passed),
        route: view,
        ...(groups.length > 0 && { groups: groups.map((group) => group ?? "") }),
      };
    }
    if (!isOurs(request.target) && trunk === undefined)
      return answer("refuse", "no route takes it, and it is for no domain of ours: 403", passed);
    if (isHopByHop(request) || method === "INVITE" || method === "MESSAGE")
      return answer("refuse", "no route takes it: 404", passed);
    return answer("answer", "no route takes it; siproc answers it by itself", passed);
  };
  return {
    list: () => config().routes.map((route, index) => viewOf(route, index, config().folder)),
    test,
  };
}

/** What these do with a request is not what a user agent does (RFC 3261 §8.2). */
const handsOn: ReadonlySet<string> = new Set(["location", "proxy", "drop"]);

/** Why a route does not take a request; undefined: it does. */
function misfit(
  route: Route,
  request: Request,
  { trunk, isOurs }: { trunk: string | undefined; isOurs(uri: Request["target"]): boolean },
): string | undefined {
  const { to, from, methods } = route;
  if (methods !== undefined && !methods.includes(request.method)) return `its method is not ${methods.join(" or ")}`;
  if (from !== undefined && from.match(userAtHost(request.from.uri)) === undefined) return "from does not match";
  if (to !== undefined && matches({ to, from: undefined, methods: undefined }, request) === undefined)
    return "to does not match";
  switch (fitOf(route, { request }, { trunkOf: () => trunk, isOurs: ({ target }) => isOurs(target) })) {
    case "fits":
      return undefined;
    case "other trunk":
      return `it does not come by trunk ${route.trunk}`;
    case "not ours":
      return "it is for a domain that is not ours";
    case "no user":
      return "it names no user";
  }
}

function viewOf(route: Route, index: number, folder: string): RouteView {
  const { line, to, from, methods, trunk, action, auth } = route;
  return {
    ...{ index, line, methods, trunk },
    to: to?.source,
    from: from?.source,
    action: action.type,
    target: targetOf(action, folder),
    auth: auth !== undefined,
  };
}

function targetOf(action: RouteAction, folder: string): string {
  switch (action.type) {
    case "script":
      return nameOf(action.file, folder);
    case "exec":
      // Its arguments may be secrets.
      return `${nameOf(action.argv[0] ?? "", folder)}${action.argv.length > 1 ? " …" : ""}`;
    case "reply":
      return action.reason === undefined ? String(action.code) : `${action.code} ${action.reason}`;
    case "redirect":
      return withoutPassword(action.uri);
    case "proxy":
      return action.uris.map(withoutPassword).join(", ");
    case "trunk":
      return action.number === undefined ? action.name : `${action.name}, as ${action.number}`;
    case "location":
    case "drop":
    case "events":
      return "";
  }
}

function saysOf(action: RouteAction, target: string): string {
  switch (action.type) {
    case "script":
      return `the script ${target} handles it`;
    case "exec":
      return `the program ${target} handles it`;
    case "reply":
      return `it is answered ${target}`;
    case "redirect":
      return `the caller is sent to ${target}`;
    case "location":
      return "it goes where the user is registered";
    case "proxy":
      return `it is sent on to ${target}`;
    case "trunk":
      return `it goes out by trunk ${target}`;
    case "drop":
      return "it is not answered";
    case "events":
      return "whoever reads the events handles it";
  }
}

/** Such a request; undefined: the question names nobody whom one could be for. */
function requestOf({ to, from }: RouteQuestion, method: string, host: string): Request | undefined {
  const target = uriOf(to, host);
  const caller = uriOf(from ?? "anonymous@anonymous.invalid", host);
  if (target === undefined || caller === undefined) return undefined;
  const text = [
    `${method} ${target} SIP/2.0`,
    "Via: SIP/2.0/UDP siproc.invalid;branch=z9hG4bKdry",
    `From: <${caller}>;tag=dry`,
    `To: <${target}>`,
    "Call-ID: dry-run",
    `CSeq: 1 ${method}`,
    "Max-Forwards: 70",
    "Content-Length: 0",
    "",
    "",
  ].join("\r\n");
  const parsed = parseMessage(Buffer.from(text, "latin1"), "datagram");
  return parsed.type === "request" && parsed.target !== undefined ? parsed : undefined;
}

/** As people write it: a URI, `user@host`, a user. */
function uriOf(written: string, host: string): string | undefined {
  if (/[\s<>"\x00-\x1f\x7f]/.test(written)) return undefined;
  const uri = encodeUtf8(/^(sips?|tel):/i.test(written) ? written : atHost(written, host));
  return parseUri(uri) === undefined ? undefined : uri;
}

function atHost(written: string, host: string): string {
  const at = written.lastIndexOf("@");
  if (at > 0) return `sip:${escapeUser(encodeUtf8(written.slice(0, at)))}${written.slice(at)}`;
  return `sip:${escapeUser(encodeUtf8(written))}@${host}`;
}
