/**
 * How the two sides of a proxied call carry their media, and whether what one speaks has to be converted for the other. A
 * caller shows it by its offer; a callee by what it was reached with, since browsers speak WebRTC and nothing else.
 */
import type { Flow } from "../sip/flow.ts";
import { sessionDescription } from "../sip/multipart.ts";
import type { Request } from "../sip/request-response.ts";
import { parseSdp } from "../sip/sdp.ts";

/**
 * ICE, DTLS-SRTP and one port for all (RFC 8834, RFC 8835); SRTP with keys by DTLS alone (RFC 5763), or in the signalling (RFC
 * 4568); RTP in clear.
 */
export type MediaProfile = "webrtc" | "dtls" | "srtp" | "plain";

/** What a route may want of the media of its calls. */
export const mediaWishes = ["auto", "relay", "webrtc", "srtp", "plain", "direct"] as const;
/**
 * `auto`: it is converted where the two sides could not understand each other. `relay`: so, and else it is relayed.
 * A profile: this is what the callee gets. `direct`: offers and answers are let be.
 */
export type MediaWish = (typeof mediaWishes)[number];

/** What a way to a peer says of its media. */
type Kind = "browser" | "secure" | "clear";

function kindOf({ transport }: Pick<Flow, "transport">): Kind {
  if (transport === "ws" || transport === "wss") return "browser";
  return transport === "tls" ? "secure" : "clear";
}

/** What is expected of whom is reached by `flow`. `secure`: of those that are reached by TLS. */
export function profileOn(flow: Pick<Flow, "transport">, secure: MediaProfile): MediaProfile {
  const kind = kindOf(flow);
  if (kind === "browser") return "webrtc";
  return kind === "secure" ? secure : "plain";
}

/** The profile of an offer's audio; undefined: it offers no audio. */
export function profileOffered(sdp: Uint8Array): MediaProfile | undefined {
  const parsed = parseSdp(sdp);
  if ("failure" in parsed) return undefined;
  const audio = parsed.media.find(({ kind, port }) => kind === "audio" && port > 0);
  if (audio === undefined) return undefined;
  if (audio.iceDtls !== undefined && audio.iceDtls.fingerprints.length > 0)
    return audio.iceDtls.ufrag === "" ? "dtls" : "webrtc";
  return /^RTP\/SAVPF?$/i.test(audio.protocol) ? "srtp" : "plain";
}

/** What a converted call's sides speak: `a` began it. */
export interface Profiles {
  readonly a: MediaProfile;
  readonly b: MediaProfile;
}

/**
 * Whether the media of a call that an INVITE begins has to be converted on its way from one flow to another, and from what
 * to what; undefined: it goes on as it is. Without an offer the caller, too, is judged by how it reached us.
 */
export function conversionOf(
  invite: Request,
  from: Pick<Flow, "transport">,
  to: Pick<Flow, "transport">,
  wish: MediaWish,
  secure: MediaProfile,
): Profiles | undefined {
  if (wish === "direct") return undefined;
  const wanted = wish === "auto" || wish === "relay" ? undefined : wish;
  // Who is reached alike understands each other, or else is not known by us to do so.
  if (wanted === undefined && kindOf(from) === kindOf(to)) return undefined;
  const b = wanted ?? profileOn(to, secure);
  const sdp = sessionDescription(invite);
  const a = sdp.length > 0 ? profileOffered(sdp) : profileOn(from, secure);
  return a === undefined || a === b ? undefined : { a, b };
}
