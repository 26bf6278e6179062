/** A file that takes the log: written behind, in order, never waited for; renamed away when it is large, or opened anew when told. */
import { closeSync, fstatSync, openSync, renameSync, rmSync, write, writeSync } from "node:fs";
import { type LogFormat, type LogRecord, type LogSink, renderJson, renderPretty } from "./log.ts";

export interface LogFileOptions {
  /** An absolute path. */
  path: string;
  format: LogFormat;
  /** The file is renamed to FILE.1, FILE.1 to FILE.2 and so on, when it has `size` octets; `keep` of them are kept. */
  rotate?: { readonly size: number; readonly keep: number } | undefined;
  /** A line of its own kind; `fields.lines` of the one that says how many were lost. By `format` by default. */
  render?: ((record: LogRecord) => string) | undefined;
  /** Told when lines begin to be lost; the reason is a sentence. stderr by default. */
  failed?: (reason: string) => void;
}

/** Octets that wait while the disk is slow; what comes then is lost. */
const mostWaiting = 4_000_000;

export class LogFile implements LogSink {
  readonly #options: LogFileOptions;
  readonly #render: (record: LogRecord) => string;
  #descriptor: number | undefined;
  /** Octets of the file. */
  #size = 0;
  #waiting: Uint8Array[] = [];
  #waitingSize = 0;
  #writing = false;
  #reopen = false;
  /** Lines, and those of them that the line which is being written tells of. */
  #lost = 0;
  #told = 0;
  #failing = false;
  #closed = false;
  #whenWritten: (() => void) | undefined;

  /** @throws the system's error when the file cannot be opened */
  constructor(options: LogFileOptions) {
    this.#options = options;
    // A file outlives the day: its lines for people carry the date.
    this.#render = options.render ?? (options.format === "json" ? renderJson : renderDated);
    this.#open();
  }

  take(record: LogRecord): void {
    if (this.#closed) return;
    if (this.#waitingSize > mostWaiting) return void this.#lost++;
    this.#queue(record);
    if (!this.#writing) this.#next();
  }

  /** Opens the file of this name anew: the former one was renamed away. */
  reopen(): void {
    this.#reopen = true;
    if (!this.#writing) this.#next();
  }

  /** Resolves when all is written that waits, and the file closed. */
  async close(): Promise<void> {
    if (this.#writing)
      await new Promise<void>((resolve) => {
        this.#whenWritten = resolve;
      });
    this.#closed = true;
    try {
      if (this.#reopen) this.#open();
    } catch (error) {
      this.#fail(error);
    }
    const descriptor = this.#descriptor;
    this.#descriptor = undefined;
    if (descriptor === undefined) return;
    try {
      for (const octets of this.#waiting.splice(0)) writeSync(descriptor, octets);
    } catch (error) {
      this.#fail(error);
    }
    closeSync(descriptor);
  }

  #queue(record: LogRecord): void {
    const octets = Buffer.from(`${this.#render(record)}\n`);
    this.#waiting.push(octets);
    this.#waitingSize += octets.length;
  }

  #next(): void {
    if (this.#closed) return;
    try {
      const { rotate } = this.#options;
      if (rotate !== undefined && this.#size >= rotate.size && this.#waiting.length > 0) this.#rotate(rotate.keep);
      if (this.#reopen || this.#descriptor === undefined) this.#open();
    } catch (error) {
      this.#fail(error);
    }
    const descriptor = this.#descriptor;
    if (descriptor === undefined || this.#waiting.length === 0) return;
    const octets = Buffer.concat(this.#waiting);
    this.#waiting = [];
    this.#writing = true;
    write(descriptor, octets, 0, octets.length, null, (error, written) => this.#written(octets, error, written));
  }

  #written(octets: Uint8Array, error: NodeJS.ErrnoException | null, written: number): void {
    this.#writing = false;
    this.#waitingSize -= octets.length;
    if (error === null) this.#wrote(octets, written);
    else {
      this.#lost += octets.reduce((lines, octet) => lines + (octet === lineFeed ? 1 : 0), 0);
      this.#lost += this.#told > 0 ? this.#told - 1 : 0;
      this.#told = 0;
      this.#fail(error);
    }
    if (this.#whenWritten !== undefined) this.#whenWritten();
    // After a fault the next line tries again: a full disk is not asked without end.
    else if (error === null) this.#next();
  }

  #wrote(octets: Uint8Array, written: number): void {
    this.#failing = false;
    this.#told = 0;
    this.#size += written;
    if (written < octets.length) {
      const rest = octets.subarray(written);
      this.#waiting.unshift(rest);
      this.#waitingSize += rest.length;
    } else if (this.#lost > 0) {
      const message = "lines were lost, since the log could not be written";
      this.#told = this.#lost;
      this.#lost = 0;
      this.#queue({ time: new Date(), level: "warn", message, fields: { lines: this.#told } });
    }
  }

  #open(): void {
    this.#reopen = false;
    if (this.#descriptor !== undefined) closeSync(this.#descriptor);
    this.#descriptor = undefined;
    this.#descriptor = openSync(this.#options.path, "a", 0o640);
    this.#size = fstatSync(this.#descriptor).size;
  }

  #rotate(keep: number): void {
    const { path } = this.#options;
    this.#size = 0;
    this.#reopen = true;
    if (keep === 0) return rmSync(path, { force: true });
    for (let i = keep; i > 0; i--) renameIfThere(i === 1 ? path : `${path}.${i - 1}`, `${path}.${i}`);
  }

  #fail(error: unknown): void {
    if (this.#failing) return;
    this.#failing = true;
    const reason = error instanceof Error ? error.message : String(error);
    const failed = this.#options.failed ?? ((text) => void process.stderr.write(`siproc: ${text}\n`));
    failed(`the log cannot be written to ${this.#options.path}: ${reason}`);
  }
}

const lineFeed = 10;

function renderDated(record: LogRecord): string {
  return `${record.time.toISOString().slice(0, 10)} ${renderPretty(record)}`;
}

function renameIfThere(from: string, to: string): void {
  try {
    renameSync(from, to);
  } catch (error) {
    if (!(error instanceof Error && "code" in error && error.code === "ENOENT")) throw error;
  }
}
