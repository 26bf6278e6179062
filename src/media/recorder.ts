/** The recordings of a session: both sides to a WAV file, until it is told, for a time, or until the other side falls silent. */
import { readForm, type SoundForm } from "./codecs/form.ts";
import { frameMs } from "./rtp.ts";
import { StreamResampler } from "./tap-resample.ts";
import type { MediaEvent, RecordOptions } from "./types.ts";
import { WavWriter } from "./wav-writer.ts";

/** Recordings that are being completed while the next is made. */
const maxWriters = 8;
/** The other side speaks from this mean amplitude on: -44 dBov, above the noise of lines and below quiet speech. */
const speechLevel = 200;

interface Recording {
  readonly writer: WavWriter;
  /** What the file has 20 ms of. */
  readonly samples: number;
  readonly options: RecordOptions;
  /** Ticks since its start, and since the other side was heard last. */
  ticks: number;
  quiet: number;
  local: Int16Array;
  /** Where the call has another rate than the file since its codec has changed. */
  converter: Converter | undefined;
}

interface Converter {
  readonly length: number;
  readonly ways: readonly [StreamResampler, StreamResampler];
  readonly frames: readonly [Int16Array, Int16Array];
}

export class Recorder {
  readonly #emit: (event: MediaEvent) => void;
  readonly #changed: () => void;
  #current: Recording | undefined;
  #writers = new Set<WavWriter>();

  /** @param changed is called when a recording begins or ends */
  constructor(emit: (event: MediaEvent) => void, changed: () => void) {
    this.#emit = emit;
    this.#changed = changed;
  }

  get active(): boolean {
    return this.#current !== undefined;
  }

  /** Starts a recording in the rate of `form`, or with undefined ends it. A new file ends the one before. */
  record(file: string | undefined, layout: "mono" | "stereo", form: SoundForm, options: RecordOptions = {}): void {
    const before = this.#current;
    this.#current = undefined;
    if (before !== undefined) void before.writer.end();
    if (file === undefined) return this.#changed();
    if (this.#writers.size >= maxWriters) {
      this.#changed();
      this.#emit({ type: "error", command: "RECORD", file, reason: "the recordings before it are not complete yet" });
      return;
    }
    const events = {
      opened: () => this.#emit({ type: "recording", file }),
      complete: (milliseconds: number) => {
        this.#writers.delete(writer);
        this.#emit({ type: "recorded", file, milliseconds });
      },
      failed: (reason: string) => {
        this.#writers.delete(writer);
        if (this.#current?.writer === writer) {
          this.#current = undefined;
          this.#changed();
        }
        this.#emit({ type: "error", command: "RECORD", file, reason });
      },
    };
    const writer = new WavWriter(file, layout === "stereo" ? 2 : 1, events, form.rate);
    this.#writers.add(writer);
    const local = new Int16Array(form.samples);
    this.#current = { writer, samples: form.samples, options, ticks: 0, quiet: 0, local, converter: undefined };
    this.#changed();
  }

  /** Takes 20 ms of both sides: ours in its form, theirs as samples of the same rate. */
  add(form: SoundForm, octets: Uint8Array, offset: number, heard: Int16Array | undefined): void {
    const recording = this.#current;
    if (recording === undefined) return;
    if (recording.local.length !== form.samples) recording.local = new Int16Array(form.samples);
    readForm(form, octets, offset, recording.local);
    let { local } = recording;
    let remote = heard;
    if (form.samples !== recording.samples) {
      const { ways, frames } = this.#converter(recording, form.rate);
      ways[0].push(local, frames[0]);
      if (heard !== undefined) ways[1].push(heard, frames[1]);
      local = frames[0];
      remote = heard && frames[1];
    }
    recording.writer.add(local, remote, recording.samples);
    this.#watch(recording, heard, 1);
  }

  /** Time goes on without sound. */
  skip(ticks: number): void {
    const recording = this.#current;
    if (recording === undefined) return;
    recording.writer.add(undefined, undefined, ticks * recording.samples);
    this.#watch(recording, undefined, ticks);
  }

  #converter(recording: Recording, rate: number): Converter {
    if (recording.converter?.length !== rate / 50) {
      const to = recording.samples * 50;
      recording.converter = {
        length: rate / 50,
        ways: [new StreamResampler(rate, to), new StreamResampler(rate, to)],
        frames: [new Int16Array(recording.samples), new Int16Array(recording.samples)],
      };
    }
    return recording.converter;
  }

  /** Ends a recording that is long enough, or that nobody speaks on. */
  #watch(recording: Recording, heard: Int16Array | undefined, ticks: number): void {
    const { max = 0, silence = 0 } = recording.options;
    recording.ticks += ticks;
    recording.quiet = heard !== undefined && isSpeech(heard) ? 0 : recording.quiet + ticks;
    const over = (max > 0 && recording.ticks * frameMs >= max) || (silence > 0 && recording.quiet * frameMs >= silence);
    if (!over) return;
    this.#current = undefined;
    void recording.writer.end();
    this.#changed();
  }

  /** Completes all files. */
  async close(): Promise<void> {
    const current = this.#current;
    this.#current = undefined;
    void current?.writer.end();
    if (this.#writers.size > 0) await Promise.all([...this.#writers].map((writer) => writer.end()));
  }
}

function isSpeech(samples: Int16Array): boolean {
  let sum = 0;
  for (let i = 0; i < samples.length; i++) sum += Math.abs(samples[i] ?? 0);
  return sum > speechLevel * samples.length;
}
