/** The stateful proxy (RFC 3261 §16): what it refuses, and how what it takes begins. The rest is the response context's. */
import { formatHost } from "../../sip/host.ts";
import { buildRequest, buildResponse, type HeaderList, Request } from "../../sip/message.ts";
import { newBranch } from "../../sip/random.ts";
import { hopsLeft } from "../../sip/splice.ts";
import { isToken } from "../../sip/text.ts";
import type { ServerTransaction } from "../../sip/transaction/index.ts";
import type { Incoming } from "../chain.ts";
import { takeAlias } from "../contact-alias.ts";
import type { Bye } from "../dialog-ends.ts";
import { LoopMarks } from "../loop.ts";
import { type Passage, withoutPassage } from "../record-route.ts";
import type { ProxyTarget } from "../target.ts";
import { Calls } from "./calls.ts";
import { type ContextOwner, ResponseContext } from "./context.ts";
import { Forwarding } from "./forwarding.ts";
import { type Around, defaultLimits, type ForwardOptions, type StatefulProxyOptions } from "./surroundings.ts";

/** Reason headers of a CANCEL that are passed on. */
const maxReasons = 8;
const noOptions: ForwardOptions = {};
const retryAfter: HeaderList = [["Retry-After", "10"]];

export class StatefulProxy {
  /** New requests outside of dialogs are refused with 503: the server is about to stop. */
  draining = false;
  readonly #around: Around;
  readonly #loops: LoopMarks;
  readonly #calls: Calls | undefined;
  /** The INVITEs without a final response, for their CANCELs. */
  readonly #invites = new Map<ServerTransaction, ResponseContext>();
  #size = 0;
  /** Octets of these requests, as they came. */
  #octets = 0;
  readonly #owner: ContextOwner = {
    over: ({ forwarding: { tx, request } }) => {
      this.#size--;
      this.#octets -= request?.bytes().length ?? 0;
      if (tx !== undefined) this.#invites.delete(tx);
    },
    answeredAgain: (received) => this.#calls?.answeredAgain(received),
  };

  constructor(options: StatefulProxyOptions) {
    this.#around = { ...options, limits: { ...defaultLimits, ...options.limits } };
    this.#loops = new LoopMarks(options.secret);
    const { clock, record, wallClock = Date.now } = options;
    const { followed: limit, silence } = this.#around.limits;
    this.#calls = record && new Calls({ clock, wallClock, record, limit, silence });
  }

  /** Requests that wait for their final response. */
  get size(): number {
    return this.#size;
  }

  /** Answered calls that are followed until their end, for their records. */
  get followed(): number {
    return this.#calls?.size ?? 0;
  }

  /** Forwards a request to these targets, or refuses it. An ACK or CANCEL that came here is of nothing that was forwarded. */
  forward(incoming: Incoming, targets: readonly ProxyTarget[], options = noOptions): void {
    const { request, tx, flow } = incoming;
    if (request.method === "ACK") return tx.forget();
    if (request.method === "CANCEL") return tx.respondStateless(481);
    const passage = this.#around.recordRoute.read(request, flow);
    const outside = request.to.tag === undefined;
    if (outside && this.draining) return tx.respondStateless(503, { headers: retryAfter });
    // Who may call our users may not, by that alone, send through us to wherever a Route says.
    const routed = targets.some(({ flow, nextHop }) => flow === undefined && nextHop === undefined);
    if (routed && incoming.authenticated === undefined && hasFurtherRoute(request, passage))
      return tx.respondStateless(403, { reason: "Route Not Allowed" });
    // Within a dialog media is turned elsewhere by who comes with its pass alone.
    this.#forward(incoming, passage, targets, outside ? options : { ...options, nat: false, media: undefined });
  }

  /**
   * Forwards a request by its Route headers, of which the topmost is a Record-Route or Path of ours: a request within a
   * dialog, an ACK for a 2xx, or one that comes back by a Path.
   */
  inDialog(incoming: Incoming): void {
    const { request, tx, flow } = incoming;
    const passage = this.#around.recordRoute.read(request, flow);
    if (!passage.own || !passage.genuine) return request.method === "ACK" ? undefined : tx.respondStateless(403);
    const target = this.#byRoute(request, passage);
    const { nat, converted } = passage.mark;
    // A call by our Path to one who has registered through us: the route that brought him here says nothing of it.
    const begins = request.method === "INVITE" && request.to.tag === undefined;
    const options: ForwardOptions =
      nat || converted || begins ? { nat, converted, ...(begins && { media: "auto" }) } : noOptions;
    if (request.method === "ACK") this.#forwardAck(incoming, passage, target, options);
    else if (request.method === "CANCEL") tx.respondStateless(481);
    else this.#forward(incoming, passage, [target], options);
  }

  /** A CANCEL, which is answered already, for one of our INVITEs. False: it is not ours. */
  cancel(tx: ServerTransaction, cancel: Request): boolean {
    const context = this.#invites.get(tx);
    if (context === undefined) return false;
    const reasons = cancel.lines.find("reason") < 0 ? [] : cancel.headers("reason");
    context.cancel(reasons.slice(0, maxReasons).map((reason) => ["Reason", reason]));
    return true;
  }

  /** Ends a dialog that has passed here: a BYE to one of its ends, in the other's name. */
  hangUp({ uri, headers, flow }: Bye): void {
    const { transactions, ways, random } = this.#around;
    const { transport, host, port } = ways.viaFor(flow);
    const branch = newBranch(random);
    const via = `SIP/2.0/${transport} ${formatHost(host)}:${port};branch=${branch};rport`;
    const bye = buildRequest({ method: "BYE", uri, headers: [["Via", via], ...headers] });
    this.#calls?.passes(bye)?.(200);
    // Whatever they say to it, the call is over.
    const nothing = () => {};
    transactions.request(bye, flow, { response: nothing, timeout: nothing, transportError: nothing }, branch);
  }

  /** Closes the records of all calls that are up. */
  stop(): void {
    this.draining = true;
    this.#calls?.stop();
  }

  #forward(incoming: Incoming, passage: Passage, targets: readonly ProxyTarget[], options: ForwardOptions): void {
    const { request, tx } = incoming;
    const mark = this.#admit(incoming);
    if (mark === undefined) return;
    if (targets.length === 0) return tx.respondStateless(480);
    const invite = request.method === "INVITE";
    const outside = request.to.tag === undefined;
    if (!this.#hasRoom(outside)) return tx.respondStateless(503, { headers: retryAfter });
    const call = invite && outside ? this.#calls?.begin(incoming) : undefined;
    const ended = outside ? undefined : this.#calls?.passes(request);
    // RFC 3261 §16.2: within 200 ms, and nothing is gained by waiting.
    if (invite) tx.respond(buildResponse(request, 100, { source: incoming.flow.remote }));
    const forwarding = new Forwarding(this.#around, incoming, passage, mark, options, ended);
    const context = new ResponseContext(forwarding, call, this.#owner);
    this.#size++;
    this.#octets += request.bytes().length;
    if (invite) this.#invites.set(tx, context);
    context.start(targets);
  }

  /** What belongs to dialogs has a reserve as large as what everybody may use. */
  #hasRoom(outside: boolean): boolean {
    const { requests, octets } = this.#around.limits;
    const share = outside ? 1 : 2;
    return this.#size < share * requests && this.#octets < share * octets;
  }

  /** RFC 3261 §16.3. The mark for its loops; undefined: it was refused. */
  #admit(incoming: Incoming): string | undefined {
    const { request, tx, flow } = incoming;
    if (hopsLeft(request) === 0) return void tx.respondStateless(483);
    const mark = this.#loops.of(request, flow.remote);
    if (this.#loops.isLoop(request, mark)) return void tx.respondStateless(482);
    if (request.lines.find("proxy-require") >= 0) {
      const headers: HeaderList = [["Unsupported", request.values("proxy-require").filter(isToken).join(", ")]];
      return void tx.respondStateless(420, { headers });
    }
    return mark;
  }

  /** Where a request goes whose Route shows that it may: a Path names the flow itself, an alias where the Contact is. */
  #byRoute(request: Request, passage: Passage & { own: true }): ProxyTarget {
    const { ways, gruu } = this.#around;
    const { uri, routes } = withoutPassage(request, passage);
    if (passage.flow !== undefined) {
      const flow = ways.flowOf(passage.flow);
      return flow === undefined ? { uri, lost: 430 } : { uri, flow };
    }
    if (routes.length > 0) return { uri };
    const alias = takeAlias(uri);
    if (alias === undefined) return gruu?.(uri) ?? { uri };
    const { transport, address } = alias;
    const flow = transport === "udp" ? ways.flowTo({ transport, ...address }) : ways.connectionFrom(transport, address);
    if (flow !== undefined) return { uri: alias.uri, flow };
    return alias.direct ? { uri: alias.uri } : { uri: alias.uri, lost: 430 };
  }

  /** An ACK for a 2xx makes no transaction (RFC 3261 §16.6, §13.2.2.4): nobody would answer it. */
  #forwardAck(incoming: Incoming, passage: Passage, target: ProxyTarget, options: ForwardOptions): void {
    const { request } = incoming;
    const { resolver, ways } = this.#around;
    const mark = this.#loops.of(request, incoming.flow.remote);
    if (hopsLeft(request) === 0 || this.#loops.isLoop(request, mark)) return;
    const forwarding = new Forwarding(this.#around, incoming, passage, mark, options);
    const course = forwarding.courseTo(target);
    if (course === undefined || target.lost !== undefined) return;
    const send = (flow: ProxyTarget["flow"]) => {
      const outgoing = flow && forwarding.outgoing(course, flow, forwarding.newBranch(), forwarding.breadth);
      if (outgoing instanceof Request) flow?.send(outgoing.bytes());
    };
    if (target.flow !== undefined) return send(target.flow);
    const uri = forwarding.hopUri(course);
    if (uri === undefined) return;
    resolver.resolve(uri, (result) => {
      const hop = result.ok ? result.hops[0] : undefined;
      if (hop !== undefined) send(ways.flowTo({ ...hop, size: request.bytes().length + 300 }));
    });
  }
}

function hasFurtherRoute(request: Request, passage: Passage): boolean {
  return request.lines.find("route") >= 0 && withoutPassage(request, passage).routes.length > 0;
}
