/** JavaScriptCore, as a server wants it. Its settings are read as it starts, and only from the environment. */
import { ownSource } from "./own-program.ts";

const name = "BUN_JSC_thresholdForFTLOptimizeAfterWarmUp";

/** For the environment of a process of ours that is a server from its start. */
export const engineSettings: Readonly<Record<string, string>> = {
  // The compiler's top tier takes seconds of a core, soon after the start, for code that is a fifth faster at best than
  // what the tier below it makes within a second; where there is one core, calls wait for that. So it gets what has run
  // some sixty times as often as by default: loops over samples within a minute, what handles messages after some
  // hundred thousand of them, one function after the other.
  [name]: "4000000",
  // While garbage is collected, what it leaves of a core to calls: by default 0.6, less than a loaded server needs.
  // Beyond 0.8 it is late, and stops everything to catch up.
  BUN_JSC_maximumMutatorUtilization: "0.8",
};

/** Begins this process anew with them, once and with the same process id. Descriptors but stdin, stdout and stderr do not go with it. */
export function settleEngine(): void {
  const { argv, argv0, env, execPath } = process;
  // Set already, by us or by whoever knows better; programs that handle calls have their own.
  if (env[name] !== undefined) {
    for (const each of Object.keys(engineSettings)) delete env[each];
    return;
  }
  try {
    process.execve?.(execPath, [argv0, ...ownSource(), ...argv.slice(2)], { ...env, ...engineSettings });
  } catch {
    // It serves as it is, too.
  }
}
