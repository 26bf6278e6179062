/**
 * G.722 at 64 kbit/s (ITU-T G.722, RFC 3551 §4.5.2): 16 kHz sound, split into two bands by a quadrature mirror filter, each
 * coded by adaptive prediction; one octet for two samples. The names of steps are those of the Recommendation's blocks.
 */
import { saturated } from "./g711.ts";

/** Half of the symmetric filter of 24 taps that splits and joins the bands (G.722 table 11). */
const qmf = [3, -11, 12, 32, -210, 951, 3876, -805, 362, -156, 53, -11] as const;

/** What differs between the bands: quantiser step adaption (LOGSCL and LOGSCH, SCALEL and SCALEH). */
interface BandShape {
  readonly firstStep: number;
  readonly highestLog: number;
  readonly shift: number;
}
const lowShape: BandShape = { firstStep: 32, highestLog: 18_432, shift: 8 };
const highShape: BandShape = { firstStep: 8, highestLog: 22_528, shift: 10 };

/** 2048 × 2^(n/32): the mantissas of quantiser steps. */
const mantissas = [
  2048, 2093, 2139, 2186, 2233, 2282, 2332, 2383, 2435, 2489, 2543, 2599, 2656, 2714, 2774, 2834, 2896, 2960, 3025,
  3091, 3158, 3228, 3298, 3371, 3444, 3520, 3597, 3676, 3756, 3838, 3922, 4008,
] as const;

/** Decision levels of the low band's 60 intervals, and what the lower one of each pair of signs is called. */
const lowLevels = [
  35, 72, 110, 150, 190, 233, 276, 323, 370, 422, 473, 530, 587, 650, 714, 786, 858, 940, 1023, 1121, 1219, 1339, 1458,
  1612, 1765, 1980, 2195, 2557, 2919,
] as const;
/** Magnitudes in the middle of these intervals (QQ6), from the smallest. */
const lowMiddles = [
  136, 432, 728, 1040, 1360, 1688, 2032, 2400, 2776, 3168, 3576, 4008, 4464, 4944, 5456, 6000, 6576, 7192, 7856, 8576,
  9360, 10232, 11192, 12280, 13512, 14984, 16704, 19008, 21904, 24808,
] as const;
/** The same for the four bits that the predictor sees (QQ4). */
const coarseMiddles = [0, 1200, 2584, 4240, 6288, 8968, 12896, 20456] as const;
/** How the low band's step grows with the coarse magnitude (WL). */
const lowGrowth = [-60, -30, 58, 172, 334, 538, 1198, 3042] as const;
const highLevel = 564;

/** Code words of the low band by interval, for values above and below zero: 61 down to 32, and 63, 62, 31 down to 4. */
const lowAbove = lowMiddles.map((_, interval) => 61 - interval);
const lowBelow = lowMiddles.map((_, interval) => (interval < 2 ? 63 - interval : 33 - interval));

/** Each code word's value, in units of the step: of all six bits, and of the four most significant. */
const lowValues = new Int16Array(64).fill(-136);
lowAbove.forEach((code, interval) => {
  lowValues[code] = lowMiddles[interval] ?? 0;
});
lowBelow.forEach((code, interval) => {
  lowValues[code] = -(lowMiddles[interval] ?? 0);
});
const coarseValues = new Int16Array(16);
const coarseGrowth = new Int16Array(16);
for (let code = 0; code < 16; code++) {
  const above = code >= 8;
  const magnitude = above ? 15 - code : code === 0 ? 0 : 8 - code;
  const value = coarseMiddles[magnitude] ?? 0;
  coarseValues[code] = above ? value : -value;
  coarseGrowth[code] = lowGrowth[magnitude] ?? 0;
}
const highValues = [-7408, -1616, 7408, 1616] as const;
const highGrowth = [798, -214, 798, -214] as const;

/** One band's predictor: two poles, six zeros, and the quantiser's step. */
class Band {
  /** The signal as predicted. */
  predicted = 0;
  step: number;
  #shape: BandShape;
  #log = 0;
  #zeroPart = 0;
  #pole1 = 0;
  #pole2 = 0;
  #zeros = new Int32Array(6);
  /** Quantised differences, the newest first. */
  #differences = new Int32Array(6);
  #reconstructed1 = 0;
  /** Signs of the two partly reconstructed signals before. */
  #sign1 = 0;
  #sign2 = 0;

  constructor(shape: BandShape) {
    this.#shape = shape;
    this.step = shape.firstStep;
  }

