/** Reads a command's arguments by its table of options. */
import { nearest } from "../config/nearest.ts";

export interface Option {
  /** Without the two dashes. */
  readonly name: string;
  /** Its letter, without the dash: `-j 5`, `-j5`. */
  readonly short?: string;
  /** The value's name in the help, such as `FILE`; without one the option is a switch. */
  readonly value?: string;
  /** The values that there are, when they can be listed. */
  readonly among?: readonly string[];
  /** May stand more than once. */
  readonly repeats?: true;
  readonly help: string;
}

export interface Operands {
  /** As the help shows them: `[FILE]`, `FILE...`. */
  readonly shown: string;
  readonly min: number;
  readonly max: number;
}

export interface Arguments {
  /** By option name, in order; a switch that is given has one empty text. */
  readonly options: ReadonlyMap<string, readonly string[]>;
  readonly operands: readonly string[];
}

export type Read = { ok: true; given: Arguments } | { ok: false; reason: string };

/** The options that each command has. */
export const helpOption: Option = { name: "help", short: "h", help: "Show this help." };

/**
 * Reads `--name value`, `--name=value`, `--switch`, `-h`, `-j 5`, `-j5`, `-fj5` and operands in any order; after `--` all are operands.
 * With `stop`, everything from the first operand on is one.
 */
export function readArguments(
  argv: readonly string[],
  options: readonly Option[],
  operands: Operands,
  stop = false,
): Read {
  const known = [...options, helpOption];
  const given = new Map<string, string[]>();
  const rest: string[] = [];
  const words = [...argv];
  for (let i = 0; i < words.length; i++) {
    const word = words[i] ?? "";
    const apart = cluster(word, known);
    if (apart !== undefined) {
      words.splice(i--, 1, ...apart);
      continue;
    }
    if (word === "--" || (stop && !word.startsWith("-"))) {
      rest.push(...words.slice(word === "--" ? i + 1 : i));
      break;
    }
    if (!word.startsWith("-") || word === "-") {
      rest.push(word);
      continue;
    }
    const [written = "", attached] = divide(word, known);
    const option = known.find(({ name, short = "" }) => written === `--${name}` || written === `-${short}`);
    if (option === undefined) return { ok: false, reason: unknownOption(written, known) };
    const { name } = option;
    const values = given.get(name) ?? [];
    if (values.length > 0 && !option.repeats) return { ok: false, reason: `--${name} is given twice` };
    if (option.value === undefined) {
      if (attached !== undefined) return { ok: false, reason: `--${name} takes no value` };
      values.push("");
    } else {
      const value = attached ?? words[++i];
      if (value === undefined) return { ok: false, reason: `--${name} needs a value: --${name} ${option.value}` };
      if (option.among !== undefined && !option.among.includes(value))
        return { ok: false, reason: notAmong(option, value) };
      values.push(value);
    }
    given.set(name, values);
  }
  if (!given.has("help")) {
    if (rest.length < operands.min) return { ok: false, reason: `${operands.shown} is missing` };
    if (rest.length > operands.max) return { ok: false, reason: `“${rest[operands.max]}” is one argument too many` };
  }
  return { ok: true, given: { options: given, operands: rest } };
}

/** `-fvv` and `-fj5` as the options that they stand for: switches, the last perhaps with a value. */
function cluster(word: string, known: readonly Option[]): string[] | undefined {
  if (!/^-[^-=]{2,}/.test(word)) return undefined;
  const options: string[] = [];
  for (let at = 1; at < word.length; at++) {
    const option = known.find(({ short }) => short === word[at]);
    if (option === undefined || (option.value !== undefined && at === 1)) return undefined;
    if (option.value !== undefined) return [...options, `-${word.slice(at)}`];
    options.push(`-${word[at]}`);
  }
  return options;
}

function divide(word: string, known: readonly Option[]): [name: string, value?: string] {
  if (word.length > 2 && known.some(({ short, value }) => value !== undefined && `-${short}` === word.slice(0, 2)))
    return [word.slice(0, 2), word.slice(2).replace(/^=/, "")];
  const equals = word.indexOf("=");
  return equals < 0 ? [word] : [word.slice(0, equals), word.slice(equals + 1)];
}

function unknownOption(written: string, known: readonly Option[]): string {
  const meant = nearest(
    written.replace(/^-+/, ""),
    known.map(({ name }) => name),
  );
  return `there is no option ${written}${meant === undefined ? "" : `; did you mean --${meant}?`}`;
}

function notAmong({ name, among = [] }: Option, value: string): string {
  const meant = nearest(value, among);
  return `--${name} is one of ${among.join(", ")}; found “${value}”${meant === undefined ? "" : `, did you mean ${meant}?`}`;
}
