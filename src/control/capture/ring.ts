/** The last messages, octet for octet, in a ring that never grows: what is kept costs a copy, and is looked at only when asked for. */
import type { CaptureAddress, CapturedMessage } from "./capture.ts";

/** A message as it is kept: not yet looked at. */
export interface KeptMessage
  extends Pick<CapturedMessage, "id" | "at" | "direction" | "transport" | "local" | "remote"> {
  /** Where it begins, counted from the first octet that was ever kept. */
  readonly start: number;
  readonly length: number;
}

/** Octets of a message on average at least: so many more messages than the ring has of these are not kept. */
const smallest = 256;

export class CaptureRing {
  readonly size: number;
  readonly #octets: Buffer;
  readonly #most: number;
  #entries: (KeptMessage | undefined)[] = [];
  #first = 0;
  /** Where the next one begins, counted as `start` is. */
  #end = 0;
  #last: number;

  /** @param size octets @param last the number before that of the first message */
  constructor(size: number, last = 0) {
    this.size = size;
    this.#most = Math.max(16, Math.floor(size / smallest));
    this.#octets = Buffer.allocUnsafeSlow(size);
    this.#last = last;
  }

  get last(): number {
    return this.#last;
  }

  /** The number of the oldest message that is kept; of the next one, where none is. */
  get oldest(): number {
    return this.#entries[this.#first]?.id ?? this.#last + 1;
  }

  get count(): number {
    return this.#entries.length - this.#first;
  }

  /** Octets of the messages that are kept. */
  get used(): number {
    const oldest = this.#entries[this.#first];
    return oldest === undefined ? 0 : this.#end - oldest.start;
  }

  /** Keeps a message; undefined when it is larger than the ring. `at`: ms since 1970. */
  keep(
    bytes: Uint8Array,
    at: number,
    direction: "received" | "sent",
    transport: CapturedMessage["transport"],
    local: CaptureAddress,
    remote: CaptureAddress,
  ): KeptMessage | undefined {
    const { length } = bytes;
    if (length > this.size) return undefined;
    const place = this.#end % this.size;
    // In one piece: what is left at the end stays empty.
    const start = place + length > this.size ? this.#end + this.size - place : this.#end;
    this.#end = start + length;
    this.#forget(this.#end - this.size);
    this.#octets.set(bytes, start % this.size);
    const entry: KeptMessage = { id: ++this.#last, at, direction, transport, local, remote, start, length };
    this.#entries.push(entry);
    return entry;
  }

  /** The octets of a message that is kept: a view, valid until the next one is. */
  bytes({ start, length }: KeptMessage): Buffer {
    const place = start % this.size;
    return this.#octets.subarray(place, place + length);
  }

  /** What is kept after the message of that number, the oldest first. */
  *after(id = 0): Iterable<KeptMessage> {
    // By number, since messages may come and go while somebody looks.
    for (let next = Math.max(id + 1, this.oldest); next <= this.#last; next++) {
      const entry = this.#entries[this.#first + next - this.oldest];
      if (entry?.id === next) yield entry;
    }
  }

  #forget(before: number): void {
    for (;;) {
      const oldest = this.#entries[this.#first];
      if (oldest === undefined || (oldest.start >= before && this.count < this.#most)) break;
      this.#entries[this.#first++] = undefined;
    }
    if (this.#first > 1000 && this.#first * 2 > this.#entries.length) {
      this.#entries = this.#entries.slice(this.#first);
      this.#first = 0;
    }
  }
}
