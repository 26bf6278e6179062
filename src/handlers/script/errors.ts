/** What can go wrong between siproc and a script, as opposed to inside one. */
import type { Diagnostic } from "./diagnostic.ts";

export class ScriptHostError extends Error {
  override name = "ScriptHostError";
  readonly code: "import" | "image" | "limit" | "permission" | "argument";

  constructor(code: ScriptHostError["code"], message: string) {
    super(message);
    this.code = code;
  }
}

/** A script that cannot be run at all: what is wrong, and where. */
export class ScriptError extends Error {
  override name = "ScriptError";
  readonly diagnostics: readonly Diagnostic[];

  constructor(diagnostics: readonly Diagnostic[]) {
    super(diagnostics.map(formatDiagnostic).join("; "));
    this.diagnostics = diagnostics;
  }
}

export function formatDiagnostic(diagnostic: Diagnostic): string {
  const { file, line, column, message } = diagnostic;
  return line === undefined ? `${file}: ${message}` : `${file}:${line}:${column ?? 1}: ${message}`;
}
