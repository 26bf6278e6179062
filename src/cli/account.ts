/** `siproc account`: lists the accounts of a running server, and changes those that it keeps in its store. */
import { resolve } from "node:path";
import type { AccountChange, AccountOutcome } from "../control/accounts.ts";
import type { StatusAccount } from "../control/status.ts";
import { readAccountChanges } from "./account-import.ts";
import type { Arguments } from "./arguments.ts";
import { exitCodes } from "./commands.ts";
import { showProblems } from "./problems.ts";
import { ask, configurationOf, json, table, unreachable } from "./running.ts";
import { readSecret } from "./secret.ts";
import type { Terminal } from "./terminal.ts";

/** What can be done, one at a time. */
const verbs = ["add", "edit", "disable", "enable", "remove", "import"] as const;
type Verb = (typeof verbs)[number];

/** Options that say what an account is to be like, and the verbs that they go with. */
const details: Readonly<Record<string, readonly Verb[]>> = {
  name: ["add", "edit"],
  description: ["add", "edit"],
  image: ["add", "edit"],
  password: ["edit"],
};

/** ms that many changes may take. */
const patience = 60_000;

export async function account({ operands, options }: Arguments, terminal: Terminal): Promise<number> {
  const file = configurationOf(operands);
  const chosen = verbs.filter((verb) => options.has(verb));
  const [verb] = chosen;
  const misplaced = Object.keys(details).find(
    (name) => options.has(name) && (verb === undefined || !details[name]?.includes(verb)),
  );
  if (chosen.length > 1 || misplaced !== undefined) {
    const shown = chosen.map((one) => `--${one}`).join(" or ");
    const needed = details[misplaced ?? ""]?.map((one) => `--${one}`).join(" or ");
    terminal.complain(
      `siproc: ${chosen.length > 1 ? `give ${shown}, not both` : `--${misplaced} goes with ${needed}`}`,
    );
    return exitCodes.usage;
  }
  const [whom = ""] = verb === undefined ? [] : (options.get(verb) ?? []);
  try {
    switch (verb) {
      case undefined:
        return await list(file, options.has("json"), terminal);
      case "import":
        return await importFrom(file, whom, terminal);
      case "add":
      case "edit":
        return await put(file, { verb, whom, options }, terminal);
      case "disable":
      case "enable": {
        const fields = { disabled: verb === "disable" };
        const says = verb === "disable" ? "gets in no longer, and is registered no longer" : "may register and call";
        return await change(file, [{ type: "edit", ...named(whom), fields }], `${whom} ${says}`, terminal);
      }
      case "remove":
        return await change(file, [{ type: "remove", ...named(whom) }], `${whom} is gone`, terminal);
      default:
        return verb satisfies never;
    }
  } catch (error) {
    terminal.complain(unreachable(file, error));
    return exitCodes.failed;
  }
}

async function list(file: string, asJson: boolean, terminal: Terminal): Promise<number> {
  // The server is of this version, or says so: its socket is no input from outside.
  const accounts = (await ask(file, "/accounts")) as StatusAccount[];
  if (asJson) terminal.print(json(accounts));
  else terminal.print(table([["USER", "DOMAIN", "NAME", "KEPT IN"], ...accounts.map(row)]));
  return exitCodes.ok;
}

function row({ user, domain, name, disabled, kept }: StatusAccount): string[] {
  return [user, domain ?? "", name ?? "", disabled ? `${kept}, disabled` : kept];
}

interface Wanted {
  readonly verb: "add" | "edit";
  readonly whom: string;
  readonly options: Arguments["options"];
}

async function put(file: string, { verb, whom, options }: Wanted, terminal: Terminal): Promise<number> {
  const fields = new Map<string, string>();
  for (const name of ["name", "description", "image"]) {
    const [value] = options.get(name) ?? [];
    if (value !== undefined) fields.set(name, value);
  }
  if (verb === "add" || options.has("password")) {
    const password = await readSecret(`Password for ${whom}: `);
    if (password === undefined) {
      terminal.complain(
        `siproc: there is no password; give it on stdin, as in: siproc account --${verb === "add" ? "add" : "password --edit"} alice < password.txt`,
      );
      return exitCodes.usage;
    }
    fields.set("password", password);
  }
  if (fields.size === 0) {
    terminal.complain("siproc: --edit needs what is to change: --name, --description, --image or --password");
    return exitCodes.usage;
  }
  const given = Object.fromEntries(fields);
  if (verb === "edit")
    return await change(file, [{ type: "edit", ...named(whom), fields: given }], `${whom} is changed`, terminal);
  // One that is there keeps what is not named; it gets in again where it was disabled.
  const fresh = { ...named(whom), ...given, disabled: false };
  return await change(file, [{ type: "merge", fields: fresh }], `${whom} may register and call`, terminal);
}

async function importFrom(file: string, source: string, terminal: Terminal): Promise<number> {
  const read = await readAccountChanges(resolve(source));
  if (!read.ok) {
    showProblems(read.problems, "error", terminal);
    return exitCodes.failed;
  }
  const { changes, places } = read;
  return await change(file, changes, undefined, terminal, (index) => places[index] ?? "");
}

/** Has it done, and says so, or what is wrong. `at` is the place of a change among several. */
async function change(
  file: string,
  changes: readonly AccountChange[],
  done: string | undefined,
  terminal: Terminal,
  at: (index: number) => string = () => "",
): Promise<number> {
  // As above.
  const outcome = (await ask(file, "/accounts/changes", "POST", changes, patience)) as AccountOutcome;
  if (!outcome.ok) {
    for (const { index, message } of outcome.faults) {
      const place = at(index);
      terminal.complain(`siproc: ${place === "" ? "" : `${place}: `}${message}`);
    }
    if (changes.length > 1) terminal.complain("siproc: nothing was changed");
    return outcome.faults.some(({ code }) => code === "invalid") ? exitCodes.usage : exitCodes.failed;
  }
  const { added, changed, unwritten } = outcome;
  terminal.complain(done ?? `${counted(added)} added, ${counted(changed)} changed`);
  if (unwritten === undefined) return exitCodes.ok;
  terminal.complain(`siproc: it holds, and could not be written to the store: ${unwritten}`);
  return exitCodes.failed;
}

function counted(accounts: number): string {
  return accounts === 1 ? "1 account" : `${accounts} accounts`;
}

/** `alice` or `alice@example.com`. */
function named(whom: string): { user: string; domain: string | undefined } {
  const at = whom.lastIndexOf("@");
  return at < 0 ? { user: whom, domain: undefined } : { user: whom.slice(0, at), domain: whom.slice(at + 1) };
}
