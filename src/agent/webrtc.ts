/** How a user agent speaks WebRTC: with its certificate, to whom, and whether its address is one that all can reach. */
import { isLoopback, isPrivate, isUnspecified } from "../ip.ts";
import type { Flow } from "../sip/flow.ts";
import type { LocalMedia, SrtpPolicy } from "../sip/offer-answer.ts";
import type { WebRtcOptions } from "../sip/webrtc.ts";
import type { AgentContext } from "./context.ts";

/** Open ports for audio, and what a NAT makes of them, where a STUN server has said so. */
export interface AudioPorts {
  readonly rtpPort: number;
  readonly rtcpPort: number;
  readonly iceTcp?: boolean | undefined;
  readonly mapped?: { readonly host: string; readonly rtpPort: number; readonly rtcpPort: number } | undefined;
}

/** Our side of the media as a description may tell it to who is at the other end of `flow`. */
export function localMediaOn(
  context: AgentContext,
  flow: Flow,
  { rtpPort, rtcpPort, mapped, iceTcp }: AudioPorts,
): LocalMedia {
  const { host } = context.ways.viaFor(flow);
  const seen = seenFrom(flow.local.host, host);
  const local = { host, port: rtpPort, rtcpPort, ...seen, ...(iceTcp && { iceTcp }) };
  // An address that everybody can reach, or that the configuration names, needs nobody to say what it is.
  if (mapped === undefined || seen.public || seen.inside !== undefined || mapped.host === host) return local;
  const far = !isPrivate(flow.remote.host) && !isLoopback(flow.remote.host);
  return { ...local, reflexive: { host: mapped.host, port: mapped.rtpPort, rtcpPort: mapped.rtcpPort, far } };
}

/**
 * Over WebSocket come browsers: they are offered WebRTC, and nothing else. Others are offered keys by DTLS, without ICE, where
 * the policy says so. Undefined: this agent has no certificate.
 */
export function webRtcOn(context: AgentContext, flow: Flow, policy?: SrtpPolicy): WebRtcOptions | undefined {
  const { dtlsFingerprint: fingerprint } = context.settings;
  if (fingerprint === undefined) return undefined;
  const overWebSocket = flow.transport === "ws" || flow.transport === "wss";
  return {
    fingerprint,
    // Hexadecimal digits are ice-chars: 32 and 128 bits (RFC 8445 §5.3).
    credentials: () => ({ ufrag: context.random.token(4), pwd: context.random.token(16) }),
    offer: overWebSocket || policy === "dtls",
    iceless: !overWebSocket && policy === "dtls",
  };
}

/** What ICE may say of our address: `own` is what the call came to, `host` what it is advertised as. */
function seenFrom(own: string, host: string): { public: boolean; inside: string | undefined } {
  const inside = own === host || isUnspecified(own) || own.includes(":") !== host.includes(":") ? undefined : own;
  return { public: !isPrivate(host) && !isLoopback(host), inside };
}
