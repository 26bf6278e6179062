/** Every command of `siproc`, as --help shows it. What a command needs is loaded when it runs: start-up time counts. */
import { type LogFormat, levels } from "../log.ts";
import type { Arguments, Operands, Option } from "./arguments.ts";

import { callsDetails, callsOptions, traceDetails, traceOptions } from "./keeping-options.ts";
import { callerOptions, callOptions, listenOptions, messageOptions, registerCommandOptions } from "./phone-tables.ts";
import { sipwsDetails, sipwsOperands, sipwsOptions } from "./sipws-options.ts";
import type { Terminal } from "./terminal.ts";

export { exitCodeMeanings, exitCodes } from "./exit-codes.ts";

export interface CliCommand {
  readonly summary: string;
  readonly operands: Operands;
  readonly options: readonly Option[];
  /** Further paragraphs of its help. */
  readonly details?: string;
  /** The exit code. */
  readonly start: (given: Arguments, terminal: Terminal) => Promise<number>;
}

const formats: readonly LogFormat[] = ["pretty", "json"];

const commands: Readonly<Record<string, CliCommand>> = {
  run: {
    summary: "Serve calls as a configuration file says.",
    operands: { shown: "[FILE]", min: 0, max: 1 },
    options: [
      {
        name: "listen",
        value: "URL",
        repeats: true,
        help: "Listen here instead, as in udp://127.0.0.1:5070. May be repeated.",
      },
      {
        name: "events",
        help: "Print what happens as lines of JSON, and take CALL, QUIT and JSON objects as lines of stdin.",
      },
      { name: "log-level", value: "LEVEL", among: levels, help: `Log from this level on: ${levels.join(", ")}.` },
      { name: "log-format", value: "FORMAT", among: formats, help: "Log as pretty or json." },
    ],
    details: `FILE is siproc.yaml by default.

SIGINT and SIGTERM let calls that are up go on for limits.drain, and then end; a second one ends them at once.
SIGHUP reads the file again: routes, accounts, certificates, scripts and limits change, calls that are up do not. A file with mistakes changes nothing.`,
    start: async (given, terminal) => (await import("./run.ts")).run(given, terminal),
  },
  init: {
    summary: "Write a first configuration and a first script.",
    operands: { shown: "[FOLDER]", min: 0, max: 1 },
    options: [
      { name: "domain", value: "DOMAIN", help: "Who we are: the domain of phones that register here." },
      {
        name: "user",
        value: "USER",
        repeats: true,
        help: "A phone that registers, with a password of its own. May be repeated.",
      },
    ],
    details:
      "Writes siproc.yaml, hello.ts and siproc.d.ts into FOLDER, this one by default. A siproc.yaml that is there stays as it is.",
    start: async (given, terminal) => (await import("./init.ts")).init(given, terminal),
  },
  call: {
    summary: "Call, let a script or a program handle each call, and print how each went as a line of JSON.",
    operands: { shown: "URI... | -", min: 1, max: Number.POSITIVE_INFINITY },
    options: callOptions,
    details: `With - the targets are lines of stdin: a URI and, after tabs, variables for the handler, as name=value or by their place. Empty lines and those that begin with # are left out.

Without --script, --exec and --duration a call lasts until the other side, or Ctrl-C, ends it. The exit code is 0 when all calls were answered, 1 when one was not, 2 for a mistake on the command line, 3 when it could not start.`,
    start: async (given, terminal) => (await import("./call.ts")).call(given, terminal),
  },
  listen: {
    summary: "Be a phone: wait for calls and texts.",
    operands: { shown: "", min: 0, max: 0 },
    options: listenOptions,
    details: `Calls are answered after 3 seconds, by --script or --exec, or by you: what you type is sent as keys and texts, /help lists what else there is.
Ctrl-C hangs up, and without a call puts the phone away.`,
    start: async (given, terminal) => (await import("./listen.ts")).listen(given, terminal),
  },
  message: {
    summary: "Send a text.",
    operands: { shown: "URI [TEXT...]", min: 1, max: Number.POSITIVE_INFINITY },
    options: messageOptions,
    details: `Without TEXT it is read from stdin. Prints how that went as a line of JSON; the exit code is 0 when the other side took it, 1 when it did not.`,
    start: async (given, terminal) => (await import("./message.ts")).message(given, terminal),
  },
  register: {
    summary: "Register, and stay registered until Ctrl-C.",
    operands: { shown: "", min: 0, max: 0 },
    options: registerCommandOptions,
    details:
      "Each change is a line of JSON on stdout. The exit code is 0 when the registrar has taken us, 1 when it never did.",
    start: async (given, terminal) => (await import("./register.ts")).register(given, terminal),
  },
  caller: {
    summary: "Take the command line of rtclite's caller.",
    operands: { shown: "", min: 0, max: 0 },
    options: callerOptions,
    start: async (given, terminal) => (await import("./caller.ts")).caller(given, terminal),
  },
  status: {
    summary: "Say what a running server is doing.",
    operands: { shown: "[FILE]", min: 0, max: 1 },
    options: [
      { name: "contacts", help: "List who is registered from where." },
      { name: "bans", help: "List the addresses that are not answered." },
      { name: "relays", help: "List the calls whose media is relayed." },
      { name: "ban", value: "ADDRESS", help: "Do not answer this IP address for an hour." },
      { name: "unban", value: "ADDRESS", help: "Answer this address again." },
      { name: "json", help: "Print JSON." },
    ],
    details:
      "FILE is the configuration that `siproc run` was started with, siproc.yaml by default, or that of the system's service. It has to be the same user's; root reaches the service's, too.",
    start: async (given, terminal) => (await import("./status.ts")).status(given, terminal),
  },
  top: {
    summary: "Watch a running server: calls, rates, failures, the busiest sources.",
    operands: { shown: "[FILE]", min: 0, max: 1 },
    options: [
      { name: "interval", value: "TIME", help: "Look again after so long; 2s by default." },
      { name: "once", help: "Print one look and end, as in a pipe." },
      { name: "json", help: "Print one look as JSON: what was counted since the start." },
    ],
    details: `FILE is the configuration that \`siproc run\` was started with, siproc.yaml by default, or that of the system's service.

q ends it, s sorts the tables by name or by rate, the space bar looks at once. In a pipe the rates of one second are printed.`,
    start: async (given, terminal) => (await import("./top.ts")).top(given, terminal),
  },
  calls: {
    summary: "List the calls of a running server that are over: who, when, how long, why they ended, how they sounded.",
    operands: { shown: "[FILE]", min: 0, max: 1 },
    options: callsOptions,
    details: callsDetails,
    start: async (given, terminal) => (await import("./calls.ts")).calls(given, terminal),
  },
  trace: {
    summary: "Show the SIP messages of a running server as they pass, as a ladder.",
    operands: { shown: "[FILE]", min: 0, max: 1 },
    options: traceOptions,
    details: traceDetails,
    start: async (given, terminal) => (await import("./trace.ts")).trace(given, terminal),
  },
  account: {
    summary: "List the accounts of a running server, and add, change, disable, remove and import those of its store.",
    operands: { shown: "[FILE]", min: 0, max: 1 },
    options: [
      {
        name: "add",
        value: "USER",
        help: "Add alice or alice@example.com, or change its password, which is read from stdin.",
      },
      { name: "edit", value: "USER", help: "Change what further options name, and leave the rest." },
      { name: "name", value: "NAME", help: "With --add and --edit: the name that people see." },
      { name: "description", value: "TEXT", help: "With --add and --edit: what it is for." },
      { name: "image", value: "URL", help: "With --add and --edit: a picture." },
      { name: "password", help: "With --edit: a new password, which is read from stdin." },
      { name: "disable", value: "USER", help: "Let nobody in with this account; its phones are registered no longer." },
      { name: "enable", value: "USER", help: "Let it in again." },
      {
        name: "remove",
        value: "USER",
        help: "Take this account out of the store; its phones are registered no longer.",
      },
      {
        name: "import",
        value: "ACCOUNTS",
        help: "Add all accounts of a .yaml, .json or .csv file, or put them in the place of those with their names.",
      },
      { name: "json", help: "Print JSON." },
    ],
    details: `FILE is the configuration that \`siproc run\` was started with, siproc.yaml by default, or that of the system's service.

Of an import all accounts are taken or none. Accounts of the configuration are changed there; SIGHUP reads it again.`,
    start: async (given, terminal) => (await import("./account.ts")).account(given, terminal),
  },
  reload: {
    summary: "Let a running server read its configuration again.",
    operands: { shown: "[FILE]", min: 0, max: 1 },
    options: [],
    details: `FILE is the configuration that \`siproc run\` was started with, siproc.yaml by default, or that of the system's service.

Says what is wrong with the file, and what has changed that takes a restart. The exit code is 0 when the new configuration holds, 1 when the old one stays.`,
    start: async (given, terminal) => (await import("./reload.ts")).reload(given, terminal),
  },
  health: {
    summary: "Say whether a running server serves, by the exit code, too.",
    operands: { shown: "[FILE]", min: 0, max: 1 },
    options: [],
    details: `Prints ok; degraded, and why, when it serves and something needs attention; or draining, when it takes no new calls. The exit code is 1 when it drains or does not answer.`,
    start: async (given, terminal) => (await import("./health.ts")).health(given, terminal),
  },
  sipws: {
    summary: "Take the command line of SIPWS: a registrar and proxy whose accounts come over HTTP.",
    operands: sipwsOperands,
    options: sipwsOptions,
    details: sipwsDetails,
    start: async (given, terminal) => (await import("./sipws.ts")).sipws(given, terminal),
  },
  check: {
    summary: "Check configuration files and scripts without starting anything.",
    operands: { shown: "FILE...", min: 1, max: Number.POSITIVE_INFINITY },
    options: [],
    details:
      "A file that ends in .js or .ts is a script; any other is a configuration, whose scripts are checked too.\nMistakes are printed as FILE:LINE:COLUMN: MESSAGE.",
    start: async (given, terminal) => (await import("./check.ts")).check(given, terminal),
  },
  types: {
    summary: "Print the types of the script API, for editors: siproc types > siproc.d.ts",
    operands: { shown: "", min: 0, max: 0 },
    options: [],
    start: async (_, terminal) => (await import("./types.ts")).types(terminal),
  },
  schema: {
    summary: "Print the JSON Schema of the configuration file, for editors.",
    operands: { shown: "", min: 0, max: 0 },
    options: [],
    start: async (_, terminal) => (await import("./schema.ts")).schema(terminal),
  },
  man: {
    summary: "Print a manual page, for man: siproc man | man -l -",
    operands: { shown: "[PAGE]", min: 0, max: 1 },
    options: [],
    details: "PAGE is siproc, the default, or siproc.yaml.",
    start: async (given, terminal) => (await import("./man.ts")).man(given, terminal),
  },
  completions: {
    summary: "Print what completes siproc's commands and options in a shell: bash, zsh or fish.",
    operands: { shown: "SHELL", min: 1, max: 1 },
    options: [],
    details: `In bash: source <(siproc completions bash)
In zsh: siproc completions zsh > ~/.zfunc/_siproc, with ~/.zfunc in fpath before compinit
In fish: siproc completions fish > ~/.config/fish/completions/siproc.fish`,
    start: async (given, terminal) => (await import("./completions.ts")).completions(given, terminal),
  },
};

export const commandNames: readonly string[] = Object.keys(commands);

export function commandOf(name: string): CliCommand | undefined {
  return Object.hasOwn(commands, name) ? commands[name] : undefined;
}
