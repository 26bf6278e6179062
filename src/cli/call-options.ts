/** The options of `siproc call` as a filter, and their values. */
import type { FilterSettings } from "../phone/filter.ts";
import type { Arguments, Option } from "./arguments.ts";
import { readCount, readDuration, readRate } from "./quantities.ts";

export const handlerOptions: readonly Option[] = [
  { name: "script", value: "FILE", help: "The script that handles each call." },
  { name: "exec", value: "COMMAND", help: "The program that handles each call, with its arguments after spaces." },
];

export const filterOptions: readonly Option[] = [
  { name: "jobs", short: "j", value: "N", help: "Calls at a time; 1 by default." },
  { name: "rate", value: "N/s", help: "At most so many new calls a second, or a minute (30/m), or an hour." },
  { name: "timeout", value: "TIME", help: "How long a call may ring: 30s, 2m; 3m by default." },
  { name: "duration", value: "TIME", help: "How long an answered call may last; by default until somebody hangs up." },
  { name: "retry", value: "N", help: "Try a call again, so many times, that was busy, not answered or not reached." },
  { name: "retry-interval", value: "TIME", help: "The pause before that, and before a registration is tried again." },
];

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
const mostAtOnce = 10_000;

/** @throws OptionValueError */
export function filterSettings(given: Arguments): FilterSettings & { timeout?: number; duration?: number } {
  const time = (name: string) => optionValue(given, name, durationExpected, readDuration);
  const timeout = time("timeout");
  const duration = time("duration");
  const count = (name: string, least: number, most: number) =>
    optionValue(given, name, `a number from ${least} to ${most}`, (text) => readCount(text, least, most));
  return {
    atOnce: count("jobs", 1, mostAtOnce) ?? 1,
    interval: optionValue(given, "rate", "such as 5/s, 30/m or 100/h", readRate) ?? 0,
    retries: count("retry", 0, 1000) ?? 0,
    retryPause: time("retry-interval") ?? 5000,
    ...(timeout === undefined ? {} : { timeout }),
    ...(duration === undefined ? {} : { duration }),
  };
}
