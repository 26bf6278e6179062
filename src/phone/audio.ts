/** The sound of a call from and to the world outside: what the options say, opened for each call and closed with it. */
import type { Call } from "../call/index.ts";
import type { Log } from "../log.ts";
import { Feed, fileSource, type Source, toneSource } from "./audio-in.ts";
import { Drain, fileSink, pipeSink, type Sink } from "./audio-out.ts";
import { loudspeaker, microphone, readDevice } from "./devices.ts";

export interface AudioSettings {
  /** A file, `-`, a device, or `tone:440`. */
  readonly in?: string | undefined;
  /** A file, `-`, or a device. */
  readonly out?: string | undefined;
  /** Hz of bare samples and of devices. */
  readonly rate: number;
  /** Sends back what is heard. */
  readonly loopback: boolean;
}

/** The sound of one call. */
export class CallAudio {
  /** Resolves when all that is to be said has been said; never, for what has no end. */
  readonly said: Promise<void>;
  #feed: Feed | undefined;
  #drain: Drain | undefined;
  readonly #settings: AudioSettings;
  readonly #log: Log;
  readonly #outClosed: () => void;
  #sinkOpening: Promise<void> | undefined;
  #over = false;
  readonly #saidAll = Promise.withResolvers<void>();

  /** @param outClosed called when the reader of `out` has gone away */
  constructor(settings: AudioSettings, log: Log, outClosed: () => void) {
    this.#settings = settings;
    this.#log = log;
    this.#outClosed = outClosed;
    this.said = this.#saidAll.promise;
  }

  /** The call is answered. */
  start(call: Call): void {
    const { audio } = call;
    if (audio === undefined || this.#over) return;
    const { in: from, out: to, rate, loopback } = this.#settings;
    if (loopback) audio.echo(true);
    if (to !== undefined)
      this.#sinkOpening = this.#sink(to).then(
        (sink) => {
          this.#drain = new Drain(audio, sink, rate);
        },
        (error: unknown) => this.#complain(to, error),
      );
    if (from === undefined) return;
    try {
      this.#feed = new Feed(audio, this.#source(from), rate);
    } catch (error) {
      return this.#complain(from, error);
    }
    void this.#feed.done.then((failure) => {
      if (failure !== undefined) this.#complain(from, failure);
      this.#saidAll.resolve();
    });
  }

  /** The call is over. Resolves when all that was heard is written. */
  async end(): Promise<void> {
    this.#over = true;
    this.#feed?.stop();
    await this.#sinkOpening;
    await this.#drain?.end().catch((error: unknown) => this.#complain(this.#settings.out ?? "", error));
  }

  #source(from: string): Source {
    const { rate } = this.#settings;
    const [, hz] = /^tone:(\d{2,4})$/.exec(from) ?? [];
    if (hz !== undefined) return toneSource(Number(hz), rate);
    const device = readDevice(from, "record");
    return device === undefined ? fileSource(from) : microphone(device, rate, (why) => this.#complain(from, why));
  }

  async #sink(to: string): Promise<Sink> {
    const { rate } = this.#settings;
    if (to === "-") return pipeSink(process.stdout, this.#outClosed);
    const device = readDevice(to, "play");
    return device === undefined
      ? await fileSink(to, rate)
      : loudspeaker(device, rate, (why) => this.#complain(to, why));
  }

  #complain(what: string, error: unknown): void {
    this.#log.error("sound is missing", { of: what, reason: error instanceof Error ? error.message : String(error) });
  }
}
