/** Reads session descriptions of strangers. */
import type { SdpFailure, SessionDescription } from "./sdp.ts";

/**
 * Reads a session description (RFC 8866), tolerating what deployed phones get wrong where that is safe.
 * Octets are taken as latin-1. Never throws; what cannot be used comes back as a failure.
 */
export function parseSdp(_body: Uint8Array | string): SessionDescription | SdpFailure {
  return { failure: "not built yet" };
}
