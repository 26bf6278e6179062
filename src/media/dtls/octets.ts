/** Reading the octets of TLS structures (RFC 5246 §4), none of which is trusted, and writing such. */

/** A handshake message or alert of the peer's that cannot be accepted. */
export class DtlsFault extends Error {
  readonly code = "dtls-fault";
  /** The alert that says so (RFC 5246 §7.2). */
  readonly alert: number;
  constructor(alert: number, message: string) {
    super(message);
    this.name = "DtlsFault";
    this.alert = alert;
  }
}

export const alerts = {
  closeNotify: 0,
  handshakeFailure: 40,
  badCertificate: 42,
  illegalParameter: 47,
  decodeError: 50,
  decryptError: 51,
  protocolVersion: 70,
} as const;

const cut = () => new DtlsFault(alerts.decodeError, "a message that is cut short");

export class Octets {
  readonly #view: DataView;
  readonly #from: Uint8Array;
  #at = 0;

  constructor(from: Uint8Array) {
    this.#from = from;
    this.#view = new DataView(from.buffer, from.byteOffset, from.length);
  }

  get rest(): number {
    return this.#from.length - this.#at;
  }

  /** An unsigned number of 1 to 3 octets. @throws DtlsFault */
  uint(size: 1 | 2 | 3): number {
    if (this.rest < size) throw cut();
    let value = 0;
    for (let i = 0; i < size; i++) value = value * 256 + this.#view.getUint8(this.#at++);
    return value;
  }

  /** @throws DtlsFault */
  take(length: number): Uint8Array {
    if (length > this.rest) throw cut();
    this.#at += length;
    return this.#from.subarray(this.#at - length, this.#at);
  }

  /** What follows its length in 1 to 3 octets. @throws DtlsFault */
  vector(size: 1 | 2 | 3): Octets {
    return new Octets(this.take(this.uint(size)));
  }

  all(): Uint8Array {
    return this.take(this.rest);
  }

  /** The rest as numbers of two octets. @throws DtlsFault */
  uint16s(): number[] {
    const list: number[] = [];
    while (this.rest > 0) list.push(this.uint(2));
    return list;
  }
}

/** An unsigned number in `size` octets. */
export function uint(value: number, size: 1 | 2 | 3): Buffer {
  const octets = Buffer.alloc(size);
  octets.writeUIntBE(value, 0, size);
  return octets;
}

/** The parts, after their length in `size` octets. */
export function vector(size: 1 | 2 | 3, ...parts: Uint8Array[]): Buffer {
  const content = Buffer.concat(parts);
  return Buffer.concat([uint(content.length, size), content]);
}

export const uint16s = (...values: number[]): Buffer => Buffer.concat(values.map((value) => uint(value, 2)));
