/** What --help says, made from the table of commands. */
import { helpOption, type Option } from "./arguments.ts";
import { type CliCommand, commandNames, commandOf, exitCodeMeanings } from "./commands.ts";

export function programHelp(): string {
  const rows = commandNames.map((name): [string, string] => [name, commandOf(name)?.summary ?? ""]);
  return `siproc answers phone calls with small programs: scripts in a sandbox, or any executable.

Usage: siproc COMMAND [ARGUMENTS]
       siproc ./HANDLER [ARGUMENTS]   Register and be called as the SIPROC_… variables say, with one process of HANDLER for each call.

Commands:
${table([...rows, ["help [COMMAND]", "Show this help, or that of a command."]])}

Options:
${table([
  ["--help, -h", helpOption.help],
  ["--version", "Show the version."],
])}

Exit codes:
${table(exitCodeMeanings.map(([code, meaning]) => [String(code), meaning]))}

siproc help COMMAND says more about one.
`;
}

export function commandHelp(name: string, command: CliCommand): string {
  const options = [...command.options, helpOption];
  return `${command.summary}

Usage: ${usage(name, command)}

Options:
${table(options.map((option): [string, string] => [shown(option), option.help]))}
${command.details === undefined ? "" : `\n${command.details}\n`}`;
}

export function usage(name: string, command: CliCommand): string {
  return ["siproc", name, command.options.length > 0 ? "[OPTIONS]" : "", command.operands.shown]
    .filter((part) => part !== "")
    .join(" ");
}

function shown({ name, short, value }: Option): string {
  const letter = short === undefined || short === helpOption.short ? "" : `-${short}, `;
  return `${letter}--${name}${value === undefined ? "" : ` ${value}`}`;
}

function table(rows: readonly (readonly [string, string])[]): string {
  const width = Math.max(...rows.map(([left]) => left.length));
  return rows.map(([left, right]) => `  ${left.padEnd(width)}  ${right}`).join("\n");
}
