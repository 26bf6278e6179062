/**
 * How the sound of taps crosses between the threads: records in one binary message, apart from the JSON of the commands. All of a tap
 * goes this one way, so that its marks and its sound keep their order.
 */

/** What a record is about. Towards the worker: all but `overflow`; towards the main thread: audio, mark, overflow. */
export const tapKind = { open: 0, audio: 1, mark: 2, clear: 3, close: 4, overflow: 5 } as const;
export type TapKind = (typeof tapKind)[keyof typeof tapKind];

export interface TapRecord {
  readonly session: number;
  readonly tap: number;
  readonly kind: number;
  /** A view into the message. */
  readonly payload: Uint8Array;
}

const headerSize = 16;
const empty = new Uint8Array(0);

/** Collects records and posts those of one turn together. */
export class TapBatch {
  readonly #post: (message: Uint8Array) => void;
  #buffer = new Uint8Array(4096);
  #length = 0;

  constructor(post: (message: Uint8Array) => void) {
    this.#post = post;
  }

  add(session: number, tap: number, kind: TapKind, payload: Uint8Array = empty): void {
    if (this.#length === 0) setImmediate(this.#flush);
    const end = this.#length + headerSize + payload.length;
    if (end > this.#buffer.length) {
      const larger = new Uint8Array(Math.max(end, 2 * this.#buffer.length));
      larger.set(this.#buffer.subarray(0, this.#length));
      this.#buffer = larger;
    }
    const view = new DataView(this.#buffer.buffer);
    view.setUint32(this.#length, payload.length);
    view.setUint32(this.#length + 4, session);
    view.setUint32(this.#length + 8, tap);
    view.setUint32(this.#length + 12, kind);
    this.#buffer.set(payload, this.#length + headerSize);
    this.#length = end;
  }

  #flush = (): void => {
    const message = this.#buffer.slice(0, this.#length);
    this.#length = 0;
    if (this.#buffer.length > 1 << 20) this.#buffer = new Uint8Array(4096);
    this.#post(message);
  };
}

/** The records of a message of the other thread, which is this same program: its form needs no check. */
export function* readTapBatch(message: Uint8Array): Generator<TapRecord> {
  const view = new DataView(message.buffer, message.byteOffset, message.byteLength);
  for (let at = 0; at + headerSize <= message.length; ) {
    const start = at + headerSize;
    const end = start + view.getUint32(at);
    yield {
      session: view.getUint32(at + 4),
      tap: view.getUint32(at + 8),
      kind: view.getUint32(at + 12),
      payload: message.subarray(start, end),
    };
    at = end;
  }
}

/** A mark's number, and whether `clear` was what settled it. */
export function writeMark(id: number, cleared = false): Uint8Array {
  return Uint8Array.of(id >>> 24, id >>> 16, id >>> 8, id, cleared ? 1 : 0);
}

export function readMark(payload: Uint8Array): { id: number; cleared: boolean } {
  const [a = 0, b = 0, c = 0, d = 0, cleared = 0] = payload;
  return { id: ((a << 24) | (b << 16) | (c << 8) | d) >>> 0, cleared: cleared === 1 };
}
