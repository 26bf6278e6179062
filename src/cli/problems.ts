/** Problems of files as lines that editors understand: FILE:LINE:COLUMN: MESSAGE. */
import { relative } from "node:path";
import type { Problem } from "../config/index.ts";
import type { Terminal } from "./terminal.ts";

export function showProblems(problems: readonly Problem[], kind: "error" | "warning", terminal: Terminal): void {
  for (const problem of problems) {
    const word = kind === "warning" ? `${terminal.mark(kind, "warning")}: ` : "";
    terminal.complain(`${placeOf(problem)}: ${word}${problem.message}`);
  }
}

/** FILE:LINE:COLUMN, or FILE for what concerns all of it; the file as seen from here when that is shorter. */
export function placeOf({ file, line, column }: Problem): string {
  const near = relative(process.cwd(), file);
  const shown = near !== "" && near.length < file.length ? near : file;
  return line === 0 ? shown : `${shown}:${line}:${column}`;
}
