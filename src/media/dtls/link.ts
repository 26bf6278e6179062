/**
 * What both roles of a DTLS handshake share (RFC 6347 §4.2.4): flights that are sent again until they are answered, the
 * transcript, and the two epochs.
 */
import { createHash } from "node:crypto";
import { type HandshakeMessage, handshakeType, Reassembly, wholeMessage } from "./handshake.ts";
import { DtlsFault } from "./octets.ts";
import type { WriteKeys } from "./prf.ts";
import {
  contentType,
  type DtlsRecord,
  protectRecord,
  ReplayWindow,
  readRecords,
  unprotectRecord,
  writeRecord,
} from "./record.ts";

export interface DtlsClock {
  now(): number;
  after(ms: number, fire: () => void): { cancel(): void };
}

export interface LinkUser {
  /** A message in its order. @throws DtlsFault */
  take(message: HandshakeMessage): void;
  /** The handshake failed, or the peer has closed the association. Once, last. */
  ended(reason: string): void;
}

/** RFC 6347 §4.2.4.1 starts at 1 s; calls cannot wait that long (RFC 9147 §5.8.2 says 400 ms for them). */
const firstTimeout = 400;
const maxTimeout = 3000;
/** ms for the whole handshake. */
const patience = 15_000;
/** A flight is not repeated on request more often than this, ms. */
const repeatPause = 100;
/** Octets of a datagram that no network need fragment. */
const datagramSize = 1200;
/** Records that came before their keys. */
const maxEarly = 4;

interface Part {
  readonly type: number;
  readonly epoch: 0 | 1;
  readonly text: Uint8Array;
}

export class Link {
  readonly #send: (datagram: Uint8Array) => void;
  readonly #clock: DtlsClock;
  readonly #user: LinkUser;
  readonly #reassembly = new Reassembly();
  #transcript: Buffer[] = [];
  #flight: Part[] = [];
  #flightSent = 0;
  #sequence = 0;
  /** The next record of each epoch of ours. */
  readonly #next: [number, number] = [0, 0];
  #keys: { own: WriteKeys; peer: WriteKeys } | undefined;
  readonly #replays = new ReplayWindow();
  #early: DtlsRecord[] = [];
  #timer: { cancel(): void } | undefined;
  readonly #deadline: number;
  #connected = false;
  #over = false;

  constructor(send: (datagram: Uint8Array) => void, clock: DtlsClock, user: LinkUser) {
    this.#send = send;
    this.#clock = clock;
    this.#user = user;
    this.#deadline = clock.now() + patience;
  }

  get over(): boolean {
    return this.#over;
  }

