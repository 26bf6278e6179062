/** The speech engines of the current configuration. Those of earlier ones serve the calls that began with them. */
import type { Config } from "../config/config.ts";
import type { Log } from "../log.ts";
import { createSpeech, type Speech } from "../speech/index.ts";

export class SpeechEngines {
  readonly #log: Log;
  readonly #all: Speech[] = [];
  #settings = "";

  constructor(log: Log) {
    this.#log = log;
  }

  get current(): Speech | undefined {
    return this.#all.at(-1);
  }

  use({ speech, folder }: Config): void {
    const settings = JSON.stringify(speech);
    if (settings === this.#settings) return;
    this.#settings = settings;
    this.#all.push(
      createSpeech({ ...speech, folder }, (reason) => this.#log.warn("a speech engine failed", { reason })),
    );
  }

  close(): void {
    for (const speech of this.#all) speech.close();
  }
}
