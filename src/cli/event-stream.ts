/**
 * What happens, as lines of JSON to a program that may read slowly, for a while not at all, or no more. Writing never waits
 * here: lines wait in order, and one write at a time is under way on a thread of its own.
 */
import { write } from "node:fs";

/** Octets that wait: from `crowded` on no new calls are to begin, and beyond `most` lines are counted instead of kept. */
export interface StreamLimits {
  readonly crowded: number;
  readonly most: number;
}

const defaultLimits: StreamLimits = { crowded: 8 << 20, most: 64 << 20 };
/** Octets of one write. */
const batch = 64 << 10;
/** ms until a pipe that takes nothing at the moment is tried again. */
const again = 20;

/** Writes octets somewhere; gives how many were taken. */
export type Write = (octets: Uint8Array, done: (error: NodeJS.ErrnoException | null, taken: number) => void) => void;

/** Writes to a file descriptor, on another thread: a full pipe holds up nobody but this. */
export const toDescriptor =
  (fd: number): Write =>
  (octets, done) =>
    write(fd, octets, 0, octets.length, null, done);

export class EventStream {
  /** Called once when the reader has gone away, with the reason. */
  onClosed: (reason: string) => void = () => {};
  readonly #write: Write;
  readonly #limits: StreamLimits;
  #waiting: Uint8Array[] = [];
  #octets = 0;
  #lost = 0;
  #state: "idle" | "writing" | "closed" = "idle";
  #settled: (() => void)[] = [];

  constructor(write: Write, limits: StreamLimits = defaultLimits) {
    this.#write = write;
    this.#limits = limits;
  }

  /** So much waits that nothing new should be begun. */
  get crowded(): boolean {
    return this.#octets >= this.#limits.crowded;
  }

  /** Adds an event; a LOST event tells how many there was no room for. */
  tell(event: Readonly<Record<string, unknown>>): void {
    if (this.#state === "closed") return;
    if (this.#octets >= this.#limits.most) {
      this.#lost++;
      return;
    }
    if (this.#lost > 0) {
      const count = this.#lost;
      this.#lost = 0;
      this.#add({ event: "LOST", count });
    }
    this.#add(event);
    if (this.#state === "idle") this.#next();
  }

  /** Resolves when all is written or nobody reads any more, or when nothing was taken for `patience` ms. */
  async flushed(patience: number): Promise<void> {
    for (let before = -1; this.#state === "writing" && this.#octets !== before; ) {
      before = this.#octets;
      const { promise, resolve } = Promise.withResolvers<void>();
      const timer = setTimeout(resolve, patience);
      this.#settled.push(resolve);
      await promise;
      clearTimeout(timer);
    }
  }

  #add(event: Readonly<Record<string, unknown>>): void {
    const octets = Buffer.from(`${JSON.stringify({ time: new Date().toISOString(), ...event })}\n`);
    this.#waiting.push(octets);
    this.#octets += octets.length;
  }

  #next(): void {
    if (this.#waiting.length === 0) {
      this.#state = "idle";
      for (const resolve of this.#settled.splice(0)) resolve();
      return;
    }
    this.#state = "writing";
    let count = 0;
    let octets = 0;
    while (count < this.#waiting.length && octets < batch) octets += this.#waiting[count++]?.length ?? 0;
    this.#send(Buffer.concat(this.#waiting.splice(0, count)));
  }

  #send(octets: Uint8Array): void {
    this.#write(octets, (error, taken) => {
      if (error?.code === "EAGAIN" || error?.code === "EINTR") setTimeout(() => this.#send(octets), again);
      else if (error !== null) this.#close(error.message);
      else {
        this.#octets -= taken;
        for (const resolve of this.#settled.splice(0)) resolve();
        if (taken < octets.length) this.#send(octets.subarray(taken));
        else this.#next();
      }
    });
  }

  #close(reason: string): void {
    this.#state = "closed";
    this.#waiting = [];
    this.#octets = 0;
    for (const resolve of this.#settled.splice(0)) resolve();
    this.onClosed(reason);
  }
}
