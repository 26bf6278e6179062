/** What the commands share that speak to a running server. */
import { existsSync } from "node:fs";
import { resolve } from "node:path";
import { socketPath, socketPaths } from "../control/socket.ts";

/** A server that is there and could not do what it was asked. */
class ServerFault extends Error {
  override readonly name = "ServerFault";
}

/** Where the package puts its configuration. */
const systemConfiguration = "/etc/siproc/siproc.yaml";

/** The configuration whose server is asked: the one named, that of this folder, that of the system. */
export function configurationOf([named]: readonly string[]): string {
  return named ?? (!existsSync("siproc.yaml") && existsSync(systemConfiguration) ? systemConfiguration : "siproc.yaml");
}

/** Asks the server of a configuration file; `ms` is how long it may take. Throws where there is none, or it does not answer. */
export async function ask(file: string, what: string, method = "GET", body?: unknown, ms = 5000): Promise<unknown> {
  const response = await fetch(`http://siproc${what}`, {
    unix: socketPaths(file).find((path) => existsSync(path)) ?? socketPath(file),
    method,
    signal: AbortSignal.timeout(ms),
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  if (!response.ok) throw new ServerFault(`it answers ${response.status}`);
  return await response.json();
}

/** Why nobody answers, and what to do. */
export function unreachable(file: string, error: unknown): string {
  if (error instanceof ServerFault)
    return `siproc: the server of ${resolve(file)} could not do it: ${error.message}; its log says more`;
  if (error instanceof DOMException && error.name === "TimeoutError")
    return `siproc: the server of ${resolve(file)} does not answer`;
  const whose = existsSync(file) ? "no siproc of this user serves it" : "there is no such file";
  return `siproc: ${resolve(file)}: ${whose}; name the file that siproc run was started with`;
}

/** Control characters, and those that change the direction or the line of what follows. */
const unprintable = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu;

/** Columns, aligned, of at most `widest` characters. What strangers chose cannot move the cursor, nor fill the screen. */
export function table(rows: readonly (readonly string[])[], widest = 80): string {
  const cut = (cell: string) => (cell.length <= widest ? cell : `${cell.slice(0, widest - 1)}…`);
  const shown = rows.map((row) => row.map((cell) => cut(cell.replace(unprintable, "?"))));
  const widths = shown.reduce<number[]>((most, row) => row.map((cell, i) => Math.max(most[i] ?? 0, cell.length)), []);
  return shown
    .map(
      (row) =>
        `${row
          .map((cell, i) => cell.padEnd(widths[i] ?? 0))
          .join("  ")
          .trimEnd()}\n`,
    )
    .join("");
}

/** JSON on one line, with escapes for all that could confuse a terminal. */
export function json(value: unknown): string {
  const escaped = (unit: string) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`;
  return `${JSON.stringify(value).replace(unprintable, (found) => found.split("").map(escaped).join(""))}\n`;
}
