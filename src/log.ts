/** The one log of the process: lines on stderr, as text for people or JSON for machines. stdout is for results. */

export const levels = ["debug", "info", "warn", "error"] as const;
export type Level = (typeof levels)[number];
export type LogFormat = "pretty" | "json";

/** Facts beside a log message. Never put a password, a nonce or a dialled digit in one. */
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

export interface LogOptions {
  level: Level;
  format: LogFormat;
  /** Takes one line without its line end; stderr by default. */
  write?: (line: string) => void;
  /** The time of a line; the wall clock by default. */
  now?: () => Date;
}

export function createLog(options: LogOptions): Log {
  const threshold = levels.indexOf(options.level);
  const write = options.write ?? ((line: string) => void process.stderr.write(`${line}\n`));
  const now = options.now ?? (() => new Date());
  const render = options.format === "json" ? renderJson : renderPretty;

  const make = (bound: Fields): Log => {
    const at = (level: Level) => {
      if (levels.indexOf(level) < threshold) return () => {};
      return (message: string, fields?: Fields) => write(render(now(), level, message, { ...bound, ...fields }));
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

function renderJson(time: Date, level: Level, message: string, fields: Fields): string {
  return JSON.stringify({ time: time.toISOString(), level, message, ...fields });
}

function renderPretty(time: Date, level: Level, message: string, fields: Fields): string {
  const pairs = Object.entries(fields)
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => ` ${name}=${typeof value === "string" ? quoted(value) : value}`);
  return `${time.toISOString().slice(11, 23)} ${level.padEnd(5)} ${printable(message)}${pairs.join("")}`;
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
