/** What is told of a session whose worker died with its counts. */
import type { RtpStats } from "./types.ts";

export const noStats: Readonly<RtpStats> = {
  sentPackets: 0,
  sentOctets: 0,
  receivedPackets: 0,
  receivedOctets: 0,
  lost: 0,
  jitter: 0,
  roundTrip: undefined,
  remoteLost: undefined,
  remoteJitter: undefined,
  dropped: 0,
};
