/**
 * One request as it is forwarded: what is changed on its way down for each branch (RFC 3261 §16.6), and on the way up of
 * its responses (§16.7). It lets go of the request with the final response.
 */
import type { Flow } from "../../sip/flow.ts";
import { formatHost } from "../../sip/host.ts";
import { buildResponse, type Message, type Request, type Response } from "../../sip/message.ts";
import { newTag } from "../../sip/random.ts";
import { decrementMaxForwards, noteSource, Splice } from "../../sip/splice.ts";
import type { ServerTransaction } from "../../sip/transaction/index.ts";
import { isSipUri, parseUri, type SipUri, type Uri } from "../../sip/uri.ts";
import { withoutCredentialsFor, withoutOwnCredentials } from "../authorize.ts";
import { type Incoming, isDirect } from "../chain.ts";
import { aliasContact, needsAlias } from "../contact-alias.ts";
import type { Profiles } from "../media-profile.ts";
import type { MediaRelay, RelayedBody, RelayRefusal } from "../media-relay-seam.ts";
import { type Course, courseOf, type Mark, type Passage, withoutPassage } from "../record-route.ts";
import type { ProxyTarget } from "../target.ts";
import { withoutTopVia } from "./response.ts";
import type { Around, ForwardOptions } from "./surroundings.ts";
import { incomingBreadth } from "./targets.ts";

/** A request that is ready to be sent, or the status that its branch fails with. */
export type Outgoing = Request | { readonly type: "refused"; readonly status: number };

/** Methods that make a dialog, and NOTIFY, which may, though it has a To tag (RFC 6665 §4.3). */
const recorded = new Set(["INVITE", "SUBSCRIBE", "REFER", "NOTIFY"]);
/** Methods whose Contact is where the dialog goes on (RFC 3261 §12, RFC 3311, RFC 6665). */
const targetRefreshing = new Set(["INVITE", "SUBSCRIBE", "REFER", "NOTIFY", "UPDATE"]);

export class Forwarding {
  readonly around: Around;
  readonly options: ForwardOptions;
  /** Where the request came from. */
  readonly from: Flow;
  readonly method: string;
  /** How many branches it may have at once. */
  readonly breadth: number;
  readonly #passage: Passage;
  #loopMark: string;
  readonly #ended: ((status: number) => void) | undefined;
  #incoming: Incoming | undefined;
  #tx: ServerTransaction | undefined;
  /** The Route values that are not ours. */
  readonly #routes: readonly string[];
  /** The gateway knows of one of its branches. */
  #converts = false;

  constructor(
    around: Around,
    incoming: Incoming,
    passage: Passage,
    loopMark: string,
    options: ForwardOptions,
    ended?: (status: number) => void,
  ) {
    const { request } = incoming;
    this.around = around;
    this.options = options;
    this.from = incoming.flow;
    this.method = request.method;
    this.breadth = incomingBreadth(request);
    this.#passage = passage;
    this.#loopMark = loopMark;
    this.#ended = ended;
    this.#incoming = incoming;
    this.#tx = incoming.tx;
    this.#routes = request.lines.find("route") < 0 ? noRoutes : withoutPassage(request, passage).routes;
  }

  /** Undefined after the final response. */
  get tx(): ServerTransaction | undefined {
    return this.#tx;
  }

  get isInvite(): boolean {
    return this.method === "INVITE";
  }

  /** Does the hop before us want to know that a flow is gone (RFC 5626 §5.3)? */
  get isEdge(): boolean {
    return this.#passage.own && this.#passage.flow !== undefined;
  }

