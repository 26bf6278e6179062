/** Cuts what a process writes into lines: octets in, texts out, however they are sliced and whatever they hold. */

/** A whole line without its LF, or what was there instead of a readable one. */
export type Line = { type: "text"; text: string } | { type: "too-long" } | { type: "not-utf8" };

const lf = 10;

export class LineSplitter {
  readonly #maxOctets: number;
  readonly #decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
  #parts: Uint8Array[] = [];
  #octets = 0;
  #skipping = false;

  /** @param maxOctets longer lines are dropped up to their end and reported as one `too-long`. */
  constructor(maxOctets: number) {
    this.#maxOctets = maxOctets;
  }

  /** The lines that `chunk` completes. Lazy: what is not taken yet costs nothing yet. */
  *push(chunk: Uint8Array): Generator<Line> {
    let from = 0;
    for (let end = chunk.indexOf(lf); end >= 0; end = chunk.indexOf(lf, from)) {
      this.#add(chunk.subarray(from, end));
      from = end + 1;
      yield this.#take();
    }
    this.#add(chunk.subarray(from));
  }

  /** The last line, if it has no end. */
  *end(): Generator<Line> {
    if (this.#octets > 0 || this.#skipping) yield this.#take();
  }

  #add(part: Uint8Array): void {
    if (part.length === 0 || this.#skipping) return;
    if (this.#octets + part.length > this.#maxOctets) {
      this.#parts = [];
      this.#octets = 0;
      this.#skipping = true;
      return;
    }
    this.#parts.push(part);
    this.#octets += part.length;
  }

  #take(): Line {
    const [first, ...more] = this.#parts;
    const octets = more.length === 0 ? (first ?? new Uint8Array()) : Buffer.concat(this.#parts);
    const tooLong = this.#skipping;
    this.#parts = [];
    this.#octets = 0;
    this.#skipping = false;
    if (tooLong) return { type: "too-long" };
    try {
      return { type: "text", text: this.#decoder.decode(octets) };
    } catch {
      return { type: "not-utf8" };
    }
  }
}
