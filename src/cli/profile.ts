/**
 * Profiles: options that are typed once. `~/.config/siproc/NAME` has a line for each, `user alice`; what stands on the command
 * line wins. `default` is taken when none is named.
 */
import { readFile, stat } from "node:fs/promises";
import { homedir } from "node:os";
import { join } from "node:path";
import { type Arguments, type Option, readArguments } from "./arguments.ts";
import { OptionValueError } from "./option-value.ts";
import type { Terminal } from "./terminal.ts";

/** Where profiles are. */
export function profileFolder(environment: Readonly<Record<string, string | undefined>> = process.env): string {
  const home = environment.XDG_CONFIG_HOME ?? "";
  return join(home.startsWith("/") ? home : join(environment.HOME ?? homedir(), ".config"), "siproc");
}

/** The lines of a profile as arguments. Leading dashes and `=` are taken as well; a value may stand in quotes. */
export function profileArguments(text: string): string[] {
  return text.split(/\r?\n/).flatMap((line) => {
    const [, name, , written = ""] = /^\s*(?:--)?([a-z][a-z-]*)(\s*=\s*|\s+|$)(.*?)\s*$/.exec(line) ?? [];
    if (name === undefined) return [];
    const [, quoted] = /^(["'])(.*)\1$/.exec(written) === null ? [] : [undefined, written.slice(1, -1)];
    const value = quoted ?? written;
    return [value === "" ? `--${name}` : `--${name}=${value}`];
  });
}

/**
 * The arguments, with what a profile adds to them. Options of the phone's that this command has not are left out.
 * @param known all options that a profile may have
 * @throws OptionValueError for a profile that is not there or has mistakes
 */
export async function withProfile(
  given: Arguments,
  own: readonly Option[],
  known: readonly Option[],
  terminal: Terminal,
): Promise<Arguments> {
  const [named] = given.options.get("profile") ?? [];
  if (named !== undefined && !/^[\w.-]{1,64}$/.test(named))
    throw new OptionValueError("profile", named, "a name of letters, digits, dots and dashes");
  const file = join(profileFolder(), named ?? "default");
  const text = await readFile(file, "utf8").catch(() => undefined);
  if (text === undefined) {
    if (named === undefined) return given;
    throw new OptionValueError("profile", named, `the name of a file in ${profileFolder()}`);
  }
  const operands = { shown: "", min: 0, max: 0 };
  const read = readArguments(profileArguments(text), known, operands);
  if (!read.ok) throw new OptionValueError("profile", file, `a file of options, and in it ${read.reason}`);
  if (read.given.options.has("authpass") && ((await stat(file)).mode & 0o077) !== 0)
    terminal.complain(`siproc: others can read the password in ${file}; chmod 600 keeps it`);
  const options = new Map(given.options);
  for (const [name, values] of read.given.options)
    if (!options.has(name) && own.some((option) => option.name === name)) options.set(name, values);
  return { ...given, options };
}
