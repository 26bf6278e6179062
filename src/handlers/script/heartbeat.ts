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
  readonly #stuckAfter: number;
  #seen = 0;
  #since = 0;
  #looks = 0;

  /** `stuckAfter` in ms, and at least three looks: a main thread that slept itself must not blame the worker. */
  constructor(heartbeat: SharedArrayBuffer, stuckAfter: number) {
    this.#words = new Int32Array(heartbeat);
    this.#stuckAfter = stuckAfter;
  }

  /** The run that has held up its worker for too long, if one has. */
  look(now: number): number | undefined {
    const turn = Atomics.load(this.#words, turnSlot);
    if (turn !== this.#seen || turn % 2 === 0) {
      this.#seen = turn;
      this.#since = now;
      this.#looks = 0;
      return undefined;
    }
    this.#looks++;
    if (this.#looks < 3 || now - this.#since < this.#stuckAfter) return undefined;
    return Atomics.load(this.#words, runSlot);
  }
}
