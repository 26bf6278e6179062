/** Lines of the log, for reading: time, level, message, and the facts beside it. */

import { preciseTime } from "../format.ts";
import type { LogLine } from "../shapes.ts";

const moods: Readonly<Record<LogLine["level"], string>> = { debug: "quiet", info: "quiet", warn: "warn", error: "bad" };

/** @param without - facts that every line has, and that stand elsewhere. */
export function LogLines({ lines, without = [] }: { lines: readonly LogLine[]; without?: readonly string[] }) {
  return (
    <ol class="log">
      {lines.map((line) => (
        <li key={line.id}>
          <span class="quiet">{preciseTime(line.time)}</span>
          <span class={moods[line.level]}>{line.level}</span>
          <span>
            {line.message} <span class="fields">{factsOf(line, without)}</span>
          </span>
        </li>
      ))}
    </ol>
  );
}

export function factsOf({ fields }: LogLine, without: readonly string[] = []): string {
  return Object.entries(fields)
    .filter(([name, value]) => value !== undefined && !without.includes(name))
    .map(([name, value]) => `${name}=${typeof value === "string" && /\s/.test(value) ? JSON.stringify(value) : value}`)
    .join(" ");
}
