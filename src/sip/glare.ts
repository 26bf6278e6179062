/** What to do when both sides change a session at once (RFC 3261 §14.1, §14.2). */

/**
 * How long to wait, in ms, before an INVITE or UPDATE that got 491 is tried again (RFC 3261 §14.1): 2.1 to 4 s for the
 * side that made the Call-ID, 0 to 2 s for the other, in steps of 10 ms.
 * @param random draws from [0, 1).
 */
export function glareDelay(ownsCallId: boolean, random: () => number): number {
  return ownsCallId ? 2100 + 10 * Math.floor(random() * 191) : 10 * Math.floor(random() * 201);
}

/** Seconds for the Retry-After of a 500 to an offer that came too early (RFC 3261 §14.2, RFC 3311 §5.2): 0 to 10. */
export function retryAfterSeconds(random: () => number): number {
  return Math.floor(random() * 11);
}
