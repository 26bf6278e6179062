/** Phones that send each key twice, by INFO and in RTP, press it once. */

/** So long after a key came one way, the same by another is the same, ms. */
const window = 500;

export class KeyWays {
  #last: { way: "rtp" | "info"; digit: string; at: number } | undefined;

  /** Whether a key repeats what has just come the other way. @param now ms */
  isEcho(way: "rtp" | "info", digit: string, now: number): boolean {
    const last = this.#last;
    if (last !== undefined && last.way !== way && last.digit === digit && now - last.at <= window) {
      this.#last = undefined;
      return true;
    }
    this.#last = { way, digit, at: now };
    return false;
  }
}
