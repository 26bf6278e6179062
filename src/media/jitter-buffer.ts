/**
 * Turns the packets of a peer (any ptime, late, lost, doubled, out of order) into one frame each 20 ms.
 *
 * Samples lie in a ring by their RTP timestamp. Reading starts once the target delay is buffered. A hole with sound
 * behind it is loss: it is concealed. An empty buffer, and a packet that comes after all, is lateness: reading holds, so
 * that the delay grows by as much as the peer is late. The delay shrinks again, 10 ms at a time, while the buffer never runs below the target.
 */
import type { Decoder } from "./codecs/codec.ts";
import type { G711 } from "./codecs/g711.ts";

/** About one second per kHz of the sampling rate. A power of two: positions are masked. */
const ringPerKHz = 1024;
/** Repeating the last frame fades out over this many frames. */
const fadeFrames = 3;
/** Delay is looked at once per so many frames: one second. */
const windowFrames = 50;
/** How much delay is taken out at a time, ms. */
const trimMs = 10;
/** A frame below this peak may be shortened unheard. */
const quietPeak = 300;
/** After so many windows it is shortened even if loud. */
const patience = 3;

export interface JitterBounds {
  /** Delay before the first sample is played, at least and at most, ms. */
  min: number;
  max: number;
}

/** A longer gap is a pause of the other side's and no loss, ms. */
const recoverableMs = 60;

/** How a stream samples, and what its timestamps count, Hz. */
export interface StreamRates {
  rate: number;
  clockRate: number;
}

/** A packet of a codec with memory: decoded in its turn. */
interface Waiting {
  position: number;
  length: number;
  decoder: Decoder;
  payload: Uint8Array;
}

type State = "empty" | "filling" | "playing";

export class JitterBuffer {
  /** Packets that came after their time, and packets that were there already. */
  late = 0;
  duplicates = 0;
  /** Samples made up for missing ones while the peer was sending. */
  concealed = 0;

  readonly #perMs: number;
  /** Samples of 20 ms, of the ring, of a jump of timestamps, of a fade, of a trim. */
  readonly #frame: number;
  readonly #size: number;
  readonly #mask: number;
  readonly #jump: number;
  readonly #fade: number;
  readonly #trim: number;
  /** Samples in a unit of RTP's clock. */
  readonly #perUnit: number;
  #min: number;
  #max: number;
  #ring: Int16Array;
  /** 0: nothing there; 1: a sample; 2: a packet that is not decoded yet. */
  #present: Uint8Array;
  /** By position. */
  #waiting: Waiting[] = [];
  #scratch: Int16Array | undefined;
  /** Where the packet that was decoded last ends; undefined before the first. */
  #decoded: number | undefined;
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
  #packet: number;
  #lowest = Number.POSITIVE_INFINITY;
  #frames = 0;
  #excess = 0;
  #last: Int16Array;
  #missing: number;

  constructor(bounds: JitterBounds = { min: 40, max: 200 }, rates: StreamRates = { rate: 8000, clockRate: 8000 }) {
    const perMs = rates.rate / 1000;
    this.#perMs = perMs;
    this.#perUnit = rates.rate / rates.clockRate;
    this.#frame = 20 * perMs;
    this.#size = ringPerKHz * perMs;
    this.#mask = this.#size - 1;
    this.#jump = 1000 * perMs;
    this.#fade = fadeFrames * this.#frame;
    this.#trim = trimMs * perMs;
    this.#ring = new Int16Array(this.#size);
    this.#present = new Uint8Array(this.#size);
    this.#last = new Int16Array(this.#frame);
    this.#missing = this.#fade;
    this.#packet = this.#frame;
    this.#min = bounds.min * perMs;
    this.#max = bounds.max * perMs;
  }

  /** Samples between the next to be read and the last that came. */
  get level(): number {
    return this.#end - this.#read;
  }

