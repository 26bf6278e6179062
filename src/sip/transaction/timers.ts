/** The timers of RFC 3261 §17 (table 4), RFC 6026 and RFC 4320, all in milliseconds. */

export interface Timers {
  /** Estimate of the round-trip time. */
  readonly T1: number;
  /** The longest interval between retransmissions of a non-INVITE request or an INVITE response. */
  readonly T2: number;
  /** The longest time that a message stays in the network. */
  readonly T4: number;
  /** Timer D: how long a client answers retransmitted failures of an INVITE; at least 32 s (RFC 6026 §8.4). */
  readonly D: number;
  /** How long the user of an INVITE server transaction may be silent before the layer sends 100; 0: not at all. */
  readonly trying: number;
}

export const defaultTimers: Timers = { T1: 500, T2: 4000, T4: 5000, D: 32_000, trying: 200 };

/** Timers B, F, H, L, M and J: the life of an unanswered transaction. */
export function lifetime(timers: Timers): number {
  return 64 * timers.T1;
}

/** How long timer E runs until it is set to T2: before, a 100 to a non-INVITE would do harm (RFC 4320 §4.1). */
export function untilT2(timers: Timers): number {
  let passed = 0;
  for (let interval = timers.T1; interval < timers.T2; interval *= 2) passed += interval;
  return passed;
}
