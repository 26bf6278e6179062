/** `siproc check`: says all that is wrong with configurations and scripts. */
import { readFile } from "node:fs/promises";
import { resolve } from "node:path";
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

/** Whether a script can be read at all; what it does is seen when it runs. */
async function checkScript(file: string): Promise<Problem[]> {
  try {
    const text = await readFile(file, "utf8");
    new Bun.Transpiler({ loader: "ts" }).transformSync(text);
    if (/\bexport\s+default\b|\bas\s+default\b/.test(text)) return [];
    return [
      {
        file,
        line: 1,
        column: 1,
        message: "a script exports the function that handles a call: export default async function (call: Call) { … }",
      },
    ];
  } catch (error) {
    const faults = error instanceof AggregateError ? error.errors : [error];
    return faults.map((fault) => problemOf(file, fault));
  }
}

/** What the transpiler says of a fault: a message, and a position if it has one. */
function problemOf(file: string, fault: unknown): Problem {
  const position: unknown = property(fault, "position");
  const number = (name: string) => {
    const value = property(position, name);
    return typeof value === "number" && value > 0 ? value : 1;
  };
  const message = property(fault, "message");
  const code = property(fault, "code");
  return {
    file,
    line: number("line"),
    column: number("column"),
    message: code === "ENOENT" ? "there is no such file" : typeof message === "string" ? message : String(fault),
  };
}

function property(value: unknown, name: string): unknown {
  return typeof value === "object" && value !== null ? Reflect.get(value, name) : undefined;
}
