/** What a session takes from the network: RTP of its peer and of nobody else, as counts, digits and sound. */
import { type Decoder, type SoundCodec, soundCodecs } from "./codecs/codec.ts";
import { JitterBuffer } from "./jitter-buffer.ts";
import { Latch } from "./latch.ts";
import { newRtpHeader, parseRtp, Reception, type RtpHeader } from "./rtp.ts";
import { StreamResampler } from "./tap-resample.ts";
import { EventReceiver } from "./telephone-event.ts";
import type { Codec } from "./types.ts";

/** Comfort noise (RFC 3389): counted, not heard. Phones send it unasked. */
const comfortNoise = 13;

export interface ReceiverSettings {
  /** What the peer may send: by payload type. */
  codecs: ReadonlyMap<number, Codec>;
  dtmfPayloadType: number | undefined;
  /** What telephone-events count in, Hz. */
  dtmfClockRate: number;
  /** The clock of the stream's timestamps, Hz. */
  clockRate: number;
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
  /** Takes packets of sound as they come, before anybody hears them. */
  onward: ((packet: Uint8Array, header: RtpHeader, codec: Codec) => void) | undefined;
  #lostBefore = 0;
  #settings: ReceiverSettings | undefined;
  #listening = false;
  /** Of the codec that is heard now. */
  #ear: Ear | undefined;
  #header = newRtpHeader();

  constructor(heard: (digit: string, duration: number) => void) {
    this.events = new EventReceiver(heard);
  }

  configure(settings: ReceiverSettings): void {
    this.#settings = settings;
    this.events.clock = settings.dtmfClockRate;
  }

  /** From now on the peer's sound is kept for `pull`. While nobody listens it is not even decoded. */
  listen(on: boolean): void {
    this.#listening = on;
    if (!on) this.#forget();
  }

  #forget(): void {
    this.#ear?.decoder?.close();
    this.#ear = undefined;
  }

  close(): void {
    this.listen(false);
  }

  /** The next 20 ms of the peer's sound into `out`, at the rate that its length says; silence when there is none. */
  pull(out: Int16Array): void {
    if (this.#ear === undefined) out.fill(0);
    else this.#ear.pull(out);
  }

  /** What hears this codec: one of each call's life, usually. */
  #earFor(codec: Codec): Ear {
    if (this.#ear?.codec.name !== codec) {
      this.#forget();
      this.#ear = new Ear(soundCodecs[codec]);
    }
    return this.#ear ?? new Ear(soundCodecs[codec]);
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
    const codec = settings.codecs.get(payloadType);
    const event = payloadType === settings.dtmfPayloadType;
    if ((codec === undefined && !event && payloadType !== comfortNoise) || !this.latch.acceptRtp(host, port, header)) {
      this.dropped++;
      return;
    }
    if (this.reception?.ssrc !== header.ssrc) this.#newSource(header.ssrc, header.sequence, settings.clockRate);
    if (this.reception?.update(header.sequence, header.timestamp, now) !== true) {
      this.dropped++;
      return;
    }
    this.packets++;
    this.octets += header.length;
    this.lastHeard = now;
    if (!settings.open) return;
    if (event) this.events.receive(packet, header.offset, header.length, header.timestamp, header.marker, now);
    else if (codec !== undefined) {
      this.onward?.(packet, header, codec);
      if (this.#listening) this.#earFor(codec).hear(packet, header, now);
    }
  }

  #newSource(ssrc: number, sequence: number, clockRate: number): void {
    this.#lostBefore += this.reception?.lost ?? 0;
    if (this.reception !== undefined) {
      this.#ear?.buffer.restart();
      this.events.reset();
    }
    this.reception = new Reception(ssrc, sequence, clockRate);
  }
}

/** A codec's way from packets to sound. */
class Ear {
  readonly codec: SoundCodec;
  readonly buffer: JitterBuffer;
  readonly decoder: Decoder | undefined;
  /** Where what is wanted has another rate. */
  #converter: { length: number; frame: Int16Array; resampler: StreamResampler } | undefined;

  constructor(codec: SoundCodec) {
    this.codec = codec;
    this.buffer = new JitterBuffer(undefined, codec);
    this.decoder = codec.law === undefined ? codec.decoder() : undefined;
  }

  hear(packet: Uint8Array, { offset, length, timestamp, marker }: RtpHeader, now: number): void {
    const { codec, buffer, decoder } = this;
    if (codec.law !== undefined) buffer.insert(codec.law, packet, offset, length, timestamp, marker, now);
    else if (decoder !== undefined) buffer.insertEncoded(decoder, packet, offset, length, timestamp, marker, now);
  }

  pull(out: Int16Array): void {
    const { rate } = this.codec;
    if (out.length === rate / 50) return void this.buffer.pull(out);
    if (this.#converter?.length !== out.length)
      this.#converter = {
        length: out.length,
        frame: new Int16Array(rate / 50),
        resampler: new StreamResampler(rate, out.length * 50),
      };
    this.buffer.pull(this.#converter.frame);
    this.#converter.resampler.push(this.#converter.frame, out);
  }
}