  get #relay(): MediaRelay | undefined {
    return this.options.nat === true ? this.around.relay : undefined;
  }

  /** Media that this request began, or is about, goes on its branch nowhere. */
  endMedia(message: Message, branch: string): void {
    if (this.#converts) this.around.gateway?.ended(message, branch);
    this.#relay?.ended(message, branch);
  }

  /** Undefined after the final response. */
  get request(): Request | undefined {
    return this.#incoming?.request;
  }

  /** Where it goes for this target, Request-URI and Route values included; undefined when a Route cannot be read. */
  courseTo(target: ProxyTarget): Course | undefined {
    const routes = target.route === undefined ? this.#routes : [...target.route, ...this.#routes];
    // Who says where to send it speaks of a loose router (RFC 3261 §16.6 step 6).
    if (target.flow !== undefined || target.nextHop !== undefined) return { uri: target.uri, routes, hop: target.uri };
    return courseOf(target.uri, routes);
  }

  /** The URI of a course as one that can be resolved; undefined when it is no sip or sips URI. */
  hopUri(course: Course): SipUri | undefined {
    const request = this.#incoming?.request;
    // That of a request was parsed when it came, and a route's target is the same for many.
    const uri = request !== undefined && course.hop === request.uri ? request.target : lastUri.parse(course.hop);
    if (uri === undefined || !isSipUri(uri)) return undefined;
    // RFC 3261 §16.6 step 7: to a sips URI all the way is secure.
    return uri.scheme === "sip" && /^sips:/i.test(course.uri) ? { ...uri, scheme: "sips" } : uri;
  }

  /** About how many octets it has when it goes on: what a phone is offered is shorter than what browsers write. */
  sizeOf(request: Request): number {
    const { length } = request.bytes();
    const { converted, media } = this.options;
    const converts =
      converted === true || (media !== undefined && media !== "direct" && this.from.transport.startsWith("w"));
    return converts ? length - Math.max(0, request.body.length - longestOffer) : length;
  }

  newBranch(): string {
    return `z9hG4bK${this.around.random.token(8)}${this.#loopMark}`;
  }

  /** The request for one branch. @throws InvalidHeaderValue when the target's URI or Route is none. */
  outgoing(course: Course, to: Flow, branch: string, breadth: number): Outgoing {
    const incoming = this.#incoming;
    if (incoming === undefined) return { type: "refused", status: 500 };
    const { request } = incoming;
    const { options, from } = this;
    const { ways, ownRealm } = this.around;
    const splice = new Splice(request);
    if (course.uri !== request.uri) splice.setUri(course.uri);
    const { transport, host, port } = ways.viaFor(to);
    splice.insert("first", `Via: SIP/2.0/${transport} ${formatHost(host)}:${port};branch=${branch};rport`);
    const conversion = this.#conversion(request, to);
    this.#recordRoute(splice, request, to, conversion !== undefined);
    noteSource(splice, request, from);
    decrementMaxForwards(splice, request);
    this.#route(splice, request, course);
    setBreadth(splice, request, breadth);
    if (incoming.authenticated !== undefined) withoutOwnCredentials(splice, incoming);
    else if (ownRealm !== undefined) withoutCredentialsFor(ownRealm, splice, request);
    // What another proxy handed on is that proxy's to find again.
    if (targetRefreshing.has(request.method) && isDirect(request) && needsAlias(request, from, options.nat === true))
      aliasContact(splice, request, from);
    const relayed = this.#mediaOf(request, to, branch, conversion);
    if (relayed !== undefined && "status" in relayed) return { type: "refused", status: relayed.status };
    if (relayed?.body !== undefined) splice.setBody(relayed.body);
    if (to.reliable) splice.ensureContentLength();
    return splice.message();
  }

  /** A response as it goes upstream; undefined when it was meant for us. */
  upstream(response: Response, from: Flow): Response | undefined {
    const force = this.options.nat === true;
    const alias =
      response.status < 300 &&
      targetRefreshing.has(this.method) &&
      needsAlias(response, from, force) &&
      // Who is behind a further Route within the dialog is found by it.
      this.#routes.length === 0 &&
      this.around.recordRoute.isTop(response);
    const relayed = this.#mediaIn(response, from)?.body;
    if (!alias && relayed === undefined) return withoutTopVia(response);
    if (response.values("via").length < 2) return undefined;
    const splice = new Splice(response);
    splice.removeFirst("via", 1);
    if (alias) aliasContact(splice, response, from);
    if (relayed !== undefined) splice.setBody(relayed);
    return splice.message();
  }

  #conversion(request: Request, to: Flow): Profiles | undefined {
    const { media, recordRoute } = this.options;
    if (media === undefined || recordRoute === false || !this.isInvite || request.to.tag !== undefined)
      return undefined;
    return this.around.gateway?.conversion(request, this.from, to, media);
  }

  /** What becomes of its description: converted, relayed, or let be. */
  #mediaOf(
    request: Request,
    to: Flow,
    branch: string,
    conversion: Profiles | undefined,
  ): RelayedBody | RelayRefusal | undefined {
    const { gateway } = this.around;
    if (conversion !== undefined) {
      this.#converts = true;
      return gateway?.begin(request, this.from, to, branch, conversion);
    }
    if (this.options.converted === true) {
      const converted = gateway?.request(request, this.from, to, branch) ?? this.#anew(request, to, branch);
      if (converted !== undefined) {
        this.#converts = true;
        return converted;
      }
    }
    return this.#relay?.request(request, this.from, to, branch);
  }

  /** A dialog from before we were started, or one that was silent for too long: its next offer begins its media anew. */
  #anew(request: Request, to: Flow, branch: string): RelayedBody | RelayRefusal | undefined {
    const { gateway } = this.around;
    const profiles = this.isInvite ? gateway?.conversion(request, this.from, to, "auto") : undefined;
    return profiles === undefined ? undefined : gateway?.begin(request, this.from, to, branch, profiles);
  }

  #mediaIn(response: Response, from: Flow): RelayedBody | undefined {
    if (!this.#converts && this.#relay === undefined) return undefined;
    const branch = response.branch ?? "";
    const converted = this.#converts ? this.around.gateway?.response(response, from, branch) : undefined;
    return converted ?? this.#relay?.response(response, from, this.from, branch);
  }

  /** To the server transaction. False: it takes none, or none any more. */
  respond(response: Response): boolean {
    return this.#tx?.respond(response) ?? false;
  }

  /** Past the server transaction: a further 2xx, which it would only let pass (RFC 6026 §7.1). */
  pass(response: Response): void {
    this.from.send(response.bytes());
  }

  /** A final response of our own making. */
  own(status: number): Response {
    const { request } = this;
    if (request === undefined) throw new TypeError("the request has its final response");
    return buildResponse(request, status, { toTag: newTag(this.around.random), source: this.from.remote });
  }

  /** The final response is sent. */
  done(status: number): void {
    this.#ended?.(status);
    this.#tx = undefined;
    this.#loopMark = "";
    // What carries the media names what it is told to end by its request.
    if (this.#relay === undefined && !this.#converts) this.#incoming = undefined;
  }

  #recordRoute(splice: Splice<Request>, request: Request, to: Flow, converted: boolean): void {
    const { method } = request;
    const { options, around } = this;
    if (options.recordRoute === false) return;
    const mark = markOf(options.nat === true, converted);
    if (recorded.has(method) && (method === "NOTIFY" || request.to.tag === undefined)) {
      for (const value of around.recordRoute.values(request, this.from, to, mark))
        splice.insert("first", `Record-Route: ${value}`);
    } else if (method === "REGISTER") {
      const first = request.lines.find("via", request.lines.find("via")) < 0;
      splice.insert("first", `Path: ${around.recordRoute.path(request, this.from, to, mark, first)}`);
    }
  }

  /** Takes our own Route values off and puts the target's on; or writes them anew, where a strict router has a part. */
  #route(splice: Splice<Request>, request: Request, course: Course): void {
    const passage = this.#passage;
    if (course.routes === this.#routes && (!passage.own || !passage.strict)) {
      if (passage.own && passage.values > 0) splice.removeFirst("route", passage.values);
      return;
    }
    const { lines } = request;
    for (let line = lines.find("route"); line >= 0; line = lines.find("route", line)) splice.remove(line);
    for (const value of course.routes) splice.insert("last", `Route: ${value}`);
  }
}

/** Octets of a description of ours to a phone. */
const longestOffer = 500;
const noRoutes: readonly string[] = [];
const plainMark: Mark = { mode: "stateful", nat: false };
const relayedMark: Mark = { mode: "stateful", nat: true };

function markOf(nat: boolean, converted: boolean): Mark {
  const mark = nat ? relayedMark : plainMark;
  return converted ? { ...mark, converted } : mark;
}

/** Remembers one URI. */
const lastUri = {
  text: "",
  uri: undefined as Uri | undefined,
  parse(text: string): Uri | undefined {
    if (text !== this.text) {
      this.uri = parseUri(text);
      this.text = text;
    }
    return this.uri;
  },
};

function setBreadth(splice: Splice<Request>, request: Request, breadth: number): void {
  const { lines } = request;
  const line = lines.find("max-breadth");
  if (line < 0) splice.insert("last", `Max-Breadth: ${breadth}`);
  else if (lines.value(line) !== String(breadth)) splice.replace(line, `Max-Breadth: ${breadth}`);
}
