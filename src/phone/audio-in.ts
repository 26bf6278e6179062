/** What is said in a call from outside: a file, a pipe, a microphone or a tone, fed to the call as fast as it plays. */
import { createReadStream } from "node:fs";
import { type MediaSession, type MediaTap, readPcm, SoundError } from "../media/index.ts";

/** Where sound comes from. `live`: it does not wait, what is not taken in time is left out. */
export interface Source {
  readonly octets: AsyncIterable<Uint8Array>;
  readonly live: boolean;
  /** Lets go of it. */
  close(): void;
}

/** Milliseconds of sound in one portion, and portions under way: what the call holds ready, and no more. */
const portionMs = 100;
const underWay = 4;
/** The pause after a portion that is left out, ms. */
const tooFast = 10;

/** Feeds one call. `done` resolves once all has been played, or the call is over; with why it could not be read. */
export class Feed {
  readonly done: Promise<string | undefined>;
  readonly #source: Source;
  #tap: MediaTap | undefined;
  #waiting = 0;
  #mark = 0;
  #wake = () => {};
  #over = false;

  constructor(audio: MediaSession, source: Source, rate: number) {
    this.#source = source;
    this.done = this.#run(audio, rate).catch((error: unknown) =>
      error instanceof SoundError || error instanceof Error ? error.message : String(error),
    );
  }

  /** The call is over, or nothing more is to be said. */
  stop(): void {
    if (this.#over) return;
    this.#over = true;
    this.#source.close();
    this.#wake();
  }

  async #run(audio: MediaSession, rawRate: number): Promise<undefined> {
    const { rate, chunks } = await readPcm(this.#source.octets, rawRate);
    if (this.#over) return;
    const played = () => {
      this.#waiting--;
      this.#wake();
    };
    const tap = audio.tap({ encoding: "L16", rate, hear: false }, { sound() {}, mark: played });
    this.#tap = tap;
    const portion = (rate / 1000) * portionMs * 2;
    for await (const chunk of chunks) {
      for (let at = 0; at < chunk.length && !this.#over; at += portion) {
        if (this.#source.live && this.#waiting >= underWay) {
          // A device that has no clock of its own would be read without end.
          await Bun.sleep(tooFast);
          continue;
        }
        await this.#until(underWay);
        if (this.#over) return;
        tap.write(chunk.subarray(at, at + portion));
        this.#waiting++;
        tap.mark(++this.#mark);
      }
      if (this.#over) return;
    }
    await this.#until(1);
    this.#tap?.close();
  }

  /** Until fewer than `most` portions wait. */
  async #until(most: number): Promise<void> {
    while (this.#waiting >= most && !this.#over) {
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#wake = resolve;
      await promise;
    }
  }
}

/** A file, or with `-` stdin. */
export function fileSource(name: string): Source {
  if (name === "-") return { octets: process.stdin, live: false, close: () => process.stdin.pause() };
  const file = createReadStream(name);
  return { octets: file, live: false, close: () => file.destroy() };
}

/** A sine at a tenth of full scale, without end. @param hz 20 to 3400 */
export function toneSource(hz: number, rate: number): Source {
  let over = false;
  async function* sound(): AsyncGenerator<Uint8Array> {
    for (let at = 0; !over; at += rate / 10) {
      const samples = Int16Array.from({ length: rate / 10 }, (_, i) =>
        Math.round(3277 * Math.sin((2 * Math.PI * hz * (at + i)) / rate)),
      );
      yield new Uint8Array(samples.buffer);
    }
  }
  const close = () => {
    over = true;
  };
  return { octets: sound(), live: false, close };
}
