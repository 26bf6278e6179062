/** The one log of the process: its levels, its lines as text for people or JSON for machines, and who takes them. */

export const levels = ["debug", "info", "warn", "error"] as const;
export type Level = (typeof levels)[number];
export type LogFormat = "pretty" | "json";

/**
 * Facts beside a log message. Never put a password, a nonce or a dialled digit in one. What belongs to a call carries its
 * `callId`: the Call-ID of the dialog, so that one text finds all that was said of it, here and in other programs' logs.
 */
export type Fields = Readonly<Record<string, string | number | boolean | undefined>>;

/**
 * Where what happens is told.
 *
 * @example
 * const line = (message: string, fields?: object) => console.log(message, fields ?? "");
 * const log: Log = { debug() {}, info: line, warn: line, error: line, with: () => log };
 */
export interface Log {
  debug(message: string, fields?: Fields): void;
  info(message: string, fields?: Fields): void;
  warn(message: string, fields?: Fields): void;
  error(message: string, fields?: Fields): void;
  /** A log whose lines all carry `fields`, such as a call's Call-ID. */
  with(fields: Fields): Log;
}

/** One line before it is written. */
export interface LogRecord {
  readonly time: Date;
  readonly level: Level;
  readonly message: string;
  readonly fields: Fields;
}

/** Who takes lines: stderr, a file, syslog, the lines kept for those who ask. It must not throw and must not wait. */
export interface LogSink {
  take(record: LogRecord): void;
}

export interface LogOptions {
  /** The least level that is written; a function where it may change. */
  level: Level | (() => Level);
  format: LogFormat;
  /** Takes one line without its line end; stderr by default. */
  write?: (line: string) => void;
  /** Who takes the lines instead of `write`, and brings its own format. */
  sinks?: readonly LogSink[];
  /** The time of a line; the wall clock by default. */
  now?: () => Date;
}

export function createLog(options: LogOptions): Log {
  const { level: least } = options;
  const sinks = options.sinks ?? [linesTo(options.write ?? toStderr, options.format)];
  const now = options.now ?? (() => new Date());

  const make = (bound: Fields): Log => {
    const at = (level: Level) => {
      const rank = levels.indexOf(level);
      if (typeof least === "string" && rank < levels.indexOf(least)) return () => {};
      return (message: string, fields?: Fields) => {
        if (typeof least === "function" && rank < levels.indexOf(least())) return;
        const record = { time: now(), level, message, fields: { ...bound, ...fields } };
        for (const sink of sinks) sink.take(record);
      };
    };
    return {
      debug: at("debug"),
      info: at("info"),
      warn: at("warn"),
      error: at("error"),
      with: (fields) => make({ ...bound, ...fields }),
    };
  };
  return make({});
}

/** A sink that gives lines of text, without their line ends, to `write`. */
export function linesTo(write: (line: string) => void, format: LogFormat): LogSink {
  const render = format === "json" ? renderJson : renderPretty;
  return { take: (record) => write(render(record)) };
}

export function toStderr(line: string): void {
  process.stderr.write(`${line}\n`);
}

export function renderJson({ time, level, message, fields }: LogRecord): string {
  return JSON.stringify({ time: time.toISOString(), level, message, ...fields });
}

/** For a terminal: the time of day in UTC, the level, the message and its facts. */
export function renderPretty(record: LogRecord): string {
  return `${record.time.toISOString().slice(11, 23)} ${record.level.padEnd(5)} ${renderText(record)}`;
}

/** The message and its facts as one line of text. */
export function renderText({ message, fields }: Pick<LogRecord, "message" | "fields">): string {
  const pairs = Object.entries(fields)
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => ` ${name}=${typeof value === "string" ? quoted(value) : value}`);
  return `${printable(message)}${pairs.join("")}`;
}

/** What peers and scripts send must not forge a line or drive a terminal: control characters are shown escaped. */
function printable(text: string): string {
  return text.replace(
    /[\x00-\x1f\x7f-\x9f\u2028\u2029]/g,
    (c) => `\\x${c.charCodeAt(0).toString(16).padStart(2, "0")}`,
  );
}

function quoted(text: string): string {
  if (/^[^\s"=\\\x00-\x1f\x7f-\x9f]+$/.test(text)) return text;
  return JSON.stringify(text).replace(
    /[\x7f-\x9f\u2028\u2029]/g,
    (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}