  /** All handshake messages so far, for signatures, and their hash. */
  get transcript(): Buffer {
    return Buffer.concat(this.#transcript);
  }

  get hash(): Buffer {
    return createHash("sha256").update(this.transcript).digest();
  }

  /** Adds a message of the peer's to the transcript. */
  note(message: HandshakeMessage): void {
    this.#transcript.push(wholeMessage(message));
  }

  /** RFC 6347 §4.2.1: what led to the cookie is not part of the handshake. */
  forgetTranscript(): void {
    this.#transcript = [];
  }

  /** Both epochs' keys are known from now on. */
  setKeys(own: WriteKeys, peer: WriteKeys): void {
    this.#keys = { own, peer };
  }

  /** Begins a flight. The one before was answered by what came. */
  begin(): void {
    this.#timer?.cancel();
    this.#flight = [];
  }

  /** Adds a message to the flight; Finished is the first of epoch 1. */
  add(type: number, body: Uint8Array): void {
    const text = wholeMessage({ type, sequence: this.#sequence++, body });
    this.#transcript.push(text);
    if (type === handshakeType.finished)
      this.#flight.push({ type: contentType.changeCipherSpec, epoch: 0, text: Uint8Array.of(1) });
    this.#flight.push({ type: contentType.handshake, epoch: type === handshakeType.finished ? 1 : 0, text });
  }

  /** Sends the flight. `awaiting`: again and again until the next one begins. */
  send(awaiting: boolean): void {
    this.#transmit();
    if (awaiting) this.#arm(firstTimeout);
  }

  connected(): void {
    this.#connected = true;
    this.#timer?.cancel();
    this.#transcript = [];
    this.#early = [];
  }

  #arm(timeout: number): void {
    this.#timer = this.#clock.after(timeout, () => {
      if (this.#over) return;
      if (this.#clock.now() >= this.#deadline) return this.#end("the peer does not answer in DTLS");
      this.#transmit();
      this.#arm(Math.min(2 * timeout, maxTimeout));
    });
  }

  #transmit(): void {
    this.#flightSent = this.#clock.now();
    let datagram: Buffer[] = [];
    let size = 0;
    const flush = () => {
      if (datagram.length > 0) this.#send(Buffer.concat(datagram));
      datagram = [];
      size = 0;
    };
    for (const part of this.#flight) {
      const record = this.#record(part);
      if (size + record.length > datagramSize) flush();
      datagram.push(record);
      size += record.length;
    }
    flush();
  }

  #record({ type, epoch, text }: Part): Buffer {
    const sequence = this.#next[epoch]++;
    if (epoch === 1 && this.#keys !== undefined) return protectRecord(this.#keys.own, type, sequence, text);
    return writeRecord(type, epoch, sequence, text);
  }

  /** Takes a datagram. The caller vouches that it came from the peer's address. */
  receive(datagram: Uint8Array): void {
    for (const record of readRecords(datagram)) {
      if (this.#over) return;
      if (record.epoch === 0) this.#plain(record);
      else if (record.epoch === 1) this.#protected(record);
    }
  }

  /** Of epoch 0 anybody may be the author: nothing in it ends an association that is up, and alerts mean nothing. */
  #plain(record: DtlsRecord): void {
    if (record.type === contentType.handshake) this.#handshake(record.fragment);
  }

  #protected(record: DtlsRecord): void {
    if (this.#keys === undefined) {
      if (this.#early.length < maxEarly) this.#early.push({ ...record, fragment: record.fragment.slice() });
      return;
    }
    if (!this.#replays.admits(record.sequence)) return;
    const text = unprotectRecord(this.#keys.peer, record);
    if (text === undefined) return;
    this.#replays.note(record.sequence);
    if (record.type === contentType.handshake) this.#handshake(text);
    else if (record.type === contentType.alert) this.#alert(text);
  }

  #handshake(text: Uint8Array): void {
    let repeated = false;
    try {
      repeated = this.#reassembly.receive(text, (message) => {
        if (!this.#over) this.#user.take(message);
      });
    } catch (error) {
      if (!(error instanceof DtlsFault)) throw error;
      this.#fail(error);
    }
    if (repeated && !this.#over && this.#clock.now() - this.#flightSent >= repeatPause) this.#transmit();
    if (this.#keys !== undefined && this.#early.length > 0)
      for (const record of this.#early.splice(0)) this.#protected(record);
  }

  /** The first message was none: as if it had not come. Whoever sent it cannot keep the peer away by it. */
  startOver(): void {
    this.#reassembly.rewind();
    this.#transcript = [];
  }

  #fail(fault: DtlsFault): void {
    this.#sendAlert(2, fault.alert);
    this.#end(fault.message);
  }

  #alert(text: Uint8Array): void {
    const [level, description] = text;
    if (description === 0) this.#end("the peer has closed the association");
    else if (level === 2) this.#end(`the peer sent alert ${description}`);
  }

  #sendAlert(level: number, description: number): void {
    const epoch = this.#connected ? 1 : 0;
    this.#send(this.#record({ type: contentType.alert, epoch, text: Uint8Array.of(level, description) }));
  }

  #end(reason: string): void {
    if (this.#over) return;
    this.#over = true;
    this.#timer?.cancel();
    this.#user.ended(reason);
  }

  /** Closes without a word to the user; the peer gets close_notify. */
  close(): void {
    if (this.#over) return;
    if (this.#connected) this.#sendAlert(1, 0);
    this.#over = true;
    this.#timer?.cancel();
  }
}
