/** `siproc completions`: what completes commands, options and their values in bash, zsh and fish, from the table of commands. */
import { type Arguments, helpOption, type Option } from "./arguments.ts";
import { type CliCommand, commandNames, commandOf } from "./commands.ts";
import { exitCodes } from "./exit-codes.ts";
import type { Terminal } from "./terminal.ts";

const shells: Readonly<Record<string, () => string>> = {
  bash: bashCompletions,
  zsh: zshCompletions,
  fish: fishCompletions,
};

export function completions({ operands }: Arguments, terminal: Terminal): number {
  const [name = ""] = operands;
  const print = Object.hasOwn(shells, name) ? shells[name] : undefined;
  if (print === undefined) {
    terminal.complain(`siproc: there are completions for ${Object.keys(shells).join(", ")}; found “${name}”`);
    return exitCodes.usage;
  }
  terminal.print(print());
  return exitCodes.ok;
}

interface Completed {
  readonly name: string;
  readonly summary: string;
  readonly options: readonly Option[];
  /** What its operands are: one of these, or files. */
  readonly operands: readonly string[] | "files" | "none";
}

/** `help`, `--help` and `--version` are no commands of the table. */
function completed(): Completed[] {
  const of = (name: string, command: CliCommand): Completed => ({
    name,
    summary: command.summary,
    options: [...command.options, helpOption],
    operands: operandsOf(name, command),
  });
  const commands = commandNames.flatMap((name) => {
    const command = commandOf(name);
    return command === undefined ? [] : [of(name, command)];
  });
  return [...commands, { name: "help", summary: "Show the help of a command.", options: [], operands: commandNames }];
}

function operandsOf(name: string, { operands }: CliCommand): Completed["operands"] {
  if (name === "completions") return Object.keys(shells);
  if (name === "man") return ["siproc", "siproc.yaml"];
  return operands.shown.includes("FILE") ? "files" : "none";
}

/** What comes after an option: one of these, a file, something that cannot be guessed; undefined: nothing, it is a switch. */
function argumentOf({ value, among }: Option): readonly string[] | "file" | "any" | undefined {
  if (value === undefined) return undefined;
  if (among !== undefined) return among;
  return /FILE|COMMAND|SOURCE|SINK|FOLDER|PATH/.test(value) ? "file" : "any";
}

const flags = ({ name, short }: Option): string[] => [...(short === undefined ? [] : [`-${short}`]), `--${name}`];

/** The first sentence, without its full stop: lists have little room. */
const brief = (help: string): string => help.replace(/([.:;])(\s[\s\S]*)?$/, "").replace(/\s+/g, " ");

const bashWords = (words: readonly string[]): string => `$(compgen -W '${words.join(" ")}' -- "$current")`;

function bashCompletions(): string {
  const commands = completed();
  const values = new Map<string, string>();
  for (const { name, options } of commands)
    for (const option of options) {
      const value = argumentOf(option);
      if (value === undefined) continue;
      const answer =
        value === "file" ? "compopt -o default" : value === "any" ? ":" : `COMPREPLY=(${bashWords(value)})`;
      values.set(
        flags(option)
          .map((flag) => `${name}:${flag}`)
          .join("|"),
        answer,
      );
    }
  const cases = [...values].map(([pattern, answer]) => `    ${pattern}) ${answer}; return ;;`);
  const options = commands.map(
    ({ name, options }) => `      ${name}) COMPREPLY=(${bashWords(options.flatMap(flags))}) ;;`,
  );
  const operands = commands.flatMap(({ name, operands }) => {
    if (operands === "none") return [];
    return [`    ${name}) ${operands === "files" ? "compopt -o default" : `COMPREPLY=(${bashWords(operands)})`} ;;`];
  });
  return `# bash completion for siproc
_siproc() {
  local current=\${COMP_WORDS[COMP_CWORD]} previous=\${COMP_WORDS[COMP_CWORD-1]} command=\${COMP_WORDS[1]}
  COMPREPLY=()
  if ((COMP_CWORD == 1)); then
    COMPREPLY=(${bashWords([...commands.map(({ name }) => name), "--help", "--version"])})
    # A program that handles calls, as siproc ./handler.sh.
    [[ $current == */* || $current == .* ]] && compopt -o default
    return
  fi
  # Bash parts words at "=".
  if [[ $current == = ]]; then
    current=
  elif [[ $previous == = ]]; then
    previous=\${COMP_WORDS[COMP_CWORD-2]}
  fi
  case $command:$previous in
${cases.join("\n")}
  esac
  if [[ $current == -* ]]; then
    case $command in
${options.join("\n")}
    esac
    return
  fi
  case $command in
${operands.join("\n")}
    ./*|/*) compopt -o default ;;
  esac
}
complete -F _siproc siproc
`;
}

