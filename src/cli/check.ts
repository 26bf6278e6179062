/** `siproc check`: says all that is wrong with configurations and scripts. */
import { readFile } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import { loadConfig, type Problem } from "../config/index.ts";
import type { Arguments } from "./arguments.ts";
import { exitCodes } from "./commands.ts";
import { showProblems } from "./problems.ts";
import type { Terminal } from "./terminal.ts";

export async function check({ operands }: Arguments, terminal: Terminal): Promise<number> {
  let good = true;
  for (const operand of operands) {
    const { problems, warnings } = await checkFile(operand);
    showProblems(warnings, "warning", terminal);
    showProblems(problems, "error", terminal);
    if (problems.length === 0) terminal.print(`${operand}: ok\n`);
    good &&= problems.length === 0;
  }
  return good ? exitCodes.ok : exitCodes.failed;
}

async function checkFile(operand: string): Promise<{ problems: Problem[]; warnings: Problem[] }> {
  if (isScript(operand)) return { problems: await checkScript(resolve(operand)), warnings: [] };
  const loaded = await loadConfig(operand);
  if (!loaded.ok) return { problems: loaded.problems, warnings: [] };
  const files = loaded.config.routes.flatMap(({ action }) => (action.type === "script" ? [action.file] : []));
  const problems = await Promise.all([...new Set(files)].map(checkScript));
  return { problems: problems.flat(), warnings: loaded.warnings };
}

function isScript(file: string): boolean {
  return /\.[cm]?[jt]s$/.test(file);
}

/** What the script host would say of a script and what it imports. */
async function checkScript(file: string): Promise<Problem[]> {
  const { checkScript: checkWithImports } = await import("../handlers/script/index.ts");
  const faults = await checkWithImports(file);
  const problems = faults.map((fault) => ({
    file: resolve(dirname(file), fault.file),
    line: fault.line ?? 1,
    column: fault.column ?? 1,
    message: fault.message,
  }));
  if (problems.length > 0 || /\bexport\s+default\b|\bas\s+default\b/.test(await readFile(file, "utf8")))
    return problems;
  const message = "a script exports the function that handles a call: export default async function (call: Call) { … }";
  return [{ file, line: 1, column: 1, message }];
}
