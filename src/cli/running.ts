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
  const response = await reach(file, what, {
    method,
    signal: AbortSignal.timeout(ms),
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  if (!response.ok) throw new ServerFault(`it answers ${response.status}`);
  return await response.json();
}

/** The same for an answer that is no JSON. */
export async function askOctets(file: string, what: string, ms = 30_000): Promise<Uint8Array> {
  const response = await reach(file, what, { signal: AbortSignal.timeout(ms) });
  if (!response.ok) throw new ServerFault(`it answers ${response.status}`);
  return new Uint8Array(await response.arrayBuffer());
}

/**
 * Tells of each value of a stream of JSON lines, until the server ends, `heard` says false, SIGINT or SIGTERM comes, stdout is
 * closed, or `ms` are over. Throws where there is no server.
 */
export async function stream(
  file: string,
  what: string,
  heard: (value: unknown) => unknown,
  ms?: number,
): Promise<void> {
  const over = new AbortController();
  const end = () => over.abort();
  const timer = ms === undefined ? undefined : setTimeout(end, ms);
  process.once("SIGINT", end);
  process.once("SIGTERM", end);
  // Whoever read it has gone away.
  process.stdout.once("error", end);
  try {
    const response = await reach(file, what, { signal: over.signal });
    if (!response.ok) throw new ServerFault(`it answers ${response.status}`);
    const decoder = new TextDecoder();
    let rest = "";
    for await (const chunk of response.body ?? []) {
      const lines = (rest + decoder.decode(chunk, { stream: true })).split("\n");
      rest = lines.pop() ?? "";
      for (const line of lines) if (line !== "" && heard(JSON.parse(line)) === false) return;
    }
  } catch (error) {
    if (!over.signal.aborted) throw error;
  } finally {
    clearTimeout(timer);
    process.off("SIGINT", end);
    process.off("SIGTERM", end);
    process.stdout.off("error", end);
    over.abort();
  }
}

/** The answer of the first socket at which somebody listens: a process that was killed leaves its own behind. */
async function reach(file: string, what: string, request: RequestInit & { signal: AbortSignal }): Promise<Response> {
  const there = socketPaths(file).filter((path) => existsSync(path));
  let refused: unknown;
  for (const unix of there.length === 0 ? [socketPath(file)] : there) {
    try {
      return await fetch(`http://siproc${what}`, { ...request, unix });
    } catch (error) {
      if (request.signal.aborted) throw error;
      refused = error;
    }
  }
  throw refused;
}

/** Why nobody answers, and what to do. */
export function unreachable(file: string, error: unknown): string {
  if (error instanceof ServerFault)
    return `siproc: the server of ${resolve(file)} could not do it: ${error.message}; its log says more`;
  if (error instanceof DOMException && error.name === "TimeoutError")
    return `siproc: the server of ${resolve(file)} does not answer`;
  const whose = existsSync(file) ? "no siproc of this user serves it" : "there is no such file";
  if (resolve(file) === systemConfiguration && process.getuid?.() !== 0)
    return `siproc: ${resolve(file)}: ${whose}; the system's service is reached by root`;
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
