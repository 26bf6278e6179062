/**
 * WAV files written while a call goes on: 8 kHz, 16 bit, mono or stereo.
 *
 * Sound is collected for one second, then written behind the call's back, and the header's sizes right after it: a file
 * is playable at any moment, and what a crash costs is the last second or two. Nothing here throws.
 */
import { type FileHandle, open } from "node:fs/promises";
import { saturated } from "./codecs/g711.ts";
import { systemCode } from "./tracks.ts";

const headerSize = 44;
const bytesPerSample = 2;
/** Seconds that may wait for a slow disk before the recording is given up. */
const maxWaiting = 10;
/** RIFF sizes have 32 bits. */
const maxOctets = 0xffffffff - 2 * headerSize;

export interface WriterEvents {
  /** The file is open. */
  opened(): void;
  /** The file is complete, with so many ms of sound. The last event. */
  complete(milliseconds: number): void;
  /** It could not be opened or written on. The last event. */
  failed(reason: string): void;
}

export class WavWriter {
  #path: string;
  #channels: 1 | 2;
  #rate: number;
  #events: WriterEvents;
  #filling: Int16Array;
  #filled = 0;
  #waiting: Int16Array[] = [];
  #spare: Int16Array | undefined;
  #octets = 0;
  #writing: Promise<void> | undefined;
  #file: FileHandle | undefined;
  #failed = false;
  #ended: Promise<void> | undefined;

  /** @param rate Hz */
  constructor(path: string, channels: 1 | 2, events: WriterEvents, rate: number = 8000) {
    this.#rate = rate;
    this.#path = path;
    this.#channels = channels;
    this.#events = events;
    this.#filling = this.#newBuffer();
    this.#writing = this.#open();
  }

  #newBuffer(): Int16Array {
    const spare = this.#spare;
    this.#spare = undefined;
    return spare ?? new Int16Array(this.#rate * this.#channels);
  }

  /** Adds samples: as many to each channel. With one channel `right` is mixed in; undefined is silence. */
  add(left: Int16Array | undefined, right: Int16Array | undefined, count: number): void {
    if (this.#failed || this.#ended !== undefined) return;
    for (let i = 0; i < count; i++) {
      const a = left?.[i] ?? 0;
      const b = right?.[i] ?? 0;
      if (this.#channels === 2) {
        this.#filling[this.#filled++] = a;
        this.#filling[this.#filled++] = b;
      } else this.#filling[this.#filled++] = saturated(a + b);
      if (this.#filled === this.#filling.length) this.#hand();
    }
  }

  #hand(): void {
    this.#waiting.push(this.#filled === this.#filling.length ? this.#filling : this.#filling.subarray(0, this.#filled));
    this.#filling = this.#newBuffer();
    this.#filled = 0;
    if (this.#waiting.length > maxWaiting) this.#fail("the disk is too slow");
    else this.#writing ??= this.#write();
  }

  /** Completes the file. May be called again; resolves when the last event has been told. */
  end(): Promise<void> {
    this.#ended ??= this.#finish();
    return this.#ended;
  }

  async #finish(): Promise<void> {
    if (this.#filled > 0 && !this.#failed) this.#hand();
    while (this.#writing !== undefined) await this.#writing;
    const failed = this.#failed;
    await this.#file?.close().catch((error: unknown) => this.#fail(`it cannot be written (${systemCode(error)})`));
    this.#file = undefined;
    if (!failed && !this.#failed)
      this.#events.complete(Math.round(this.#octets / (bytesPerSample * this.#channels * (this.#rate / 1000))));
  }

  #fail(reason: string): void {
    if (this.#failed) return;
    this.#failed = true;
    this.#waiting = [];
    this.#events.failed(reason);
    // Let go of the file; whatever it holds by now stays.
    this.#ended ??= this.#finish();
  }

  async #open(): Promise<void> {
    try {
      this.#file = await open(this.#path, "w");
      await this.#writeHeader(this.#file);
      if (!this.#failed) this.#events.opened();
    } catch (error) {
      this.#writing = undefined;
      this.#fail(`it cannot be written (${systemCode(error)})`);
      return;
    }
    await this.#write();
  }

  async #write(): Promise<void> {
    try {
      while (this.#file !== undefined) {
        const buffer = this.#waiting.shift();
        if (buffer === undefined) break;
        // Samples are little-endian in the file as in all processors that Bun runs on.
        const octets = new Uint8Array(buffer.buffer, buffer.byteOffset, buffer.byteLength);
        if (this.#octets + octets.length > maxOctets) throw new FullError();
        for (let done = 0; done < octets.length; ) {
          const position = headerSize + this.#octets + done;
          const { bytesWritten } = await this.#file.write(octets, done, octets.length - done, position);
          if (bytesWritten === 0) throw new FullError();
          done += bytesWritten;
        }
        this.#octets += octets.length;
        await this.#writeHeader(this.#file);
        if (buffer.length === this.#rate * this.#channels) this.#spare = buffer;
      }
      this.#writing = undefined;
    } catch (error) {
      this.#writing = undefined;
      this.#fail(error instanceof FullError ? "it is full" : `it cannot be written (${systemCode(error)})`);
    }
  }

  async #writeHeader(file: FileHandle): Promise<void> {
    await file.write(wavHeader(this.#channels, this.#octets, this.#rate), 0, headerSize, 0);
  }
}

class FullError extends Error {}

/** The header of a file with so many octets of samples. */
export function wavHeader(channels: number, octets: number, rate: number = 8000): Uint8Array {
  const header = new Uint8Array(headerSize);
  const view = new DataView(header.buffer);
  const tag = (at: number, text: string) => {
    for (let i = 0; i < 4; i++) view.setUint8(at + i, text.charCodeAt(i));
  };
  tag(0, "RIFF");
  view.setUint32(4, headerSize - 8 + octets, true);
  tag(8, "WAVE");
  tag(12, "fmt ");
  view.setUint32(16, 16, true);
  view.setUint16(20, 1, true);
  view.setUint16(22, channels, true);
  view.setUint32(24, rate, true);
  view.setUint32(28, rate * channels * bytesPerSample, true);
  view.setUint16(32, channels * bytesPerSample, true);
  view.setUint16(34, 8 * bytesPerSample, true);
  tag(36, "data");
  view.setUint32(40, octets, true);
  return header;
}
