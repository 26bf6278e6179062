/** Routes as the schema read them into routes with one action each, and what does not fit together among them. */
import { highestGroup } from "../routing/pattern.ts";
import type { ProxySettings, Route, RouteAction } from "./config.ts";
import { actionNames, type routeKeys, routeType } from "./schema-routes.ts";
import type { Context, ValuesOf } from "./types.ts";
import type { MapNode, Node, Position } from "./yaml.ts";

type RouteValues = ValuesOf<typeof routeKeys>;

const knownMethods = new Set(
  "INVITE ACK BYE CANCEL OPTIONS REGISTER INFO PRACK UPDATE SUBSCRIBE NOTIFY REFER MESSAGE PUBLISH".split(" "),
);

export function readRoutes(root: Node, values: readonly RouteValues[], context: Context): Route[] {
  const list = entryOf(root, "routes");
  if (values.length === 0)
    context.warn(
      list?.keyAt ?? root.at,
      'there are no routes: every call is answered 404; add one, as in routes: [{ to: "*", script: hello.ts }]',
    );
  const items = list?.value.kind === "list" ? list.value.items : [];
  const routes = values.flatMap((route, i): Route[] => {
    const node = items[i];
    return node?.kind === "map" ? (readRoute(node, route, context) ?? []) : [];
  });
  warnOfUnreachable(routes, context);
  return routes;
}

/** The routes that are right, of a file that is not: their own mistakes are told together with the file's others. */
export function readRightRoutes(root: Node, context: Context): { route: Route; node: MapNode }[] {
  const list = entryOf(root, "routes")?.value;
  const quiet: Context = { ...context, problem: () => {}, warn: () => {} };
  return (list?.kind === "list" ? list.items : []).flatMap((node) => {
    if (node.kind !== "map") return [];
    const values = routeType.read(node, quiet);
    const [route] = (values && readRoute(node, values, context)) ?? [];
    return route === undefined ? [] : [{ route, node }];
  });
}

function readRoute(node: MapNode, values: RouteValues, context: Context): [Route] | undefined {
  const named = actionNames.filter((name) => values[name] !== undefined);
  // Beside another action a trunk is a condition.
  const given = named.length > 1 ? named.filter((name) => name !== "trunk") : named;
  const [name] = given;
  if (name === undefined || given.length > 1) {
    const found = name === undefined ? "no action" : given.join(" and ");
    context.problem(node.at, `a route has exactly one action (${actionNames.join(", ")}); found ${found}`);
    return undefined;
  }
  const at = entryOf(node, name)?.keyAt ?? node.at;
  const action = actionOf(values);
  if (action === undefined) return undefined;
  checkMethods(action, values.method, { action: at, method: entryOf(node, "method")?.value.at ?? at }, context);
  if (action.type === "redirect") checkGroups([action.uri], "redirect", values, at, context);
  if (action.type === "proxy") checkGroups(action.uris, "proxy", values, at, context);
  if (action.type === "trunk") checkGroups([action.number ?? ""], "number", values, at, context);
  else if (values.number !== undefined)
    context.problem(at, `number says whom to call through a trunk; this route has ${action.type}`);
  checkProxyKeys(action, values, node, context);
  if (values.srtp !== undefined && !handling.has(action.type))
    context.problem(
      entryOf(node, "srtp")?.keyAt ?? node.at,
      `srtp says how calls are encrypted that end here; this route has ${action.type}`,
    );
  return [
    {
      to: values.to,
      from: values.from,
      methods: values.method,
      ...(action.type !== "trunk" && values.trunk !== undefined && { trunk: values.trunk }),
      action,
      auth: values.auth,
      ...(values.srtp !== undefined && { srtp: values.srtp }),
      line: node.at.line,
      column: node.at.column,
    },
  ];
}

function actionOf(values: RouteValues): RouteAction | undefined {
  const { script, exec, reply, redirect, location, proxy, drop, trunk, number, events } = values;
  if (script !== undefined) return { type: "script", file: script };
  if (exec !== undefined) return { type: "exec", argv: exec };
  if (reply !== undefined) return { type: "reply", ...reply };
  if (redirect !== undefined) return { type: "redirect", uri: redirect };
  if (location !== undefined) return { type: "location", ...proxySettings(values) };
  if (proxy !== undefined) return { type: "proxy", uris: proxy, ...proxySettings(values) };
  if (drop !== undefined) return { type: "drop" };
  if (events !== undefined) return { type: "events" };
  if (trunk !== undefined) return { type: "trunk", name: trunk, number };
  return undefined;
}