/** Text within single quotes of a shell. */
const inQuotes = (text: string): string => text.replaceAll("'", "'\\''");
/** Also without what _arguments reads as its own. */
const zshText = (text: string): string => inQuotes(text.replace(/[[\]:\\]/g, (character) => `\\${character}`));

function zshCompletions(): string {
  const commands = completed();
  const described = commands.map(({ name, summary }) => `    '${zshText(name)}:${zshText(brief(summary))}'`);
  const cases = commands.map(({ name, options, operands }) => {
    const specs = options.flatMap((option) => {
      const value = argumentOf(option);
      const action =
        value === undefined
          ? ""
          : `:${zshText(option.value ?? "")}:${value === "file" ? "_files" : value === "any" ? " " : `(${value.join(" ")})`}`;
      const several = option.repeats ? "*" : "";
      return flags(option).map((flag) => `'${several}${flag}[${zshText(brief(option.help))}]${action}'`);
    });
    if (operands === "files") specs.push("'*:file:_files'");
    else if (operands !== "none") specs.push(`'1:operand:(${operands.join(" ")})'`);
    return `    ${name})\n      _arguments -s ${specs.length === 0 ? "':'" : specs.join(" \\\n        ")} ;;`;
  });
  return `#compdef siproc
_siproc() {
  local -a commands=(
${described.join("\n")}
  )
  if ((CURRENT == 2)); then
    _describe -t commands 'command' commands
    # A program that handles calls, as siproc ./handler.sh.
    [[ $PREFIX == [./]* ]] && _files
    return
  fi
  local command=$words[2]
  shift words
  ((CURRENT--))
  case $command in
${cases.join("\n")}
    *) _files ;;
  esac
}
# Loaded from fpath it completes at once; sourced, it is made known.
if [[ $funcstack[1] == _siproc ]]; then _siproc "$@"; else compdef _siproc siproc; fi
`;
}

const fishText = (text: string): string => text.replace(/[\\']/g, (character) => `\\${character}`);

function fishCompletions(): string {
  const commands = completed();
  const names = commands.map(({ name }) => name).join(" ");
  const lines = commands.flatMap(({ name, summary, options, operands }) => {
    const here = `-n '__fish_seen_subcommand_from ${name}'`;
    const files = operands === "files" ? ["-F"] : operands === "none" ? [] : [`-a '${operands.join(" ")}'`];
    return [
      `complete -c siproc -n '__fish_use_subcommand' -a ${name} -d '${fishText(brief(summary))}'`,
      ...options.map((option) => {
        const value = argumentOf(option);
        const wants =
          value === undefined
            ? ""
            : value === "file"
              ? " -r -F"
              : value === "any"
                ? " -x"
                : ` -x -a '${value.join(" ")}'`;
        const short = option.short === undefined ? "" : ` -s ${option.short}`;
        return `complete -c siproc ${here}${short} -l ${option.name}${wants} -d '${fishText(brief(option.help))}'`;
      }),
      ...files.map((one) => `complete -c siproc ${here} ${one}`),
    ];
  });
  return `# fish completion for siproc: ${commands.length} commands
complete -c siproc -f
complete -c siproc -n 'not __fish_seen_subcommand_from ${names}' -F -d 'A program that handles calls'
complete -c siproc -n '__fish_use_subcommand' -l help -s h -d 'Show the help'
complete -c siproc -n '__fish_use_subcommand' -l version -d 'Show the version'
${lines.join("\n")}
`;
}
