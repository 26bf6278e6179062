/**
 * Relays the media of proxied calls: puts our addresses into offers and answers (RFC 3264) on their way, and tells the relay
 * who is to be heard. Each branch of a forked INVITE has ports of its own on both sides, so that each early dialog does.
 *
 * A call is known by its Call-ID, and in it a dialog by its tags: only who knows them, and comes with a genuine Route of
 * ours, can change where its media goes. Descriptions take effect when they are answered.
 */
import type { Log } from "../log.ts";
import { MalformedHeader } from "../sip/errors.ts";
import type { Flow } from "../sip/flow.ts";
import { parseNameAddr } from "../sip/name-addr.ts";
import type { Message, Request, Response } from "../sip/request-response.ts";
import { addressKey, Leg, type RelayTimeouts } from "./media-relay-leg.ts";
import { Description, type Origin } from "./media-relay-sdp.ts";
import type { MediaRelay, RelayBackend, RelayedBody, RelayRefusal, RelayStats } from "./media-relay-seam.ts";

export interface CallRelayOptions {
  readonly backend: RelayBackend;
  /** The address of ours, an IP literal, that whoever is on that flow is to send to. */
  readonly address: (flow: Flow) => string;
  /** Is it an address of this server's SIP? To tell whether another proxy stands before a callee. */
  readonly isOwn: (host: string, port: number | undefined) => boolean;
  readonly log: Log;
  /**
   * Who may be taken for a peer whose SDP names another address than it sends from. `private` (by default): whoever signals
   * to us directly is looked for where its signalling comes from; behind other proxies, anywhere while SDP names a
   * private address. true: anywhere. false: only at the address in SDP.
   */
  readonly latch?: boolean | "private" | undefined;
  /** ms; 300,000 before the answer, then 60,000, and on hold 3,600,000 by default. */
  readonly timeouts?: Partial<RelayTimeouts> | undefined;
  /** Branches of one call that have ports at once; 16 by default. */
  readonly maxBranches?: number | undefined;
  /** Is told of each relayed dialog or branch that is over. */
  readonly ended?: ((report: RelayReport) => void) | undefined;
}

/** One relayed dialog or branch of a call. */
export interface RelayReport {
  readonly callId: string;
  /** Whether it was answered by a 2xx. */
  readonly confirmed: boolean;
  readonly stats: RelayStats;
  readonly reason: "closed" | "timeout" | "failed";
  /** What the machinery knows its media by. */
  readonly session?: number | undefined;
}

/** What the relay holds now. */
export interface RelayedCall {
  readonly callId: string;
  readonly confirmed: boolean;
  readonly stats: RelayStats;
  readonly session?: number | undefined;
}

const untouched: RelayedBody = {};
const unavailable: RelayRefusal = { status: 503, reason: "No Media Ports" };
const notAcceptable: RelayRefusal = { status: 488, reason: "Not Acceptable Here" };
/** Methods whose requests, or responses, carry offers and answers (RFC 6337 §2). */
const describing = new Set(["INVITE", "ACK", "PRACK", "UPDATE", "BYE"]);

export class CallRelay implements MediaRelay {
  readonly #options: CallRelayOptions;
  readonly #timeouts: RelayTimeouts;
  readonly #latch: boolean | "private";
  /** By Call-ID. Bounded, as each leg has a session of the backend. */
  readonly #calls = new Map<string, Leg[]>();
  /** The addresses that we have told: a description that names one has been relayed already. */
  readonly #told = new Map<string, Leg>();

  constructor(options: CallRelayOptions) {
    this.#options = options;
    this.#timeouts = { setup: 300_000, media: 60_000, hold: 3_600_000, ...options.timeouts };
    this.#latch = options.latch ?? "private";
  }

  /** Relayed dialogs and branches. */
  get size(): number {
    let size = 0;
    for (const legs of this.#calls.values()) size += legs.length;
    return size;
  }

  /** Whether media of this call is relayed. */
  carries(callId: string): boolean {
    return this.#calls.has(callId);
  }

  /** What has been counted of the relayed calls, or of the first `most` of them. */
  list(most = 1000): Promise<RelayedCall[]> {
    const legs = [...this.#calls.values()].flat().slice(0, most);
    return Promise.all(
      legs.map(async ({ callId, confirmed, session }) => ({
        ...{ callId, confirmed, session: session.id },
        stats: await session.stats(),
      })),
    );
  }

  request(request: Request, from: Flow, to: Flow, branch: string): RelayedBody | RelayRefusal {
    if (!describing.has(request.method)) return untouched;
    return this.#guarded(request, untouched, () => this.#request(request, from, to, branch));
  }

  response(response: Response, from: Flow, _to: Flow, branch: string): RelayedBody {
    return this.#guarded(response, untouched, () => this.#response(response, from, branch));
  }

  ended(message: Message, branch: string): void {
    this.#guarded(message, undefined, () => {
      const leg = this.#legOf(message.callId, branch);
      if (leg !== undefined) this.#failed(leg, branch);
    });
  }

