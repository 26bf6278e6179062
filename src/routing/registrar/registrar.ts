/** The registrar (RFC 3261 §10.3) as a receiver: takes each REGISTER for a domain of ours and keeps the location service. */

import type { Flow } from "../../sip/flow.ts";
import type { Request } from "../../sip/message.ts";
import { parseNameAddr } from "../../sip/name-addr.ts";
import { isToken } from "../../sip/text.ts";
import { isSipUri } from "../../sip/uri.ts";
import { type Authenticated, type Incoming, isDirect, type Receiver } from "../chain.ts";
import { aorOf, type DomainOf } from "./aor.ts";
import type { Binding } from "./binding.ts";
import { leadsInside, markOf, type Refused, type RegistrarLimits, readContacts, type Wanted } from "./contacts.ts";
import { type Gruus, publicGruu } from "./gruu.ts";
import type { Change, Location } from "./location.ts";
import { fitting } from "./room.ts";

export interface RegistrarOptions {
  readonly location: Location;
  readonly limits: RegistrarLimits;
  readonly domainOf: DomainOf;
  /** Whether a host is an address of ours: in a Request-URI it names no domain, and To says which one is meant. */
  readonly isOwn?: ((host: string, port: number | undefined) => boolean) | undefined;
  /**
   * Whether somebody may register for an address-of-record. By default: who was authenticated may for his own user name,
   * and where nobody had to be, anybody may.
   */
  readonly owns?: ((authenticated: Authenticated | undefined, user: string, domain: string) => boolean) | undefined;
  /** Values of Service-Route in each 200 (RFC 3608). */
  readonly serviceRoute?: readonly string[] | undefined;
  /** Whether a Path is taken from clients that do not say that they know it (RFC 3327 §5.3); it is by default. */
  readonly path?: "accept" | "refuse-unknowing" | undefined;
  /** Seconds of Flow-Timer for flows of connections (RFC 5626 §5.4); 120 by default. */
  readonly flowTimer?: number | undefined;
  /** Keeps a connection open for so many ms, though its client is silent; without it, idle ones are closed. */
  readonly holdOpen?: ((flow: Flow, ms: number) => void) | undefined;
  /** Makes and reads temporary GRUUs; without it there are only public ones. */
  readonly gruus?: Gruus | undefined;
  /** Further header fields of the 200 to who has registered. */
  readonly welcome?: ((incoming: Incoming) => readonly [string, string][]) | undefined;
}

const extensions = ["path", "outbound", "gruu"];
const longestPath = 2000;

/** Takes what is REGISTER and for a domain that `domainOf` knows; passes all else on. */
export function registrar(options: RegistrarOptions): Receiver {
  return (incoming) => {
    const { request } = incoming;
    if (request.method !== "REGISTER") return false;
    const domain = domainMeant(request, options);
    if (domain === undefined) return false;
    const refused = register(options, incoming, domain);
    if (refused !== undefined) incoming.tx.respondStateless(refused.status, refused);
    return true;
  };
}

/** The domain that a REGISTER is for (§10.3 step 1); undefined: none of ours. */
export function domainMeant(
  request: Request,
  { domainOf, isOwn }: Pick<RegistrarOptions, "domainOf" | "isOwn">,
): string | undefined {
  const { target } = request;
  if (target === undefined || !isSipUri(target)) return undefined;
  const named = domainOf(target.host, target.port);
  if (named === undefined || isToAt(request, target.host)) return named;
  const { to } = request;
  if (!isSipUri(to.uri) || to.uri.host === target.host) return named;
  return isOwn?.(target.host, target.port) === true ? (domainOf(to.uri.host, to.uri.port) ?? named) : named;
}

/**
 * Is To plainly somebody at that host? Told in place: a challenge needs nothing else of it. What only looks so is found
 * when it is registered.
 */
function isToAt({ head, lines }: Request, host: string): boolean {
  const line = lines.find("to");
  const at = head.indexOf("@", lines.valueStart(line)) + 1;
  return at > 0 && at < lines.end(line) && head.startsWith(host, at) && head.charCodeAt(at + host.length) === 0x3e;
}

