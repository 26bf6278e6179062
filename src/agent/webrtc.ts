/** How a user agent speaks WebRTC: with its certificate, to whom, and whether its address is one that all can reach. */
import { isLoopback, isPrivate, isUnspecified } from "../ip.ts";
import type { Flow } from "../sip/flow.ts";
import type { WebRtcOptions } from "../sip/webrtc.ts";
import type { AgentContext } from "./context.ts";

/** Over WebSocket come browsers: they are offered WebRTC, and nothing else. Undefined: this agent has no certificate. */
export function webRtcOn(context: AgentContext, flow: Flow): WebRtcOptions | undefined {
  const { dtlsFingerprint: fingerprint } = context.settings;
  if (fingerprint === undefined) return undefined;
  return {
    fingerprint,
    // Hexadecimal digits are ice-chars: 32 and 128 bits (RFC 8445 §5.3).
    credentials: () => ({ ufrag: context.random.token(4), pwd: context.random.token(16) }),
    offer: flow.transport === "ws" || flow.transport === "wss",
  };
}

/** What ICE may say of our address: `own` is what the call came to, `host` what it is advertised as. */
export function seenFrom(own: string, host: string): { public: boolean; inside: string | undefined } {
  const inside = own === host || isUnspecified(own) || own.includes(":") !== host.includes(":") ? undefined : own;
  return { public: !isPrivate(host) && !isLoopback(host), inside };
}
