/** The log as a configuration wants it: where its lines go, and the last of them in memory. */
import { isJournal, journalTo } from "./journal.ts";
import { createLog, type Level, type Log, type LogFormat, type LogSink, linesTo, toStderr } from "./log.ts";
import { LogFile } from "./log-file.ts";
import { LogTail } from "./log-tail.ts";
import { type Facility, Syslog, type SyslogTarget } from "./syslog.ts";

export type LogTarget =
  | { readonly type: "stderr" }
  /** Undefined: the daemon of this machine. */
  | { readonly type: "syslog"; readonly to: SyslogTarget | undefined }
  /** An absolute path. */
  | { readonly type: "file"; readonly path: string };

export interface LogSettings {
  readonly level: Level;
  /** On stderr and in files; syslog has a format of its own. */
  readonly format: LogFormat;
  /** stderr by default. */
  readonly to?: readonly LogTarget[] | undefined;
  /** For syslog; `daemon` by default. */
  readonly facility?: Facility | undefined;
  /** When files are renamed away; undefined: never by themselves. */
  readonly rotate?: { readonly size: number; readonly keep: number } | undefined;
}

/** A log that is open. */
export interface OpenLog {
  readonly log: Log;
  /** Its last lines. */
  readonly tail: LogTail;
  /** Opens files anew, which were renamed away. */
  reopen(): void;
  /** Writes from this level on. */
  setLevel(level: Level): void;
  /** Resolves when all is written. What comes later is lost. */
  close(): Promise<void>;
}

/** A file of the log that cannot be opened. */
export class LogError extends Error {
  readonly code = "log";
  constructor(path: string, reason: string) {
    super(`the log cannot be written to ${path}: ${reason}`);
    this.name = "LogError";
  }
}

/** @throws LogError */
export function openLog(settings: LogSettings): OpenLog {
  const { format, to = [{ type: "stderr" }], facility, rotate } = settings;
  let { level } = settings;
  const tail = new LogTail();
  const files: LogFile[] = [];
  const sinks: LogSink[] = [tail];
  for (const target of to)
    if (target.type === "stderr") sinks.push((isJournal(process.env) ? journalTo : linesTo)(toStderr, format));
    else if (target.type === "syslog") sinks.push(new Syslog({ to: target.to, facility }));
    else {
      const file = openFile({ path: target.path, format, rotate });
      files.push(file);
      sinks.push(file);
    }
  return {
    log: createLog({ level: () => level, format, sinks }),
    tail,
    reopen() {
      for (const file of files) file.reopen();
    },
    setLevel(next) {
      level = next;
    },
    async close() {
      await Promise.all(files.map((file) => file.close()));
    },
  };
}

function openFile(options: ConstructorParameters<typeof LogFile>[0]): LogFile {
  try {
    return new LogFile(options);
  } catch (error) {
    throw new LogError(options.path, error instanceof Error ? error.message : String(error));
  }
}
