/** What is heard in a call, given out: to a file, a pipe or a loudspeaker, 20 ms for each 20 ms of the call, silence included. */
import { type FileHandle, open } from "node:fs/promises";
import { type MediaSession, type MediaTap, StreamResampler, wavHeader } from "../media/index.ts";
import { Output } from "./output.ts";

export interface Sink {
  /** Takes L16, one channel, in order. Never waits. */
  write(sound: Uint8Array): void;
  /** Resolves when all is written. */
  end(): Promise<void>;
}

/** Gives out the sound of one call at `rate` Hz. */
export class Drain {
  readonly #tap: MediaTap;
  readonly #sink: Sink;

  constructor(audio: MediaSession, sink: Sink, rate: number) {
    const own = rate > 16_000 ? 24_000 : rate > 8000 ? 16_000 : 8000;
    const resampler = new StreamResampler(own, rate);
    const out = new Int16Array(Math.ceil((own / 50) * (rate / own)) + 16);
    this.#sink = sink;
    this.#tap = audio.tap(
      { encoding: "L16", rate: own, hear: true },
      {
        sound: (octets) => {
          // A copy: the octets are ours during this call alone, and may not lie at an even place.
          const samples = new Int16Array(octets.slice().buffer, 0, octets.length >> 1);
          const made = resampler.push(samples, out);
          sink.write(new Uint8Array(out.slice(0, made).buffer));
        },
      },
    );
  }

  async end(): Promise<void> {
    this.#tap.close();
    await this.#sink.end();
  }
}

/** Bare samples to stdout. Its reader may be slow, and delays nobody: what waits is kept, up to an hour at 8 kHz. */
export function pipeSink(stream: NodeJS.WritableStream, closed: () => void): Sink {
  const output = new Output(stream);
  output.onClosed = closed;
  const most = 60_000_000;
  return {
    write: (sound) => {
      if (output.waiting < most) output.push(sound);
    },
    end: () => output.flushed(),
  };
}

/** A WAV file, or for a name that does not end in .wav bare samples. Throws what opening it throws. */
export async function fileSink(name: string, rate: number): Promise<Sink> {
  const file = await open(name, "w");
  const isWav = /\.wav$/i.test(name);
  let size = 0;
  let waiting: Uint8Array[] = [];
  let writing: Promise<void> | undefined;
  let failure: unknown;
  if (isWav) await file.write(wavHeader(1, 0, rate));
  const flush = async () => {
    while (waiting.length > 0 && failure === undefined) {
      const sound = Buffer.concat(waiting);
      waiting = [];
      await writeAll(file, sound).catch((error: unknown) => {
        failure = error;
      });
    }
    writing = undefined;
  };
  return {
    write: (sound) => {
      size += sound.length;
      waiting.push(sound);
      writing ??= flush();
    },
    end: async () => {
      await writing;
      if (isWav && failure === undefined) await file.write(wavHeader(1, size, rate), 0, undefined, 0);
      await file.close();
      if (failure !== undefined) throw failure;
    },
  };
}

async function writeAll(file: FileHandle, sound: Uint8Array): Promise<void> {
  for (let at = 0; at < sound.length; ) at += (await file.write(sound, at)).bytesWritten;
}
