/** The values of the options of `siproc call` as a filter. */
import type { FilterSettings } from "../phone/filter.ts";
import type { Arguments } from "./arguments.ts";
import { durationExpected, optionValue } from "./option-value.ts";
import { readCount, readDuration, readRate } from "./quantities.ts";

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
