/** Offer and answer (RFC 3264) for the one audio stream of a call: who may offer when, and what both sides agreed on. */
import type { Direction, Family } from "./sdp.ts";

export type AudioCodec = "PCMU" | "PCMA";

/** Where our media listens. `host` is the address to advertise: an IP literal without brackets. */
export interface LocalMedia {
  host: string;
  port: number;
  rtcpPort: number;
}

export interface OfferAnswerOptions {
  /** Ours, most wanted first: the order of our offers. Answers keep the offerer's order (RFC 3264 §6.1). */
  codecs: readonly AudioCodec[];
  telephoneEvent: boolean;
  /** The `o=` session id: a decimal number of at most 18 digits, unique to the call. */
  sessionId: string;
  /** Address families that our media can use; `["ipv4"]` by default. An m-line of another is refused. */
  families?: readonly Family[];
  /** Packet length that we ask for, ms; 20 by default. */
  ptime?: number;
  /** Put a=rtcp-mux into our own offers; it is accepted in the peer's in any case. False by default. */
  offerRtcpMux?: boolean;
}

/** What both sides agreed on, as the media engine needs it. */
export interface Negotiated {
  /** Where to send. Undefined while the peer wants nothing (`c=IN IP4 0.0.0.0`). `host` may be a name: the user resolves it. */
  remote: { host: string; port: number; rtcpPort: number; family: Family } | undefined;
  codec: AudioCodec;
  /** RTP payload type that we send `codec` with. */
  payloadType: number;
  /** RTP payload types that the peer may send, with their meaning; the first is `codec`. */
  receivePayloadTypes: readonly { payloadType: number; codec: AudioCodec }[];
  /** RTP payload type that we send telephone-events with. */
  dtmfPayloadType: number | undefined;
  /** RTP payload type of the peer's telephone-events: differs from `dtmfPayloadType` only with odd peers. */
  dtmfReceivePayloadType: number | undefined;
  /** Ours: may we send, will we receive. */
  direction: Direction;
  /** The peer put us on hold. */
  remoteHold: boolean;
  /** Packet length that we send, ms: 10 to 60 in steps of 10. */
  ptime: number;
  rtcpMux: boolean;
}

/** A refusal as SIP says it. `warning`: value of a Warning header without the agent (`305`, text), RFC 3261 §20.43. */
export interface Refusal {
  ok: false;
  status: 400 | 488 | 491 | 500;
  reason: string;
  warning?: { code: number; text: string };
  /** Seconds, with 500 (RFC 3261 §14.2, RFC 3311 §5.2): the user draws 0 to 10. */
  retryAfter?: true;
}

export type ExchangeState = "stable" | "offered" | "offer-received";

/**
 * One call's exchanges. Copies for forked dialogs come from `fork`.
 *
 *            offer()            receiveAnswer(reliable)
 *   stable ----------> offered ------------------------> stable
 *          receiveOffer()                answer(reliable)
 *   stable ----------> offer-received -----------------> stable        rollback(): back to what was agreed before
 */
export interface OfferAnswerApi {
  readonly state: ExchangeState;
  /** What was agreed last, or undefined. While only an unreliable answer is known, that. */
  readonly negotiated: Negotiated | undefined;
  /** The direction that we want: `sendrecv`, or as the last successful `offer` said. */
  readonly wanted: Direction;
  /** Makes an offer (INVITE, 200 to an INVITE without one, UPDATE, PRACK). Refused with 491 while another is open. */
  offer(local: LocalMedia, wanted?: Direction): { ok: true; sdp: string } | Refusal;
  /** Takes the peer's offer. `family`: what our `local` for the answer must be. A refusal changes nothing. */
  receiveOffer(body: Uint8Array | string): { ok: true; family: Family; remoteHold: boolean } | Refusal;
  /**
   * The answer to the offer received; the same text again when asked again. `unreliable` (a plain 18x) leaves the
   * exchange open, so that the 200 repeats it (RFC 6337 §2.2). Undefined when there is no offer to answer.
   */
  answer(local: LocalMedia, delivery?: "reliable" | "unreliable"): { sdp: string; negotiated: Negotiated } | undefined;
  /** Takes the peer's answer (200, ACK, PRACK, reliable 18x: `reliable`; plain 18x: `unreliable`). */
  receiveAnswer(
    body: Uint8Array | string,
    delivery?: "reliable" | "unreliable",
  ): { ok: true; negotiated: Negotiated } | { ok: false; reason: string };
  /** Ends the open exchange without result (the offer was refused): what was agreed before stays. */
  rollback(): void;
}
