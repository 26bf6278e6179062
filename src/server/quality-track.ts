/** The quality of one call's sound from count to count: as a whole, as a time series that stays small, and at its worst. */
import {
  estimateMos,
  type LiveQuality,
  type Quality,
  type QualityMoment,
  type QualitySample,
  type StreamQuality,
} from "../control/quality.ts";

/** What was counted of one direction since the beginning. */
export interface StreamCount {
  readonly packets: number;
  readonly octets: number;
  /** Undefined: nobody has told. */
  readonly lost: number | undefined;
  /** ms. */
  readonly jitter: number | undefined;
}

export interface QualityCount {
  readonly received: StreamCount;
  readonly sent: StreamCount;
  readonly roundTrip: number | undefined;
}

/** Rows of the series; when it is full two become one, and each interval lasts twice as long from then on. */
const mostRows = 240;
const firstRows = 24;
/** Of a row: its time, then rate, loss, jitter and score of both directions, then the round trip. */
const width = 10;
/** Packets of an interval that say something of it. */
const telling = 10;

/** A score below which an interval is bad (G.109: many users dissatisfied), and that from which one is good again. */
const poorBelow = 3.1;
const wellFrom = 3.6;

/** A call has begun to sound bad, or sounds well again. */
export interface QualityChange {
  readonly poor: boolean;
  readonly direction: "received" | "sent";
  readonly moment: QualityMoment & { readonly mos: number };
}

const nothing: StreamCount = { packets: 0, octets: 0, lost: undefined, jitter: undefined };

export class QualityTrack {
  codec: string | undefined;
  /** The least score of an interval, in either direction. */
  worst: number | undefined;
  readonly #begin: number;
  #last: QualityCount = { received: nothing, sent: nothing, roundTrip: undefined };
  #counted = 0;
  #poor = false;
  #rows = new Float32Array(firstRows * width);
  #used = 0;
  /** Counts that go into one row, and those that have gone into the one being made. */
  #perRow = 1;
  #merged = 0;

  /** @param begin ms since 1970 */
  constructor(begin: number) {
    this.#begin = begin;
    this.#counted = begin;
  }

