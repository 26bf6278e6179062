/** What the commands share that speak to a running server. */
import { existsSync } from "node:fs";
import { resolve } from "node:path";
import { socketPath } from "../control/socket.ts";

/** Asks the server of a configuration file. Throws where there is none, or it does not answer. */
export async function ask(file: string, what: string, method = "GET", body?: unknown): Promise<unknown> {
  const response = await fetch(`http://siproc${what}`, {
    unix: socketPath(file),
    method,
    signal: AbortSignal.timeout(5000),
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  if (!response.ok) throw new TypeError(`the server answers ${response.status}`);
  return await response.json();
}

/** Why nobody answers, and what to do. */
export function unreachable(file: string): string {
  const whose = existsSync(file) ? "no siproc of this user serves it" : "there is no such file";
  return `siproc: ${resolve(file)}: ${whose}; name the file that siproc run was started with`;
}

/** Columns, aligned. What strangers chose cannot move the cursor. */
export function table(rows: readonly (readonly string[])[]): string {
  const clean = rows.map((row) => row.map((cell) => cell.replace(/[\x00-\x1f\x7f-\x9f]/g, "?")));
  const widths = clean.reduce<number[]>((most, row) => row.map((cell, i) => Math.max(most[i] ?? 0, cell.length)), []);
  return clean
    .map(
      (row) =>
        `${row
          .map((cell, i) => cell.padEnd(widths[i] ?? 0))
          .join("  ")
          .trimEnd()}\n`,
    )
    .join("");
}
