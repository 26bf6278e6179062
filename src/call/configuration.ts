/** What offer and answer have agreed on, as the media engine takes it. */
import type { Configuration } from "../media/index.ts";
import type { Negotiated } from "../sip/offer-answer.ts";

/** @param remote where to send, an IP literal; undefined: nowhere yet */
export function configurationOf(negotiated: Negotiated, remote: Negotiated["remote"]): Configuration {
  return {
    remote,
    codec: negotiated.codec,
    fmtp: negotiated.fmtp,
    payloadType: negotiated.payloadType,
    receivePayloadTypes: negotiated.receivePayloadTypes,
    dtmfPayloadType: negotiated.dtmfPayloadType,
    dtmfReceivePayloadType: negotiated.dtmfReceivePayloadType,
    dtmfClockRate: negotiated.dtmfClockRate,
    direction: negotiated.direction,
    ptime: negotiated.ptime,
    rtcpMux: negotiated.rtcpMux,
    security: negotiated.security,
    webRtc: negotiated.webRtc,
  };
}
