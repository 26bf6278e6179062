/** SRTP (RFC 3711, RFC 7714): the door to it. */
export { masterLength, maxOverhead, type SrtpProfile, srtpProfiles } from "./profiles.ts";
export { Srtp, SrtpKeyError, SrtpReceiver, SrtpSender } from "./srtp.ts";
