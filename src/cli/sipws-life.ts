/** The life of `siproc sipws`: it serves until it is told to stop, and once more to stop at once. */
import type { Lifecycle, Reloaded, Stage } from "../control/lifecycle.ts";

export class SipwsLife implements Lifecycle {
  readonly #file: string;
  readonly #stopping = Promise.withResolvers<void>();
  readonly #atOnce = Promise.withResolvers<void>();
  #stage: Stage = "serving";

  /** @param file what is named in complaints */
  constructor(file: string) {
    this.#file = file;
  }

  get stage(): Stage {
    return this.#stage;
  }

  /** Resolves when it is told to stop; calls that are up may end. */
  get stopping(): Promise<void> {
    return this.#stopping.promise;
  }

  /** Resolves when it is told a second time. */
  get atOnce(): Promise<void> {
    return this.#atOnce.promise;
  }

  stop(): void {
    if (this.#stage === "draining") this.#atOnce.resolve();
    this.#stage = "draining";
    this.#stopping.resolve();
  }

  /** The command line cannot be read again. */
  reload(): Promise<Reloaded> {
    const message = "siproc sipws is told by its command line and sipws.cfg; restart it";
    return Promise.resolve({
      taken: false,
      problems: [{ message, file: this.#file, line: 0, column: 0 }],
      warnings: [],
      restart: [],
    });
  }
}
