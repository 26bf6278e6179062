/** What a session takes from the network: RTP of its peer and of nobody else, as counts, digits and sound. */
import type { G711 } from "./codecs/g711.ts";
import { JitterBuffer } from "./jitter-buffer.ts";
import { Latch } from "./latch.ts";
import { newRtpHeader, parseRtp, Reception } from "./rtp.ts";
import { EventReceiver } from "./telephone-event.ts";

/** Comfort noise (RFC 3389): counted, not heard. Phones send it unasked. */
const comfortNoise = 13;

export interface ReceiverSettings {
  /** What the peer may send: by payload type. */
  laws: ReadonlyMap<number, G711>;
  dtmfPayloadType: number | undefined;
  /** The direction lets the peer send: else its packets are counted and not heard. */
  open: boolean;
}

export class Receiver {
  readonly latch = new Latch();
  readonly events: EventReceiver;
  /** The source that is heard now. */
  reception: Reception | undefined;
  packets = 0;
  octets = 0;
  dropped = 0;
  /** When something of the peer came last, ms; undefined before. */
  lastHeard: number | undefined;
  #lostBefore = 0;
  #settings: ReceiverSettings | undefined;
  #buffer: JitterBuffer | undefined;
  #header = newRtpHeader();

  constructor(heard: (digit: string, duration: number) => void) {
    this.events = new EventReceiver(heard);
  }

  configure(settings: ReceiverSettings): void {
    this.#settings = settings;
  }

  /** From now on the peer's sound is kept for `pull`. While nobody listens it is not even decoded. */
  listen(on: boolean): void {
    this.#buffer = on ? (this.#buffer ?? new JitterBuffer()) : undefined;
  }

  /** The next 20 ms of the peer's sound into `out`; silence when there is none. */
  pull(out: Int16Array): void {
    if (this.#buffer === undefined) out.fill(0);
    else this.#buffer.pull(out);
  }

  /** Packets lost, of all sources so far. */
  get lost(): number {
    return this.#lostBefore + (this.reception?.lost ?? 0);
  }

  /** Takes a datagram of the RTP port. */
  rtp(packet: Uint8Array, port: number, host: string, now: number): void {
    const header = this.#header;
    const settings = this.#settings;
    if (settings === undefined || !parseRtp(packet, header)) {
      this.dropped++;
      return;
    }
    const { payloadType } = header;
    const law = settings.laws.get(payloadType);
    const event = payloadType === settings.dtmfPayloadType;
    if ((law === undefined && !event && payloadType !== comfortNoise) || !this.latch.acceptRtp(host, port, header)) {
      this.dropped++;
      return;
    }
    if (this.reception?.ssrc !== header.ssrc) this.#newSource(header.ssrc, header.sequence);
    if (this.reception?.update(header.sequence, header.timestamp, now) !== true) {
      this.dropped++;
      return;
    }
    this.packets++;
    this.octets += header.length;
    this.lastHeard = now;
    if (!settings.open) return;
    if (event) this.events.receive(packet, header.offset, header.length, header.timestamp, header.marker, now);
    else if (law !== undefined)
      this.#buffer?.insert(law, packet, header.offset, header.length, header.timestamp, header.marker, now);
  }

  #newSource(ssrc: number, sequence: number): void {
    this.#lostBefore += this.reception?.lost ?? 0;
    if (this.reception !== undefined) {
      this.#buffer?.restart();
      this.events.reset();
    }
    this.reception = new Reception(ssrc, sequence);
  }
}
