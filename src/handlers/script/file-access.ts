/** A script's `files`: whole files, read and written where `allow` says. */
import { constants } from "node:fs";
import { open } from "node:fs/promises";
import type { Resolved } from "../file-names.ts";
import { resolveReadable, resolveWritable } from "../files.ts";
import { ScriptHostError } from "./errors.ts";
import { bounds, type ScriptPermissions } from "./settings.ts";

/** No terminal is taken over, no pipe waited for, no link followed: the path is a real one already. */
const guards = constants.O_NOFOLLOW | constants.O_NONBLOCK | constants.O_NOCTTY;

/** Returns octets for `readText` and `readBytes`, a truth for `exists`. Throws ScriptHostError, or the system's error. */
export async function accessFile(
  what: string,
  detail: string,
  contents: Uint8Array | undefined,
  where: { folder: string; allow: ScriptPermissions },
): Promise<Uint8Array | boolean | undefined> {
  const parsed: unknown = JSON.parse(detail);
  const path: unknown = typeof parsed === "object" && parsed !== null ? Reflect.get(parsed, "path") : undefined;
  if (typeof path !== "string") throw new ScriptHostError("argument", "a file name must be a string");
  const reading = { base: where.folder, allow: where.allow.read };
  switch (what) {
    case "exists":
      return resolveReadable(path, reading).ok;
    case "readText":
    case "readBytes":
      return read(granted(resolveReadable(path, reading)));
    case "write":
    case "append":
      await write(
        granted(resolveWritable(path, { base: where.folder, allow: where.allow.write })),
        contents ?? new Uint8Array(),
        what === "append" ? constants.O_APPEND : constants.O_TRUNC,
      );
      return undefined;
    default:
      throw new ScriptHostError("argument", `files has no ${what}`);
  }
}

function granted(resolved: Resolved): string {
  if (!resolved.ok) throw new ScriptHostError("permission", resolved.reason);
  return resolved.path;
}

async function read(path: string): Promise<Uint8Array> {
  await using file = await open(path, constants.O_RDONLY | guards);
  const stat = await file.stat();
  if (!stat.isFile()) throw new ScriptHostError("permission", `${path} is not a regular file`);
  if (stat.size > bounds.body) throw new ScriptHostError("limit", `${path} is larger than ${bounds.body} octets`);
  return file.readFile();
}

async function write(path: string, contents: Uint8Array, mode: number): Promise<void> {
  if (contents.length > bounds.body) throw new ScriptHostError("limit", `more than ${bounds.body} octets at once`);
  await using file = await open(path, constants.O_WRONLY | constants.O_CREAT | mode | guards, 0o640);
  if (!(await file.stat()).isFile()) throw new ScriptHostError("permission", `${path} is not a regular file`);
  await file.writeFile(contents);
}
