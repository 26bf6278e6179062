/**
 * Taps of a session, in the media worker: what is heard goes to somebody outside each 20 ms, and what comes from there is
 * played at the session's own pace, however fast it came. Bounded on both sides.
 */
import { decode, encode, g711 } from "./codecs/g711.ts";
import { ByteQueue } from "./tap-queue.ts";
import { StreamResampler } from "./tap-resample.ts";
import type { TapSettings } from "./types.ts";

/** What a tap tells. `sound` is the listener's to keep. */
export interface TapEvents {
  sound(sound: Uint8Array): void;
  mark(id: number, cleared: boolean): void;
  /** So many octets did not fit. */
  overflow(octets: number): void;
}

/** The most sound that waits to be played, ms: a voice agent's longest answer. */
export const longestQueue = 120_000;
/** Sound that begins is held back until there are so many frames of it, or for so many: what the network's jitter takes. */
const headStart = 3;
/** Marks that wait. */
const maxMarks = 1000;

export class Tap {
  readonly settings: TapSettings;
  readonly #events: TapEvents;
  readonly #queue: ByteQueue;
  readonly #octets: number;
  readonly #frame: Int16Array;
  #hearing: { from: number; resampler: StreamResampler } | undefined;
  #speaking: { to: number; resampler: StreamResampler } | undefined;
  #out = new Int16Array(0);
  /** holding: sound has come, and its head start is given to it; fading: the last of it stands in the filter. */
  #state: { name: "silent" } | { name: "holding"; ticks: number } | { name: "sounding" } | { name: "fading" } = {
    name: "silent",
  };
  #marks: { id: number; at: number }[] = [];
  #written = 0;
  #played = 0;
  #overflowing = false;

  constructor(settings: TapSettings, events: TapEvents) {
    this.settings = settings;
    this.#events = events;
    this.#octets = settings.encoding === "L16" ? 2 : 1;
    this.#queue = new ByteQueue((longestQueue / 1000) * settings.rate * this.#octets);
    this.#frame = new Int16Array(settings.rate / 50);
  }

  /** Passes on 20 ms of what is heard, sampled at `rate` Hz. */
  hear(samples: Int16Array, rate: number): void {
    if (this.#hearing?.from !== rate)
      this.#hearing = { from: rate, resampler: new StreamResampler(rate, this.settings.rate) };
    const made = this.#hearing.resampler.push(samples, this.#frame);
    const { encoding } = this.settings;
    if (encoding === "L16") {
      // Little-endian, as every machine that this runs on has it.
      this.#events.sound(new Uint8Array(this.#frame.buffer.slice(0, 2 * made)));
      return;
    }
    const sound = new Uint8Array(made);
    encode(g711[encoding], this.#frame, sound, 0, made);
    this.#events.sound(sound);
  }

  write(octets: Uint8Array): void {
    const taken = this.#queue.push(octets);
    this.#written += taken;
    if (taken === octets.length) this.#overflowing = false;
    else if (!this.#overflowing) {
      this.#overflowing = true;
      this.#events.overflow(octets.length - taken);
    }
  }

  /** Tells `mark` once all that was written before it has been played. */
  mark(id: number): void {
    const at = this.#written - (this.#written % this.#octets);
    if (at <= this.#played || this.#marks.length >= maxMarks) return this.#events.mark(id, false);
    this.#marks.push({ id, at });
  }

  /** Forgets what waits to be played. */
  clear(): void {
    this.#queue.clear();
    this.#played = this.#written;
    this.#state = { name: "silent" };
    this.#speaking = undefined;
    for (const { id } of this.#marks.splice(0)) this.#events.mark(id, true);
  }

  /** The next 20 ms to be played, sampled at `rate` Hz, valid until the next call; undefined for silence. */
  next(rate: number): Int16Array | undefined {
    if (!this.#begins()) return undefined;
    const wanted = this.#frame.length * this.#octets;
    const octets = this.#queue.shift(wanted - (this.#queue.length < wanted ? this.#queue.length % this.#octets : 0));
    if (octets.length > 0) this.#state = { name: "sounding" };
    else if (this.#state.name === "sounding") this.#state = { name: "fading" };
    else {
      this.#state = { name: "silent" };
      return undefined;
    }
    this.#decode(octets);
    if (this.#speaking?.to !== rate) {
      this.#speaking = { to: rate, resampler: new StreamResampler(this.settings.rate, rate) };
      this.#out = new Int16Array(rate / 50);
    }
    this.#speaking.resampler.push(this.#frame, this.#out);
    this.#played += octets.length;
    while ((this.#marks[0]?.at ?? Number.POSITIVE_INFINITY) <= this.#played) {
      const mark = this.#marks.shift();
      if (mark !== undefined) this.#events.mark(mark.id, false);
    }
    return this.#out;
  }

  #begins(): boolean {
    const { length } = this.#queue;
    if (this.#state.name === "silent" && length >= this.#octets) this.#state = { name: "holding", ticks: 0 };
    if (this.#state.name === "holding")
      return length >= headStart * this.#frame.length * this.#octets || this.#state.ticks++ >= headStart;
    return this.#state.name !== "silent";
  }

  #decode(octets: Uint8Array): void {
    const { encoding } = this.settings;
    const frame = this.#frame;
    const count = octets.length / this.#octets;
    if (encoding !== "L16") decode(g711[encoding], octets, 0, frame, count);
    else for (let i = 0; i < count; i++) frame[i] = (octets[2 * i] ?? 0) | ((octets[2 * i + 1] ?? 0) << 8);
    frame.fill(0, count);
  }
}

/** Taps of one session at a time. */
const maxTaps = 8;

/** The taps of one session. */
export class Taps {
  readonly #taps = new Map<number, Tap>();
  #sum = new Int16Array(0);

  /** Whether there are any. */
  get any(): boolean {
    return this.#taps.size > 0;
  }

  /** Whether somebody wants what is heard. */
  get hearing(): boolean {
    for (const { settings } of this.#taps.values()) if (settings.hear) return true;
    return false;
  }

  get(id: number): Tap | undefined {
    return this.#taps.get(id);
  }

  open(id: number, settings: TapSettings, events: TapEvents): void {
    if (this.#taps.size < maxTaps) this.#taps.set(id, new Tap(settings, events));
  }

  close(id: number): void {
    this.#taps.delete(id);
  }

  hear(samples: Int16Array, rate: number): void {
    for (const tap of this.#taps.values()) if (tap.settings.hear) tap.hear(samples, rate);
  }

  /** What taps say in these 20 ms, together with `base`; `base` itself when they are silent. Valid until the next call. */
  speak(base: Int16Array | undefined, rate: number): Int16Array | undefined {
    let sum = base;
    for (const tap of this.#taps.values()) {
      const sound = tap.next(rate);
      if (sound === undefined) continue;
      sum = sum === undefined ? sound : this.#add(sum, sound);
    }
    return sum;
  }

  #add(a: Int16Array, b: Int16Array): Int16Array {
    if (this.#sum.length !== b.length) this.#sum = new Int16Array(b.length);
    for (let i = 0; i < b.length; i++) this.#sum[i] = Math.max(-32768, Math.min(32767, (a[i] ?? 0) + (b[i] ?? 0)));
    return this.#sum;
  }
}
