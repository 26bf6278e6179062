/**
 * The engine's compiler, as a server wants it. JavaScriptCore's top tier takes seconds of a core, soon after the start, for
 * code that is a fifth faster at best than what the tier below it makes within a second; where there is one core, calls wait
 * for that. So it gets what has run some fifteen times as often as by default: loops over samples within seconds, what
 * handles messages after some hundred thousand of them, one function after the other.
 */
import { ownSource } from "./own-program.ts";

const name = "BUN_JSC_thresholdForFTLOptimizeAfterWarmUp";

/** For the environment of a process of ours that is a server from its start. */
export const compilerSettings: Readonly<Record<string, string>> = { [name]: "1000000" };

/**
 * Begins this process anew, once and with the same process id: the engine reads its settings as it starts, and only from the
 * environment. Descriptors but stdin, stdout and stderr do not go with it.
 */
export function settleCompiler(): void {
  const { argv, argv0, env, execPath } = process;
  // Set already, by us or by whoever knows better; programs that handle calls have their own.
  if (env[name] !== undefined) return void delete env[name];
  try {
    process.execve?.(execPath, [argv0, ...ownSource(), ...argv.slice(2)], { ...env, ...compilerSettings });
  } catch {
    // It serves as it is, too.
  }
}
