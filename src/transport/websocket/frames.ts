/**
 * The frames of WebSocket (RFC 6455 §5): octets to messages and back. Sans-IO. No extension is negotiated, so none is
 * understood; frames of a client are masked, ours are not.
 */
import { isUtf8 } from "node:buffer";

/** Close codes of RFC 6455 §7.4.1. */
export const closeCode = { normal: 1000, goingAway: 1001, protocolError: 1002, invalid: 1007, tooLarge: 1009 } as const;

export type FrameEvent =
  | { readonly type: "message"; readonly bytes: Uint8Array }
  | { readonly type: "ping" | "pong"; readonly bytes: Uint8Array }
  /** The peer closes; 1005 where it says no code. */
  | { readonly type: "close"; readonly code: number }
  /** The peer breaks the rules: to be closed with `code`. Nothing comes after it. */
  | { readonly type: "violation"; readonly code: number; readonly reason: string };

const continuation = 0;
const text = 1;
const binary = 2;
const close = 8;
const ping = 9;
const pong = 10;

/** One frame's place in the buffer. */
interface Header {
  readonly opcode: number;
  readonly final: boolean;
  readonly maskAt: number;
  readonly payload: number;
  readonly end: number;
}

const none: readonly FrameEvent[] = [];

/** Reads what a client sends. Keeps at most one message and one frame, both bounded by `maxMessage` octets. */
export class FrameReader {
  readonly #maxMessage: number;
  #buffer: Buffer = Buffer.alloc(0);
  #from = 0;
  #to = 0;
  /** The fragments so far of a message (§5.4): `#message[0 … #length)`. */
  #fragmented: { opcode: number } | undefined;
  #message: Buffer = Buffer.alloc(0);
  #length = 0;
  #dead = false;

  constructor(maxMessage: number) {
    this.#maxMessage = maxMessage;
  }

  /** Octets and fragments that wait for the rest of their message. */
  get pending(): number {
    return this.#to - this.#from + (this.#fragmented === undefined ? 0 : this.#length + 1);
  }

