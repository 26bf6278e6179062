/** What is wrong with scripts, found without running any of them. */
import { readFile } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import type { Config, Problem } from "../config/index.ts";

/** The problems of all scripts that a configuration's routes name, and of what these import. */
export async function checkScripts({ routes }: Config): Promise<Problem[]> {
  const files = routes.flatMap(({ action }) => (action.type === "script" ? [action.file] : []));
  const problems = await Promise.all([...new Set(files)].map(checkScript));
  return problems.flat();
}

/** The problems of one script, given by its absolute path, and of what it imports. */
export async function checkScript(file: string): Promise<Problem[]> {
  const { checkScript: checkWithImports } = await import("../handlers/script/index.ts");
  const faults = await checkWithImports(file);
  const problems = faults.map((fault) => ({
    file: resolve(dirname(file), fault.file),
    line: fault.line ?? 0,
    column: fault.column ?? 0,
    message: fault.message,
  }));
  if (problems.length > 0 || /\bexport\s+default\b|\bas\s+default\b/.test(await readFile(file, "utf8")))
    return problems;
  const message = "a script exports the function that handles a call: export default async function (call: Call) { … }";
  return [{ file, line: 1, column: 1, message }];
}
