/** Repeats a 2xx to an INVITE until its ACK comes (RFC 3261 §13.3.1.4): the transaction layer leaves that to its user. */
import type { Clock, Timer } from "../sip/clock.ts";

export class OkRetransmission {
  #timer: Timer;
  readonly #clock: Clock;

  /**
   * @param timers T1 and T2 in ms
   * @param send sends the 2xx once more
   * @param giveUp called when no ACK came for 64*T1
   */
  constructor(clock: Clock, timers: { T1: number; T2: number }, send: () => void, giveUp: () => void) {
    this.#clock = clock;
    const deadline = clock.now() + 64 * timers.T1;
    let interval = timers.T1;
    const next = () => {
      if (this.#clock.now() >= deadline) return giveUp();
      send();
      interval = Math.min(interval * 2, timers.T2);
      this.#timer = this.#clock.after(Math.min(interval, deadline - this.#clock.now()), next);
    };
    this.#timer = clock.after(interval, next);
  }

  stop(): void {
    this.#timer.cancel();
  }
}