  /** The delay aimed at, samples. */
  get target(): number {
    return Math.min(this.#max, Math.max(this.#min, this.#packet + this.#frame + this.#deviation));
  }

  /** Forgets all sound. */
  reset(): void {
    this.#present.fill(0);
    this.#waiting = [];
    this.#decoded = undefined;
    this.#state = "empty";
    this.#read = 0;
    this.#end = 0;
    this.#held = 0;
    this.#stretch = 0;
    this.#restarting = false;
    this.#suspect = undefined;
    this.#base = undefined;
    this.#missing = this.#fade;
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
    const position = this.#admit(length, timestamp, marker, now);
    if (position === undefined) return;
    const skipped = Math.max(0, this.#read - position);
    for (let i = skipped; i < length; i++) {
      const at = (position + i) & this.#mask;
      this.#ring[at] = law.linear[packet[offset + i] ?? 0] ?? 0;
      this.#present[at] = 1;
    }
    if (position + length > this.#end) this.#end = position + length;
  }

  /** Takes a packet of a codec with memory: it is decoded when it is its turn to be heard, after those before it. */
  insertEncoded(
    decoder: Decoder,
    packet: Uint8Array,
    offset: number,
    octets: number,
    timestamp: number,
    marker: boolean,
    now: number,
  ): void {
    const length = decoder.samples(packet, offset, octets);
    const position = this.#admit(length, timestamp, marker, now);
    if (position === undefined) return;
    for (let at = Math.max(position, this.#read); at < position + length; at++) this.#present[at & this.#mask] = 2;
    const waiting = { position, length, decoder, payload: packet.slice(offset, offset + octets) };
    const after = this.#waiting.findLastIndex((other) => other.position < position);
    this.#waiting.splice(after + 1, 0, waiting);
    if (position + length > this.#end) this.#end = position + length;
  }

  /** Decodes what is to be heard before `position`, and what is lost there, if the packet behind it says so. */
  #decode(position: number): void {
    for (let next = this.#waiting[0]; next !== undefined; next = this.#waiting[0]) {
      const gap = this.#decoded === undefined ? 0 : next.position - this.#decoded;
      const recoverable = gap > 0 && gap <= recoverableMs * this.#perMs && next.decoder.recover !== undefined;
      if (next.position - (recoverable ? gap : 0) >= position) return;
      this.#waiting.shift();
      this.#scratch ??= new Int16Array(this.#size / 2);
      const { payload, decoder } = next;
      if (recoverable) {
        const made = decoder.recover?.(payload, 0, payload.length, gap, this.#scratch) ?? 0;
        this.#put(next.position - gap, gap, made);
      }
      this.#put(next.position, next.length, decoder.decode(payload, 0, payload.length, this.#scratch));
      this.#decoded = next.position + next.length;
    }
  }

  /** Puts `made` samples of the scratch in their places; of `length` the rest is missing. What was there before stays. */
  #put(position: number, length: number, made: number): void {
    for (let i = Math.max(0, this.#read - position); i < length; i++) {
      const at = (position + i) & this.#mask;
      if (this.#present[at] === 1) continue;
      this.#ring[at] = this.#scratch?.[i] ?? 0;
      this.#present[at] = i < made ? 1 : 0;
    }
  }

  /** Where a packet's sound belongs; undefined when it is too late, there already, or not to be believed. */
  #admit(length: number, timestamp: number, marker: boolean, now: number): number | undefined {
    if (length === 0 || length > this.#size / 2) return undefined;
    const position = this.#place(timestamp, length, marker);
    if (position === undefined) return undefined;
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
      return undefined;
    }
    // More than the ring holds: the oldest go.
    const beyond = position + length - this.#read - this.#size;
    if (beyond > 0) this.#skip(beyond);
    if (this.#present[Math.max(position, this.#read) & this.#mask] !== 0) {
      this.duplicates++;
      return undefined;
    }
    return position;
  }

  /** The place of a packet in the ring, or undefined when it is not to be believed yet. */
  #place(timestamp: number, length: number, marker: boolean): number | undefined {
    if (this.#state === "empty") {
      this.#anchor(timestamp, this.#end);
      this.#refill(this.#end);
      this.#restarting = false;
      return this.#end;
    }
    const ahead = Math.round(((timestamp - this.#anchorTimestamp) | 0) * this.#perUnit);
    const position = this.#anchorPosition + ahead;
    const far = position - this.#end - this.#held > this.#jump || position + length < this.#read - this.#jump / 2;
    if (!this.#restarting && !far) {
      this.#suspect = undefined;
      if (position > this.#anchorPosition) this.#anchor(timestamp, position);
      return position;
    }
    // One odd timestamp is an error; two that follow on, a marker or a new source are a new start, right behind the old.
    const follows =
      this.#suspect !== undefined &&
      ((timestamp - this.#suspect) | 0) > 0 &&
      ((timestamp - this.#suspect) | 0) * this.#perUnit < this.#jump;
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
    const transit = now * this.#perMs - timestamp * this.#perUnit;
    if (this.#base === undefined || transit < this.#base || transit - this.#base > 2 * this.#jump) this.#base = transit;
    const deviation = transit - this.#base;
    this.#deviation = Math.max(deviation, this.#deviation * 0.998);
    // The earliest packet of an hour ago says little: the peer's clock drifts.
    this.#base += deviation * 0.002;
  }

  #skip(samples: number): void {
    const from = this.#read;
    const count = Math.min(samples, this.#size);
    for (let i = 0; i < count; i++) this.#present[(from + i) & this.#mask] = 0;
    this.#read += samples;
    if (this.#end < this.#read) this.#end = this.#read;
  }

  /** The next 20 ms into `out`, which has room for as many samples as that is. False: there is nothing but silence in it. */
  pull(out: Int16Array): boolean {
    if (this.#state === "filling") {
      this.#waited += this.#frame;
      if (this.level >= this.target || this.#waited > this.target) this.#state = "playing";
    }
    if (this.#state !== "playing") {
      this.#held = 0;
      return this.#conceal(out, 0, false);
    }
    if (this.#stretch >= this.#frame) {
      this.#stretch -= this.#frame;
      return this.#conceal(out, 0, true);
    }
    this.#decode(this.#read + this.#frame);
    this.#adapt();
    this.#decode(this.#read + this.#frame);
    const level = this.level;
    if (level <= 0) {
      this.#held += this.#frame;
      return this.#conceal(out, 0, this.#held < this.#fade);
    }
    const take = Math.min(level, this.#frame);
    let whole = true;
    for (let i = 0; i < take; i++) {
      const at = (this.#read + i) & this.#mask;
      if (this.#present[at] === 1) {
        this.#present[at] = 0;
        out[i] = this.#ring[at] ?? 0;
        this.#missing = 0;
      } else {
        this.#present[at] = 0;
        whole = false;
        out[i] = this.#madeUp();
        this.concealed++;
      }
    }
    this.#read += take;
    if (take < this.#frame) {
      this.#held += this.#frame - take;
      this.#conceal(out, take, true);
    } else if (whole) this.#last.set(out);
    return true;
  }

  #conceal(out: Int16Array, from: number, count: boolean): boolean {
    const heard = this.#missing < this.#fade;
    for (let i = from; i < this.#frame; i++) out[i] = this.#madeUp();
    if (count && heard) this.concealed += this.#frame - from;
    return heard;
  }

  /** One sample of the last frame again, ever more quietly. */
  #madeUp(): number {
    if (this.#missing >= this.#fade) return 0;
    const sample = this.#last[this.#missing % this.#frame] ?? 0;
    const faded = (sample * (this.#fade - this.#missing)) / this.#fade;
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
      this.#excess = this.#lowest - this.target > this.#trim ? this.#excess + 1 : 0;
      this.#lowest = Number.POSITIVE_INFINITY;
      this.#frames = 0;
    }
    if (this.#excess === 0 || level <= this.target + this.#trim) return;
    if (this.#excess < patience && this.#peakAhead() > quietPeak) return;
    this.#skip(this.#trim);
    this.#excess = 0;
  }

  #peakAhead(): number {
    let peak = 0;
    for (let i = 0; i < this.#trim; i++)
      peak = Math.max(peak, Math.abs(this.#ring[(this.#read + i) & this.#mask] ?? 0));
    return peak;
  }
}
