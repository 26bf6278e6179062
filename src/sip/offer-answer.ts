/**
 * Offer and answer (RFC 3264, in SIP: RFC 3261 §13 and §14, RFC 3262 §5, RFC 3311, RFC 6337) for the one audio stream of
 * a call: who may offer when, and what both sides agreed on. Knows no messages: its user carries the descriptions.
 *
 *            offer()                         receiveAnswer()
 *   stable -----------------> offered -----------------------> stable
 *            receiveOffer()                      answer()
 *   stable -----------------> offer-received ----------------> stable      rollback(): back to what was agreed before
 */
import {
  type AudioCodec,
  commonCodecs,
  directionOf,
  meet,
  type Negotiated,
  nearer,
  packetLength,
  receives,
  remoteOf,
  sends,
  telephoneEventType,
  type Unfit,
  unfitAddress,
  warningOf,
} from "./offer-answer-media.ts";
import { KeyExchange, type Secured } from "./offer-answer-srtp.ts";
import type {
  Agreed,
  AnswerChoice,
  AnswerReceived,
  Delivery,
  Exchange,
  ExchangeState,
  OfferAnswerOptions,
  OfferMade,
  OfferReceived,
  Refusal,
} from "./offer-answer-types.ts";
import { type Layout, type LocalMedia, OwnDescriptions, type OwnLine } from "./offer-answer-write.ts";
import { namedAsOffered, PayloadTypes } from "./payload-types.ts";
import { type Direction, type Family, type MediaDescription, parseSdp, type SessionDescription } from "./sdp.ts";
import { answerWebRtc, isBundled, isIcelessDtls, isWebRtc, offerWebRtc, takeWebRtcAnswer } from "./webrtc.ts";

export type { AudioCodec, Negotiated } from "./offer-answer-media.ts";
export type { Security, SrtpOptions, SrtpPolicy } from "./offer-answer-srtp.ts";
export type * from "./offer-answer-types.ts";
export type { LocalMedia } from "./offer-answer-write.ts";

/** Where the keys are DTLS's. */
const keyless: Secured = { security: undefined, crypto: [] };
const stable: Exchange = { state: "stable" };

/** The exchanges of one dialog. */
export class OfferAnswer {
  readonly #options: OfferAnswerOptions;
  readonly #families: readonly Family[];
  #exchange: Exchange = stable;
  #agreed: Agreed | undefined;
  #wanted: Direction = "sendrecv";
  readonly #descriptions: OwnDescriptions;
  #types = new PayloadTypes();
  #keys: KeyExchange;

  constructor(options: OfferAnswerOptions) {
    this.#keys = new KeyExchange(options.srtp);
    this.#options = options;
    this.#families = options.families ?? ["ipv4"];
    this.#descriptions = new OwnDescriptions(options.sessionId, options.ptime ?? 20);
  }

  get state(): ExchangeState {
    return this.#exchange.state;
  }

  /** What was agreed last; while an answer is only known from a plain 18x, that. */
  get negotiated(): Negotiated | undefined {
    const exchange = this.#exchange;
    if (exchange.state === "offered" && exchange.preview !== undefined) return exchange.preview.negotiated;
    if (exchange.state === "offer-received" && exchange.prepared !== undefined)
      return exchange.prepared.agreed.negotiated;
    return this.#agreed?.negotiated;
  }

