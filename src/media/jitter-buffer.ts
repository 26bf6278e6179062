/**
 * Turns the packets of a peer (any ptime, late, lost, doubled, out of order) into one frame each 20 ms.
 *
 * Samples lie in a ring by their RTP timestamp. Reading starts once the target delay is buffered. A hole with sound
 * behind it is loss: it is concealed. An empty buffer, and a packet that comes after all, is lateness: reading holds, so
 * that the delay grows by as much as the peer is late. The delay shrinks again, 10 ms at a time, while the buffer never runs below the target.
 */
import type { G711 } from "./codecs/g711.ts";
import { clockRate, frameSamples } from "./rtp.ts";

const perMs = clockRate / 1000;
/** About one second. A power of two: positions are masked. */
const ringSamples = 8192;
const mask = ringSamples - 1;
/** A timestamp this far from where it should be is a new start, not a gap. */
const jumpSamples = clockRate;
/** Repeating the last frame fades out over this many samples. */
const fadeSamples = 3 * frameSamples;
/** Delay is looked at once per so many frames: one second. */
const windowFrames = 50;
/** How much delay is taken out at a time. */
const trimSamples = 10 * perMs;
/** A frame below this peak may be shortened unheard. */
const quietPeak = 300;
/** After so many windows it is shortened even if loud. */
const patience = 3;

export interface JitterBounds {
  /** Delay before the first sample is played, at least and at most, ms. */
  min: number;
  max: number;
}

type State = "empty" | "filling" | "playing";

export class JitterBuffer {
  /** Packets that came after their time, and packets that were there already. */
  late = 0;
  duplicates = 0;
  /** Samples made up for missing ones while the peer was sending. */
  concealed = 0;

  #min: number;
  #max: number;
  #ring = new Int16Array(ringSamples);
  #present = new Uint8Array(ringSamples);
  #state: State = "empty";
  #read = 0;
  #end = 0;
  /** A packet's timestamp and its place: others are placed relative to it. */
  #anchorTimestamp = 0;
  #anchorPosition = 0;
  #restarting = false;
  #suspect: number | undefined;
  /** Samples for which reading has stood still on an empty buffer. */
  #held = 0;
  #waited = 0;
  /** By how much the delay is to grow. */
  #stretch = 0;
  #base: number | undefined;
  #deviation = 0;
  #packet = frameSamples;
  #lowest = Number.POSITIVE_INFINITY;
  #frames = 0;
  #excess = 0;
  #last = new Int16Array(frameSamples);
  #missing = fadeSamples;

  constructor(bounds: JitterBounds = { min: 40, max: 200 }) {
    this.#min = bounds.min * perMs;
    this.#max = bounds.max * perMs;
  }

  /** Samples between the next to be read and the last that came. */
  get level(): number {
    return this.#end - this.#read;
  }