  /** Headers that cannot be read were refused before; should one be left, the message is let be. */
  #guarded<T>(message: Message, otherwise: T, act: () => T): T {
    try {
      return act();
    } catch (error) {
      if (!(error instanceof MalformedHeader)) throw error;
      this.#options.log.debug("a message's media is not relayed", {
        reason: error.message,
        bytes: message.body.length,
      });
      return otherwise;
    }
  }

  #request(request: Request, from: Flow, to: Flow, branch: string): RelayedBody | RelayRefusal {
    const { method, callId } = request;
    const fromTag = request.from.tag ?? "";
    const toTag = request.to.tag;
    const description = this.#descriptionIn(request, from, isDirect(request));
    if (description === "unreadable") return method === "ACK" ? untouched : notAcceptable;
    if (description !== undefined && this.#isOurs(description)) return untouched;

    const known = this.#legOf(callId, branch);
    if (known !== undefined) return this.#again(known, request, branch, description);
    if (toTag === undefined) {
      return method === "INVITE" ? this.#begin(request, fromTag, undefined, from, to, branch, description) : untouched;
    }
    const leg = this.#dialog(callId, fromTag, toTag, method === "ACK" || method === "PRACK");
    if (leg === undefined) {
      // A dialog from before we were started, or one that was silent for too long: its Route has shown that it is ours.
      const offers = method === "INVITE" && description !== undefined;
      return offers ? this.#begin(request, fromTag, toTag, from, to, branch, description) : untouched;
    }
    const side = leg.sideOf(fromTag, toTag) ?? "a";
    if (method === "ACK" || method === "PRACK") {
      const answer = description === undefined ? undefined : leg.acknowledged(side, description);
      if (answer !== undefined || method === "ACK") return answer === undefined ? untouched : { body: answer };
    }
    leg.begin(branch, method, side, description);
    if (description === undefined) return untouched;
    return this.#carried(leg, description, side);
  }

  /** An offer within a dialog. */
  #carried(leg: Leg, offer: Description, side: "a" | "b"): RelayedBody | RelayRefusal {
    // 488 and not 503: the call goes on as it was.
    if (!leg.canCarry(offer)) return notAcceptable;
    const body = leg.offered(side, offer);
    this.#tell(leg);
    return { body };
  }

  /** A retransmission: the same again. */
  #again(leg: Leg, { method }: Request, branch: string, description: Description | undefined): RelayedBody {
    const side = leg.exchange(branch)?.by ?? "a";
    if (description === undefined) return untouched;
    if (method === "ACK" || method === "PRACK") {
      const answer = leg.acknowledged(side, description);
      if (answer !== undefined) return { body: answer };
    }
    return { body: leg.offered(side, description) };
  }

  #begin(
    request: Request,
    callerTag: string,
    calleeTag: string | undefined,
    from: Flow,
    to: Flow,
    branch: string,
    offer: Description | undefined,
  ): RelayedBody | RelayRefusal {
    const { callId } = request;
    const legs = this.#calls.get(callId) ?? [];
    if (legs.length >= (this.#options.maxBranches ?? 16)) return unavailable;
    const hosts = { a: this.#options.address(from), b: this.#options.address(to) };
    const session = this.#options.backend.relay({ a: { host: hosts.a }, b: { host: hosts.b } });
    if (session === undefined) return unavailable;
    const leg = new Leg(callId, callerTag, branch, session, hosts, this.#timeouts);
    if (!leg.canCarry(offer)) {
      session.close();
      return unavailable;
    }
    if (calleeTag !== undefined) leg.confirm(calleeTag);
    session.ended = (stats, reason) => this.#over(leg, stats, reason);
    legs.push(leg);
    this.#calls.set(callId, legs);
    this.#tell(leg);
    leg.begin(branch, "INVITE", "a", offer);
    return offer === undefined ? untouched : { body: leg.offered("a", offer) };
  }

  #response(response: Response, from: Flow, branch: string): RelayedBody {
    const leg = this.#legOf(response.callId, branch);
    const exchange = leg?.exchange(branch);
    if (leg === undefined || exchange === undefined) return untouched;
    const { status } = response;
    const tag = response.to.tag;
    if (exchange.method === "BYE") {
      // One that was only challenged has ended nothing.
      if (status < 300 ? status >= 200 : status === 408 || status === 481)
        this.#bye(leg, branch, exchange.by === "a" ? tag : response.from.tag);
      return untouched;
    }
    if (status >= 300) {
      this.#failed(leg, branch);
      return untouched;
    }
    if (branch === leg.branch && tag !== undefined && exchange.method === "INVITE") {
      if (status >= 200) leg.confirm(tag);
      else leg.early(tag);
    }
    const direct = this.#isDirectResponse(response);
    const description = this.#descriptionIn(response, from, direct);
    if (description === undefined || description === "unreadable" || this.#isOurs(description)) return untouched;
    const body = leg.responded(branch, description);
    this.#tell(leg);
    return body === undefined ? untouched : { body };
  }

  #descriptionIn(message: Message, from: Flow, direct: boolean): Description | "unreadable" | undefined {
    const latch = this.#latch;
    const source = direct && latch !== false ? from.remote.host : undefined;
    const origin: Origin = { source, anywhere: direct && latch === "private" ? false : latch };
    const description = Description.of(message, origin);
    return description !== undefined && "failure" in description ? "unreadable" : description;
  }

  /** Was this description relayed already, on a way that has come past us before? Then it is let be. */
  #isOurs(description: Description): boolean {
    for (const { host, port } of description.addresses()) if (this.#told.has(addressKey(host, port))) return true;
    return false;
  }

  #tell(leg: Leg): void {
    for (const address of leg.addresses()) this.#told.set(address, leg);
  }

  #legOf(callId: string, branch: string): Leg | undefined {
    return this.#calls.get(callId)?.find((leg) => leg.branch === branch || leg.exchange(branch) !== undefined);
  }

  /** The leg of a dialog; where we are on its way twice, the one whose offer an ACK or PRACK may answer. */
  #dialog(callId: string, fromTag: string, toTag: string, answers: boolean): Leg | undefined {
    const legs = this.#calls.get(callId)?.filter((leg) => leg.sideOf(fromTag, toTag) !== undefined) ?? [];
    const awaiting = answers ? legs.find((leg) => leg.awaits(leg.sideOf(fromTag, toTag) ?? "a")) : undefined;
    return awaiting ?? legs[0];
  }

  /** The request of that branch is over without effect. */
  #failed(leg: Leg, branch: string): void {
    const method = leg.exchange(branch)?.method;
    leg.fail(branch);
    // Who says BYE is gone, be it that nobody hears it.
    if (method === "BYE" || (branch === leg.branch && !leg.confirmed)) leg.session.close();
  }

  #bye(leg: Leg, branch: string, tag: string | undefined): void {
    leg.fail(branch);
    // Where another proxy has forked, one callee of several may be gone.
    if (tag !== undefined && leg.calleeTags.size > 1 && leg.calleeTags.delete(tag)) return;
    leg.session.close();
  }

  #over(leg: Leg, stats: RelayStats, reason: RelayReport["reason"]): void {
    const legs = this.#calls.get(leg.callId)?.filter((other) => other !== leg) ?? [];
    if (legs.length > 0) this.#calls.set(leg.callId, legs);
    else this.#calls.delete(leg.callId);
    for (const address of leg.addresses()) if (this.#told.get(address) === leg) this.#told.delete(address);
    if (reason === "timeout" && leg.confirmed)
      this.#options.log.info("nothing came any more on a relayed call; its ports are free", { callId: leg.callId });
    this.#options.ended?.({ callId: leg.callId, confirmed: leg.confirmed, stats, reason, session: leg.session.id });
  }

  /** Does the response come from the callee itself? Then the topmost proxy that stays on the way is us. */
  #isDirectResponse(response: Response): boolean {
    const [first] = response.values("record-route");
    const uri = first === undefined ? undefined : parseNameAddr(first)?.uri;
    if (uri === undefined) return first === undefined;
    return "host" in uri && this.#options.isOwn(uri.host, uri.port);
  }
}

/** Is it the client itself that sent it to us, and no proxy? */
function isDirect(request: Request): boolean {
  return request.values("via").length === 1;
}
