/** The moment between a server's first socket and its last part. */
import type { Flow } from "../sip/flow.ts";

/** What comes in between the opening of the first socket and the last part of the server waits, some of it. */
export class Start {
  #waiting: (() => void)[] | undefined = [];

  get waiting(): boolean {
    return this.#waiting !== undefined;
  }

  /** Has `take` take what came, once the server is there. */
  after<T>(take: (came: T, flow: Flow) => void, came: T, flow: Flow): void {
    if (this.#waiting === undefined) take(came, flow);
    else if (this.#waiting.length < 1000) this.#waiting.push(() => take(came, flow));
  }

  done(): void {
    const waiting = this.#waiting ?? [];
    this.#waiting = undefined;
    for (const work of waiting) work();
  }
}
