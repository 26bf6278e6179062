/** What a call of ours is placed with. */
import type { AudioCodec } from "../sip/audio-codecs.ts";
import type { Flow } from "../sip/flow.ts";
import type { HeaderList } from "../sip/message.ts";
import type { SrtpPolicy } from "../sip/offer-answer.ts";
import type { Identities } from "./authenticate.ts";
import type { RouteOptions } from "./preloaded-route.ts";

export interface InviteOptions extends RouteOptions {
  /** Whom to call: a `sip:` or `sips:` URI. */
  uri: string;
  /** Who calls, as a name-addr: `"Alice" <sip:alice@example.com>`. By default siproc at our own address. */
  from?: string | undefined;
  /** Whom we mean, as a name-addr without a tag; by default `uri`. */
  to?: string | undefined;
  headers?: HeaderList | undefined;
  /** Who we are to those who ask for a password, in the call's first request and in all that follow. */
  auth?: Identities | undefined;
  /** The codec that is offered first, if it is one of ours. */
  prefer?: AudioCodec | undefined;
  /** Whether it is encrypted; as the settings say by default. */
  srtp?: SrtpPolicy | undefined;
  /** The one way to send it, whatever the URI says: where a phone of ours has registered from. */
  flow?: Flow | undefined;
  /** How many servers the INVITE may pass; 70 by default. What calls for another call gives what that had left (RFC 7332). */
  maxForwards?: number | undefined;
}
