/** What a stateless proxy changes of a request (RFC 3261 §16.6): everything else leaves as it came. */
import type { Flow } from "../../sip/flow.ts";
import { formatHost } from "../../sip/host.ts";
import type { Request, Response } from "../../sip/message.ts";
import { decrementMaxForwards, noteSource, Splice } from "../../sip/splice.ts";
import { splitList } from "../../sip/text.ts";
import { withoutCredentialsFor, withoutOwnCredentials } from "../authorize.ts";
import { type Incoming, isDirect } from "../chain.ts";
import { aliasContact, needsAlias } from "../contact-alias.ts";
import type { RelayRefusal } from "../media-relay-seam.ts";
import type { Course, Mark } from "../record-route.ts";
import type { Manner } from "./branch.ts";
import type { ContactRewriter } from "./contact.ts";
import type { StatelessForwardOptions, StatelessProxyOptions } from "./surroundings.ts";

/** One request on its way. */
export interface Forward {
  readonly incoming: Incoming;
  readonly course: Course;
  readonly mark: Mark;
  readonly manner: Manner;
  readonly branch: string;
  readonly options: StatelessForwardOptions;
}

/** Methods that make a dialog, and so get a Record-Route. */
const dialogForming = new Set(["INVITE", "SUBSCRIBE", "REFER", "NOTIFY"]);
/** Methods whose Contact is where requests of the dialog go. */
export const targetRefreshing: ReadonlySet<string> = new Set(["INVITE", "SUBSCRIBE", "REFER", "NOTIFY", "UPDATE"]);

/** The octets of the request as it leaves, or how it is refused. @throws InvalidHeaderValue when the target's URI or Route is none. */
export function editRequest(
  forward: Forward,
  to: Flow,
  around: StatelessProxyOptions,
  contacts: ContactRewriter,
): Uint8Array | RelayRefusal {
  const { incoming, course, branch, manner } = forward;
  const { request, flow: from } = incoming;
  const splice = new Splice(request);
  if (course.uri !== request.uri) splice.setUri(course.uri);
  const { transport, host, port } = around.ways.viaFor(to);
  splice.insertOwn("first", `Via: SIP/2.0/${transport} ${formatHost(host)}:${port};branch=${branch}`);
  record(splice, forward, to, around);
  noteSource(splice, request, from);
  decrementMaxForwards(splice, request);
  route(splice, request, course);
  if (incoming.authenticated !== undefined) withoutOwnCredentials(splice, incoming);
  else if (around.ownRealm !== undefined) withoutCredentialsFor(around.ownRealm, splice, request);
  if (manner.contact !== false) contacts.rewrite(splice, request, from, to, manner);
  else if (targetRefreshing.has(request.method) && isDirect(request) && needsOne(request, from, manner.nat))
    aliasContact(splice, request, from);
  if (manner.nat && around.relay !== undefined) {
    const relayed = around.relay.request(request, from, to, branch);
    if ("status" in relayed) return relayed;
    if (relayed.body !== undefined) splice.setBody(relayed.body);
  }
  if (to.reliable) splice.ensureContentLength();
  return splice.bytes();
}

/** `needsAlias`, with a short way for the Contact that names where it came from. */
export function needsOne(message: Request | Response, source: Flow, force: boolean): boolean {
  const { head, lines } = message;
  const line = lines.find("contact");
  if (line < 0) return false;
  const { host, port } = source.remote;
  const at = head.indexOf(host, lines.valueStart(line)) + host.length;
  if (at > host.length && at < lines.end(line) && head.charCodeAt(at) === 0x3a && head.startsWith(String(port), at + 1))
    return false;
  return needsAlias(message, source, force);
}

function record(splice: Splice<Request>, forward: Forward, to: Flow, around: StatelessProxyOptions): void {
  const { incoming, options, mark } = forward;
  const { request, flow: from } = incoming;
  if (dialogForming.has(request.method)) {
    if (options.recordRoute === false || request.to.tag !== undefined) return;
    for (const value of around.recordRoute.values(request, from, to, mark))
      splice.insertOwn("first", `Record-Route: ${value}`);
  } else if (request.method === "REGISTER" && options.path !== false && mark.contact === false) {
    splice.insert("first", `Path: ${around.recordRoute.path(request, from, to, mark, isDirect(request))}`);
    // A registrar refuses a Path that the client does not know (RFC 3327 §5.3); it has no part in it but to look at it.
    if (!supportsPath(request)) splice.insert("first", "Supported: path");
  }
}

function supportsPath(request: Request): boolean {
  return request.headers("supported").some((list) => splitList(list).some((tag) => tag.toLowerCase() === "path"));
}

/** Takes off the Route values that are ours, from the top; writes all anew where there is more to change. */
function route(splice: Splice<Request>, request: Request, { routes }: Course): void {
  if (routes.length === 0) {
    const { lines } = request;
    for (let line = lines.find("route"); line >= 0; line = lines.find("route", line)) splice.remove(line);
    return;
  }
  replaceRoutes(splice, request, routes);
}

function replaceRoutes(splice: Splice<Request>, request: Request, routes: readonly string[]): void {
  const { lines } = request;
  const first = lines.find("route");
  const values = request.values("route");
  const ours = values.length - routes.length;
  if (ours >= 0 && routes.every((value, at) => value === values[ours + at])) {
    if (ours > 0) splice.removeFirst("route", ours);
    return;
  }
  for (let line = first; line >= 0; line = lines.find("route", line)) splice.remove(line);
  for (const value of routes) splice.insert(first < 0 ? "last" : first, `Route: ${value}`);
}
