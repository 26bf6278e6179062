/**
 * Which files a handler may touch. A name is resolved to the real path, symbolic links followed, and that path must lie under
 * a folder (or be a file) that is allowed. Devices, pipes and sockets are never handed out: opening one could block or worse.
 */
import { lstatSync, mkdirSync, realpathSync, statSync } from "node:fs";
import { basename, dirname, isAbsolute, join, resolve, sep } from "node:path";
import type { Resolved } from "./file-names.ts";

export interface FileRules {
  /** The folder that relative names are tried from first: absolute. */
  readonly base: string;
  /** Folders and files, absolute. */
  readonly allow: readonly string[];
}

const longestName = 4096;

/** The real path of an existing regular file that `rules` allow to read. */
export function resolveReadable(name: string, rules: FileRules): Resolved {
  const fault = faultOf(name);
  if (fault !== undefined) return { ok: false, reason: fault };
  let outside = false;
  for (const candidate of candidates(name, rules)) {
    const path = real(candidate);
    if (path === undefined) continue;
    if (!isAllowed(path, rules.allow)) {
      outside = true;
      continue;
    }
    if (!statSync(path, { throwIfNoEntry: false })?.isFile()) return refuse(name, "is not a regular file");
    return { ok: true, path };
  }
  // Outside what is allowed, existing and missing files are not told apart by more than this.
  return outside ? refuse(name, "may not be read: `allow: read` does not name it") : refuse(name, "is not there");
}

/** The real path of a regular file, existing or not yet, that `rules` allow to write. Its folder must exist. */
export function resolveWritable(name: string, rules: FileRules): Resolved {
  const fault = faultOf(name);
  if (fault !== undefined) return { ok: false, reason: fault };
  if (/[/\\]$/.test(name)) return refuse(name, "is a folder");
  for (const folder of rules.allow) makeFolder(folder);
  let missingFolder = false;
  let outside = false;
  for (const candidate of candidates(name, rules)) {
    const folder = real(dirname(candidate));
    if (folder === undefined) {
      missingFolder ||= isAllowed(candidate, rules.allow);
      continue;
    }
    const path = join(folder, basename(candidate));
    if (!isAllowed(path, rules.allow)) {
      outside = true;
      continue;
    }
    const present = lstatSync(path, { throwIfNoEntry: false });
    if (present === undefined || present.isFile()) return { ok: true, path };
    return refuse(name, present.isSymbolicLink() ? "is a symbolic link" : "is not a regular file");
  }
  if (missingFolder && !outside) return refuse(name, "lies in a folder that is not there");
  return refuse(name, "may not be written: `allow: write` does not name it");
}

function refuse(name: string, why: string): Resolved {
  return { ok: false, reason: `${JSON.stringify(name)} ${why}` };
}

function faultOf(name: string): string | undefined {
  if (name.length === 0 || name.length > longestName) return `a file name has 1 to ${longestName} characters`;
  if (name.includes("\0")) return "a file name has no NUL character";
  if (name.split(/[/\\]/).includes("..")) return `${JSON.stringify(name)} climbs with “..”`;
  return undefined;
}

/**
 * An absolute name means itself. A relative one is looked for beside the handler, then as the configuration spells it
 * (`sounds/hello.wav` for `read: [sounds]`), then in the allowed folders themselves.
 */
function candidates(name: string, rules: FileRules): string[] {
  if (isAbsolute(name)) return [resolve(name)];
  return [
    ...new Set([rules.base, ...rules.allow.map((entry) => dirname(entry)), ...rules.allow].map((at) => join(at, name))),
  ];
}

function isAllowed(path: string, allow: readonly string[]): boolean {
  return allow.some((entry) => {
    const allowed = real(entry);
    if (allowed === undefined) return path === resolve(entry);
    return path === allowed || path.startsWith(allowed.endsWith(sep) ? allowed : allowed + sep);
  });
}

/** A folder for recordings that the configuration names need not be made by hand. */
function makeFolder(folder: string): void {
  if (statSync(folder, { throwIfNoEntry: false }) !== undefined || basename(folder).includes(".")) return;
  try {
    mkdirSync(folder, { recursive: true });
  } catch {
    // Then writing into it is refused, with the folder's name.
  }
}

function real(path: string): string | undefined {
  try {
    return realpathSync(path);
  } catch {
    return undefined;
  }
}
