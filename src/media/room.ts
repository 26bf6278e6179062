/**
 * A room mixes the sound of its members, in the media worker: each hears the sum of the others and not itself.
 *
 * Members tick every 20 ms, each in its own phase, so the room has a time line of slots. A member adds its frame to the
 * slot of its own place in time and takes the slot `delay` places before, which all others have filled by then. What
 * it put there itself is taken off again: the work grows with the members, not with their pairs. Two joined calls are a room of two.
 */
import { StreamResampler } from "./tap-resample.ts";
import { addTone, type ToneSpan } from "./tones.ts";

/** Slots between what a member adds and what it takes: 40 ms, for members whose ticks come late. */
const delay = 2;
/** A power of two: slots are masked. */
const slots = 16;
const mask = slots - 1;
/** A member so many slots from the others' time has stood still: it goes on at theirs. */
const tolerance = 4;
/** One that is late, so that others miss what it says, may make up for it in so many ticks. */
const patience = 3;
/** Hz: no room needs more than wideband speech has. */
const highestRate = 16_000;

export class Room {
  #rate = 8000;
  /** Sums of the members' frames. */
  #sums: Int32Array[] = [];
  /** The place of the member that is furthest. */
  #head = 0;
  readonly #seats = new Set<Seat>();
  #tones: { spans: readonly ToneSpan[]; samples: number }[] = [];

  get size(): number {
    return this.#seats.size;
  }

  get members(): Iterable<Seat> {
    return this.#seats;
  }

  get rate(): number {
    return this.#rate;
  }

  get head(): number {
    return this.#head;
  }

  enter(): Seat {
    const seat = new Seat(this);
    this.#seats.add(seat);
    if (this.#seats.size === 1) this.#clear(8000);
    return seat;
  }

  leave(seat: Seat): void {
    this.#seats.delete(seat);
  }

  /** Whether something of the room's own is heard. */
  get sounding(): boolean {
    return this.#tones.length > 0;
  }

  /** Has all members hear something short, from now on. */
  announce(spans: readonly ToneSpan[]): void {
    // Who comes and goes all the time is not heard all the time.
    if (this.#tones.length < 2) this.#tones.push({ spans, samples: 0 });
  }

  /** The slot of a place in time, made when the first member gets there. */
  slot(place: number): Int32Array {
    while (this.#head < place) {
      this.#head++;
      const fresh = this.#sums[this.#head & mask]?.fill(0);
      if (fresh !== undefined) this.#sound(fresh);
    }
    return this.#sums[place & mask] ?? this.#clear(this.#rate);
  }

  /** A member's sound has that many samples a second: the room takes the best that it can use. */
  adapt(): void {
    let best = 8000;
    for (const { soundRate } of this.#seats) best = Math.max(best, Math.min(soundRate, highestRate));
    if (best !== this.#rate) this.#clear(best);
  }

  #clear(rate: number): Int32Array {
    this.#rate = rate;
    this.#sums = Array.from({ length: slots }, () => new Int32Array(rate / 50));
    for (const seat of this.#seats) seat.forget();
    return this.#sums[this.#head & mask] ?? new Int32Array(rate / 50);
  }

  #sound(slot: Int32Array): void {
    const [tone] = this.#tones;
    if (tone === undefined) return;
    const over = addTone(tone.spans, this.#rate, tone.samples, slot);
    tone.samples += slot.length;
    if (over) this.#tones.shift();
  }
}

/** A member's place in a room. */
export class Seat {
  /** Heard by the others; false: it only listens. */
  heard = true;
  /** Hz of what comes in and goes out. */
  soundRate = 8000;
  readonly room: Room;
  #place: number;
  /** Ticks for which it has been behind the others. */
  #late = 0;
  /** What was added to each of the last slots, and at which place in time. */
  #own: Int16Array[] = [];
  #ownAt: number[] = [];
  #out = new Int16Array(160);
  #toRoom: { resampler: StreamResampler; frame: Int16Array } | undefined;
  #fromRoom: { resampler: StreamResampler; frame: Int16Array } | undefined;

  constructor(room: Room) {
    this.room = room;
    this.#place = room.head;
    this.forget();
  }

  /** The room begins anew, at its present rate. */
  forget(): void {
    const samples = this.room.rate / 50;
    this.#own = Array.from({ length: delay + 2 }, () => new Int16Array(samples));
    this.#ownAt = this.#own.map(() => -1);
    this.#out = new Int16Array(samples);
    this.#toRoom = undefined;
    this.#fromRoom = undefined;
  }

  leave(): void {
    this.room.leave(this);
  }

  /**
   * One tick: gives the room what the member says and answers what it hears, `extra` with it; undefined is silence.
   * @param rate Hz of `said`, `extra` and the answer
   * @param ticks of 20 ms since the last call
   */
  exchange(said: Int16Array, extra: Int16Array | undefined, rate: number, ticks: number): Int16Array | undefined {
    const { room } = this;
    if (rate !== this.soundRate) {
      this.soundRate = rate;
      room.adapt();
      this.forget();
    }
    this.#place += ticks;
    const late = room.head - this.#place;
    this.#late = late >= delay ? this.#late + 1 : 0;
    if (Math.abs(late) > tolerance || this.#late > patience) {
      this.#place = room.head;
      this.#late = 0;
    }
    const place = this.#place;
    const sum = room.slot(place);
    if (this.heard) this.#add(this.#atRoomRate(said, rate), sum, place);
    if (room.size < 2) return extra;
    const out = this.#take(room.slot(place - delay), place - delay);
    return mixed(this.#atOwnRate(out, rate), extra);
  }

  #add(frame: Int16Array, sum: Int32Array, place: number): void {
    const at = place % this.#own.length;
    const own = this.#own[at];
    if (own === undefined) return;
    this.#ownAt[at] = place;
    for (let i = 0; i < own.length; i++) {
      const sample = frame[i] ?? 0;
      own[i] = sample;
      sum[i] = (sum[i] ?? 0) + sample;
    }
  }

  #take(sum: Int32Array, place: number): Int16Array {
    const out = this.#out;
    const at = (place + this.#own.length) % this.#own.length;
    const own = this.#ownAt[at] === place ? this.#own[at] : undefined;
    for (let i = 0; i < out.length; i++) {
      const others = (sum[i] ?? 0) - (own?.[i] ?? 0);
      out[i] = others > 32767 ? 32767 : others < -32768 ? -32768 : others;
    }
    return out;
  }

  #atRoomRate(frame: Int16Array, rate: number): Int16Array {
    const { room } = this;
    if (rate === room.rate) return frame;
    this.#toRoom ??= { resampler: new StreamResampler(rate, room.rate), frame: new Int16Array(room.rate / 50) };
    this.#toRoom.resampler.push(frame, this.#toRoom.frame);
    return this.#toRoom.frame;
  }

  #atOwnRate(frame: Int16Array, rate: number): Int16Array {
    const { room } = this;
    if (rate === room.rate) return frame;
    this.#fromRoom ??= { resampler: new StreamResampler(room.rate, rate), frame: new Int16Array(rate / 50) };
    this.#fromRoom.resampler.push(frame, this.#fromRoom.frame);
    return this.#fromRoom.frame;
  }
}

/** `frame` with `extra` added to it, in place. */
export function mixed(frame: Int16Array, extra: Int16Array | undefined): Int16Array {
  if (extra === undefined) return frame;
  for (let i = 0; i < frame.length; i++) {
    const sum = (frame[i] ?? 0) + (extra[i] ?? 0);
    frame[i] = sum > 32767 ? 32767 : sum < -32768 ? -32768 : sum;
  }
  return frame;
}
