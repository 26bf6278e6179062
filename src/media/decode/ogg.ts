/** Ogg (RFC 3533) taken apart: the packets of the first stream, from octets as they come. */
import { SoundError } from "../wav-reader.ts";

/** Longer packets have no place in sound: the longest of Opus has 61,440 octets, and comments with pictures come first. */
const maxPacket = 16 << 20;
const headerSize = 27;

export interface OggPacket {
  data: Uint8Array;
  /** Samples up to the end of its page, where it is the last there; else undefined. */
  granule: number | undefined;
}

export class OggReader {
  #pending: Uint8Array = new Uint8Array(0);
  #serial: number | undefined;
  /** The beginning of a packet that goes on in the next page. */
  #parts: Uint8Array[] = [];
  #length = 0;

  /** Takes octets; answers the packets that they complete. Throws SoundError for what is no Ogg. */
  push(octets: Uint8Array): OggPacket[] {
    this.#pending = this.#pending.length === 0 ? octets : Buffer.concat([this.#pending, octets]);
    const packets: OggPacket[] = [];
    let at = 0;
    for (;;) {
      const size = this.#page(at, packets);
      if (size === undefined) break;
      at += size;
    }
    this.#pending = this.#pending.slice(at);
    return packets;
  }

  /** Reads the page at `at`; answers its size, or undefined when it is not there in full. */
  #page(at: number, packets: OggPacket[]): number | undefined {
    const octets = this.#pending;
    if (octets.length < at + headerSize) return undefined;
    const view = new DataView(octets.buffer, octets.byteOffset + at);
    if (view.getUint32(0) !== 0x4f676753 || view.getUint8(4) !== 0) throw new SoundError("its Ogg pages are broken");
    const segments = view.getUint8(26);
    if (octets.length < at + headerSize + segments) return undefined;
    const table = octets.subarray(at + headerSize, at + headerSize + segments);
    const size = headerSize + segments + table.reduce((sum, length) => sum + length, 0);
    if (octets.length < at + size) return undefined;
    this.#serial ??= view.getUint32(14, true);
    if (view.getUint32(14, true) !== this.#serial) return size;
    // Positions beyond 2^53 samples are not believed: -1, "none ends here", among them.
    const position = view.getBigInt64(6, true);
    const granule = position < 0n || position > 0x1fffffffffffffn ? undefined : Number(position);
    const before = packets.length;
    let from = at + headerSize + segments;
    for (const length of table) {
      this.#parts.push(octets.slice(from, from + length));
      this.#length += length;
      from += length;
      if (this.#length > maxPacket) throw new SoundError("a packet in it is too long");
      if (length === 255) continue;
      packets.push({ data: Buffer.concat(this.#parts), granule: undefined });
      this.#parts = [];
      this.#length = 0;
    }
    const last = packets.at(-1);
    if (last !== undefined && packets.length > before) last.granule = granule;
    return size;
  }
}
