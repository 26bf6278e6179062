/** Recordings as operators see them: WAV files where scripts may write, and nothing else of the file system. */
import type { Dirent } from "node:fs";
import { lstat, readdir, realpath, unlink } from "node:fs/promises";
import { join, resolve, sep } from "node:path";
import type { Config } from "../config/config.ts";
import type { Refusal } from "../control/calls.ts";
import type { RecordingsControl, RecordingView } from "../control/operator.ts";
import { nameOf } from "./report-calls.ts";

export interface RecordingDeskParts {
  readonly config: () => Config;
  /** Whether some call records to this file now. */
  readonly isWritten: (path: string) => boolean;
}

/** Files that are looked at, and folders within folders. */
const mostFiles = 20_000;
const deepest = 5;

export function recordingDesk({ config, isWritten }: RecordingDeskParts): RecordingsControl {
  const folders = async (): Promise<string[]> => {
    const real = await Promise.all(config().scripts.allow.write.map((path) => realpath(path).catch(() => undefined)));
    return [...new Set(real.filter((path) => path !== undefined))];
  };
  const missing = {
    refused: "not found",
    reason: "there is no such recording; GET /v1/recordings lists those that are",
  } as const;
  const find = async (name: string): Promise<string | Refusal> => {
    if (name.includes("\0") || name.split(/[/\\]/).includes("..")) return missing;
    const path = await realpath(resolve(config().folder, name)).catch(() => undefined);
    if (path === undefined || !isRecording(path)) return missing;
    const allowed = await folders();
    if (!allowed.some((folder) => path === folder || path.startsWith(`${folder}${sep}`))) return missing;
    const stat = await lstat(path).catch(() => undefined);
    return stat?.isFile() === true ? path : missing;
  };
  return {
    async list(limit) {
      const seen = new Map<string, RecordingView>();
      const budget = { left: mostFiles };
      for (const folder of await folders()) await collect(folder, config().folder, seen, budget, 0);
      return [...seen.values()].sort((a, b) => b.changed - a.changed).slice(0, limit);
    },
    find,
    async remove(name) {
      const path = await find(name);
      if (typeof path !== "string") return path;
      if (isWritten(path)) return { refused: "busy", reason: "a call records to it now; end that first" };
      try {
        await unlink(path);
        return undefined;
      } catch (error) {
        return {
          refused: "not allowed",
          reason: `it cannot be deleted: ${error instanceof Error ? error.message : error}`,
        };
      }
    },
  };
}

/** Links are not followed: what they lead to may lie anywhere. */
async function collect(
  folder: string,
  base: string,
  seen: Map<string, RecordingView>,
  budget: { left: number },
  depth: number,
): Promise<void> {
  const entries: Dirent[] = await readdir(folder, { withFileTypes: true }).catch(() => []);
  for (const entry of entries) {
    if (budget.left-- <= 0) return;
    const path = join(folder, entry.name);
    if (entry.isDirectory() && depth < deepest) await collect(path, base, seen, budget, depth + 1);
    else if (entry.isFile() && isRecording(path)) {
      const stat = await lstat(path).catch(() => undefined);
      if (stat?.isFile())
        seen.set(path, { name: nameOf(path, base), size: stat.size, changed: Math.round(stat.mtimeMs) });
    }
  }
}

function isRecording(path: string): boolean {
  return /\.wav$/i.test(path);
}
