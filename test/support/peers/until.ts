/** Waiting for something that another program does, without guessing how long it takes. */
import { ProgramError } from "./program.ts";

/**
 * Resolves with the first value of `look` that is not undefined or false, asking every 20 ms.
 * @throws ProgramError naming `what` when there is none within `ms` milliseconds.
 */
export async function until<T>(what: string, look: () => T | undefined | false, ms = 10_000): Promise<T> {
  for (const end = performance.now() + ms; ; await Bun.sleep(20)) {
    const found = look();
    if (found !== undefined && found !== false) return found;
    if (performance.now() > end) throw new ProgramError(`no ${what} in ${ms} ms`);
  }
}
