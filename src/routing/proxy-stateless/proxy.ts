/**
 * The stateless proxy (RFC 3261 §16.11): each message is forwarded by what it says itself, and forgotten. It answers what
 * cannot be forwarded, never an ACK; what is lost on the way is sent again by the client, and goes the same way.
 */
import type { Flow } from "../../sip/flow.ts";
import { InvalidHeaderValue, type Request, type Response } from "../../sip/message.ts";
import { type Random, seededRandom } from "../../sip/random.ts";
import { hopsLeft } from "../../sip/splice.ts";
import { isToken } from "../../sip/text.ts";
import type { StatelessOptions } from "../../sip/transaction/index.ts";
import { isSipUri, parseUri, type SipUri } from "../../sip/uri.ts";
import type { Hop } from "../../transport/resolve/contract.ts";
import type { Incoming } from "../chain.ts";
import { takeAlias } from "../contact-alias.ts";
import { LoopMarks } from "../loop.ts";
import { courseOf, type Mark, withoutPassage } from "../record-route.ts";
import type { ProxyTarget } from "../target.ts";
import type { FlowRef } from "../ways.ts";
import { StatelessBranches } from "./branch.ts";
import { ContactRewriter, type HiddenContact } from "./contact.ts";
import { editRequest, type Forward } from "./request.ts";
import { editResponse } from "./response.ts";
import type { StatelessForwardOptions, StatelessProxyOptions } from "./surroundings.ts";

/** What a forwarded request may grow by, in octets: Via, Record-Route, a rewritten Contact. */
const growth = 300;
const defaults: StatelessForwardOptions = {};

export class StatelessProxy {
  readonly #around: StatelessProxyOptions;
  readonly #branches: StatelessBranches;
  readonly #marks: LoopMarks;
  readonly #contacts: ContactRewriter;

  constructor(options: StatelessProxyOptions) {
    this.#around = options;
    this.#branches = new StatelessBranches(options.secret);
    this.#marks = new LoopMarks(options.secret);
    this.#contacts = new ContactRewriter(options.secret, options.ways);
  }

