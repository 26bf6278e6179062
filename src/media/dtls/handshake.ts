/** Handshake messages of DTLS (RFC 6347 §4.2): their fragments put together and in order, and their form in records. */
import { Octets, uint } from "./octets.ts";

export const handshakeType = {
  clientHello: 1,
  serverHello: 2,
  helloVerifyRequest: 3,
  certificate: 11,
  serverKeyExchange: 12,
  certificateRequest: 13,
  serverHelloDone: 14,
  certificateVerify: 15,
  clientKeyExchange: 16,
  finished: 20,
} as const;

export interface HandshakeMessage {
  readonly type: number;
  readonly sequence: number;
  readonly body: Uint8Array;
}

/** A message as one fragment, which is also what transcripts take (RFC 6347 §4.2.6). */
export function wholeMessage({ type, sequence, body }: HandshakeMessage): Buffer {
  const length = uint(body.length, 3);
  return Buffer.concat([uint(type, 1), length, uint(sequence, 2), uint(0, 3), length, body]);
}

/** Octets of a message, such as a chain of certificates, and messages ahead of the next, at most. */
const maxMessage = 16_384;
const maxAhead = 8;

interface Partial {
  readonly type: number;
  readonly body: Uint8Array;
  /** 1 for each octet that is there. */
  readonly there: Uint8Array;
  missing: number;
}

/** Puts fragments together and gives messages out in order. */
export class Reassembly {
  #next = 0;
  readonly #partial = new Map<number, Partial>();

  /**
   * Takes the text of a handshake record. Fragments that contradict others are dropped.
   * @returns whether something in it had been taken before: the peer has not seen our answer
   */
  receive(text: Uint8Array, take: (message: HandshakeMessage) => void): boolean {
    const octets = new Octets(text);
    let repeated = false;
    while (octets.rest >= 12) {
      const type = octets.uint(1);
      const length = octets.uint(3);
      const sequence = octets.uint(2);
      const offset = octets.uint(3);
      const size = octets.uint(3);
      if (size > octets.rest || offset + size > length || length > maxMessage) break;
      const fragment = octets.take(size);
      if (sequence < this.#next) repeated = true;
      else if (sequence < this.#next + maxAhead) this.#add(type, length, sequence, offset, fragment);
    }
    for (;;) {
      const whole = this.#partial.get(this.#next);
      if (whole === undefined || whole.missing > 0) return repeated;
      this.#partial.delete(this.#next);
      take({ type: whole.type, sequence: this.#next++, body: whole.body });
    }
  }

  /** The first message is to come again: it was of no use. */
  rewind(): void {
    this.#next = 0;
    this.#partial.clear();
  }

  #add(type: number, length: number, sequence: number, offset: number, fragment: Uint8Array): void {
    let message = this.#partial.get(sequence);
    if (message === undefined) {
      message = { type, body: new Uint8Array(length), there: new Uint8Array(length), missing: length };
      this.#partial.set(sequence, message);
    }
    if (message.type !== type || message.body.length !== length) return;
    fragment.forEach((octet, i) => {
      if (message.there[offset + i] === 1) return;
      message.body[offset + i] = octet;
      message.there[offset + i] = 1;
      message.missing--;
    });
  }
}
