/** The moment between a server's first socket and its last part. */

/** What comes in between the opening of the first socket and the last part of the server waits, some of it. */
export class Start {
  #waiting: (() => void)[] | undefined = [];

  get waiting(): boolean {
    return this.#waiting !== undefined;
  }

  after(work: () => void): void {
    if (this.#waiting === undefined) work();
    else if (this.#waiting.length < 1000) this.#waiting.push(work);
  }

  done(): void {
    const waiting = this.#waiting ?? [];
    this.#waiting = undefined;
    for (const work of waiting) work();
  }
}