  /** The delay aimed at, samples. */
  get target(): number {
    return Math.min(this.#max, Math.max(this.#min, this.#packet + frameSamples + this.#deviation));
  }

  /** Forgets all sound. */
  reset(): void {
    this.#present.fill(0);
    this.#state = "empty";
    this.#read = 0;
    this.#end = 0;
    this.#held = 0;
    this.#stretch = 0;
    this.#restarting = false;
    this.#suspect = undefined;
    this.#base = undefined;
    this.#missing = fadeSamples;
  }

  /** The next packet is of another source: its timestamps have nothing to do with those before. */
  restart(): void {
    this.#restarting = true;
  }

  /**
   * Takes a packet's payload: `length` octets of `law` from `offset`.
   * @param now arrival, ms
   */
  insert(
    law: G711,
    packet: Uint8Array,
    offset: number,
    length: number,
    timestamp: number,
    marker: boolean,
    now: number,
  ): void {
    if (length === 0 || length > ringSamples / 2) return;
    let position = this.#place(timestamp, length, marker);
    if (position === undefined) return;
    this.#measure(timestamp, length, now);

    // Reading stood still while the peer was silent: that time is part of the gap, not of the delay.
    const gap = position - this.#end;
    if (gap > 0 && this.#held > 0) this.#skip(Math.min(gap, this.#held));
    if (this.#held >= this.target && this.level <= 0) this.#refill(position);
    this.#held = 0;

    if (position + length <= this.#read) {
      this.late++;
      // Had reading waited this much longer, it would have been heard.
      this.#stretch = Math.max(this.#stretch, Math.min(this.#read - position, this.target - this.level));
      return;
    }
    // More than the ring holds: the oldest go.
    const beyond = position + length - this.#read - ringSamples;
    if (beyond > 0) this.#skip(beyond);
    if (position < this.#read) {
      offset += this.#read - position;
      length -= this.#read - position;
      position = this.#read;
    }
    if (this.#present[position & mask] === 1) {
      this.duplicates++;
      return;
    }
    for (let i = 0; i < length; i++) {
      const at = (position + i) & mask;
      this.#ring[at] = law.linear[packet[offset + i] ?? 0] ?? 0;
      this.#present[at] = 1;
    }
    if (position + length > this.#end) this.#end = position + length;
  }

  /** The place of a packet in the ring, or undefined when it is not to be believed yet. */
  #place(timestamp: number, length: number, marker: boolean): number | undefined {
    if (this.#state === "empty") {
      this.#anchor(timestamp, this.#end);
      this.#refill(this.#end);
      this.#restarting = false;
      return this.#end;
    }
    const position = this.#anchorPosition + ((timestamp - this.#anchorTimestamp) | 0);
    const far = position - this.#end - this.#held > jumpSamples || position + length < this.#read - jumpSamples / 2;
    if (!this.#restarting && !far) {
      this.#suspect = undefined;
      if (position > this.#anchorPosition) this.#anchor(timestamp, position);
      return position;
    }
    // One odd timestamp is an error; two that follow on, a marker or a new source are a new start, right behind the old.
    const follows =
      this.#suspect !== undefined &&
      ((timestamp - this.#suspect) | 0) > 0 &&
      ((timestamp - this.#suspect) | 0) < jumpSamples;
    this.#suspect = timestamp;
    if (!this.#restarting && !marker && !follows) return undefined;
    this.#restarting = false;
    this.#suspect = undefined;
    this.#base = undefined;
    const next = Math.max(this.#end, this.#read);
    this.#anchor(timestamp, next);
    return next;
  }

  #anchor(timestamp: number, position: number): void {
    this.#anchorTimestamp = timestamp;
    this.#anchorPosition = position;
  }

  /** Waits for the target delay before reading on at `position`. */
  #refill(position: number): void {
    if (position > this.#read) this.#skip(position - this.#read);
    this.#state = "filling";
    this.#waited = 0;
  }

  /** Follows how late packets are against the earliest: the deviation decays within some 10 s. */
  #measure(timestamp: number, length: number, now: number): void {
    this.#packet = length;
    const transit = now * perMs - timestamp;
    if (this.#base === undefined || transit < this.#base || transit - this.#base > 2 * jumpSamples)
      this.#base = transit;
    const deviation = transit - this.#base;
    this.#deviation = Math.max(deviation, this.#deviation * 0.998);
    // The earliest packet of an hour ago says little: the peer's clock drifts.
    this.#base += deviation * 0.002;
  }

  #skip(samples: number): void {
    const from = this.#read;
    const count = Math.min(samples, ringSamples);
    for (let i = 0; i < count; i++) this.#present[(from + i) & mask] = 0;
    this.#read += samples;
    if (this.#end < this.#read) this.#end = this.#read;
  }

  /** The next 20 ms into `out`, which has 160 samples. False: there is nothing but silence in it. */
  pull(out: Int16Array): boolean {
    if (this.#state === "filling") {
      this.#waited += frameSamples;
      if (this.level >= this.target || this.#waited > this.target) this.#state = "playing";
    }
    if (this.#state !== "playing") {
      this.#held = 0;
      return this.#conceal(out, 0, false);
    }
    if (this.#stretch >= frameSamples) {
      this.#stretch -= frameSamples;
      return this.#conceal(out, 0, true);
    }
    this.#adapt();
    const level = this.level;
    if (level <= 0) {
      this.#held += frameSamples;
      return this.#conceal(out, 0, this.#held < fadeSamples);
    }
    const take = Math.min(level, frameSamples);
    let whole = true;
    for (let i = 0; i < take; i++) {
      const at = (this.#read + i) & mask;
      if (this.#present[at] === 1) {
        this.#present[at] = 0;
        out[i] = this.#ring[at] ?? 0;
        this.#missing = 0;
      } else {
        whole = false;
        out[i] = this.#madeUp();
        this.concealed++;
      }
    }
    this.#read += take;
    if (take < frameSamples) {
      this.#held += frameSamples - take;
      this.#conceal(out, take, true);
    } else if (whole) this.#last.set(out);
    return true;
  }

  #conceal(out: Int16Array, from: number, count: boolean): boolean {
    const heard = this.#missing < fadeSamples;
    for (let i = from; i < frameSamples; i++) out[i] = this.#madeUp();
    if (count && heard) this.concealed += frameSamples - from;
    return heard;
  }

  /** One sample of the last frame again, ever more quietly. */
  #madeUp(): number {
    if (this.#missing >= fadeSamples) return 0;
    const sample = this.#last[this.#missing % frameSamples] ?? 0;
    const faded = (sample * (fadeSamples - this.#missing)) / fadeSamples;
    this.#missing++;
    return faded;
  }

  /** Shortens a delay that is longer than needed. */
  #adapt(): void {
    const level = this.level;
    if (level > this.#max + this.#packet) {
      this.#skip(level - this.target);
      return;
    }
    if (level < this.#lowest) this.#lowest = level;
    if (++this.#frames >= windowFrames) {
      this.#excess = this.#lowest - this.target > trimSamples ? this.#excess + 1 : 0;
      this.#lowest = Number.POSITIVE_INFINITY;
      this.#frames = 0;
    }
    if (this.#excess === 0 || level <= this.target + trimSamples) return;
    if (this.#excess < patience && this.#peakAhead() > quietPeak) return;
    this.#skip(trimSamples);
    this.#excess = 0;
  }

  #peakAhead(): number {
    let peak = 0;
    for (let i = 0; i < trimSamples; i++) peak = Math.max(peak, Math.abs(this.#ring[(this.#read + i) & mask] ?? 0));
    return peak;
  }
}
