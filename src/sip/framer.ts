/** Cuts a byte stream into SIP messages by Content-Length (RFC 3261 §18.3) and keep-alives (RFC 5626 §4.4.1). Sans-IO. */
import { Head, type ParseFailure } from "./parse.ts";
import type { Request, Response } from "./request-response.ts";

export interface FramerLimits {
  /** Octets of start line and header lines. */
  readonly maxHead: number;
  /** Octets of body. */
  readonly maxBody: number;
}

export type Framed = Request | Response | ParseFailure | "ping" | "pong";

/**
 * One per connection. After a failure with `fatal` it takes nothing more: close the connection.
 * Costs linear time, whatever the sizes of the chunks, and keeps at most one head and body.
 */
export class StreamFramer {
  readonly #limits: FramerLimits;
  /** Octets not yet cut: `#buffer[#from … #to)`. */
  #buffer: Buffer = Buffer.alloc(0);
  #from = 0;
  #to = 0;
  /** Up to where the end of the head was looked for in vain. */
  #scanned = 0;
  /** The head is there, the body is not: where the body starts and ends. */
  #waiting: { head: Head; body: number; end: number } | undefined;
  /** The last push ended with one CRLF, given as a pong; a CRLF at once after it makes it a ping. */
  #halfPing = false;
  #dead = false;

  constructor(limits: FramerLimits) {
    this.#limits = limits;
  }

  /** Octets that wait for the rest of their message. */
  get pending(): number {
    return this.#to - this.#from;
  }

  /** What `chunk` completes, in order. The chunk may be reused by its owner afterwards. */
  push(chunk: Uint8Array): Framed[] {
    const framed: Framed[] = [];
    if (this.#dead) return framed;
    this.#append(chunk);
    for (let one = this.#next(); one !== undefined; one = this.#next()) {
      framed.push(one);
      if (typeof one === "object" && one.type === "failure" && one.fatal === true) {
        this.#dead = true;
        this.#buffer = Buffer.alloc(0);
        this.#from = this.#to = 0;
        break;
      }
    }
    if (this.#from === this.#to) {
      this.#from = this.#to = this.#scanned = 0;
      // An idle connection keeps no memory that a large message has needed.
      if (this.#buffer.length > 4096) this.#buffer = Buffer.alloc(0);
    }
    return framed;
  }

  #append(chunk: Uint8Array): void {
    const needed = this.#to - this.#from + chunk.length;
    if (this.#to + chunk.length > this.#buffer.length) {
      const room =
        needed > this.#buffer.length
          ? Buffer.allocUnsafeSlow(Math.max(needed, 2 * this.#buffer.length, 1024))
          : this.#buffer;
      this.#buffer.copy(room, 0, this.#from, this.#to);
      const moved = this.#from;
      this.#buffer = room;
      this.#from = 0;
      this.#to -= moved;
      this.#scanned = Math.max(0, this.#scanned - moved);
      if (this.#waiting !== undefined) {
        this.#waiting.body -= moved;
        this.#waiting.end -= moved;
      }
    }
    this.#buffer.set(chunk, this.#to);
    this.#to += chunk.length;
  }

  #next(): Framed | undefined {
    if (this.#waiting === undefined) {
      const keepAlive = this.#keepAlive();
      if (keepAlive !== undefined) return keepAlive;
      const fault = this.#head();
      if (fault !== undefined) return fault;
    }
    const waiting = this.#waiting;
    if (waiting === undefined || waiting.end > this.#to) return undefined;
    this.#waiting = undefined;
    // A copy: the message outlives this buffer, and must not hold on to a larger one.
    const wire = Buffer.from(this.#buffer.subarray(this.#from, waiting.end));
    const body = wire.subarray(waiting.body - this.#from);
    this.#from = this.#scanned = waiting.end;
    return waiting.head.message(body, wire, "stream");
  }

  /** Takes line ends before a message. */
  #keepAlive(): "ping" | "pong" | undefined {
    const buffer = this.#buffer;
    const waiting = this.#to - this.#from;
    if (waiting === 0) return undefined;
    const crlf = (at: number) => buffer[at] === 0x0d && buffer[at + 1] === 0x0a;
    if (waiting < 2 || !crlf(this.#from)) {
      if (waiting >= 2 || buffer[this.#from] !== 0x0d) this.#halfPing = false;
      return undefined;
    }
    if (this.#halfPing) {
      this.#halfPing = false;
      this.#from += 2;
      return "ping";
    }
    if (waiting >= 4 && crlf(this.#from + 2)) {
      this.#from += 4;
      return "ping";
    }
    if (waiting === 3 && buffer[this.#from + 2] === 0x0d) return undefined;
    this.#from += 2;
    this.#halfPing = this.#from === this.#to;
    return "pong";
  }

  /** Looks for the end of the head; a failure when there is none within the limit, or it is unusable. */
  #head(): ParseFailure | undefined {
    const scanFrom = Math.max(this.#from, this.#scanned - 3);
    const end = this.#buffer.subarray(0, this.#to).indexOf("\r\n\r\n", scanFrom, "latin1");
    this.#scanned = this.#to;
    const length = (end < 0 ? this.#to : end + 2) - this.#from;
    if (length > this.#limits.maxHead) {
      const text = this.#buffer.toString("latin1", this.#from, this.#from + this.#limits.maxHead);
      return new Head(text.slice(0, text.lastIndexOf("\r\n") + 2)).failure(
        `a head of more than ${this.#limits.maxHead} octets`,
        513,
        "stream",
      );
    }
    if (end < 0) return undefined;
    const head = new Head(this.#buffer.toString("latin1", this.#from, end + 2));
    const bodyLength = head.contentLength ?? 0;
    if (bodyLength > this.#limits.maxBody) return head.failure(`a body of ${bodyLength} octets`, 513, "stream");
    this.#waiting = { head, body: end + 4, end: end + 4 + bodyLength };
    return undefined;
  }
}