  /** The codec of the call: that of what was agreed, or of an answer to the offer received. */
  get codec(): AudioCodec | undefined {
    const exchange = this.#exchange;
    if (exchange.state !== "offer-received" || this.negotiated !== undefined) return this.negotiated?.codec;
    return commonCodecs(exchange.media.payloads, this.#options.codecs)[0]?.codec;
  }

  /** What the offer received asks for: its codecs that are ours, in its order, and its direction. */
  get asked(): { readonly codecs: readonly AudioCodec[]; readonly direction: Direction } | undefined {
    const exchange = this.#exchange;
    if (exchange.state !== "offer-received") return undefined;
    const codecs = commonCodecs(exchange.media.payloads, this.#options.codecs).map(({ codec }) => codec);
    return { codecs, direction: directionOf(exchange.media) };
  }

  /** The direction that we want, whatever the peer does: `sendrecv`, or as the last agreed `offer` said. */
  get wanted(): Direction {
    return this.#exchange.state === "offered" ? this.#exchange.wanted : this.#wanted;
  }

  /**
   * Makes an offer: for an INVITE, the 200 (or first reliable 18x) to an INVITE without one, an UPDATE or a PRACK.
   * To hold, want `sendonly` or `inactive`; to resume, `sendrecv`, whatever the peer holds (RFC 6337 §5.3). `first`:
   * codecs of ours that are to come first, in this order.
   * Refused with 491 while an exchange is open; wait with `glareDelay` or for the state to be stable.
   */
  offer(local: LocalMedia, wanted: Direction = this.wanted, first: readonly AudioCodec[] = []): OfferMade {
    const busy = this.#busy();
    if (busy !== undefined) return busy;
    const codecs = [...first, ...this.#options.codecs.filter((codec) => !first.includes(codec))];
    const browser = this.#offersWebRtc;
    // Browsers know nothing without feedback; phones that know DTLS know this.
    const overDtls = browser?.iceless ? "UDP/TLS/RTP/SAVP" : "UDP/TLS/RTP/SAVPF";
    const protocol = browser === undefined ? this.#keys.protocol : overDtls;
    const mid = browser?.iceless ? undefined : browser && "0";
    const layout = this.#agreed?.layout ?? { lines: [{ kind: "audio", protocol, formats: [], mid }], audio: 0 };
    const before = this.#agreed?.own.webRtc;
    const own: OwnLine = {
      local,
      protocol: layout.lines[layout.audio]?.protocol ?? protocol,
      crypto: this.#agreed?.own.crypto ?? (browser === undefined ? this.#keys.offered : []),
      codecs: this.#types.codecs(codecs),
      dtmf: this.#options.telephoneEvent ? this.#types.events(codecs) : [],
      direction: wanted,
      rtcpMux: browser !== undefined || this.#options.offerRtcpMux === true || this.#agreed?.own.rtcpMux === true,
      webRtc: browser && offerWebRtc(browser, before && { own: before }, { public: local.public === true }),
    };
    return this.#offered(layout, own, wanted);
  }

  /**
   * Offers what our last agreed description said, unchanged down to its version: a re-INVITE that only refreshes the
   * session (RFC 4028 §7.4). Without an agreement it is an ordinary offer.
   */
  repeat(local: LocalMedia): OfferMade {
    if (this.#agreed === undefined) return this.offer(local);
    const busy = this.#busy();
    if (busy !== undefined) return busy;
    return this.#offered(this.#agreed.layout, this.#agreed.own, this.#wanted);
  }

  /** Takes the peer's offer, of which the first m-line that a call can use is kept. A refusal changes nothing. */
  receiveOffer(body: Uint8Array | string): OfferReceived | Refusal {
    const busy = this.#busy();
    if (busy !== undefined) return busy;
    const offer = parseSdp(body);
    if ("failure" in offer) {
      const text = `Session description not understood: ${offer.failure}`;
      return { ok: false, status: 400, reason: offer.failure, warning: { code: 399, text } };
    }
    const chosen = this.#choose(offer);
    if ("unfit" in chosen) {
      const warning = warningOf(
        chosen.unfit,
        this.#options.codecs,
        this.#keys.policy,
        this.#options.webRtc !== undefined,
      );
      const emptyAnswer = () => this.#descriptions.refusing(offer);
      return { ok: false, status: 488, reason: warning.text, warning, emptyAnswer };
    }
    const { audio, media } = chosen;
    this.#exchange = { state: "offer-received", offer, audio, media, prepared: undefined };
    return { ok: true, family: media.connection?.family ?? "ipv4", remoteHold: !receives(directionOf(media)) };
  }

  /**
   * The answer to the offer received: the offerer's first codec that is ours, alone, so that the stream needs no second
   * codec at hand, and telephone-event if offered. Sent in a plain 18x (`unreliable`) it leaves the exchange open and is
   * the same text again when asked again, as the 200 must repeat it (RFC 3261 §13.3.1). Undefined without an offer.
   */
  answer(
    local: LocalMedia,
    delivery: Delivery = "reliable",
    choice: AnswerChoice = {},
  ): { sdp: string; negotiated: Negotiated } | undefined {
    const exchange = this.#exchange;
    if (exchange.state !== "offer-received") return undefined;
    exchange.prepared ??= this.#prepare(local, exchange.offer, exchange.audio, exchange.media, choice);
    const { sdp, agreed } = exchange.prepared;
    if (delivery === "reliable") {
      this.#types.learn(exchange.media);
      this.#agree(agreed);
    }
    return { sdp, negotiated: agreed.negotiated };
  }

  /**
   * Takes the peer's answer. From a plain 18x (`unreliable`) it is a preview: the exchange stays open for the real one,
   * which then counts even if it differs. When it is refused the exchange stays open: end the call or `rollback`.
   */
  receiveAnswer(body: Uint8Array | string, delivery: Delivery = "reliable"): AnswerReceived {
    const exchange = this.#exchange;
    if (exchange.state !== "offered") return { ok: false, reason: "no offer of ours is open" };
    const answer = parseSdp(body);
    if ("failure" in answer) return { ok: false, reason: answer.failure };
    const judged = this.#judge(answer, exchange.layout, exchange.own);
    if (typeof judged === "string") return { ok: false, reason: judged };
    if (delivery === "unreliable") exchange.preview = judged.agreed;
    else {
      this.#types.learn(judged.media);
      this.#wanted = exchange.wanted;
      this.#agree(judged.agreed);
    }
    return { ok: true, negotiated: judged.agreed.negotiated };
  }

  /** Answers the offer received by refusing all of it, which ends the exchange without result. */
  refuse(): string | undefined {
    const exchange = this.#exchange;
    if (exchange.state !== "offer-received") return undefined;
    this.rollback();
    return this.#descriptions.refusing(exchange.offer);
  }

  /** Ends the open exchange without result (an offer was refused with 4xx): what was agreed before stays in force. */
  rollback(): void {
    this.#exchange = stable;
  }

  /** The same exchange for another dialog that the INVITE has made (forking, RFC 3261 §13.2.2.4). */
  fork(): OfferAnswer {
    const copy = new OfferAnswer(this.#options);
    copy.#exchange = { ...this.#exchange };
    copy.#agreed = this.#agreed;
    copy.#wanted = this.#wanted;
    copy.#descriptions.continue(this.#descriptions);
    copy.#types = new PayloadTypes(this.#types);
    copy.#keys = this.#keys;
    if (copy.#exchange.state === "offered") copy.#exchange.preview = undefined;
    return copy;
  }

  /** RFC 3261 §14.2, RFC 3311 §5.2, RFC 6337 §4.3: one exchange at a time. */
  #busy(): Refusal | undefined {
    switch (this.#exchange.state) {
      case "stable":
        return undefined;
      case "offered":
        return { ok: false, status: 491, reason: "our own offer is open" };
      case "offer-received":
        return { ok: false, status: 500, reason: "an earlier offer is not answered yet", retryAfter: true };
    }
  }

  /** How our next offer speaks WebRTC, if it does. */
  get #offersWebRtc() {
    const { webRtc } = this.#options;
    return (this.#agreed === undefined ? webRtc?.offer : this.#agreed.own.webRtc) ? webRtc : undefined;
  }

  get #security() {
    return this.#agreed?.negotiated.security;
  }

  #offered(layout: Layout, own: OwnLine, wanted: Direction): OfferMade {
    this.#exchange = { state: "offered", layout, own, wanted, preview: undefined };
    return { ok: true, sdp: this.#descriptions.describe(layout, own) };
  }

  #agree(agreed: Agreed): void {
    this.#agreed = agreed;
    this.#exchange = stable;
  }

  /** The m-line in use if it still fits, else the first that does. */
  #choose(offer: SessionDescription): { audio: number; media: MediaDescription } | { unfit: Unfit } {
    let unfit: Unfit = "media";
    const current = this.#agreed?.layout.audio ?? 0;
    const order = [current, ...offer.media.keys()];
    for (const audio of order) {
      const media = offer.media[audio];
      if (media === undefined) continue;
      const why =
        this.#unfitTransport(media) ??
        (commonCodecs(media.payloads, this.#options.codecs).length === 0 ? "format" : undefined);
      if (why === undefined) return { audio, media };
      unfit = nearer(unfit, why);
    }
    return { unfit };
  }

  #unfitTransport(media: MediaDescription): Unfit | undefined {
    if (media.kind !== "audio" || media.port === 0) return "media";
    if (this.#options.webRtc !== undefined && isWebRtc(media)) return undefined;
    if (this.#options.webRtc !== undefined && isIcelessDtls(media)) return unfitAddress(media, this.#families);
    // Who spoke DTLS goes on to: its encryption is not taken back.
    const taken = this.#agreed?.own.webRtc === undefined && this.#keys.takes(media, this.#security);
    return unfitAddress(media, this.#families) ?? (taken ? undefined : "transport");
  }

  #prepare(
    local: LocalMedia,
    offer: SessionDescription,
    audio: number,
    media: MediaDescription,
    { prefer, wanted = this.#wanted }: AnswerChoice,
  ) {
    const { payloads, rtcpMux, protocol } = media;
    const common = commonCodecs(payloads, this.#options.codecs);
    // #choose has found one at least.
    const [first = { codec: "PCMU", payloadType: 0, fmtp: undefined } as const] = common;
    const chosen = common.find(({ codec }) => codec === prefer) ?? first;
    const dtmf = this.#options.telephoneEvent ? telephoneEventType(payloads, chosen.codec) : undefined;
    const direction = meet(wanted, directionOf(media));
    const events = dtmf === undefined ? [] : [dtmf];
    const webRtc = this.#answerWebRtc(local, offer, media);
    const { security, crypto } = webRtc === undefined ? this.#keys.answer(media, this.#security) : keyless;
    const own: OwnLine = {
      ...{ local, protocol, codecs: [chosen], dtmf: events, direction, rtcpMux, crypto },
      webRtc: webRtc?.own,
    };
    const layout: Layout = { lines: offer.media, audio };
    const negotiated: Negotiated = {
      remote: webRtc === undefined || webRtc.agreed.iceless ? remoteOf(media, rtcpMux) : undefined,
      ...(webRtc !== undefined && { webRtc: webRtc.agreed }),
      codec: chosen.codec,
      payloadType: chosen.payloadType,
      ...(chosen.fmtp !== undefined && { fmtp: chosen.fmtp }),
      receivePayloadTypes: [{ payloadType: chosen.payloadType, codec: chosen.codec }],
      dtmfPayloadType: dtmf?.payloadType,
      dtmfReceivePayloadType: dtmf?.payloadType,
      ...(dtmf !== undefined && dtmf.clockRate !== 8000 && { dtmfClockRate: dtmf.clockRate }),
      direction,
      remoteHold: !receives(directionOf(media)),
      ptime: packetLength(media),
      rtcpMux,
      protocol,
      security,
    };
    return { sdp: this.#descriptions.describe(layout, own), agreed: { layout, own, negotiated } };
  }

  #answerWebRtc(local: LocalMedia, offer: SessionDescription, media: MediaDescription) {
    const { webRtc } = this.#options;
    if (webRtc === undefined || !(isWebRtc(media) || isIcelessDtls(media))) return undefined;
    const agreed = this.#agreed?.negotiated.webRtc;
    const bundle = isBundled(offer.groups ?? [], media.mid);
    return answerWebRtc(media, bundle, webRtc, agreed && { agreed }, { public: local.public === true });
  }

  /** Holds an answer against our offer (RFC 3264 §7); says what is wrong with it, or what is agreed now. */
  #judge(
    answer: SessionDescription,
    layout: Layout,
    own: OwnLine,
  ): { agreed: Agreed; media: MediaDescription } | string {
    if (answer.media.length > layout.lines.length) return "the answer has more m-lines than the offer";
    // One that has fewer refuses the rest, as some machines do; ours must be there.
    const media = answer.media[layout.audio];
    if (media?.kind !== "audio") return "the answer has no audio where the offer has it";
    if (media.port === 0) return "the answer refuses the audio";
    const webRtc = own.webRtc && takeWebRtcAnswer(media, own.webRtc);
    if (own.webRtc !== undefined && webRtc === undefined) return "the answer has another transport than the offer";
    if ((webRtc === undefined || webRtc.iceless) && unfitAddress(media, this.#families) !== undefined)
      return "the answer has no address that we can send to";
    const secured = webRtc === undefined ? this.#keys.judge(media, own.protocol, own.crypto, this.#security) : keyless;
    if (typeof secured === "string") return secured;
    const { security, crypto } = secured;
    const common = commonCodecs(namedAsOffered(media, own), this.#options.codecs);
    const types = common.flatMap(({ codec }) => own.codecs.filter((ours) => ours.codec === codec));
    const [chosen] = common;
    if (chosen === undefined) return "the answer has none of the offered codecs";
    const theirDtmf = own.dtmf.length === 0 ? undefined : telephoneEventType(namedAsOffered(media, own), chosen.codec);
    const theirs = directionOf(media);
    const rtcpMux = own.rtcpMux && media.rtcpMux;
    const negotiated: Negotiated = {
      remote: webRtc === undefined || webRtc.iceless ? remoteOf(media, rtcpMux) : undefined,
      ...(webRtc !== undefined && { webRtc }),
      codec: chosen.codec,
      payloadType: chosen.payloadType,
      ...(chosen.fmtp !== undefined && { fmtp: chosen.fmtp }),
      // Chromium sends what we offered first, though its answer, after setCodecPreferences, leaves it out.
      receivePayloadTypes: webRtc === undefined ? types : [...new Set([...types, ...own.codecs])],
      dtmfPayloadType: theirDtmf?.payloadType,
      dtmfReceivePayloadType:
        theirDtmf && own.dtmf.find(({ clockRate }) => clockRate === theirDtmf.clockRate)?.payloadType,
      ...(theirDtmf !== undefined && theirDtmf.clockRate !== 8000 && { dtmfClockRate: theirDtmf.clockRate }),
      direction: meet(own.direction, theirs),
      // An answer says who holds only where the offer left it the choice.
      remoteHold: sends(own.direction) ? !receives(theirs) : (this.#agreed?.negotiated.remoteHold ?? false),
      ptime: packetLength(media),
      rtcpMux,
      protocol: media.protocol,
      security,
    };
    return { agreed: { layout, own: { ...own, rtcpMux, crypto }, negotiated }, media };
  }
}
