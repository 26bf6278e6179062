/** The door of the transport layer. */
export type { Address, Flow } from "../sip/flow.ts";
export { defaultPorts, formatAddress, isIpLiteral, isTransport, parseListenUrl, socketHost } from "./address.ts";
export {
  type CertificateFiles,
  defaultLimits,
  type FlowRef,
  type ListenUrl,
  type StreamTransport,
  type Tap,
  type TlsSettings,
  type Transport,
  TransportError,
  type TransportErrorCode,
  type TransportEvents,
  type TransportLimits,
} from "./contract.ts";
export type { Lookup } from "./host-lookup.ts";
export { type FlowTarget, TransportLayer, type TransportOptions } from "./layer.ts";
export type { Listening, ViaTransport } from "./own-addresses.ts";
export { responseTarget } from "./response-target.ts";
export { SystemClock } from "./system-clock.ts";
export { faultOfTls } from "./tls/certificates.ts";
export { ensureSelfSigned } from "./tls/self-signed.ts";
export type { HttpHook } from "./websocket/page.ts";
