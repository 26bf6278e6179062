/** One relayed dialog (or one branch of an INVITE that may become one): its ports, and the offers and answers on it. */
import { canonicalHost } from "../sip/host.ts";
import type { LineRewrite } from "../sip/sdp-rewrite.ts";
import type { Description } from "./media-relay-sdp.ts";
import { otherSide, type RelaySession, type RelaySide } from "./media-relay-seam.ts";

/** How long nothing may come before a call is taken for dead, in ms. */
export interface RelayTimeouts {
  /** Before it is answered. */
  readonly setup: number;
  readonly media: number;
  /** While no m-line flows both ways. */
  readonly hold: number;
}

/** A request that may carry an offer, and what was made of its response. */
interface Exchange {
  readonly method: string;
  /** Who sent the request. */
  readonly by: RelaySide;
  /** Its description, if that is an offer. */
  readonly offer: Description | undefined;
  /** The answer that was taken last. */
  answer: string | undefined;
}

/** Exchanges that are remembered for retransmissions and late responses. */
const maxExchanges = 16;
/** Callees behind one branch, where another proxy forks. */
const maxTags = 16;

/** A media address as a key. */
export const addressKey = (host: string, port: number) => `${canonicalHost(host)} ${port}`;

export class Leg {
  readonly callId: string;
  /** Side a: who sent the first INVITE. */
  readonly callerTag: string;
  /** Side b: who answered it. */
  readonly calleeTags = new Set<string>();
  /** The branch of the first INVITE. */
  readonly branch: string;
  readonly session: RelaySession;
  /** A 2xx has come: only BYE or silence ends it. */
  #confirmed = false;
  #flows = true;
  readonly #hosts: Readonly<Record<RelaySide, string>>;
  readonly #timeouts: RelayTimeouts;
  readonly #exchanges = new Map<string, Exchange>();
  /** An offer that came in a response, until PRACK or ACK answers it. */
  #open: { by: RelaySide; offer: Description } | undefined;
  /** The answer in a PRACK or ACK that was taken last. */
  #taken: string | undefined;

  /** `hosts`: the addresses of ours that the sides are told. */
  constructor(
    callId: string,
    callerTag: string,
    branch: string,
    session: RelaySession,
    hosts: Readonly<Record<RelaySide, string>>,
    timeouts: RelayTimeouts,
  ) {
    this.callId = callId;
    this.callerTag = callerTag;
    this.branch = branch;
    this.session = session;
    this.#hosts = hosts;
    this.#timeouts = timeouts;
  }

  /** Which side a request with these tags comes from; undefined: it is of another dialog. */
  sideOf(fromTag: string, toTag: string): RelaySide | undefined {
    if (fromTag === this.callerTag && this.calleeTags.has(toTag)) return "a";
    return toTag === this.callerTag && this.calleeTags.has(fromTag) ? "b" : undefined;
  }

  get confirmed(): boolean {
    return this.#confirmed;
  }

  /** Notes who has sent a provisional response. */
  early(tag: string): void {
    if (!this.#confirmed && this.calleeTags.size < maxTags) this.calleeTags.add(tag);
  }

  /** Notes who has answered: whoever else might have is out, unless a further 2xx comes. */
  confirm(tag: string): void {
    if (!this.#confirmed) this.calleeTags.clear();
    if (this.calleeTags.size < maxTags) this.calleeTags.add(tag);
    this.#confirmed = true;
    this.#expect();
  }

  #expect(): void {
    const { setup, media, hold } = this.#timeouts;
    this.session.expect(!this.#confirmed ? setup : this.#flows ? media : hold);
  }

  exchange(branch: string): { readonly method: string; readonly by: RelaySide } | undefined {
    return this.#exchanges.get(branch);
  }

  /** Is a PRACK or ACK from this side awaited as an answer? */
  awaits(side: RelaySide): boolean {
    return this.#open !== undefined && this.#open.by !== side;
  }

  /** A request on its way, with its offer if it has one. */
  begin(branch: string, method: string, by: RelaySide, offer?: Description): void {
    // Once more the same: a retransmission, whose answer may be there already.
    if (this.#exchanges.has(branch)) return;
    this.#exchanges.set(branch, { method, by, offer, answer: undefined });
    if (this.#exchanges.size <= maxExchanges) return;
    for (const oldest of this.#exchanges.keys()) {
      this.#exchanges.delete(oldest);
      return;
    }
  }

  /** The request of that branch failed: what it offered is void. */
  fail(branch: string): void {
    this.#exchanges.delete(branch);
  }

  /** A description in the response to the request of that branch: the answer to its offer, or an offer. */
  responded(branch: string, description: Description): Uint8Array | undefined {
    const exchange = this.#exchanges.get(branch);
    if (exchange === undefined) return undefined;
    const by = otherSide(exchange.by);
    if (exchange.offer === undefined) {
      // The same offer comes again in each retransmission, and in the 2xx after a reliable provisional response.
      if (exchange.answer !== description.text) {
        exchange.answer = description.text;
        this.#open = { by, offer: description };
      }
      return this.offered(by, description);
    }
    // A late retransmission must not undo what was agreed on since.
    if (exchange.answer !== description.text) {
      exchange.answer = description.text;
      this.#agree(exchange.offer, description, exchange.by);
    }
    return this.#relayed(by, description);
  }

  /** A description in a PRACK or ACK that may answer the offer in a response. Undefined: it is not that. */
  acknowledged(by: RelaySide, description: Description): Uint8Array | undefined {
    const open = this.#open;
    if (open !== undefined && open.by !== by) {
      this.#open = undefined;
      this.#taken = description.text;
      this.#agree(open.offer, description, open.by);
    } else if (this.#taken !== description.text) return undefined;
    return this.#relayed(by, description);
  }

  /** An offer as the other side is to see it; its m-lines get ports, and are refused when there are none. */
  offered(by: RelaySide, offer: Description): Uint8Array {
    for (const line of offer.lines()) this.session.open(line);
    return this.#relayed(by, offer);
  }

  /** Has this offer at least one m-line with ports, if it has any at all? Opens them. */
  canCarry(offer: Description | undefined): boolean {
    const lines = offer === undefined ? [0] : [...offer.lines()];
    return lines.length === 0 || lines.filter((line) => this.session.open(line)).length > 0;
  }

  #relayed(by: RelaySide, description: Description): Uint8Array {
    const towards = otherSide(by);
    const portsOf = (line: number): LineRewrite => this.session.lines[line]?.[towards] ?? "refuse";
    return description.relayed(this.#hosts[towards], portsOf);
  }

  /** Offer and answer are both there: packets may flow. */
  #agree(offer: Description, answer: Description, offerer: RelaySide): void {
    const { session } = this;
    for (const [line, ports] of session.lines.entries()) {
      if (ports === undefined) continue;
      session.configure(line, offerer, offer.peer(line, answer));
      session.configure(line, otherSide(offerer), answer.peer(line, offer));
    }
    this.#flows = offer.flows && answer.flows;
    this.#expect();
  }

  /** The addresses that this leg has told. */
  *addresses(): Iterable<string> {
    for (const line of this.session.lines) {
      if (line === undefined) continue;
      yield addressKey(this.#hosts.a, line.a.rtpPort);
      yield addressKey(this.#hosts.b, line.b.rtpPort);
    }
  }
}
