/**
 * One converted dialog (or one branch of an INVITE that may become one): offers and answers on each of its two sides are
 * exchanges of that side with us, and what one side wants of the other is carried over: codecs in its order, and who holds.
 */
import type { Log } from "../log.ts";
import { sessionDescription, withDescription } from "../sip/multipart.ts";
import type { Delivery } from "../sip/offer-answer.ts";
import type { Message, Request, Response } from "../sip/request-response.ts";
import type { Direction } from "../sip/sdp.ts";
import type { GatewaySession } from "./media-gateway-seam.ts";
import { otherSide, type RelayedBody, type RelayRefusal, type RelaySide } from "./media-relay-seam.ts";

/** A request on its way, and what was made of the description in its response. */
interface Exchange {
  readonly method: string;
  /** Who sent the request. */
  readonly by: RelaySide;
  /** It carried an offer. */
  readonly offers: boolean;
  /** The description in a response that was taken last; `settled`: nothing in a later one can change it. */
  taken: { readonly text: string; readonly body: Uint8Array; readonly settled: boolean } | undefined;
}

/** Exchanges that are remembered for retransmissions and late responses. */
const maxExchanges = 16;
/** Callees behind one branch, where another proxy forks. */
const maxTags = 16;

const untouched: RelayedBody = {};

export class GatewayLeg {
  readonly callId: string;
  /** Side a: who sent the first INVITE. */
  readonly callerTag: string;
  /** Side b: who answered it. */
  readonly calleeTags = new Set<string>();
  /** The branch of the first INVITE. */
  readonly branch: string;
  readonly session: GatewaySession;
  /** A 2xx has come: only BYE or silence ends it. */
  confirmed = false;
  /** Nobody holds. */
  flows = true;
  /** There has been an agreement: media goes, or should. */
  agreed = false;
  readonly #log: Log;
  readonly #exchanges = new Map<string, Exchange>();
  /** Who made an offer in a response, until PRACK or ACK answers it. */
  #open: RelaySide | undefined;
  /** The answer in a PRACK or ACK that was taken last. */
  #acknowledged: { readonly text: string; readonly body: Uint8Array } | undefined;

  constructor(callId: string, callerTag: string, branch: string, session: GatewaySession, log: Log) {
    this.callId = callId;
    this.callerTag = callerTag;
    this.branch = branch;
    this.session = session;
    this.#log = log;
  }

  /** Which side a request with these tags comes from; undefined: it is of another dialog. */
  sideOf(fromTag: string, toTag: string): RelaySide | undefined {
    if (fromTag === this.callerTag && this.calleeTags.has(toTag)) return "a";
    return toTag === this.callerTag && this.calleeTags.has(fromTag) ? "b" : undefined;
  }

  exchange(branch: string): { readonly method: string; readonly by: RelaySide } | undefined {
    return this.#exchanges.get(branch);
  }

  /** It is a dialog that was there before. */
  resume(calleeTag: string): void {
    this.confirmed = true;
    this.calleeTags.add(calleeTag);
  }

