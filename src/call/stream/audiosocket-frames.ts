/**
 * The frames of AudioSocket, as Asterisk's `res_audiosocket` speaks it: a type octet, a length of two octets (big-endian),
 * then so many octets. Sans-IO.
 */

export const audioSocketType = { terminate: 0x00, uuid: 0x01, dtmf: 0x03, error: 0xff } as const;

/** Types of sound by rate, Hz: 16-bit linear, little-endian, one channel. */
const soundTypes: ReadonlyMap<number, number> = new Map([
  [8000, 0x10],
  [16_000, 0x12],
  [24_000, 0x13],
]);

export function soundType(rate: number): number {
  return soundTypes.get(rate) ?? 0x10;
}

export interface AudioSocketFrame {
  readonly type: number;
  readonly payload: Uint8Array;
}

const headerSize = 3;

/** @param payload at most 65,535 octets */
export function audioSocketFrame(type: number, payload: Uint8Array): Uint8Array {
  const frame = new Uint8Array(headerSize + payload.length);
  frame[0] = type;
  frame[1] = payload.length >> 8;
  frame[2] = payload.length & 0xff;
  frame.set(payload, headerSize);
  return frame;
}

/** Cuts a stream of octets into frames; keeps at most one that is not complete: 64 KiB. */
export class AudioSocketReader {
  #rest: Uint8Array = new Uint8Array(0);

  push(octets: Uint8Array): AudioSocketFrame[] {
    const all = this.#rest.length === 0 ? octets : Buffer.concat([this.#rest, octets]);
    const frames: AudioSocketFrame[] = [];
    let at = 0;
    while (at + headerSize <= all.length) {
      const end = at + headerSize + (((all[at + 1] ?? 0) << 8) | (all[at + 2] ?? 0));
      if (end > all.length) break;
      frames.push({ type: all[at] ?? 0, payload: all.subarray(at + headerSize, end) });
      at = end;
    }
    this.#rest = all.slice(at);
    return frames;
  }
}

/** The 16 octets of a UUID as text; undefined when it is none. */
export function uuidOctets(text: string): Uint8Array | undefined {
  const hex = text.replaceAll("-", "");
  return /^[0-9a-f]{32}$/i.test(hex) ? Uint8Array.from(Buffer.from(hex, "hex")) : undefined;
}
