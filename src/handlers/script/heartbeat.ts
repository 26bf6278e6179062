/**
 * How the main thread sees that a script worker is stuck. The worker writes, in shared memory, when a script's turn begins
 * and ends; a turn that stays the same for too long is one that QuickJS's own interrupt does not reach.
 */

const slots = 2;
const turnSlot = 0;
const runSlot = 1;

export function createHeartbeat(): SharedArrayBuffer {
  return new SharedArrayBuffer(slots * Int32Array.BYTES_PER_ELEMENT);
}

/** The worker's side. */
export class Pulse {
  readonly #words: Int32Array;

  constructor(heartbeat: SharedArrayBuffer) {
    this.#words = new Int32Array(heartbeat);
  }

  begin(run: number): void {
    Atomics.store(this.#words, runSlot, run | 0);
    Atomics.add(this.#words, turnSlot, 1);
  }

  end(): void {
    Atomics.add(this.#words, turnSlot, 1);
  }
}

/** The main thread's side: `look` is to be called every so often. */
export class PulseWatch {
  readonly #words: Int32Array;
  #seen = 0;
  #since = 0;
  #looks = 0;

  constructor(heartbeat: SharedArrayBuffer) {
    this.#words = new Int32Array(heartbeat);
  }

  /**
   * The turn that is under way at `now` (ms), and for how long at the least. Undefined when the worker was seen between turns,
   * or less than three times in this one: a main thread that slept itself must not blame the worker.
   */
  look(now: number): { run: number; turn: number; ms: number } | undefined {
    const turn = Atomics.load(this.#words, turnSlot);
    if (turn !== this.#seen || turn % 2 === 0) {
      this.#seen = turn;
      this.#since = now;
      this.#looks = 0;
      return undefined;
    }
    if (++this.#looks < 3) return undefined;
    return { run: Atomics.load(this.#words, runSlot), turn, ms: now - this.#since };
  }
}
