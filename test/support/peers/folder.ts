/** A folder for one test's files, gone when the test run ends. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";

const made: string[] = [];

/** Removes the folders of all tests so far; SIPROC_KEEP leaves logs, captures and recordings to be looked at. */
export function removeFolders(): void {
  const folders = made.splice(0);
  if (process.env.SIPROC_KEEP) console.error(`kept:\n${folders.join("\n")}`);
  else for (const folder of folders) rmSync(folder, { recursive: true, force: true });
}
process.on("exit", removeFolders);

/** Makes a folder holding `files` (path inside it → content); what begins with `#!` becomes executable. */
export function temporaryFolder(name: string, files: Readonly<Record<string, string | Uint8Array>> = {}): string {
  const folder = mkdtempSync(join(tmpdir(), `siproc-${name}-`));
  made.push(folder);
  for (const [path, content] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    const program = typeof content === "string" && content.startsWith("#!");
    writeFileSync(join(folder, path), content, { mode: program ? 0o755 : 0o644 });
  }
  return folder;
}
