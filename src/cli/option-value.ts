/** The values of options, read or complained of. */
import type { Arguments } from "./arguments.ts";
import { exitCodes } from "./exit-codes.ts";
import type { Terminal } from "./terminal.ts";

/** What a wrong value is told with. */
export class OptionValueError extends Error {
  readonly code = "bad-option";
  constructor(option: string, value: string, expected: string) {
    super(`--${option} is ${expected}; found “${value}”`);
    this.name = "OptionValueError";
  }
}

/** The value of an option, read; undefined where it is not given. @throws OptionValueError */
export function optionValue<T>(
  { options }: Arguments,
  name: string,
  expected: string,
  read: (text: string) => T | undefined,
): T | undefined {
  const text = options.get(name)?.[0];
  if (text === undefined) return undefined;
  const value = read(text);
  if (value === undefined) throw new OptionValueError(name, text, expected);
  return value;
}

export const durationExpected = "a time such as 30s, 500ms or 2m, of at most a day";

/** Runs a command; what is wrong with the value of an option is told, and is a mistake of the command line. */
export async function orUsage(terminal: Terminal, run: () => Promise<number>): Promise<number> {
  try {
    return await run();
  } catch (error) {
    if (!(error instanceof OptionValueError)) throw error;
    terminal.complain(`siproc: ${error.message}`);
    return exitCodes.usage;
  }
}
