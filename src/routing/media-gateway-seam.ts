/**
 * What the stateful proxy asks of a media gateway, and what the gateway asks of the machinery that converts media: the two
 * seams around `media-gateway.ts`. The machinery is the media worker, by way of the server.
 */
import type { Flow } from "../sip/flow.ts";
import type { LocalMedia, Negotiated, OfferAnswer } from "../sip/offer-answer.ts";
import type { Message, Request, Response } from "../sip/request-response.ts";
import type { MediaProfile, MediaWish, Profiles } from "./media-profile.ts";
import type { RelayCount, RelayedBody, RelayRefusal } from "./media-relay-seam.ts";

/** Calls, dialogs and branches are known as `MediaRelay` knows them. */
export interface MediaGateway {
  /** Whether the media of a call has to be converted on this branch of its first INVITE. Cheap where the sides are alike. */
  conversion(invite: Request, from: Flow, to: Flow, wish: MediaWish): Profiles | undefined;
  /** Such an INVITE, before it is forwarded; or one in a dialog whose media is not known any more. */
  begin(invite: Request, from: Flow, to: Flow, branch: string, profiles: Profiles): RelayedBody | RelayRefusal;
  /** A request within a dialog that has passed here, before it is forwarded. Undefined: that dialog's media is none of ours. */
  request(request: Request, from: Flow, to: Flow, branch: string): RelayedBody | RelayRefusal | undefined;
  /** A response to such a request, before it is forwarded. Undefined: that branch's media is none of ours. */
  response(response: Response, from: Flow, branch: string): RelayedBody | undefined;
  /** A branch is over without a 2xx. No effect when it is unknown, ended already, or once it was answered with a 2xx. */
  ended(message: Message, branch: string): void;
}

/** A side that media is wanted for. */
export interface GatewaySide {
  readonly flow: Flow;
  readonly profile: MediaProfile;
  /** Nobody stands between us and it, as far as its signalling shows. */
  readonly direct: boolean;
}

/** One side of a converted call. */
export interface GatewayMedia {
  /** Its exchanges with us. */
  readonly offerAnswer: OfferAnswer;
  /** Our address and ports towards it. */
  readonly local: LocalMedia;
  /** What it has agreed on with us; may be called again at any time. */
  configure(negotiated: Negotiated): void;
}

export type GatewayEnd = "closed" | "gone" | "failed";

/** Two sides that hear each other, and each other's keys. */
export interface GatewaySession {
  readonly a: GatewayMedia;
  readonly b: GatewayMedia;
  /** Called once: after `close`, when a side cannot be reached any more, or because the machinery failed. */
  ended: (why: GatewayEnd) => void;
  /** The numbers of the media worker's sessions. */
  readonly sessions?: readonly number[];
  /** What has been counted so far: of what came from each side. */
  stats(): Promise<{ readonly a: RelayCount; readonly b: RelayCount }>;
  /** Gives the ports back. `ended` follows. */
  close(): void;
}

/** What converts the media. */
export interface GatewayBackend {
  /** Opens a session. Undefined: no more can be had. */
  open(a: GatewaySide, b: GatewaySide): GatewaySession | undefined;
}
