/** stderr as systemd's journal reads it: each line begins with its priority (sd-daemon(3)), and the journal adds the time. */
import { fstatSync } from "node:fs";
import { type Level, type LogFormat, type LogSink, renderJson, renderText } from "./log.ts";

const priorities: Readonly<Record<Level, number>> = { error: 3, warn: 4, info: 6, debug: 7 };

/** Whether a descriptor is the journal's end, as systemd says in JOURNAL_STREAM (systemd.exec(5)); stderr by default. */
export function isJournal(environment: NodeJS.ProcessEnv, descriptor = 2): boolean {
  const [, device, inode] = /^(\d+):(\d+)$/.exec(environment.JOURNAL_STREAM ?? "") ?? [];
  if (device === undefined || inode === undefined) return false;
  try {
    const { dev, ino } = fstatSync(descriptor, { bigint: true });
    return dev === BigInt(device) && ino === BigInt(inode);
  } catch {
    // It is closed.
    return false;
  }
}

/** A sink for the journal that gives lines, without their line ends, to `write`. */
export function journalTo(write: (line: string) => void, format: LogFormat): LogSink {
  const render = format === "json" ? renderJson : renderText;
  return { take: (record) => write(`<${priorities[record.level]}>${render(record)}`) };
}