  /** Whether it sounds bad at the moment. @param at ms since 1970 */
  count(count: QualityCount, at: number): QualityChange | undefined {
    const seconds = (at - this.#counted) / 1000;
    const before = this.#last;
    this.#last = count;
    this.#counted = at;
    // A count in between, which somebody else has asked for, or the last one just after another.
    if (seconds < 0.5) return undefined;
    const received = this.#moment(before.received, count.received, seconds, undefined);
    const sent = this.#moment(before.sent, count.sent, seconds, count.roundTrip);
    for (const { mos } of [received, sent]) if (mos !== undefined) this.worst = Math.min(this.worst ?? mos, mos);
    this.#add(at, received, sent, count.roundTrip);
    return this.#changed(received, sent);
  }

  #changed(received: QualityMoment, sent: QualityMoment): QualityChange | undefined {
    const worse = (sent.mos ?? 5) < (received.mos ?? 5) ? "sent" : "received";
    const moment = worse === "sent" ? sent : received;
    const { mos } = moment;
    if (mos === undefined || (this.#poor ? mos < wellFrom : mos >= poorBelow)) return undefined;
    this.#poor = !this.#poor;
    return { poor: this.#poor, direction: worse, moment: { ...moment, mos } };
  }

  get now(): Quality {
    const { received, sent, roundTrip } = this.#last;
    return {
      codec: this.codec,
      roundTrip: rounded(roundTrip),
      received: this.#whole(received, undefined),
      sent: this.#whole(sent, roundTrip),
    };
  }

  /** The score of the last interval, in the worse direction. */
  get recent(): number | undefined {
    const row = (this.#used - 1) * width;
    const scores = [this.#rows[row + 4], this.#rows[row + 8]].filter((mos) => mos !== undefined && !Number.isNaN(mos));
    return scores.length === 0 ? undefined : Math.min(...scores.map(Number));
  }

  get live(): LiveQuality {
    const series: QualitySample[] = [];
    for (let row = 0; row < this.#used; row++) {
      const value = (column: number): number | undefined => {
        const found = this.#rows[row * width + column];
        return found === undefined || Number.isNaN(found) ? undefined : rounded(found);
      };
      const moment = (from: number): QualityMoment => ({
        rate: value(from) ?? 0,
        loss: value(from + 1),
        jitter: value(from + 2),
        mos: value(from + 3),
      });
      const at = Math.round(this.#begin + 1000 * (this.#rows[row * width] ?? 0));
      series.push({ at, received: moment(1), sent: moment(5), roundTrip: value(9) });
    }
    return { now: this.now, series };
  }

  #whole({ packets, octets, lost, jitter }: StreamCount, roundTrip: number | undefined): StreamQuality {
    const loss = lossOf(lost, packets);
    const mos =
      loss === undefined || packets < telling
        ? undefined
        : estimateMos({ codec: this.codec, loss, jitter, roundTrip: roundTrip ?? this.#last.roundTrip });
    const known = lost === undefined ? undefined : Math.max(0, lost);
    return { packets, octets, lost: known, loss: rounded(loss), jitter: rounded(jitter), mos };
  }

  #moment(before: StreamCount, now: StreamCount, seconds: number, roundTrip: number | undefined): QualityMoment {
    const packets = Math.max(0, now.packets - before.packets);
    const lost = now.lost === undefined ? undefined : now.lost - (before.lost ?? 0);
    const loss = packets === 0 && (lost ?? 0) <= 0 ? undefined : lossOf(lost, packets);
    const mos =
      loss === undefined || packets + Math.max(0, lost ?? 0) < telling
        ? undefined
        : estimateMos({ codec: this.codec, loss, jitter: now.jitter, roundTrip: roundTrip ?? this.#last.roundTrip });
    return { rate: packets / seconds, loss, jitter: now.jitter, mos };
  }

  #add(at: number, received: QualityMoment, sent: QualityMoment, roundTrip: number | undefined): void {
    const row = [(at - this.#begin) / 1000, ...valuesOf(received), ...valuesOf(sent), roundTrip ?? Number.NaN];
    if (this.#merged > 0) this.#merge(this.#used - 1, row, this.#merged);
    else {
      if (this.#used === mostRows) this.#halve();
      if ((this.#used + 1) * width > this.#rows.length) {
        const larger = new Float32Array(Math.min(mostRows, 2 * (this.#rows.length / width)) * width);
        larger.set(this.#rows);
        this.#rows = larger;
      }
      this.#rows.set(row, this.#used * width);
      this.#used++;
    }
    this.#merged = (this.#merged + 1) % this.#perRow;
  }

  /** Takes `row` into a row that is made of `count` already: means, but of scores the least. */
  #merge(into: number, row: readonly number[], count: number): void {
    for (const [column, value] of row.entries()) {
      const at = into * width + column;
      const known = this.#rows[at] ?? Number.NaN;
      const both = column === 4 || column === 8 ? Math.min(known, value) : (known * count + value) / (count + 1);
      this.#rows[at] = column === 0 ? value : Number.isNaN(known) ? value : Number.isNaN(value) ? known : both;
    }
  }

  #halve(): void {
    for (let row = 0; row < mostRows; row += 2) {
      const second = [...this.#rows.subarray((row + 1) * width, (row + 2) * width)];
      this.#merge(row, second, 1);
      this.#rows.copyWithin((row / 2) * width, row * width, (row + 1) * width);
    }
    this.#used = mostRows / 2;
    this.#perRow *= 2;
  }
}

/** Which part of what was sent did not arrive; duplicates make `lost` negative. */
function lossOf(lost: number | undefined, packets: number): number | undefined {
  if (lost === undefined) return undefined;
  const missing = Math.max(0, lost);
  return packets + missing === 0 ? undefined : missing / (packets + missing);
}

function valuesOf({ rate, loss, jitter, mos }: QualityMoment): number[] {
  return [rate, loss ?? Number.NaN, jitter ?? Number.NaN, mos ?? Number.NaN];
}

function rounded<T extends number | undefined>(value: T): T | number {
  return value === undefined ? value : Math.round(value * 10_000) / 10_000;
}
