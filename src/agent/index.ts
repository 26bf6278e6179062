/** The door of the user agent. */

export type { Identities } from "./authenticate.ts";
export { allowOutside, optionsHeaders, type Refusal, refuse } from "./capabilities.ts";
export {
  type AgentContext,
  type AgentSettings,
  contactOn,
  defaultSettings,
  familyOf,
  isSecure,
  srtpOptions,
  type Ways,
} from "./context.ts";
export { type DtmfInfo, dtmfBody } from "./info.ts";
export type { InviteOptions } from "./invite-options.ts";
export { OkRetransmission } from "./ok-retransmission.ts";
export { type InviteFailure, invite } from "./outgoing.ts";
export {
  type OutsideOptions,
  OutsideRequest,
  type OutsideSent,
  type OutsideUser,
  requestOutside,
} from "./outside.ts";
export { preloadedRoute } from "./preloaded-route.ts";
export type { Referral } from "./refer.ts";
export {
  type RegisterFailure,
  type RegisterOptions,
  Registration,
  type RegistrationState,
  register,
} from "./register.ts";
export { acknowledge, type DialogUser, request } from "./request.ts";
export { type Done, type EndCause, Session, type SessionEnd, type SessionUser } from "./session.ts";
export {
  type Notification,
  type SubscribeOptions,
  Subscription,
  Subscriptions,
  type SubscriptionUser,
} from "./subscribe.ts";
export { type DialogUsage, sessionId, UserAgent } from "./user-agent.ts";
export { type AudioPorts, localMediaOn, webRtcOn } from "./webrtc.ts";
