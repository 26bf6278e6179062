/** What payload types have come to mean in one dialog: a number never changes its meaning (RFC 3264 §8.3.2). */
import { type AudioCodec, audioCodecs } from "./audio-codecs.ts";
import type { CodecType, EventType } from "./offer-answer-media.ts";
import type { MediaDescription } from "./sdp.ts";

/** By clock, Hz. */
const usualTelephoneEventType: Readonly<Record<number, number>> = { 8000: 101, 48000: 102 };

export class PayloadTypes {
  /** The peer's and ours, as `PCMU/8000`. */
  readonly #meanings: Map<number, string>;

  constructor(other?: PayloadTypes) {
    this.#meanings = new Map(other === undefined ? [] : other.#meanings);
  }

  /** Notes the meanings that an m-line of the peer's gives. */
  learn(media: MediaDescription): void {
    for (const { payloadType, encoding, clockRate } of media.payloads)
      if (encoding !== "" && !this.#meanings.has(payloadType))
        this.#meanings.set(payloadType, `${encoding}/${clockRate}`);
  }

  codecs(codecs: readonly AudioCodec[]): CodecType[] {
    return codecs.map((codec) => ({
      codec,
      payloadType: this.#typeOf(
        `${codec.toUpperCase()}/${audioCodecs[codec].clockRate}`,
        audioCodecs[codec].payloadType,
      ),
    }));
  }

  /** telephone-event for each clock that the codecs have, the first codec's first. */
  events(codecs: readonly AudioCodec[]): EventType[] {
    const clocks = new Set(codecs.map((codec) => audioCodecs[codec].clockRate));
    return [...clocks].map((clockRate) => ({
      clockRate,
      payloadType: this.#typeOf(`TELEPHONE-EVENT/${clockRate}`, usualTelephoneEventType[clockRate] ?? 101),
    }));
  }

  /** The payload type for `NAME/rate` in our offers: the one in use, else `usual`, else a free dynamic one. */
  #typeOf(encoding: string, usual: number): number {
    for (const [payloadType, meaning] of this.#meanings) if (meaning === encoding) return payloadType;
    let payloadType = usual;
    for (let free = 127; this.#meanings.has(payloadType) && free >= 96; free--) payloadType = free;
    this.#meanings.set(payloadType, encoding);
    return payloadType;
  }
}

/** The answer's payload types, where those without rtpmap mean what they meant in our offer. */
export function namedAsOffered(
  media: MediaDescription,
  own: { readonly codecs: readonly CodecType[]; readonly dtmf: readonly EventType[] },
): MediaDescription["payloads"] {
  return media.payloads.map((payload) => {
    if (payload.encoding !== "") return payload;
    const event = own.dtmf.find(({ payloadType }) => payloadType === payload.payloadType);
    if (event !== undefined) return { ...payload, encoding: "TELEPHONE-EVENT", clockRate: event.clockRate };
    const ours = own.codecs.find(({ payloadType }) => payloadType === payload.payloadType);
    if (ours === undefined) return payload;
    return { ...payload, encoding: ours.codec.toUpperCase(), clockRate: audioCodecs[ours.codec].clockRate };
  });
}
