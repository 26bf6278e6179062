/** One port of one side of an m-line: what of that which comes is forwarded, and what is counted. The relay's hot path. */
import type { PacketRing } from "../packet-ring.ts";
import type { Aim, RelayLatch, Sighting } from "./latch.ts";
import type { Receiver, RelaySocket } from "./socket.ts";

/** RFC 3550 A.1: a sequence number this far ahead is still a gap, this far behind still a late packet. */
const maxDropout = 3000;
const maxMisorder = 100;

/** What RTCP looks like in the second octet (RFC 5761 §4). */
const isRtcpType = (octet: number) => octet >= 192 && octet <= 223;

abstract class End implements Receiver {
  locked = false;
  readonly socket: RelaySocket;
  /** The other side's port of the same kind; set once both are there. */
  out: RelaySocket;
  packets = 0;
  dropped = 0;
  /** When the last one came, ms; 0: none yet. */
  last = 0;
  protected readonly latch: RelayLatch;

  constructor(socket: RelaySocket, latch: RelayLatch) {
    this.socket = socket;
    this.out = socket;
    this.latch = latch;
  }

  protected abstract readonly aimed: Aim;

  /** Brings the socket in line with what the latch has come to know. */
  follow(): void {
    const { host, port, locked } = this.aimed;
    this.locked = locked;
    this.socket.aim(host, port, this.latch.silent);
  }

  stranger(): void {
    this.dropped++;
  }

  abstract learn(packet: Uint8Array, length: number, port: number, host: string): boolean;
  abstract take(packet: Uint8Array, length: number, now: number): boolean;
}

const word = (octets: Uint8Array, at: number) =>
  (((octets[at] ?? 0) << 24) | ((octets[at + 1] ?? 0) << 16) | ((octets[at + 2] ?? 0) << 8) | (octets[at + 3] ?? 0)) >>>
  0;

/** The RTP port; with RTP and RTCP on one (RFC 5761) both. Also for what is not RTP at all. */
export class RtpEnd extends End {
  octets = 0;
  rtcpPackets = 0;
  /** Told when the latch was confirmed or has learned, so that RTCP's port follows. */
  moved: () => void = () => {};
  /** Notes the headers of what comes; undefined: nobody wants them. */
  noted: { readonly ring: PacketRing; readonly session: number } | undefined;
  #isRtp = true;
  #mux = false;
  #allowed = new Uint8Array(128);
  #clockRate = 8000;
  readonly #seen: Sighting = { ssrc: 0, sequence: 0 };

  #ssrc = 0;
  #counting = false;
  #base = 0;
  #highest = 0;
  #received = 0;
  #lostBefore = 0;
  #transit = 0;
  /** In timestamp units. */
  #jitter = 0;

  protected get aimed(): Aim {
    return this.latch.rtp;
  }

  configure(payloadTypes: readonly number[] | undefined, mux: boolean, clockRate: number): void {
    this.#isRtp = payloadTypes !== undefined;
    this.#mux = mux;
    this.#clockRate = clockRate > 0 ? clockRate : 8000;
    this.#allowed.fill(0);
    for (const type of payloadTypes ?? []) this.#allowed[type & 0x7f] = 1;
  }

  learn(packet: Uint8Array, length: number, port: number, host: string): boolean {
    if (!this.latch.learnRtp(host, port, this.#sighting(packet, length))) {
      this.dropped++;
      return false;
    }
    this.follow();
    this.moved();
    return true;
  }

  /** The fields that tell streams apart, of an RTP packet whose payload type was negotiated. */
  #sighting(packet: Uint8Array, length: number): Sighting | undefined {
    const second = packet[1] ?? 0;
    if (length < 12 || (packet[0] ?? 0) >> 6 !== 2 || isRtcpType(second)) return undefined;
    if (this.#allowed[second & 0x7f] !== 1) return undefined;
    this.#seen.ssrc = word(packet, 8);
    this.#seen.sequence = ((packet[2] ?? 0) << 8) | (packet[3] ?? 0);
    return this.#seen;
  }

  take(packet: Uint8Array, length: number, now: number): boolean {
    if (this.#isRtp) {
      const second = packet[1] ?? 0;
      if (length < 12 || (packet[0] ?? 0) >> 6 !== 2) return this.#drop();
      if (isRtcpType(second)) {
        if (!this.#mux) return this.#drop();
        this.rtcpPackets++;
        this.last = now;
        return true;
      }
      if (!this.locked && this.#allowed[second & 0x7f] === 1) this.#lock();
      this.#count(packet, now);
      if (this.noted !== undefined) this.#note(packet, length);
    } else if (!this.locked) this.#lock();
    this.packets++;
    this.octets += length;
    this.last = now;
    return true;
  }

  #note(packet: Uint8Array, length: number): void {
    const { host = "0.0.0.0", port } = this.aimed;
    this.noted?.ring.note(this.noted.session, false, this.socket.port, port, host, packet, length);
  }

  #drop(): boolean {
    this.dropped++;
    return false;
  }

  #lock(): void {
    this.latch.confirmRtp();
    this.locked = true;
    this.moved();
  }

  #count(packet: Uint8Array, now: number): void {
    const ssrc = word(packet, 8);
    const sequence = ((packet[2] ?? 0) << 8) | (packet[3] ?? 0);
    const transit = (now * this.#clockRate) / 1000 - word(packet, 4);
    const highest = this.#highest;
    const ahead = (sequence - highest) & 0xffff;
    if (!this.#counting || ssrc !== this.#ssrc || (ahead >= maxDropout && ahead < 0x10000 - maxMisorder)) {
      this.#lostBefore = this.lost;
      this.#counting = true;
      this.#ssrc = ssrc;
      this.#base = sequence;
      this.#highest = sequence;
      this.#received = 1;
      this.#transit = transit;
      return;
    }
    // The extended sequence number counts on beyond 16 bits.
    if (ahead < maxDropout) this.#highest = highest + ahead;
    this.#received++;
    const difference = Math.abs(transit - this.#transit);
    // A jump of the timestamp is no jitter.
    if (difference < this.#clockRate) this.#jitter += (difference - this.#jitter) / 16;
    this.#transit = transit;
  }

  get lost(): number {
    if (!this.#counting) return 0;
    return this.#lostBefore + Math.max(0, this.#highest - this.#base + 1 - this.#received);
  }

  /** ms. */
  get jitter(): number {
    return (this.#jitter * 1000) / this.#clockRate;
  }
}

/** The RTCP port. */
export class RtcpEnd extends End {
  /** Not RTP: datagrams are not looked at. */
  open = false;

  protected get aimed(): Aim {
    return this.latch.rtcp;
  }

  learn(packet: Uint8Array, length: number, port: number, host: string): boolean {
    if (!this.#isRtcp(packet, length) || !this.latch.learnRtcp(host, port)) {
      this.dropped++;
      return false;
    }
    this.follow();
    return true;
  }

  take(packet: Uint8Array, length: number, now: number): boolean {
    if (!this.#isRtcp(packet, length)) {
      this.dropped++;
      return false;
    }
    this.packets++;
    this.last = now;
    return true;
  }

  #isRtcp(packet: Uint8Array, length: number): boolean {
    if (this.open) return true;
    return length >= 8 && (packet[0] ?? 0) >> 6 === 2 && isRtcpType(packet[1] ?? 0);
  }
}
