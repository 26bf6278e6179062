/** What a session sends: 20 ms in the codec's form become the payload of its codec. */
import type { Configuration } from "../types.ts";
import { soundCodecs } from "./codec.ts";
import { formOf, readForm, type SoundForm } from "./form.ts";
import { G722Encoder } from "./g722.ts";
import { OpusEncoder, opusWishes } from "./opus.ts";

export class Line {
  readonly codec: Configuration["codec"];
  readonly form: SoundForm;
  /** Units of RTP's clock in 20 ms. */
  readonly tickUnits: number;
  /** The payload that `encode` has made: `length` octets of it from `offset`. */
  payload: Uint8Array;
  offset = 0;
  length = 160;
  /** A packet for each 20 ms, of any length: `ptime` means nothing. */
  readonly framed: boolean;
  readonly fmtp: string | undefined;
  #g722: { encoder: G722Encoder; samples: Int16Array; octets: Uint8Array } | undefined;
  #opus: { encoder: OpusEncoder; samples: Int16Array } | undefined;

  constructor({ codec, fmtp }: Pick<Configuration, "codec" | "fmtp">) {
    this.codec = codec;
    this.fmtp = fmtp;
    this.form = formOf(codec);
    this.tickUnits = soundCodecs[codec].clockRate / 50;
    this.payload = this.form.silence;
    this.framed = codec === "opus";
    const samples = new Int16Array(this.form.rate === 8000 ? 0 : this.form.samples);
    if (codec === "G722") this.#g722 = { encoder: new G722Encoder(), samples, octets: new Uint8Array(160) };
    if (codec === "opus") this.#opus = { encoder: new OpusEncoder(opusWishes(fmtp)), samples };
  }

  /** Makes `payload` of 20 ms in the codec's form. False: the codec is not ready yet, and nothing can be sent. */
  encode(octets: Uint8Array, offset: number): boolean {
    if (this.#g722 !== undefined) {
      const { encoder, samples, octets: out } = this.#g722;
      readForm(this.form, octets, offset, samples);
      this.length = encoder.encode(samples, out, 0);
      this.payload = out;
    } else if (this.#opus !== undefined) {
      const { encoder, samples } = this.#opus;
      readForm(this.form, octets, offset, samples);
      const packet = encoder.encode(samples);
      if (packet === undefined) return false;
      this.payload = packet;
      this.length = packet.length;
    } else {
      this.payload = octets;
      this.offset = offset;
    }
    return true;
  }

  close(): void {
    this.#opus?.encoder.close();
  }
}
