/** Results on their way to stdout: as fast as their reader takes them, and no faster. */

/** Octets that may wait for the reader before no more is produced. */
const mostWaiting = 65_536;

export class Output {
  /** Called once when the reader has gone away. */
  onClosed: () => void = () => {};
  readonly #stream: NodeJS.WritableStream;
  #waiting = 0;
  #closed = false;
  #taken = () => {};

  constructor(stream: NodeJS.WritableStream) {
    this.#stream = stream;
    stream.on("error", () => this.#close());
  }

  get closed(): boolean {
    return this.#closed;
  }

  /** Writes; resolves when there is room for more, or nobody reads any more. */
  async write(text: string | Uint8Array): Promise<void> {
    if (this.#closed) return;
    const size = typeof text === "string" ? Buffer.byteLength(text) : text.length;
    this.#waiting += size;
    this.#stream.write(text, (error) => {
      this.#waiting -= size;
      if (error) this.#close();
      this.#taken();
    });
    await this.#until(mostWaiting);
  }

  /** Resolves when all is written, or nobody reads any more. */
  async flushed(): Promise<void> {
    await this.#until(0);
  }

  /** Whether less than what may wait is waiting: what comes too late to be of use need not be added. */
  get roomy(): boolean {
    return this.#waiting < mostWaiting;
  }

  async #until(most: number): Promise<void> {
    while (this.#waiting > most && !this.#closed) {
      const { promise, resolve } = Promise.withResolvers<void>();
      const before = this.#taken;
      this.#taken = () => {
        before();
        resolve();
      };
      await promise;
    }
  }

  #close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#taken();
    this.onClosed();
  }
}
