/**
 * Sound files as frames, ready to be sent: decoded once per form of sound, away from the pacing, and shared.
 *
 * A track can be played while it is still being read. The cache keeps the tracks used last, up to a total size. Tracks
 * in use beyond that are kept as well, up to a hard limit: then further files are refused.
 */
import { type FileHandle, open, stat } from "node:fs/promises";
import type { SoundForm } from "./codecs/form.ts";
import { DecodingThread } from "./decode/thread.ts";
import { createResampler } from "./resample.ts";
import { isWav, readWavHeader, SoundError, sampleDecoder, type WavFormat } from "./wav-reader.ts";

export interface TrackLimits {
  /** Octets of unused tracks to keep; one second of sound is 8,000. */
  cache: number;
  /** Octets of all tracks. */
  total: number;
  /** The longest file, seconds. */
  seconds: number;
}

export const defaultTrackLimits: TrackLimits = { cache: 64 << 20, total: 512 << 20, seconds: 3600 };

/** Octets decoded in one turn: some 1 ms of work at 48 kHz. */
const chunkOctets = 16 << 10;

/** How much room a track of unknown length begins with, seconds. */
const growSeconds = 10;

/** One file in one form. `octets` has whole frames, filled up with silence. */
export class Track {
  octets: Uint8Array;
  /** How many octets are ready, and whether that is all. */
  ready = 0;
  complete = false;
  /** Why reading has ended early. */
  failure: string | undefined;
  /** How many players and readers hold it. */
  users = 0;
  /** Dropped from the cache while in use. */
  orphaned = false;

  readonly #silence: number;

  constructor(size: number, silence: number) {
    this.#silence = silence;
    this.octets = new Uint8Array(size).fill(silence);
  }

  /** Has `size` octets from now on; new ones are silent. */
  resize(size: number): void {
    const before = this.octets;
    this.octets = new Uint8Array(size).fill(this.#silence);
    this.octets.set(before.subarray(0, Math.min(size, before.length)));
  }
}

export class Tracks {
  #limits: TrackLimits;
  /** By path, time of change, size and form, the one used longest ago first. */
  #tracks = new Map<string, Track>();
  #opening = new Map<string, Promise<Track>>();
  /** Octets of the tracks in `#tracks`, and of those dropped from it that still play. */
  #cached = 0;
  #orphaned = 0;
  readonly #decoding: DecodingThread;

  constructor(limits: TrackLimits = defaultTrackLimits, decoding: DecodingThread = new DecodingThread()) {
    this.#limits = limits;
    this.#decoding = decoding;
  }

  close(): void {
    this.#decoding.close();
  }

  /** Octets held. */
  get size(): number {
    return this.#cached + this.#orphaned;
  }

  /**
   * The track of a file, as soon as its first frames can be played. Each must be given back by `release`.
   * @throws SoundError
   */
  async open(path: string, form: SoundForm): Promise<Track> {
    const info = await stat(path).catch((error: unknown) => {
      throw new SoundError(`it cannot be read (${systemCode(error)})`);
    });
    if (!info.isFile()) throw new SoundError("it is not a regular file");
    const key = `${form.name} ${info.mtimeMs} ${info.size} ${path}`;
    const known = this.#tracks.get(key);
    if (known !== undefined) {
      this.#tracks.delete(key);
      this.#tracks.set(key, known);
      known.users++;
      return known;
    }
    const opening = this.#opening.get(key) ?? this.#load(key, path, info.size, form);
    this.#opening.set(key, opening);
    try {
      const track = await opening;
      track.users++;
      return track;
    } finally {
      this.#opening.delete(key);
    }
  }

  release(track: Track): void {
    track.users--;
    if (track.users > 0) return;
    if (track.orphaned) this.#orphaned -= track.octets.length;
    this.#evict();
  }

  #evict(): void {
    for (const [key, track] of this.#tracks) {
      if (this.#cached <= this.#limits.cache) return;
      this.#drop(key, track);
    }
  }

  #drop(key: string, track: Track): void {
    if (this.#tracks.get(key) !== track) return;
    this.#tracks.delete(key);
    this.#cached -= track.octets.length;
    if (track.users === 0) return;
    track.orphaned = true;
    this.#orphaned += track.octets.length;
  }