/** The steps of §10.3. Everything is checked before anything is changed. */
function register(options: RegistrarOptions, incoming: Incoming, domain: string): Refused | undefined {
  const { location, limits, domainOf } = options;
  const { request, flow } = incoming;
  const required = request.lines.find("require") < 0 ? undefined : unsupported(request);
  if (required !== undefined) return required;
  const to = request.to.uri;
  const named = isSipUri(to) ? domainOf(to.host, to.port) : undefined;
  const aor = isSipUri(to) && named === domain ? aorOf(to, domain) : undefined;
  if (aor === undefined) return { status: 404 };
  const user = aor.slice(0, aor.length - domain.length - 1);
  if (!(options.owns ?? ownsItself)(incoming.authenticated, user, domain)) return { status: 403 };
  // Neither in a file of rows nor in any header that we send later is there a place for it.
  if (request.head.includes("\0")) return { status: 400, reason: "NUL In A Header" };

  const { lines } = request;
  const direct = isDirect(request);
  const path = lines.find("path") < 0 ? "" : readPath(request, flow, options.path);
  if (typeof path !== "string") return path;
  const supported = lines.find("supported") < 0 ? none : request.values("supported").map((tag) => tag.toLowerCase());
  const bindings = location.lookup(aor);
  const mark = markOf(request);
  const wanted = readContacts(
    { request, flow, aor, domain, bindings, path, direct, outbound: supported.includes("outbound"), mark },
    limits,
    domainOf,
  );
  if (!("changes" in wanted)) return wanted;
  if (wanted.added > 0 && location.isFull(wanted.added)) return { status: 503, headers: [["Retry-After", "60"]] };
  if (wanted.changes.length > 0) location.apply(aor, wanted.changes, request.cseq.number, mark);

  if (flow.reliable && direct) holdConnection(options, wanted.changes, flow);
  const headers: [string, string][] = [];
  const gruu = supported.includes("gruu");
  const standing = isRefresh(wanted) ? bindings : location.lookup(aor);
  // Not all may fit; who registers wants to see his own.
  const proved = flow.reliable || incoming.authenticated !== undefined || standing.length < 2;
  const contacts: string[] = [];
  for (const one of proved ? standing : standing.toSorted((a, b) => b.refreshed - a.refreshed))
    contacts.push(contactValue(one, location.secondsLeft(one), gruu, options.gruus));
  for (const contact of fitting(incoming, contacts)) headers.push(["Contact", contact]);
  if (path !== "") headers.push(["Path", path]);
  for (const route of options.serviceRoute ?? none) headers.push(["Service-Route", route]);
  if (wanted.outbound) {
    headers.push(["Require", "outbound"]);
    if (flow.reliable) headers.push(["Flow-Timer", String(options.flowTimer ?? 120)]);
  }
  if (standing.length > 0 && options.welcome !== undefined) headers.push(...options.welcome(incoming));
  // A REGISTER that comes again gets the same answer again, with nothing remembered for it but the binding: `markOf` tells it
  // from a new one. As a stateless UAS (§8.2.7) we keep no transaction for half a minute.
  incoming.tx.respondStateless(200, { headers });
  return undefined;
}

const none: readonly string[] = [];

/** Nothing was added, nothing removed. */
function isRefresh({ added, changes }: Wanted): boolean {
  if (added > 0) return false;
  for (const { expires } of changes) if (expires === 0) return false;
  return true;
}

/** A client that is reached by its connection alone keeps it as long as it is registered. */
function holdConnection({ holdOpen }: RegistrarOptions, changes: readonly Change[], flow: Flow): void {
  if (holdOpen === undefined) return;
  const seconds = changes.reduce((longest, { expires }) => Math.max(longest, expires), 0);
  if (seconds > 0) holdOpen(flow, seconds * 1000);
}

function ownsItself(authenticated: Authenticated | undefined, user: string): boolean {
  return authenticated === undefined || authenticated.user === user;
}

/** §8.2.2.3. */
function unsupported(request: Request): Refused | undefined {
  const unknown = request.values("require").filter((tag) => !extensions.includes(tag.toLowerCase()));
  return unknown.length === 0
    ? undefined
    : { status: 420, headers: [["Unsupported", unknown.filter(isToken).join(", ")]] };
}

/** RFC 3327 §5.3. */
function readPath(request: Request, { remote }: Flow, policy: RegistrarOptions["path"]): string | Refused {
  const path = request.headers("path").join(", ");
  if (path.length > longestPath) return { status: 400, reason: "Path Too Long" };
  const hops = request.values("path").map((value) => parseNameAddr(value));
  if (!hops.every((hop) => hop !== undefined && isSipUri(hop.uri))) return { status: 400, reason: "Malformed Path" };
  // Whatever comes for the user would go there.
  const first = hops[0]?.uri;
  if (first !== undefined && isSipUri(first) && leadsInside(first.params.get("maddr") ?? first.host, remote.host))
    return { status: 403, reason: "Path Leads Inside" };
  const knows = request.values("supported").some((tag) => tag.toLowerCase() === "path");
  if (!knows && policy === "refuse-unknowing") return { status: 420, headers: [["Unsupported", "path"]] };
  return path;
}

/** One Contact of a response: the URI and parameters as they were registered, and how long the binding stands. */
function contactValue(binding: Binding, seconds: number, gruu: boolean, gruus: Gruus | undefined): string {
  const q = binding.q === 1 ? "" : `;q=${binding.q}`;
  const value = `<${binding.contact}>;expires=${seconds}${q}${binding.params}`;
  if (!gruu || binding.instance === undefined) return value;
  const temporary = gruus?.temporary(binding);
  return `${value};pub-gruu="${publicGruu(binding.aor, binding.instance)}"${temporary === undefined ? "" : `;temp-gruu="${temporary}"`}`;
}
