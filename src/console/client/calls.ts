/** The calls that are up, kept up to date for the list and for the page of one call. */
import type { CallView } from "../../control/calls.ts";
import { poorMos, type Quality, type StreamQuality } from "../../control/quality.ts";
import { of } from "./live.ts";

/** A call as the API lists it. */
export type ListedCall = CallView;

export const callsFreshness = { every: 3000, on: of("call.began", "call.answered", "call.ended", "call.event") };

/** The worse of both directions: what somebody complains about. */
export function worstOf(
  quality: Quality | undefined,
  of: (stream: StreamQuality) => number | undefined,
): number | undefined {
  if (quality === undefined) return undefined;
  const known = [of(quality.received), of(quality.sent)].filter((value) => value !== undefined);
  return known.length === 0 ? undefined : known.reduce((a, b) => (a > b ? a : b));
}

export function leastMos(quality: Quality | undefined): number | undefined {
  const negative = worstOf(quality, ({ mos }) => (mos === undefined ? undefined : -mos));
  return negative === undefined ? undefined : -negative;
}

/** How a mean opinion score is to be judged: below 3.1 nearly all are dissatisfied (G.107 annex B). */
export function moodOfMos(mos: number | undefined): "warn" | "bad" | "" {
  if (mos === undefined || mos >= poorMos) return "";
  return mos >= 3.1 ? "warn" : "bad";
}
