/** `siproc schema`: the configuration's JSON Schema. */
import { configJsonSchema } from "../config/index.ts";
import { exitCodes } from "./commands.ts";
import type { Terminal } from "./terminal.ts";

export function schema(terminal: Terminal): number {
  terminal.print(`${JSON.stringify(configJsonSchema(), undefined, 2)}\n`);
  return exitCodes.ok;
}
