/**
 * How the main thread sees that a script worker is stuck, or behind. The worker writes, in shared memory, when a script's turn
 * begins and ends; a turn that stays the same for too long is one that QuickJS's own interrupt does not reach. It also
 * counts the calls that it has taken up: the oldest of the others shows how long a new one would wait.
 */

const slots = 3;
const turnSlot = 0;
const runSlot = 1;
const takenSlot = 2;

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

  /** A call was taken up. */
  took(): void {
    Atomics.add(this.#words, takenSlot, 1);
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

/** The main thread's side of the queue of calls before the worker. */
export class QueueWatch {
  readonly #words: Int32Array;
  /** When each call was posted that was not seen to be taken up, in order. */
  #posted: number[] = [];
  /** How many of `#posted` are to be left out. */
  #past = 0;
  #taken = 0;

  constructor(heartbeat: SharedArrayBuffer) {
    this.#words = new Int32Array(heartbeat);
  }

  posted(now: number): void {
    this.#posted.push(now);
  }

  /** Milliseconds that the oldest call has waited at `now`; 0 when none waits. */
  delay(now: number): number {
    const taken = Atomics.load(this.#words, takenSlot);
    this.#past += (taken - this.#taken) | 0;
    this.#taken = taken;
    if (this.#past >= this.#posted.length) {
      this.#posted = [];
      this.#past = 0;
    } else if (this.#past > 1024) {
      this.#posted = this.#posted.slice(this.#past);
      this.#past = 0;
    }
    const oldest = this.#posted[this.#past];
    return oldest === undefined ? 0 : now - oldest;
  }
}
