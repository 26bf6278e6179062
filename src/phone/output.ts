/** Results on their way to stdout: as fast as their reader takes them, and no faster. */

/** Octets that may wait for the reader before no more is produced. */
const mostWaiting = 65_536;

export class Output {
  /** Called once when the reader has gone away. */
  onClosed: () => void = () => {};
  readonly #stream: NodeJS.WritableStream;
  #waiting = 0;
  #closed = false;
  #waiters: (() => void)[] = [];

  constructor(stream: NodeJS.WritableStream) {
    this.#stream = stream;
    stream.on("error", () => this.#close());
  }

  get closed(): boolean {
    return this.#closed;
  }

  /** Writes; resolves when there is room for more, or nobody reads any more. */
  async write(text: string | Uint8Array): Promise<void> {
    this.push(text);
    await this.#until(mostWaiting);
  }

  /** Writes, however much waits. */
  push(text: string | Uint8Array): void {
    if (this.#closed) return;
    const size = typeof text === "string" ? Buffer.byteLength(text) : text.length;
    this.#waiting += size;
    this.#stream.write(text, (error) => {
      this.#waiting -= size;
      if (error) this.#close();
      this.#taken();
    });
  }

  /** Resolves when all is written, or nobody reads any more. */
  async flushed(): Promise<void> {
    await this.#until(0);
  }

  /** Octets that wait for the reader. */
  get waiting(): number {
    return this.#waiting;
  }

  async #until(most: number): Promise<void> {
    while (this.#waiting > most && !this.#closed) {
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#waiters.push(resolve);
      await promise;
    }
  }

  #taken(): void {
    for (const wake of this.#waiters.splice(0)) wake();
  }

  #close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#taken();
    this.onClosed();
  }
}
