/** `dist/siproc call`: one call placed by the built binary, and how it says that it went. */
import { temporaryFolder } from "./folder.ts";
import { Program, ProgramError } from "./program.ts";
import { binary } from "./siproc.ts";

export interface OutgoingOptions {
  /** The text of a TypeScript handler. */
  script?: string;
  /** The text of a program, with its `#!` line. */
  exec?: string;
  /** The YAML of `--config`. */
  config?: string;
  /** Whatever else stands in the folder where it runs: path → content. */
  files?: Readonly<Record<string, string | Uint8Array>>;
  /** Where to be called back and heard; 127.0.0.1 by default. */
  host?: string;
  args?: readonly string[];
  env?: Record<string, string | undefined>;
}

/** The line of JSON. */
export interface OutgoingResult {
  target: string;
  status: string;
  code: number;
  cause: string;
  by: string;
  ringMs?: number;
  answerMs?: number;
  endMs: number;
}

export interface Outgoing {
  program: Program;
  folder: string;
  /** Its exit code and its line of JSON, once it has ended. */
  ended(ms?: number): Promise<{ exit: number } & OutgoingResult>;
}

/** Starts `siproc call uri`. */
export function placeCall(uri: string, options: OutgoingOptions = {}): Outgoing {
  const folder = temporaryFolder("call", {
    ...options.files,
    ...(options.script === undefined ? {} : { "handler.ts": options.script }),
    ...(options.exec === undefined ? {} : { "handler.sh": options.exec }),
    ...(options.config === undefined ? {} : { "siproc.yaml": options.config }),
  });
  const host = options.host ?? "127.0.0.1";
  const program = new Program({
    command: [
      ...[binary, "call", uri, "--listen", `udp://${host}:0`, "--listen", `tcp://${host}:0`],
      ...(options.script === undefined ? [] : ["--script", "handler.ts"]),
      ...(options.exec === undefined ? [] : ["--exec", "./handler.sh"]),
      ...(options.config === undefined ? [] : ["--config", "siproc.yaml"]),
      ...(options.args ?? []),
    ],
    cwd: folder,
    ...(options.env === undefined ? {} : { env: options.env }),
  });
  return {
    program,
    folder,
    ended: async (ms = 20_000) => {
      const exit = await program.finish(ms);
      const [line] = program.stdout;
      if (line === undefined)
        throw new ProgramError(`siproc call exited ${exit}, saying:\n${program.lines.join("\n")}`);
      // The tests compare every member that they rely on.
      return { exit, ...(JSON.parse(line) as OutgoingResult) };
    },
  };
}
