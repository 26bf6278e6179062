/** From the command line to a command. */
import { existsSync } from "node:fs";
import { nearest } from "../config/nearest.ts";
import { version } from "../version.ts";
import { readArguments } from "./arguments.ts";
import { classicProgram } from "./classic-program.ts";
import { commandNames, commandOf, exitCodes } from "./commands.ts";
import { commandHelp, programHelp, usage } from "./help.ts";
import { processTerminal, type Terminal } from "./terminal.ts";

/** Runs `siproc` with these arguments; gives the exit code. */
export async function main(argv: readonly string[], terminal: Terminal = processTerminal()): Promise<number> {
  const [first, ...rest] = argv;
  switch (first) {
    case undefined:
      terminal.complain(programHelp().trimEnd());
      return exitCodes.usage;
    case "--version":
    case "version":
      terminal.print(`siproc ${version}\n`);
      return exitCodes.ok;
    case "--help":
    case "-h":
      terminal.print(programHelp());
      return exitCodes.ok;
    case "help":
      return help(rest, terminal);
  }
  const command = commandOf(first);
  if (command === undefined) {
    const program = classicProgram(first);
    return program === undefined
      ? unknownCommand(first, terminal)
      : await (await import("./classic.ts")).classic([program, ...rest], terminal);
  }
  const read = readArguments(rest, command.options, command.operands);
  if (!read.ok) return misused(terminal, read.reason, `usage: ${usage(first, command)}`);
  if (read.given.options.has("help")) {
    terminal.print(commandHelp(first, command));
    return exitCodes.ok;
  }
  return await command.start(read.given, terminal);
}

function help([name]: readonly string[], terminal: Terminal): number {
  const command = name === undefined ? undefined : commandOf(name);
  if (name !== undefined && command === undefined) return unknownCommand(name, terminal);
  terminal.print(name === undefined || command === undefined ? programHelp() : commandHelp(name, command));
  return exitCodes.ok;
}

function unknownCommand(name: string, terminal: Terminal): number {
  const meant = nearest(name, [...commandNames, "help"]);
  const what = name.startsWith("-") ? "option" : "command";
  const reason = `there is no ${what} ${name}${meant === undefined ? "" : `; did you mean ${meant}?`}`;
  if (/\.ya?ml$/.test(name)) return misused(terminal, reason, `a configuration is served by: siproc run ${name}`);
  if (name.includes("/"))
    return misused(
      terminal,
      existsSync(name) ? `${name} is no program that may be executed, and no script` : `there is no program ${name}`,
      "make it executable (chmod +x), or give it the name of a script, such as handler.ts",
    );
  if (name.includes("."))
    return misused(terminal, reason, `a program in this folder is named with its path: siproc ./${name}`);
  return misused(terminal, reason, `commands: ${commandNames.join(", ")}; siproc --help says more`);
}

function misused(terminal: Terminal, reason: string, hint: string): number {
  terminal.complain(`siproc: ${reason}`);
  terminal.complain(hint);
  return exitCodes.usage;
}
