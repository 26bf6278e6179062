/** G.711 (ITU-T G.711, RFC 3551 §4.5.14): PCMU and PCMA by tables, one octet per sample at 8 kHz. */
import type { G711Name } from "../types.ts";

export interface G711 {
  readonly name: G711Name;
  /** The octet of silence. */
  readonly silence: number;
  /** 16-bit linear value of each octet. */
  readonly linear: Int16Array;
  /** Octet of each 16-bit sample, by its 14 most significant bits: `octets[(sample >> 2) & 0x3fff]`. */
  readonly octets: Uint8Array;
}

/** One 13- or 14-bit magnitude in its segment: what both laws share is the search for the highest set bit. */
function segmentOf(magnitude: number): number {
  return 31 - Math.clz32(magnitude);
}

function ulawOctet(sample14: number): number {
  const sign = sample14 < 0 ? 0x7f : 0xff;
  // The bias makes each segment start at a power of two; 8159 would be the next one: G.711 clips just below.
  const magnitude = Math.min(sample14 < 0 ? -sample14 : sample14, 8158) + 33;
  const segment = segmentOf(magnitude) - 5;
  return (sign ^ ((segment << 4) | ((magnitude >> (segment + 1)) & 0x0f))) & 0xff;
}

function ulawLinear(octet: number): number {
  const bits = ~octet & 0xff;
  const magnitude = ((((bits & 0x0f) << 3) + 0x84) << ((bits & 0x70) >> 4)) - 0x84;
  return bits & 0x80 ? -magnitude : magnitude;
}

function alawOctet(sample13: number): number {
  // Even bits are inverted on the line (G.711 §3); negative values count from -1 down.
  const mask = sample13 < 0 ? 0x55 : 0xd5;
  const magnitude = sample13 < 0 ? -sample13 - 1 : sample13;
  const segment = Math.max(0, segmentOf(magnitude) - 4);
  const step = segment < 2 ? (magnitude >> 1) & 0x0f : (magnitude >> segment) & 0x0f;
  return mask ^ ((segment << 4) | step);
}

function alawLinear(octet: number): number {
  const bits = octet ^ 0x55;
  const segment = (bits & 0x70) >> 4;
  const step = ((bits & 0x0f) << 4) + (segment === 0 ? 8 : 0x108);
  const magnitude = segment > 1 ? step << (segment - 1) : step;
  return bits & 0x80 ? magnitude : -magnitude;
}

function tables(name: G711Name, toOctet: (sample14: number) => number, toLinear: (octet: number) => number): G711 {
  const linear = new Int16Array(256).map((_, octet) => toLinear(octet));
  const octets = new Uint8Array(0x4000).map((_, index) => toOctet((index << 18) >> 18));
  return { name, silence: toOctet(0), linear, octets };
}

export const g711: Readonly<Record<G711Name, G711>> = {
  PCMU: tables("PCMU", ulawOctet, ulawLinear),
  PCMA: tables("PCMA", (sample14) => alawOctet(sample14 >> 1), alawLinear),
};

/** Encodes `count` samples of `from` into `to` at `offset`. */
export function encode(law: G711, from: Int16Array, to: Uint8Array, offset: number, count: number): void {
  const { octets } = law;
  for (let i = 0; i < count; i++) to[offset + i] = octets[((from[i] ?? 0) >> 2) & 0x3fff] ?? 0;
}

/** Decodes `count` octets of `from`, starting at `offset`, into `to`. */
export function decode(law: G711, from: Uint8Array, offset: number, to: Int16Array, count: number): void {
  const { linear } = law;
  for (let i = 0; i < count; i++) to[i] = linear[from[offset + i] ?? 0] ?? 0;
}

/** A sum of samples as one sample: clipped, never wrapped around. */
export function saturated(sum: number): number {
  return Math.max(-32768, Math.min(32767, sum));
}
