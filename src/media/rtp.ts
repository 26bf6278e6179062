/** RTP packets (RFC 3550 §5.1) and what a receiver counts of one source (RFC 3550 appendix A). */

/** Clock rate of PCMU, PCMA and telephone-event here, Hz. */
export const clockRate = 8000;
/** The pace of everything: one frame is 20 ms. */
export const frameMs = 20;
export const frameSamples = 160;

/** The fields of one packet. Made once and filled again for each packet. */
export interface RtpHeader {
  marker: boolean;
  payloadType: number;
  sequence: number;
  timestamp: number;
  ssrc: number;
  /** Where the payload starts, and its length without padding, octets. */
  offset: number;
  length: number;
}

export function newRtpHeader(): RtpHeader {
  return { marker: false, payloadType: 0, sequence: 0, timestamp: 0, ssrc: 0, offset: 0, length: 0 };
}

const u16 = (octets: Uint8Array, at: number) => ((octets[at] ?? 0) << 8) | (octets[at + 1] ?? 0);
const u32 = (octets: Uint8Array, at: number) => ((u16(octets, at) << 16) | u16(octets, at + 2)) >>> 0;

/** Reads a packet's header; false, with `into` unchanged, when the octets are no RTP packet (RFC 3550 A.1). */
export function parseRtp(packet: Uint8Array, into: RtpHeader): boolean {
  const size = packet.length;
  if (size < 12) return false;
  const first = packet[0] ?? 0;
  const second = packet[1] ?? 0;
  if (first >> 6 !== 2) return false;
  // What RTCP types look like as payload type and marker (RFC 5761 §4).
  if (second >= 192 && second <= 223) return false;
  let offset = 12 + 4 * (first & 0x0f);
  if (first & 0x10) {
    if (offset + 4 > size) return false;
    offset += 4 + 4 * u16(packet, offset + 2);
  }
  let end = size;
  if (first & 0x20) {
    const padding = packet[size - 1] ?? 0;
    if (padding === 0) return false;
    end -= padding;
  }
  if (offset > end) return false;
  into.marker = second >= 0x80;
  into.payloadType = second & 0x7f;
  into.sequence = u16(packet, 2);
  into.timestamp = u32(packet, 4);
  into.ssrc = u32(packet, 8);
  into.offset = offset;
  into.length = end - offset;
  return true;
}

/** Writes a header of 12 octets at the start of `packet`. */
export function writeRtpHeader(
  packet: Uint8Array,
  payloadType: number,
  marker: boolean,
  sequence: number,
  timestamp: number,
  ssrc: number,
): void {
  packet[0] = 0x80;
  packet[1] = (marker ? 0x80 : 0) | payloadType;
  packet[2] = sequence >> 8;
  packet[3] = sequence;
  packet[4] = timestamp >>> 24;
  packet[5] = timestamp >>> 16;
  packet[6] = timestamp >>> 8;
  packet[7] = timestamp;
  packet[8] = ssrc >>> 24;
  packet[9] = ssrc >>> 16;
  packet[10] = ssrc >>> 8;
  packet[11] = ssrc;
}

/** RFC 3550 A.1: a sequence number this far ahead is still a gap, this far behind still a late packet. */
const maxDropout = 3000;
const maxMisorder = 100;
const sequences = 0x10000;

/** One synchronisation source as its receiver sees it: sequence, loss and jitter (RFC 3550 A.1, A.3, A.8). */
export class Reception {
  readonly ssrc: number;
  readonly clockRate: number;
  received = 0;
  #base: number;
  #max: number;
  #cycles = 0;
  #bad = sequences + 1;
  #transit: number | undefined;
  #jitter = 0;
  #expectedPrior = 0;
  #receivedPrior = 0;

  /** @param clockRate of its timestamps, Hz */
  constructor(ssrc: number, sequence: number, clockRate: number = 8000) {
    this.clockRate = clockRate;
    this.ssrc = ssrc;
    this.#base = sequence;
    this.#max = sequence;
  }

  /**
   * Counts a packet. False: its sequence number is far off and it is not taken; when the next one follows on, the
   * peer has restarted and counting begins anew.
   * @param arrival ms on any steady clock
   */
  update(sequence: number, timestamp: number, arrival: number): boolean {
    const ahead = (sequence - this.#max) & 0xffff;
    if (this.received > 0 && ahead !== 0) {
      if (ahead < maxDropout) {
        if (sequence < this.#max) this.#cycles += sequences;
        this.#max = sequence;
      } else if (ahead <= sequences - maxMisorder) {
        if (sequence !== this.#bad) {
          this.#bad = (sequence + 1) & 0xffff;
          return false;
        }
        this.#restart(sequence);
      }
    }
    this.received++;
    const transit = (arrival * this.clockRate) / 1000 - timestamp;
    if (this.#transit !== undefined) {
      const difference = Math.abs(transit - this.#transit);
      // A jump of the timestamp (a new source behind the same SSRC, a wrap) is no jitter.
      if (difference < this.clockRate) this.#jitter += (difference - this.#jitter) / 16;
    }
    this.#transit = transit;
    return true;
  }

  #restart(sequence: number): void {
    this.#base = sequence;
    this.#max = sequence;
    this.#cycles = 0;
    this.#bad = sequences + 1;
    this.#transit = undefined;
    this.received = 0;
    this.#expectedPrior = 0;
    this.#receivedPrior = 0;
  }

  /** Extended highest sequence number (RFC 3550 §6.4.1). */
  get extendedHighest(): number {
    return (this.#cycles + this.#max) >>> 0;
  }

  /** Packets lost since the beginning: negative with duplicates. */
  get lost(): number {
    return this.#cycles + this.#max - this.#base + 1 - this.received;
  }

  /** Interarrival jitter in timestamp units. */
  get jitter(): number {
    return this.#jitter;
  }

  /** Loss since the last call as a fraction of 256 (RFC 3550 A.3). Each report calls it once. */
  fractionLost(): number {
    const expected = this.#cycles + this.#max - this.#base + 1;
    const expectedNow = expected - this.#expectedPrior;
    const lostNow = expectedNow - (this.received - this.#receivedPrior);
    this.#expectedPrior = expected;
    this.#receivedPrior = this.received;
    return expectedNow <= 0 || lostNow <= 0 ? 0 : Math.min(255, Math.floor((lostNow * 256) / expectedNow));
  }
}
