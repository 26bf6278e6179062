/** What offer and answer are told, what they say, and what they hold in between: the types of `offer-answer.ts`. */
import type { AudioCodec, Negotiated } from "./offer-answer-media.ts";
import type { SrtpOptions } from "./offer-answer-srtp.ts";
import type { Layout, OwnLine } from "./offer-answer-write.ts";
import type { Direction, Family, MediaDescription, SessionDescription } from "./sdp.ts";
import type { WebRtcOptions } from "./webrtc.ts";

export interface OfferAnswerOptions {
  /** Ours, most wanted first: the order of our offers. Answers follow the offerer's order (RFC 3264 §6.1). */
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
  /** How streams are encrypted; not at all by default. */
  srtp?: SrtpOptions;
  /** How we speak WebRTC; without it such m-lines are refused. */
  webRtc?: WebRtcOptions | undefined;
}

/** Reliably: in a request, a 2xx, a reliable 18x. A plain 18x may get lost, so its answer is a preview (RFC 6337 §3.1.1). */
export type Delivery = "reliable" | "unreliable";

/** An offer that is not taken or cannot be made now, as SIP says it. */
export interface Refusal {
  ok: false;
  /** 400: no SDP; 488: nothing in it for us; 491: ours is open; 500: theirs is open. */
  status: 400 | 488 | 491 | 500;
  reason: string;
  /** With 500: the response needs a Retry-After of 0 to 10 s, see `retryAfterSeconds` (RFC 3261 §14.2). */
  retryAfter?: true;
  /** Code and text for a Warning header (RFC 3261 §20.43), with 400 and 488. */
  warning?: { code: number; text: string };
  /** Writes an answer that refuses each m-line, with 488: for offers in a 2xx, which no status can refuse (RFC 6337 §2.3). */
  emptyAnswer?: () => string;
}

export interface OfferReceived {
  ok: true;
  /** What the address of our media for the answer must be. */
  family: Family;
  /** The peer's hold state when this offer is answered. */
  remoteHold: boolean;
}

/** What an answer chooses where the offer leaves it a choice; by default the offer's first codec, and all directions. */
export interface AnswerChoice {
  readonly prefer?: AudioCodec | undefined;
  readonly wanted?: Direction | undefined;
}

export type OfferMade = { ok: true; sdp: string } | Refusal;
export type AnswerReceived = { ok: true; negotiated: Negotiated } | { ok: false; reason: string };
export type ExchangeState = "stable" | "offered" | "offer-received";

/** What both sides have agreed on, and our side of it. */
export interface Agreed {
  layout: Layout;
  own: OwnLine;
  negotiated: Negotiated;
}

/** Where an exchange stands. */
export type Exchange =
  | { state: "stable" }
  | { state: "offered"; layout: Layout; own: OwnLine; wanted: Direction; preview: Agreed | undefined }
  | {
      state: "offer-received";
      offer: SessionDescription;
      audio: number;
      media: MediaDescription;
      prepared: { sdp: string; agreed: Agreed } | undefined;
    };
