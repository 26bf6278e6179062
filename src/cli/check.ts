/** `siproc check`: says all that is wrong with configurations and scripts. */
import { resolve } from "node:path";
import { loadConfig, type Problem } from "../config/index.ts";
import type { Arguments } from "./arguments.ts";
import { exitCodes } from "./commands.ts";
import { showProblems } from "./problems.ts";
import { checkScript, checkScripts } from "./scripts.ts";
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
  return { problems: await checkScripts(loaded.config), warnings: loaded.warnings };
}

function isScript(file: string): boolean {
  return /\.[cm]?[jt]s$/.test(file);
}