  /** Sends a request on to a target. ACK and CANCEL, too: they must be given the target of their INVITE. */
  forward(incoming: Incoming, target: ProxyTarget, options: StatelessForwardOptions = defaults): void {
    const { request, flow } = incoming;
    const way = wayTo(target);
    if (way === undefined) return this.#refuse(incoming, target.lost ?? 480);
    // A Route of ours without a pass, which somebody put on the request because we are his outbound proxy.
    const { routes } = withoutPassage(request, this.#around.recordRoute.read(request, flow));
    // Who may call our users may not, by that alone, send through us to wherever a Route says.
    const routed = routes.length > 0 && way.flow === undefined && way.nextHop === undefined;
    if (routed && incoming.authenticated === undefined)
      return this.#refuse(incoming, 403, { reason: "Route Not Allowed" });
    // Within a dialog media is turned elsewhere by who comes with its pass alone. An ACK must be sent on as its INVITE was.
    const outside = request.to.tag === undefined || request.method === "ACK";
    const given = outside || options.nat !== true ? options : { ...options, nat: false };
    this.#forward(incoming, { routes, uri: way.uri }, way, markOf(given), given);
  }

  /** Sends a request within a dialog to where its Route says (RFC 3261 §16.4, §16.6 step 6). 403 without a genuine pass. */
  inDialog(incoming: Incoming): void {
    const { request, flow } = incoming;
    const passage = this.#around.recordRoute.read(request, flow);
    if (!passage.own || !passage.genuine) return this.#refuse(incoming, 403);
    const course = withoutPassage(request, passage);
    if (passage.flow !== undefined) this.#down(incoming, course, passage.flow, passage.mark);
    else this.#toContact(incoming, course, passage.mark);
  }

  /** Takes requests to a Contact that we rewrote, and sends them to the Contact. */
  contact(incoming: Incoming): boolean {
    const { request, flow } = incoming;
    if (this.#hiddenBehind(request.uri) === undefined) return false;
    const course = withoutPassage(request, this.#around.recordRoute.read(request, flow));
    // Such a URI leads to its Contact, and gives no leave to go anywhere else.
    if (course.routes.length > 0) this.#refuse(incoming, 403, { reason: "Route Not Allowed" });
    else this.#toContact(incoming, course, undefined);
    return true;
  }

  /** Takes a response that belongs to no transaction, if it answers a request that we forwarded. */
  response(response: Response, flow: Flow): boolean {
    // Without a Via below ours the response is meant for nobody.
    const back = response.lines.mayBeSeveral("via") ? this.#branches.read(response) : undefined;
    if (back === undefined) return false;
    const { ways } = this.#around;
    const { transport } = back.flow;
    let to = ways.flowOf(back.flow);
    // RFC 3261 §18.2.2: a new connection to where the client listens. To a browser there is none.
    if (to === undefined && transport !== "ws" && transport !== "wss")
      to = ways.flowTo({ transport, ...(transport === "udp" ? back.flow.remote : back.sentBy) });
    if (to === undefined) return true;
    try {
      to.send(editResponse(response, flow, to, back, this.#around, this.#contacts));
    } catch (error) {
      // A Contact that cannot be sent with an alias: nobody needs such an answer.
      if (!(error instanceof InvalidHeaderValue)) throw error;
    }
    return true;
  }

  #toContact(incoming: Incoming, course: { uri: string; routes: readonly string[] }, mark?: Mark): void {
    const hidden = this.#hiddenBehind(course.uri);
    const uri = hidden?.uri ?? course.uri;
    const given = mark ?? { mode: "stateless", ...(hidden?.manner ?? { nat: false }) };
    const { routes } = course;
    if (routes.length === 0 && hidden?.flow !== undefined)
      return this.#down(incoming, { uri, routes }, hidden.flow, given);
    if (routes.length > 0) return this.#forward(incoming, { uri, routes }, { uri }, given, defaults);
    const alias = takeAlias(uri);
    const { ways, gruu } = this.#around;
    if (alias === undefined) {
      const target = gruu?.(uri) ?? { uri };
      const way = wayTo(target);
      if (way === undefined) return this.#refuse(incoming, target.lost ?? 480);
      return this.#forward(incoming, { uri: way.uri, routes }, way, given, defaults);
    }
    const { transport, address } = alias;
    const flow = transport === "udp" ? ways.flowTo({ transport, ...address }) : ways.connectionFrom(transport, address);
    if (flow === undefined && !alias.direct) return this.#refuse(incoming, 430);
    this.#forward(incoming, { uri: alias.uri, routes }, { uri: alias.uri, flow }, given, defaults);
  }

  /** Down a flow that is written in the request itself. */
  #down(incoming: Incoming, course: { uri: string; routes: readonly string[] }, ref: FlowRef, mark: Mark): void {
    const flow = this.#around.ways.flowOf(ref);
    // RFC 5626 §5.3.1.
    if (flow === undefined) return this.#refuse(incoming, 430);
    this.#forward(incoming, course, { uri: course.uri, flow }, mark, defaults);
  }

  #hiddenBehind(uri: string): HiddenContact | undefined {
    const at = uri.indexOf(":c-");
    if (at < 0) return undefined;
    const target = parseUri(uri);
    return target !== undefined && isSipUri(target) ? this.#contacts.read(target.user) : undefined;
  }

  #forward(
    incoming: Incoming,
    course: { uri: string; routes: readonly string[] },
    target: ProxyTarget,
    mark: Mark,
    options: StatelessForwardOptions,
  ): void {
    const { request, flow, tx } = incoming;
    tx.forget();
    if (!this.#maySend(incoming)) return;
    const loopMark = this.#marks.of(request, flow.remote);
    if (this.#marks.isLoop(request, loopMark)) return this.#refuse(incoming, 482);
    const routes = target.route === undefined ? course.routes : [...target.route, ...course.routes];
    // Who says where to send it speaks of a loose router.
    const named = target.flow !== undefined || target.nextHop !== undefined;
    const final = named ? { uri: course.uri, routes, hop: course.uri } : courseOf(course.uri, routes);
    if (final === undefined) return this.#refuse(incoming, 400, { reason: "Malformed Route" });
    const manner = { nat: mark.nat, contact: mark.contact ?? false };
    const branch = this.#branches.make(request, flow, manner, course.routes.length > 0, loopMark);
    const forward: Forward = { incoming, course: final, mark, manner, branch, options };
    if (target.flow !== undefined) return this.#send(forward, target.flow, 430);
    const next = target.nextHop ?? (final.hop === request.uri ? sipTarget(request) : sipUri(final.hop));
    if (next === undefined) return this.#refuse(incoming, 416);
    const size = request.bytes().length + growth;
    this.#around.resolver.resolve(
      next,
      (result) => {
        const hop: Hop | undefined = result.ok ? result.hops[0] : undefined;
        if (hop === undefined) return this.#refuse(incoming, 503);
        this.#send(forward, this.#around.ways.flowTo(sized(hop, size)), 503);
      },
      new Choice(branch),
    );
  }

  #send(forward: Forward, to: Flow, failure: number): void {
    const { incoming } = forward;
    try {
      const outgoing = editRequest(forward, to, this.#around, this.#contacts);
      if ("status" in outgoing) return this.#refuse(incoming, outgoing.status, outgoing);
      to.send(outgoing, () => this.#refuse(incoming, failure));
    } catch (error) {
      if (!(error instanceof InvalidHeaderValue)) throw error;
      this.#refuse(incoming, 416);
    }
  }

  /** RFC 3261 §16.3 steps 3 and 5; what fails is answered. */
  #maySend(incoming: Incoming): boolean {
    const { lines, method } = incoming.request;
    if (hopsLeft(incoming.request) === 0) {
      this.#refuse(incoming, 483);
      return false;
    }
    // The requests that follow an INVITE must go where it went.
    if (lines.find("proxy-require") < 0 || method === "ACK" || method === "CANCEL") return true;
    const tags = incoming.request.values("proxy-require").filter(isToken).join(", ");
    this.#refuse(incoming, 420, { headers: [["Unsupported", tags]] });
    return false;
  }

  /** Answers without a transaction: this one is forgotten already, or by now; an ACK is not answered. */
  #refuse({ request, flow, tx }: Incoming, status: number, options?: StatelessOptions): void {
    tx.forget();
    this.#around.transactions.replyStateless(request, flow, status, options);
  }
}

function sized({ transport, host, port, serverName }: Hop, size: number): Hop & { size: number } {
  return serverName === undefined ? { transport, host, port, size } : { transport, host, port, serverName, size };
}

/** A client's flow that is there. */
function wayTo(target: ProxyTarget): ProxyTarget | undefined {
  return target.lost === undefined ? target : target.failover?.find(({ lost }) => lost === undefined);
}

function markOf({ nat = false, rewriteContact = false }: StatelessForwardOptions): Mark {
  return { mode: "stateless", nat, contact: rewriteContact };
}

function sipTarget({ target }: Request): SipUri | undefined {
  return target !== undefined && isSipUri(target) ? target : undefined;
}

function sipUri(text: string): SipUri | undefined {
  const uri = parseUri(text);
  return uri !== undefined && isSipUri(uri) ? uri : undefined;
}

/** Among equal hops a retransmission must choose the one that was chosen before (RFC 3263 §4.4). */
class Choice implements Random {
  readonly #branch: string;
  #random: Random | undefined;

  constructor(branch: string) {
    this.#branch = branch;
  }

  token(bytes: number): string {
    // The branch begins with its MAC, which is as good as a hash.
    this.#random ??= seededRandom(Number.parseInt(this.#branch.slice(7, 15), 16));
    return this.#random.token(bytes);
  }
}
