/**
 * How much one turn of the event loop reads from sockets whose peers send at a steady pace (RTP): a flooded one is closed
 * by the kernel until the next turn, so that timers and the thread's other sockets keep their time (R1, R3).
 */
import type { Dropped } from "./udp-filter.ts";

/** Datagrams of one socket in one turn that are always taken: 320 ms of RTP after a stall. Costs no look at the clock. */
const always = 16;
/** Those taken at most, while the thread's turn is shorter than `budget` ms. */
const most = 64;
const budget = 10;

/** The guards of this thread that have counted to `always` in this turn. */
let counting: ReadGuard[] = [];
let began = 0;

export class ReadGuard {
  readonly #filter: (sources: Dropped) => void;
  #count = 0;
  #filtered = false;
  #closed = false;

  /** `filter` sets what the kernel drops. */
  constructor(filter: (sources: Dropped) => void) {
    this.#filter = filter;
  }

  /** Asked for each datagram: false when it is to be dropped. */
  admits(): boolean {
    if (++this.#count <= always) {
      if (this.#count === always) this.#startTurn();
      return true;
    }
    if (this.#count <= most && performance.now() - began < budget) return true;
    if (!this.#filtered) {
      this.#filtered = true;
      this.#filter("all");
    }
    return false;
  }

  close(): void {
    this.#closed = true;
  }

  #startTurn(): void {
    if (counting.length === 0) {
      began = performance.now();
      setImmediate(endTurn);
    }
    counting.push(this);
  }

  endTurn(): void {
    this.#count = 0;
    if (!this.#filtered) return;
    this.#filtered = false;
    if (!this.#closed) this.#filter([]);
  }
}

function endTurn(): void {
  const guards = counting;
  counting = [];
  for (const guard of guards) guard.endTurn();
}