  /** Notes who answers a request that began the dialog. */
  #noteCallee({ status, to: { tag } }: Response): void {
    if (tag === undefined) return;
    if (status >= 200 && !this.confirmed) {
      this.confirmed = true;
      this.calleeTags.clear();
    }
    if (this.calleeTags.size < maxTags && (status >= 200 || !this.confirmed)) this.calleeTags.add(tag);
  }

  /** A request of one side, on its way to the other. */
  request(request: Request, branch: string, by: RelaySide): RelayedBody | RelayRefusal {
    const { method } = request;
    const sdp = sessionDescription(request);
    if (sdp.length > 0 && (method === "ACK" || method === "PRACK")) {
      const answer = this.#answerIn(request, sdp, by);
      if (answer !== undefined) return { body: answer };
    }
    if (method === "ACK") return untouched;
    const offered = sdp.length > 0 ? this.#offered(request, sdp, by) : untouched;
    if (!("status" in offered)) this.#begin(branch, { method, by, offers: sdp.length > 0, taken: undefined });
    return offered;
  }

  /** A response to the request of that branch, on its way back. */
  response(response: Response, branch: string): RelayedBody {
    const exchange = this.#exchanges.get(branch);
    if (exchange === undefined) return untouched;
    const { status } = response;
    if (status >= 300) {
      this.fail(branch);
      return untouched;
    }
    if (branch === this.branch) this.#noteCallee(response);
    const sdp = sessionDescription(response);
    const body = exchange.offers ? this.#answered(exchange, response, sdp) : this.#offers(exchange, response, sdp);
    return body === undefined ? untouched : { body };
  }

  /** The request of that branch failed: what it offered is void. */
  fail(branch: string): void {
    const exchange = this.#exchanges.get(branch);
    this.#exchanges.delete(branch);
    if (exchange?.offers === true && exchange.taken?.settled !== true) this.#rollback();
  }

  #begin(branch: string, exchange: Exchange): void {
    this.#exchanges.set(branch, exchange);
    if (this.#exchanges.size <= maxExchanges) return;
    for (const oldest of this.#exchanges.keys()) {
      this.#exchanges.delete(oldest);
      return;
    }
  }

  #rollback(): void {
    this.session.a.offerAnswer.rollback();
    this.session.b.offerAnswer.rollback();
    this.#open = undefined;
  }

  /** An offer, as the other side gets it: of all our codecs, those that its own side could take over first. */
  #offered(message: Message, sdp: Uint8Array, by: RelaySide): { readonly body: Uint8Array } | RelayRefusal {
    const { offerAnswer: near } = this.session[by];
    const { offerAnswer: far, local } = this.session[otherSide(by)];
    const received = near.receiveOffer(sdp);
    if (!received.ok) return { status: received.status, reason: received.reason };
    const { codecs = [], direction = "sendrecv" } = near.asked ?? {};
    const offer = far.offer(local, direction, codecs);
    if (offer.ok) return { body: described(message, sdp, offer.sdp) };
    near.rollback();
    return { status: offer.status, reason: offer.reason };
  }

  /** The answer to what `exchange` offered, as the offerer gets it. */
  #answered(exchange: Exchange, response: Response, sdp: Uint8Array): Uint8Array | undefined {
    const reliable = response.status >= 200 || response.header("rseq") !== undefined;
    const { taken } = exchange;
    if (taken?.settled === true) return sdp.length > 0 ? taken.body : undefined;
    if (sdp.length === 0) {
      // Some say only while it rings what they answer.
      if (response.status >= 200 && taken !== undefined) this.#agree(exchange.by, taken.text, "reliable");
      if (taken !== undefined) exchange.taken = { ...taken, settled: response.status >= 200 };
      return undefined;
    }
    const text = textOf(sdp);
    const answer = this.#agree(exchange.by, text, reliable ? "reliable" : "unreliable");
    const body = answer === undefined ? undefined : described(response, sdp, answer);
    if (body !== undefined) exchange.taken = { text, body, settled: reliable };
    return body;
  }

  /** An offer in a response, as who sent the request gets it; it comes again in each retransmission. */
  #offers(exchange: Exchange, response: Response, sdp: Uint8Array): Uint8Array | undefined {
    if (sdp.length === 0 || exchange.method !== "INVITE") return undefined;
    const text = textOf(sdp);
    if (exchange.taken?.text === text) return exchange.taken.body;
    const by = otherSide(exchange.by);
    if (this.#open !== undefined) this.#rollback();
    const offered = this.#offered(response, sdp, by);
    if ("status" in offered) {
      this.#log.warn("an offer cannot be converted", { callId: this.callId, reason: offered.reason });
      return undefined;
    }
    this.#open = by;
    exchange.taken = { text, body: offered.body, settled: true };
    return offered.body;
  }

  /** The answer in an ACK or PRACK, as the offerer gets it. Undefined: it answers nothing. */
  #answerIn(request: Request, sdp: Uint8Array, by: RelaySide): Uint8Array | undefined {
    const text = textOf(sdp);
    if (this.#open === otherSide(by)) {
      const answer = this.#agree(this.#open, text, "reliable");
      this.#open = undefined;
      if (answer === undefined) return undefined;
      this.#acknowledged = { text, body: described(request, sdp, answer) };
    } else if (this.#acknowledged?.text !== text) return undefined;
    return this.#acknowledged?.body;
  }

  /**
   * Takes one side's answer and gives the other side, the offerer, its own. Where that cannot be used, the offerer gets one that
   * refuses all.
   */
  #agree(offerer: RelaySide, answer: string, delivery: Delivery): string | undefined {
    const near = this.session[offerer];
    const far = this.session[otherSide(offerer)];
    const taken = far.offerAnswer.receiveAnswer(answer, delivery);
    if (!taken.ok) {
      this.#log.warn("an answer cannot be converted", { callId: this.callId, reason: taken.reason });
      if (delivery === "unreliable") return undefined;
      const refused = near.offerAnswer.refuse();
      this.#rollback();
      return refused;
    }
    const { direction, codec: prefer } = taken.negotiated;
    const choice = { prefer, wanted: mirrored[direction] };
    const given = near.offerAnswer.answer(near.local, delivery, choice);
    if (given === undefined) return undefined;
    far.configure(taken.negotiated);
    near.configure(given.negotiated);
    this.agreed = true;
    this.flows = taken.negotiated.direction === "sendrecv" && given.negotiated.direction === "sendrecv";
    return given.sdp;
  }
}

/** What we do towards one side, when we do that towards the other: what comes from here goes there. */
const mirrored: Readonly<Record<Direction, Direction>> = {
  sendrecv: "sendrecv",
  sendonly: "recvonly",
  recvonly: "sendonly",
  inactive: "inactive",
};
const textOf = (sdp: Uint8Array) => Buffer.from(sdp.buffer, sdp.byteOffset, sdp.byteLength).toString("latin1");

/** The message's body with the text of another description in the place of `sdp`. */
const described = ({ body }: Message, sdp: Uint8Array, text: string) =>
  withDescription(body, sdp, Buffer.from(text, "latin1"));
