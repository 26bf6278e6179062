/** The RTP that a session sends: one stream of frames and telephone-events with one sequence and one time line. */
import { frameMs, frameSamples, type RtpHeader, writeRtpHeader } from "./rtp.ts";

/** Octets of a packet's payload at most: 60 ms at 64 kbit/s, and more than 20 ms of any other codec. */
const maxPayload = 1275;
const headerSize = 12;
/** Packets that may be missing in a stream that is passed on. */
const maxGap = 100;

export interface SenderSettings {
  payloadType: number;
  /** ms, 10 to 60 in steps of 10. */
  ptime: number;
  /** Units of RTP's clock in 20 ms; those of 8000 Hz by default. */
  tickUnits?: number;
}

export class Sender {
  readonly ssrc: number;
  packets = 0;
  octets = 0;
  /** RTP timestamp of the tick that is being sent. */
  timestamp: number;
  #sequence: number;
  #packet = new Uint8Array(headerSize + maxPayload);
  #event = new Uint8Array(headerSize + 4);
  /** Views of `#packet` with the length of what is sent: made once. */
  #audio = this.#packet.subarray(0, headerSize + frameSamples);
  #payloadSize = frameSamples;
  #filled = 0;
  #marker = true;
  #payloadType = 0;
  #tickUnits = frameSamples;
  /** The stream that is passed on: its last packet, the sequence number that follows it here, and what its time differs by. */
  readonly #passed = { sequence: 0, next: -1, timeOffset: 0 };

  /** @param random three 32-bit numbers, unpredictable (RFC 3550 §5.1) */
  constructor(random: readonly [ssrc: number, sequence: number, timestamp: number]) {
    this.ssrc = random[0] >>> 0;
    // From the lower half: the first packets may be lost, and SRTP must not take them for behind a rollover (RFC 3711 §3.3.1).
    this.#sequence = random[1] & 0x7fff;
    this.timestamp = random[2] >>> 0;
  }

  configure(settings: SenderSettings): void {
    this.#payloadType = settings.payloadType;
    this.#tickUnits = settings.tickUnits ?? frameSamples;
    const size = Math.min(6, Math.max(1, Math.round((settings.ptime || frameMs) / 10))) * (frameSamples / 2);
    if (size !== this.#payloadSize) {
      this.#payloadSize = size;
      this.#audio = this.#packet.subarray(0, headerSize + size);
      this.#filled = 0;
    }
  }

  /** Time goes on by so many ticks of 20 ms, whether or not something was sent in them. */
  advance(ticks: number): void {
    this.timestamp = (this.timestamp + ticks * this.#tickUnits) >>> 0;
  }

  /** The next audio packet begins anew after a pause: with the marker, and nothing left over before it. */
  pause(): void {
    this.#marker = true;
    this.#filled = 0;
  }

  /** Adds 20 ms of encoded sound, `from` at `offset`, and sends what makes whole packets. */
  audio(from: Uint8Array, offset: number, send: (packet: Uint8Array) => void): void {
    const packet = this.#packet;
    let taken = 0;
    while (taken < frameSamples) {
      const at = headerSize + this.#filled;
      const count = Math.min(this.#payloadSize - this.#filled, frameSamples - taken);
      for (let i = 0; i < count; i++) packet[at + i] = from[offset + taken + i] ?? 0;
      taken += count;
      this.#filled += count;
      if (this.#filled < this.#payloadSize) break;
      // The packet's time is that of its first sample.
      const start = (this.timestamp + taken - this.#payloadSize) >>> 0;
      writeRtpHeader(packet, this.#payloadType, this.#marker, this.#sequence, start, this.ssrc);
      this.#sent(this.#payloadSize);
      this.#filled = 0;
      this.#marker = false;
      send(this.#audio);
    }
  }

  /** Sends 20 ms of a codec whose packets have no fixed length. */
  packet(from: Uint8Array, length: number, send: (packet: Uint8Array) => void): void {
    if (length > maxPayload) return;
    const packet = this.#packet;
    writeRtpHeader(packet, this.#payloadType, this.#marker, this.#sequence, this.timestamp, this.ssrc);
    for (let i = 0; i < length; i++) packet[headerSize + i] = from[i] ?? 0;
    this.#sent(length);
    this.#marker = false;
    send(packet.subarray(0, headerSize + length));
  }

  /**
   * Sends a packet of another stream with the same codec as one of ours. Gaps of its sequence and time are kept: they are
   * losses and pauses of the one who speaks.
   * @param anew the stream, or the passing on of it, begins
   */
  passOn(packet: Uint8Array, header: RtpHeader, anew: boolean, send: (packet: Uint8Array) => void): void {
    const { offset, length } = header;
    if (length > maxPayload) return;
    const passed = this.#passed;
    let ahead = (header.sequence - passed.sequence) & 0xffff;
    const gone = ahead > maxGap && ahead < 0x10000 - maxGap;
    // What we have sent ourselves meanwhile, a new source, a clock that runs away: the two time lines are joined anew.
    if (anew || gone || this.#sequence !== passed.next || !this.#isNear(header.timestamp + passed.timeOffset)) {
      passed.timeOffset = this.timestamp - header.timestamp;
      ahead = 1;
      this.#marker = true;
    }
    const sequence = (this.#sequence + ahead - 1) & 0xffff;
    const out = this.#packet;
    const timestamp = (header.timestamp + passed.timeOffset) >>> 0;
    writeRtpHeader(out, this.#payloadType, this.#marker || header.marker, sequence, timestamp, this.ssrc);
    for (let i = 0; i < length; i++) out[headerSize + i] = packet[offset + i] ?? 0;
    this.packets++;
    this.octets += length;
    this.#marker = false;
    this.#filled = 0;
    // One that comes late, or twice, does not turn back what follows.
    if (ahead >= 1 && ahead <= maxGap) {
      passed.sequence = header.sequence;
      this.#sequence = (sequence + 1) & 0xffff;
      passed.next = this.#sequence;
    }
    send(out.subarray(0, headerSize + length));
  }

  /** Within two seconds of our own time. */
  #isNear(time: number): boolean {
    const distance = (time - this.timestamp) | 0;
    return Math.abs(distance) < 100 * this.#tickUnits;
  }

  /** Sends one telephone-event packet. */
  event(
    payload: Uint8Array,
    payloadType: number,
    marker: boolean,
    timestamp: number,
    send: (packet: Uint8Array) => void,
  ): void {
    writeRtpHeader(this.#event, payloadType, marker, this.#sequence, timestamp, this.ssrc);
    this.#event.set(payload, headerSize);
    this.#sent(payload.length);
    // Audio was interrupted: what was collected of it is not continued.
    this.#filled = 0;
    send(this.#event);
  }

  #sent(octets: number): void {
    this.#sequence = (this.#sequence + 1) & 0xffff;
    this.packets++;
    this.octets += octets;
  }
}