function proxySettings({ mode, nat, media, record_route, rewrite_contact }: RouteValues): ProxySettings {
  return {
    mode: mode ?? "stateful",
    relay: nat === "relay" || media === "relay",
    media: media ?? "auto",
    recordRoute: record_route ?? true,
    rewriteContact: rewrite_contact ?? false,
  };
}

/** Actions that take calls. */
const handling: ReadonlySet<RouteAction["type"]> = new Set(["script", "exec", "trunk", "events"]);

const proxyKeys = ["mode", "nat", "media", "record_route", "rewrite_contact"] as const;

/** Keys that say how a proxy works, where there is none, or where they cannot work. */
function checkProxyKeys(action: RouteAction, values: RouteValues, node: MapNode, context: Context): void {
  const at = (key: string) => entryOf(node, key)?.keyAt ?? node.at;
  if (action.type !== "location" && action.type !== "proxy") {
    const idle = proxyKeys.filter((key) => values[key] !== undefined);
    for (const key of idle)
      context.problem(at(key), `${key} says how location and proxy work; this route has ${action.type}`);
    return;
  }
  const { mode, relay, rewriteContact } = action;
  if (rewriteContact !== false && mode !== "stateless")
    context.problem(at("rewrite_contact"), "rewrite_contact is for mode: stateless; a stateful proxy needs none");
  const relayKey = values.nat === undefined ? "media: relay" : "nat: relay";
  if (relay && !action.recordRoute)
    context.problem(at("record_route"), `${relayKey} needs record_route: without it the end of a call is not seen`);
  if (relay && mode === "redirect" && values.nat !== undefined)
    context.problem(at("nat"), "nat: relay needs a proxy; with mode: redirect the caller goes elsewhere by itself");
  const { media } = values;
  const converts = media !== undefined && media !== "auto" && media !== "direct";
  if (converts && mode !== "stateful")
    context.problem(at("media"), `media: ${media} needs mode: stateful, the proxy that follows calls`);
  if (converts && media !== "relay" && !action.recordRoute)
    context.problem(at("record_route"), `media: ${media} needs record_route: without it the end of a call is not seen`);
  if (action.type === "proxy" && action.uris.length > 1 && mode === "stateless")
    context.problem(
      at("proxy"),
      "a stateless proxy cannot try one server after another; name one, or take mode: stateful",
    );
}

function checkMethods(
  action: RouteAction,
  methods: readonly string[] | undefined,
  at: { action: Position; method: Position },
  context: Context,
): void {
  for (const method of methods ?? [])
    if (!knownMethods.has(method))
      context.warn(at.method, `${method} is no method of SIP that siproc knows; is it spelled right?`);
  const handles =
    action.type === "script" || action.type === "exec" || action.type === "trunk" || action.type === "events";
  if (handles && methods !== undefined && !methods.includes("INVITE"))
    context.problem(at.method, `${action.type} handles calls, which come as INVITE; found only ${methods.join(", ")}`);
  const answersInvite = methods === undefined || methods.includes("INVITE");
  if (action.type === "reply" && action.code < 300 && answersInvite)
    context.warn(
      at.action,
      `a reply of ${action.code} to an INVITE connects a call without audio; name the method that is meant, as in method: OPTIONS`,
    );
}

function checkGroups(uris: readonly string[], what: string, { to }: RouteValues, at: Position, context: Context): void {
  const wanted = Math.max(...uris.map(highestGroup));
  const there = to?.groups ?? 0;
  if (wanted <= there) return;
  const hint =
    there === 0 ? "groups come from a regular expression in `to`, as in /^00(\\d+)@/" : `\`to\` has ${there}`;
  context.problem(at, `the ${what} uses $${wanted}, but there is no such group: ${hint}`);
}

/** A route after one that takes everything is a mistake more often than a plan. */
function warnOfUnreachable(routes: readonly Route[], context: Context): void {
  const all = routes.findIndex(
    ({ to, from, methods, trunk, action }) =>
      (to === undefined || to.source === "*") &&
      (from === undefined || from.source === "*") &&
      methods === undefined &&
      trunk === undefined &&
      (action.type === "reply" || action.type === "redirect" || action.type === "drop"),
  );
  const next = routes[all + 1];
  if (all >= 0 && next !== undefined)
    context.warn(next, `no request gets here: the route in line ${routes[all]?.line} takes them all`);
}

/** The entry of a map by its key. */
export function entryOf(node: Node | undefined, key: string) {
  return node?.kind === "map" ? node.entries.find((entry) => entry.key === key) : undefined;
}