  async #load(key: string, path: string, size: number, form: SoundForm): Promise<Track> {
    const file = await open(path, "r").catch((error: unknown) => {
      throw new SoundError(`it cannot be read (${systemCode(error)})`);
    });
    try {
      if (!isWav(await readAt(file, 0, 12))) {
        await file.close();
        return await this.#loadCompressed(key, path, form);
      }
      const format = await readWavHeader((position, length) => readAt(file, position, length), size);
      const frames = format.length / format.frame;
      const seconds = frames / format.rate;
      if (seconds > this.#limits.seconds)
        throw new SoundError(`it is ${Math.round(seconds)} s long: ${this.#limits.seconds} s are the limit`);
      const samples = Math.ceil((frames * form.rate) / format.rate);
      const octets = Math.ceil(samples / form.samples) * form.octets;
      if (this.size + octets > this.#limits.total) this.#makeRoom(octets);
      const track = new Track(octets, form.silence[0] ?? 0);
      this.#tracks.set(key, track);
      this.#cached += octets;
      track.users++;
      const steps = decodeInto(track, samples, file, format, form);
      // The first chunk here, so that errors at once are errors of `open`; the rest while it plays.
      await steps.next();
      void this.#finish(key, track, steps, file);
      return track;
    } catch (error) {
      await file.close().catch(() => {});
      throw error instanceof SoundError ? error : new SoundError(`it cannot be read (${systemCode(error)})`);
    }
  }

  /** A file whose length nobody knows before its end: the track grows with it. */
  async #loadCompressed(key: string, path: string, form: SoundForm): Promise<Track> {
    const pieces = this.#decoding.decode(path, form.rate);
    const size = growSeconds * 50 * form.octets;
    if (this.size + size > this.#limits.total) this.#makeRoom(size);
    const track = new Track(size, form.silence[0] ?? 0);
    this.#tracks.set(key, track);
    this.#cached += size;
    track.users++;
    const steps = this.#append(track, pieces, form);
    try {
      await steps.next();
    } catch (error) {
      this.#drop(key, track);
      this.release(track);
      throw error;
    }
    void this.#finish(key, track, steps);
    return track;
  }

  /** Adds decoded pieces to a track; at the end it is as long as they are. */
  async *#append(track: Track, pieces: AsyncGenerator<Int16Array>, form: SoundForm): AsyncGenerator<void> {
    const longest = this.#limits.seconds * 50 * form.octets;
    for await (const samples of pieces) {
      const end = track.ready + samples.length * form.width;
      if (end > longest) throw new SoundError(`it is longer than ${this.#limits.seconds} s, which are the limit`);
      if (end > track.octets.length) this.#resize(track, Math.max(end, 2 * track.octets.length), form);
      form.write(samples, track.octets, track.ready, samples.length);
      track.ready = end;
      yield;
    }
    this.#resize(track, track.ready, form);
    // The last frame is filled up with silence.
    track.ready = track.octets.length;
  }

  #resize(track: Track, size: number, form: SoundForm): void {
    const more = Math.ceil(size / form.octets) * form.octets - track.octets.length;
    if (more > 0 && this.size + more > this.#limits.total) this.#makeRoom(more);
    track.resize(track.octets.length + more);
    if (track.orphaned) this.#orphaned += more;
    else this.#cached += more;
  }

  #makeRoom(octets: number): void {
    for (const [key, track] of this.#tracks) {
      if (this.size + octets <= this.#limits.total) return;
      if (track.users === 0) this.#drop(key, track);
    }
    if (this.size + octets > this.#limits.total)
      throw new SoundError(`too much sound is playing at once: ${this.#limits.total >> 20} MiB are the limit`);
  }

  async #finish(key: string, track: Track, steps: AsyncGenerator<void>, file?: FileHandle): Promise<void> {
    try {
      while (!(await steps.next()).done);
    } catch (error) {
      track.failure = error instanceof SoundError ? error.message : `it cannot be read on (${systemCode(error)})`;
      this.#drop(key, track);
    } finally {
      track.complete = true;
      await file?.close().catch(() => {});
      this.release(track);
    }
  }
}

/** Decodes chunk by chunk; each step is short, and between them others have their turn. */
async function* decodeInto(
  track: Track,
  samples: number,
  file: FileHandle,
  format: WavFormat,
  form: SoundForm,
): AsyncGenerator<void> {
  const toSamples = sampleDecoder(format);
  const resampler = createResampler(format.rate, form.rate);
  const chunk = chunkOctets - (chunkOctets % format.frame);
  const linear = new Float32Array(chunk / format.frame);
  const out = new Int16Array(Math.ceil((linear.length * form.rate) / format.rate) + resampler.tail + 1);
  const put = (count: number) => {
    const take = Math.min(count, samples - track.ready / form.width);
    form.write(out, track.octets, track.ready, take);
    track.ready += take * form.width;
  };
  for (let at = 0; at < format.length; ) {
    const octets = await readAt(file, format.offset + at, Math.min(chunk, format.length - at));
    if (octets.length < format.frame) throw new SoundError("it became shorter while it was read");
    const whole = octets.subarray(0, octets.length - (octets.length % format.frame));
    put(resampler.push(linear, toSamples(whole, linear), out));
    at += whole.length;
    yield;
  }
  put(resampler.flush(out));
  // The last frame is filled up with silence.
  track.ready = track.octets.length;
}

async function readAt(file: FileHandle, position: number, length: number): Promise<Uint8Array> {
  const octets = new Uint8Array(length);
  let filled = 0;
  while (filled < length) {
    const { bytesRead } = await file.read(octets, filled, length - filled, position + filled);
    if (bytesRead === 0) break;
    filled += bytesRead;
  }
  return octets.subarray(0, filled);
}

/** The system's code of an IO error, such as ENOENT. */
export function systemCode(error: unknown): string {
  return error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : String(error);
}