  push(chunk: Uint8Array): readonly FrameEvent[] {
    if (this.#dead) return none;
    this.#append(chunk);
    const events: FrameEvent[] = [];
    while (!this.#dead) {
      const header = this.#header();
      if (header === undefined) break;
      const event = typeof header === "string" ? violation(closeCode.protocolError, header) : this.#frame(header);
      if (event === "incomplete") break;
      if (event === undefined) continue;
      events.push(event);
      if (event.type === "violation" || event.type === "close") this.#dead = true;
    }
    if (this.#from === this.#to || this.#dead) {
      this.#from = this.#to = 0;
      // An idle connection keeps no memory that a large message has needed.
      if (this.#buffer.length > 4096 || this.#dead) this.#buffer = Buffer.alloc(0);
    }
    return events;
  }

  #append(chunk: Uint8Array): void {
    const needed = this.#to - this.#from + chunk.length;
    if (this.#to + chunk.length > this.#buffer.length) {
      const room =
        needed > this.#buffer.length
          ? Buffer.allocUnsafeSlow(Math.max(needed, 2 * this.#buffer.length, 1024))
          : this.#buffer;
      this.#buffer.copy(room, 0, this.#from, this.#to);
      this.#buffer = room;
      this.#to -= this.#from;
      this.#from = 0;
    }
    this.#buffer.set(chunk, this.#to);
    this.#to += chunk.length;
  }

  /** The next frame's header; undefined when it is not there yet, a text when it breaks the rules. */
  #header(): Header | string | undefined {
    const [buffer, at] = [this.#buffer, this.#from];
    const waiting = this.#to - at;
    if (waiting < 2) return undefined;
    const first = buffer[at] ?? 0;
    const second = buffer[at + 1] ?? 0;
    if ((first & 0x70) !== 0) return "a reserved bit is set";
    if ((second & 0x80) === 0) return "a client's frame is not masked";
    const opcode = first & 0x0f;
    const final = (first & 0x80) !== 0;
    let length = second & 0x7f;
    if (opcode >= close) {
      if (opcode > pong) return "an unknown control frame";
      if (!final || length > 125) return "a control frame is fragmented or long";
    } else if (opcode > binary) return "an unknown frame";
    else if ((opcode === continuation) !== (this.#fragmented !== undefined)) return "fragments out of order";
    let maskAt = at + 2;
    if (length === 126) {
      if (waiting < 4) return undefined;
      length = buffer.readUInt16BE(at + 2);
      maskAt = at + 4;
    } else if (length === 127) {
      if (waiting < 10) return undefined;
      // A length beyond any limit need not be exact.
      length = buffer.readUInt32BE(at + 2) * 2 ** 32 + buffer.readUInt32BE(at + 6);
      maskAt = at + 10;
    }
    return { opcode, final, maskAt, payload: maskAt + 4, end: maskAt + 4 + length };
  }

  #frame({ opcode, final, maskAt, payload, end }: Header): FrameEvent | undefined | "incomplete" {
    const length = end - payload;
    if (length + this.#length > this.#maxMessage && opcode < close) {
      return violation(closeCode.tooLarge, `a message of more than ${this.#maxMessage} octets`);
    }
    if (end > this.#to) return "incomplete";
    const bytes = unmasked(this.#buffer, maskAt, payload, length);
    this.#from = end;
    switch (opcode) {
      case ping:
        return { type: "ping", bytes };
      case pong:
        return { type: "pong", bytes };
      case close:
        return closing(bytes);
    }
    if (final && this.#fragmented === undefined) return whole(opcode, bytes);
    this.#fragmented ??= { opcode };
    this.#keep(bytes);
    if (!final) return undefined;
    const event = whole(this.#fragmented.opcode, this.#message.subarray(0, this.#length));
    this.#fragmented = undefined;
    this.#message = Buffer.alloc(0);
    this.#length = 0;
    return event;
  }

  #keep(fragment: Uint8Array): void {
    const needed = this.#length + fragment.length;
    if (needed > this.#message.length) {
      const room = Buffer.allocUnsafeSlow(Math.max(needed, 2 * this.#message.length));
      this.#message.copy(room, 0, 0, this.#length);
      this.#message = room;
    }
    this.#message.set(fragment, this.#length);
    this.#length = needed;
  }
}

function whole(opcode: number, bytes: Uint8Array): FrameEvent {
  if (opcode === text && !isUtf8(bytes)) return violation(closeCode.invalid, "a text that is not UTF-8");
  return { type: "message", bytes };
}

function closing(bytes: Uint8Array): FrameEvent {
  if (bytes.length === 0) return { type: "close", code: 1005 };
  const code = ((bytes[0] ?? 0) << 8) | (bytes[1] ?? 0);
  const known = (code >= 1000 && code <= 1014 && code !== 1004 && code !== 1005 && code !== 1006) || code >= 3000;
  if (bytes.length === 1 || !known || code > 4999) return violation(closeCode.protocolError, "an invalid close code");
  if (!isUtf8(bytes.subarray(2))) return violation(closeCode.invalid, "a close reason that is not UTF-8");
  return { type: "close", code };
}

function violation(code: number, reason: string): FrameEvent {
  return { type: "violation", code, reason };
}

/** A copy: the message outlives the buffer, and must not hold on to a larger one. */
function unmasked(buffer: Buffer, maskAt: number, from: number, length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  for (let i = 0; i < length; i++) bytes[i] = (buffer[from + i] ?? 0) ^ (buffer[maskAt + (i & 3)] ?? 0);
  return bytes;
}

/** One whole message in one frame: text where it can be, since that is all that some browser stacks read. */
export function messageFrame(message: Uint8Array): Uint8Array {
  return frame(isUtf8(message) ? text : binary, message);
}

export function pongFrame(payload: Uint8Array): Uint8Array {
  return frame(pong, payload);
}

/** A ping without payload. */
export const pingFrame: Uint8Array = frame(ping, new Uint8Array(0));

export function closeFrame(code: number): Uint8Array {
  return frame(close, code === 1005 ? new Uint8Array(0) : Uint8Array.of(code >> 8, code & 255));
}

function frame(opcode: number, payload: Uint8Array): Uint8Array {
  const { length } = payload;
  const head = length < 126 ? 2 : length < 65_536 ? 4 : 10;
  const bytes = Buffer.allocUnsafe(head + length);
  bytes[0] = 0x80 | opcode;
  if (head === 2) bytes[1] = length;
  else if (head === 4) {
    bytes[1] = 126;
    bytes.writeUInt16BE(length, 2);
  } else {
    bytes[1] = 127;
    bytes.writeUInt32BE(0, 2);
    bytes.writeUInt32BE(length, 6);
  }
  bytes.set(payload, head);
  return bytes;
}
