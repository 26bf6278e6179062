/** `siproc types`: the script API for editors. */
import { scriptTypes } from "../handlers/script/index.ts";
import { exitCodes } from "./commands.ts";
import type { Terminal } from "./terminal.ts";

export function types(terminal: Terminal): number {
  terminal.print(scriptTypes());
  return exitCodes.ok;
}
