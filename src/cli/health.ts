/** `siproc health`: whether a server serves, as an exit code, for whoever keeps containers or balances load. */
import type { Health } from "../control/lifecycle.ts";
import type { Arguments } from "./arguments.ts";
import { exitCodes } from "./exit-codes.ts";
import { ask, configurationOf, unreachable } from "./running.ts";
import type { Terminal } from "./terminal.ts";

export async function health({ operands }: Arguments, terminal: Terminal): Promise<number> {
  const file = configurationOf(operands);
  try {
    // The server is of this version, or says so: its socket is no input from outside.
    const { health, reasons } = (await ask(file, "/health")) as Health;
    terminal.print(`${[health, ...reasons].join("\n")}\n`);
    return health === "draining" ? exitCodes.failed : exitCodes.ok;
  } catch (error) {
    terminal.complain(unreachable(file, error));
    return exitCodes.failed;
  }
}
