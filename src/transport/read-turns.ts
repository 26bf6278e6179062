/**
 * Turns at the event loop: a socket may deliver half a megabyte at once, which can be 20,000 small messages. They are
 * handed on in pieces with the loop's other work between, and the peer is not read meanwhile (R1, R4).
 */

/** Octets per turn: some 200 of the smallest requests, a few milliseconds of work. */
const turn = 16 * 1024;

export interface ReadTurnsOptions {
  /** Works off one piece. */
  take(octets: Uint8Array): void;
  /** Stops and goes on with reading from the peer. */
  pause(): void;
  resume(): void;
  /** Calls back at the loop's next turn; `setImmediate` by default. */
  later?: (go: () => void) => void;
}

export class ReadTurns {
  readonly #options: ReadTurnsOptions;
  readonly #later: (go: () => void) => void;
  #waiting: Uint8Array[] = [];
  #end: (() => void) | undefined;

  constructor(options: ReadTurnsOptions) {
    this.#options = options;
    this.#later = options.later ?? setImmediate;
  }

  push(octets: Uint8Array): void {
    if (this.#waiting.length > 0) {
      this.#waiting.push(octets);
      return;
    }
    const rest = octets.length > turn ? octets.subarray(turn) : undefined;
    if (rest !== undefined) {
      this.#waiting.push(rest);
      this.#options.pause();
      this.#later(this.#next);
    }
    this.#options.take(octets.subarray(0, turn));
  }

  /** Calls `done` once all that was pushed is taken: at once, or later. */
  end(done: () => void): void {
    if (this.#waiting.length === 0) done();
    else this.#end = done;
  }

  /** Forgets what waits. */
  clear(): void {
    this.#waiting = [];
    this.#end = undefined;
  }

  readonly #next = (): void => {
    const first = this.#waiting[0];
    if (first === undefined) return;
    if (first.length > turn) this.#waiting[0] = first.subarray(turn);
    else this.#waiting.shift();
    if (this.#waiting.length > 0) this.#later(this.#next);
    this.#options.take(first.subarray(0, turn));
    if (this.#waiting.length > 0) return;
    this.#options.resume();
    this.#end?.();
    this.#end = undefined;
  };
}
