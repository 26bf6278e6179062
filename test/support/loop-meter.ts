/** How long this thread is away from its event loop at a time. */
export class LoopMeter {
  #last = performance.now();
  #worst = 0;
  #running = true;

  constructor() {
    const turn = () => {
      const now = performance.now();
      this.#worst = Math.max(this.#worst, now - this.#last);
      this.#last = now;
      if (this.#running) setImmediate(turn);
    };
    setImmediate(turn);
  }

  /** The longest time in ms. */
  stop(): number {
    this.#running = false;
    return Math.max(this.#worst, performance.now() - this.#last);
  }
}
