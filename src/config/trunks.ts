/** Trunks as the schema read them into accounts elsewhere that are complete, or what is missing from them. */
import { formatHost } from "../sip/host.ts";
import { parseNameAddr } from "../sip/name-addr.ts";
import { decodeUtf8, encodeUtf8 } from "../sip/text.ts";
import { escapeUser, isSipUri, parseUri, type SipUri, unescapeUri, withTransport } from "../sip/uri.ts";
import type { Route, TrunkSettings } from "./config.ts";
import { nearest } from "./nearest.ts";
import { entryOf } from "./routes.ts";
import type { trunkKeys } from "./schema-trunks.ts";
import type { Context, ValuesOf } from "./types.ts";
import type { Node, Position } from "./yaml.ts";

type TrunkValues = ValuesOf<typeof trunkKeys>;

export function readTrunks(root: Node, values: readonly TrunkValues[], context: Context): TrunkSettings[] {
  const list = entryOf(root, "trunks")?.value;
  const names = new Set<string>();
  return values.flatMap((trunk, i) => {
    const at = (list?.kind === "list" ? list.items[i]?.at : undefined) ?? root.at;
    const read = readTrunk(trunk, at, context);
    if (read !== undefined && names.has(read.name))
      context.problem(at, `there is another trunk “${read.name}”; each needs a name of its own`);
    if (read !== undefined) names.add(read.name);
    return read ?? [];
  });
}

function readTrunk(values: TrunkValues, at: Position, context: Context): TrunkSettings | undefined {
  const { name, registrar, username, password, realm, register, proxy } = values;
  const own = values.id === undefined ? undefined : uriOf(values.id);
  const server = registrar === undefined ? undefined : sipUri(registrar);
  const domain = values.domain ?? server?.host ?? own?.host;
  const user = own?.user ?? (username === undefined ? undefined : escapeUser(encodeUtf8(username)));
  if (name === undefined) context.problem(at, "the trunk's name is missing; routes and handlers need it");
  if (domain === undefined) context.problem(at, "it is not said where the trunk leads; add registrar, id or domain");
  if (user === undefined) context.problem(at, "it is not said who we are there; add id or username");
  if (server?.user !== undefined) context.problem(at, "a registrar has no user; who we are stands in id");
  if (register && password === undefined)
    context.warn(at, "this trunk has no password; add one, or register: false where none is asked for");
  if (proxy === undefined && values.strict_route)
    context.problem(at, "strict_route says what the proxy is, and there is none");
  if (name === undefined || domain === undefined || user === undefined || server?.user !== undefined) return undefined;
  const host = formatHost(domain);
  const port = domain === server?.host ? server.port : undefined;
  const { transport } = values;
  const scheme = server?.scheme ?? "sip";
  return {
    name,
    registrar: register
      ? withTransport(registrar ?? `${scheme}:${host}`, proxy === undefined ? transport : undefined)
      : undefined,
    id: values.id ?? `<sip:${user}@${host}>`,
    user,
    domain,
    address: `${host}${port === undefined ? "" : `:${port}`}`,
    scheme,
    auth: password === undefined ? undefined : { user: username ?? decodeUtf8(unescapeUri(user)), password, realm },
    expires: values.expires,
    retry: { first: values.retry, longest: Math.max(values.retry, values.retry_max) },
    keepalive: values.keepalive,
    proxy: proxy === undefined ? undefined : withTransport(proxy, transport),
    strictRoute: values.strict_route,
    transport,
    srtp: values.srtp,
  };
}

/** What routes say about trunks: that they are there, and that calls through them are asked for by somebody who may. */
export function checkTrunkRoutes(
  routes: readonly Route[],
  trunks: readonly TrunkSettings[],
  place: (route: number) => Position | undefined,
  context: Context,
): void {
  const names = trunks.map(({ name }) => name);
  for (const [i, route] of routes.entries()) {
    const at = place(i) ?? route;
    const named = route.action.type === "trunk" ? route.action.name : route.trunk;
    if (named === undefined) continue;
    if (!names.includes(named)) {
      const meant = nearest(named, names);
      const hint = meant === undefined ? `trunks has ${names.join(", ") || "none"}` : `did you mean ${meant}?`;
      context.problem(at, `there is no trunk “${named}”; ${hint}`);
    }
    if (route.action.type === "trunk" && route.auth === undefined && route.from === undefined)
      context.warn(at, `anybody may call out through ${named}, at your cost; add auth: true`);
  }
}

function sipUri(text: string): SipUri | undefined {
  const uri = parseUri(text);
  return uri !== undefined && isSipUri(uri) ? uri : undefined;
}

function uriOf(id: string): SipUri | undefined {
  const uri = parseNameAddr(encodeUtf8(id))?.uri;
  return uri !== undefined && isSipUri(uri) ? uri : undefined;
}
