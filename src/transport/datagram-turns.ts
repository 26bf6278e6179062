/**
 * Turns at the event loop for UDP: Bun reads a socket until it is empty, and calls back for each datagram, before it
 * looks at anything else. A peer that sends faster than messages are handled would so stop all timers and sockets for
 * as long as it likes (R1). After 10 ms of handling, what else comes in is only queued, which is quicker than any
 * sender, so the socket runs empty and the loop goes on; the queue is worked off in turns, and is bounded.
 */

/** Milliseconds of handling in one turn. */
const budget = 10;
/** What waits at most: about 200 ms of work. Beyond it datagrams are dropped, as a full socket buffer does. */
const maxWaiting = 8_192;
const maxWaitingOctets = 16 * 1024 * 1024;

interface Datagram {
  octets: Uint8Array;
  port: number;
  host: string;
}

export interface DatagramTurnsOptions {
  take(octets: Uint8Array, port: number, host: string): void;
  /** Milliseconds since a fixed point; `performance.now` by default. */
  now?: () => number;
  /** Calls back at the loop's next turn; `setImmediate` by default. */
  later?: (go: () => void) => void;
}

export class DatagramTurns {
  /** Datagrams that found no room. */
  dropped = 0;
  readonly #take: DatagramTurnsOptions["take"];
  readonly #now: () => number;
  readonly #later: (go: () => void) => void;
  #waiting: Datagram[] = [];
  /** How many of `#waiting` are taken. */
  #taken = 0;
  #octets = 0;
  #inTurn = false;
  #turnEnds = 0;

  constructor(options: DatagramTurnsOptions) {
    this.#take = options.take;
    this.#now = options.now ?? (() => performance.now());
    this.#later = options.later ?? setImmediate;
  }

  push(octets: Uint8Array, port: number, host: string): void {
    if (this.#waiting.length === 0) {
      const now = this.#now();
      if (!this.#inTurn) this.#begin(now);
      if (now < this.#turnEnds) {
        this.#take(octets, port, host);
        return;
      }
    }
    if (this.#waiting.length - this.#taken >= maxWaiting || this.#octets + octets.length > maxWaitingOctets) {
      this.dropped++;
      return;
    }
    this.#octets += octets.length;
    this.#waiting.push({ octets, port, host });
  }

  /** Forgets what waits. */
  clear(): void {
    this.#waiting = [];
    this.#taken = 0;
    this.#octets = 0;
  }

  #begin(now: number): void {
    this.#inTurn = true;
    this.#turnEnds = now + budget;
    this.#later(this.#next);
  }

  readonly #next = (): void => {
    this.#inTurn = false;
    if (this.#waiting.length === 0) return;
    this.#begin(this.#now());
    do {
      const first = this.#waiting[this.#taken++];
      if (first === undefined) break;
      this.#octets -= first.octets.length;
      this.#take(first.octets, first.port, first.host);
    } while (this.#now() < this.#turnEnds);
    if (this.#taken >= this.#waiting.length) this.clear();
    else if (this.#taken > 1024) {
      this.#waiting = this.#waiting.slice(this.#taken);
      this.#taken = 0;
    }
  };
}
