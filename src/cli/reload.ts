/** `siproc reload`: a running server reads its configuration again, and says here what came of it. */
import type { FileProblem, Reloaded } from "../control/lifecycle.ts";
import type { Arguments } from "./arguments.ts";
import { exitCodes } from "./exit-codes.ts";
import { showProblems } from "./problems.ts";
import { ask, configurationOf, unreachable } from "./running.ts";
import type { Terminal } from "./terminal.ts";

/** ms: a server in the midst of a burst, with accounts by the hundred thousand, may take its time. */
const patience = 60_000;

export async function reload({ operands }: Arguments, terminal: Terminal): Promise<number> {
  const file = configurationOf(operands);
  let answer: Reloaded;
  try {
    // The server is of this version, or says so: its socket is no input from outside.
    answer = (await ask(file, "/reload", "POST", undefined, patience)) as Reloaded;
  } catch (error) {
    terminal.complain(unreachable(file, error));
    return exitCodes.failed;
  }
  const { taken, problems, warnings, restart } = answer;
  showProblems(warnings, "warning", terminal);
  showProblems(problems satisfies readonly FileProblem[], "error", terminal);
  for (const key of restart) terminal.complain(`${key} has changed; that takes a restart`);
  terminal.complain(taken ? `${file} holds now` : "siproc: the old configuration stays");
  return taken ? exitCodes.ok : exitCodes.failed;
}
