/** The last lines of the log, kept in memory for the console and the API: bounded in number and in octets. */
import { type Fields, type Level, type LogRecord, type LogSink, levels, renderText } from "./log.ts";

/** A line as those who ask get it. */
export interface LogLine {
  /** Grows from line to line, from 1. */
  readonly id: number;
  /** ms since 1970. */
  readonly time: number;
  readonly level: Level;
  readonly message: string;
  /** The Call-ID of the call that it tells of. */
  readonly callId: string | undefined;
  readonly fields: Fields;
}

/** Which lines are wanted: all that is named holds. */
export interface LogFilter {
  /** This level or a graver one. */
  readonly level?: Level | undefined;
  /** A Call-ID, or the id of a call of ours. */
  readonly call?: string | undefined;
  /** Stands somewhere in the message or in a fact beside it, in whatever case. */
  readonly text?: string | undefined;
  /** Only lines with an id above this one. */
  readonly after?: number | undefined;
}

export interface LogTailOptions {
  /** Most lines kept; 2000 by default. */
  lines?: number;
  /** Most octets of text kept, roughly; 2 MB by default. */
  octets?: number;
}

/** What a line costs besides its text. */
const overhead = 200;
/** Characters of one fact or message that are kept. */
const longest = 4_000;

export class LogTail implements LogSink {
  readonly #most: number;
  readonly #mostOctets: number;
  /** The oldest first, from `#first` on; what is before is let go in whole batches. */
  #lines: Kept[] = [];
  #first = 0;
  #octets = 0;
  #last = 0;
  readonly #followers = new Set<(line: LogLine) => void>();

  constructor({ lines = 2_000, octets = 2_000_000 }: LogTailOptions = {}) {
    this.#most = lines;
    this.#mostOctets = octets;
  }

  /** The id of the last line; 0 before the first. */
  get last(): number {
    return this.#last;
  }

  take({ time, level, message, fields }: LogRecord): void {
    const { callId } = fields;
    const line: LogLine = {
      id: ++this.#last,
      time: time.getTime(),
      level,
      message: short(message),
      callId: typeof callId === "string" ? short(callId) : undefined,
      fields: shortened(fields),
    };
    const octets = overhead + 2 * (line.message.length + lengthOf(line.fields));
    this.#lines.push({ line, octets });
    this.#octets += octets;
    while (this.#lines.length - this.#first > this.#most || this.#octets > this.#mostOctets) this.#forget();
    for (const heard of [...this.#followers]) {
      try {
        heard(line);
      } catch {
        // Whoever writes to the log must not suffer from who reads it.
        this.#followers.delete(heard);
      }
    }
  }

  /** The lines that `filter` lets through, the oldest first; where there are more than `limit`, the newest of them. */
  list(filter: LogFilter = {}, limit = 1000): readonly LogLine[] {
    const wanted = matcher(filter);
    const found: LogLine[] = [];
    for (let i = this.#lines.length - 1; i >= this.#first && found.length < limit; i--) {
      const line = this.#lines[i]?.line;
      if (line === undefined || (filter.after !== undefined && line.id <= filter.after)) break;
      if (wanted(line)) found.push(line);
    }
    return found.reverse();
  }

  /** Calls `heard` with each new line that `filter` lets through, until the function that this gives is called. */
  follow(filter: LogFilter, heard: (line: LogLine) => void): () => void {
    const wanted = matcher(filter);
    const follower = (line: LogLine) => {
      if (wanted(line)) heard(line);
    };
    this.#followers.add(follower);
    return () => void this.#followers.delete(follower);
  }

  #forget(): void {
    const gone = this.#lines[this.#first];
    if (gone === undefined) return;
    this.#octets -= gone.octets;
    this.#first++;
    // Now and then, so that each line costs the same on the whole.
    if (this.#first < 256 || this.#first * 2 < this.#lines.length) return;
    this.#lines = this.#lines.slice(this.#first);
    this.#first = 0;
  }
}

interface Kept {
  readonly line: LogLine;
  readonly octets: number;
}

function matcher({ level = "debug", call, text, after = 0 }: LogFilter): (line: LogLine) => boolean {
  const least = levels.indexOf(level);
  const sought = text?.toLowerCase();
  return (line) =>
    line.id > after &&
    levels.indexOf(line.level) >= least &&
    (call === undefined || line.callId === call || line.fields.call === call) &&
    (sought === undefined || renderText(line).toLowerCase().includes(sought));
}

function short(text: string): string {
  return text.length <= longest ? text : `${text.slice(0, longest)}…`;
}

function shortened(fields: Fields): Fields {
  const entries = Object.entries(fields).filter(([, value]) => value !== undefined);
  return Object.fromEntries(entries.map(([name, value]) => [name, typeof value === "string" ? short(value) : value]));
}

function lengthOf(fields: Fields): number {
  return Object.entries(fields).reduce((sum, [name, value]) => sum + name.length + String(value).length, 0);
}