  /** LOGSCL, SCALEL and their like: the step that follows. */
  adapt(growth: number): void {
    const { highestLog, shift } = this.#shape;
    const log = ((this.#log * 127) >> 7) + growth;
    this.#log = log < 0 ? 0 : log > highestLog ? highestLog : log;
    const mantissa = mantissas[(this.#log >> 6) & 31] ?? 0;
    const right = shift - (this.#log >> 11);
    this.step = (right < 0 ? mantissa << -right : mantissa >> right) << 2;
  }

  /** BLOCK 4: takes the quantised difference and predicts the next sample. */
  update(difference: number): void {
    const reconstructed = saturated(this.predicted + difference);
    const partly = saturated(this.#zeroPart + difference);
    const sign = partly >> 15;
    // UPPOL2, UPPOL1
    const same1 = sign === this.#sign1;
    const lean = saturated(this.#pole1 << 2);
    const leaning = same1 ? (lean === -32768 ? 32767 : -lean) : lean;
    let pole2 = (sign === this.#sign2 ? 128 : -128) + (leaning >> 7) + ((this.#pole2 * 32512) >> 15);
    pole2 = pole2 > 12288 ? 12288 : pole2 < -12288 ? -12288 : pole2;
    let pole1 = saturated((same1 ? 192 : -192) + ((this.#pole1 * 32640) >> 15));
    const bound = saturated(15360 - pole2);
    pole1 = pole1 > bound ? bound : pole1 < -bound ? -bound : pole1;
    // UPZERO, DELAYA, FILTEZ
    const zeros = this.#zeros;
    const differences = this.#differences;
    const pull = difference === 0 ? 0 : 128;
    const down = difference >> 15;
    for (let i = 0; i < 6; i++) {
      const pulled = (differences[i] ?? 0) >> 15 === down ? pull : -pull;
      zeros[i] = saturated(pulled + (((zeros[i] ?? 0) * 32640) >> 15));
    }
    differences.copyWithin(1, 0, 5);
    differences[0] = difference;
    let zeroPart = 0;
    for (let i = 5; i >= 0; i--) zeroPart += ((zeros[i] ?? 0) * saturated(2 * (differences[i] ?? 0))) >> 15;
    this.#zeroPart = saturated(zeroPart);
    // FILTEP, PREDIC
    const polePart = saturated(
      ((pole1 * saturated(2 * reconstructed)) >> 15) + ((pole2 * saturated(2 * this.#reconstructed1)) >> 15),
    );
    this.predicted = saturated(polePart + this.#zeroPart);
    this.#pole1 = pole1;
    this.#pole2 = pole2;
    this.#reconstructed1 = reconstructed;
    this.#sign2 = this.#sign1;
    this.#sign1 = sign;
  }
}

/** Both bands' predictors: what coder and decoder have in common. */
class Bands {
  protected readonly low = new Band(lowShape);
  protected readonly high = new Band(highShape);
  /** The filter's 24 samples, the newest last. */
  protected readonly line = new Int32Array(24);

  /** The predictors follow on a code word. */
  protected follow(lowCode: number, highCode: number): void {
    const { low, high } = this;
    const coarse = lowCode >> 2;
    const lowDifference = (low.step * (coarseValues[coarse] ?? 0)) >> 15;
    low.adapt(coarseGrowth[coarse] ?? 0);
    low.update(lowDifference);
    const highDifference = (high.step * (highValues[highCode & 3] ?? 0)) >> 15;
    high.adapt(highGrowth[highCode & 3] ?? 0);
    high.update(highDifference);
  }
}

export class G722Encoder extends Bands {
  /** Encodes `count` samples at 16 kHz (an even number) into `to` at `offset`; answers the octets made: half as many. */
  encode(from: Int16Array, to: Uint8Array, offset: number, count: number = from.length): number {
    const { line } = this;
    for (let i = 0; i + 1 < count; i += 2) {
      line.copyWithin(0, 2);
      line[22] = from[i] ?? 0;
      line[23] = from[i + 1] ?? 0;
      let even = 0;
      let odd = 0;
      for (let tap = 0; tap < 12; tap++) {
        odd += (line[2 * tap] ?? 0) * (qmf[tap] ?? 0);
        even += (line[2 * tap + 1] ?? 0) * (qmf[11 - tap] ?? 0);
      }
      to[offset + (i >> 1)] = this.#code((even + odd) >> 14, (even - odd) >> 14);
    }
    return count >> 1;
  }

  #code(low: number, high: number): number {
    const lowError = saturated(low - this.low.predicted);
    const lowSize = lowError < 0 ? -(lowError + 1) : lowError;
    let interval = 0;
    while (interval < lowLevels.length && lowSize >= ((lowLevels[interval] ?? 0) * this.low.step) >> 12) interval++;
    const lowCode = (lowError < 0 ? lowBelow : lowAbove)[interval] ?? 0;
    const highError = saturated(high - this.high.predicted);
    const highSize = highError < 0 ? -(highError + 1) : highError;
    const far = highSize >= (highLevel * this.high.step) >> 12;
    const highCode = highError < 0 ? (far ? 0 : 1) : far ? 2 : 3;
    this.follow(lowCode, highCode);
    return (highCode << 6) | lowCode;
  }
}

const limited = (value: number) => (value > 16383 ? 16383 : value < -16384 ? -16384 : value);

export class G722Decoder extends Bands {
  /** Decodes `length` octets of `packet` from `offset` into `out`; answers the samples made: twice as many, at 16 kHz. */
  decode(packet: Uint8Array, offset: number, length: number, out: Int16Array): number {
    const { line } = this;
    for (let i = 0; i < length; i++) {
      const code = packet[offset + i] ?? 0;
      const lowCode = code & 0x3f;
      const highCode = code >> 6;
      const low = limited(this.low.predicted + ((this.low.step * (lowValues[lowCode] ?? 0)) >> 15));
      const high = limited(this.high.predicted + ((this.high.step * (highValues[highCode] ?? 0)) >> 15));
      this.follow(lowCode, highCode);
      line.copyWithin(0, 2);
      line[22] = low + high;
      line[23] = low - high;
      let first = 0;
      let second = 0;
      for (let tap = 0; tap < 12; tap++) {
        second += (line[2 * tap] ?? 0) * (qmf[tap] ?? 0);
        first += (line[2 * tap + 1] ?? 0) * (qmf[11 - tap] ?? 0);
      }
      out[2 * i] = saturated(first >> 11);
      out[2 * i + 1] = saturated(second >> 11);
    }
    return 2 * length;
  }
}
