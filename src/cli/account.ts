/** `siproc account`: lists the accounts of a running server, and changes those that it keeps in its store. */
import type { StatusAccount } from "../control/status.ts";
import type { Arguments } from "./arguments.ts";
import { exitCodes } from "./commands.ts";
import { ask, configurationOf, json, table, unreachable } from "./running.ts";
import { readSecret } from "./secret.ts";
import type { Terminal } from "./terminal.ts";

export async function account({ operands, options }: Arguments, terminal: Terminal): Promise<number> {
  const file = configurationOf(operands);
  const [add] = options.get("add") ?? [];
  const [remove] = options.get("remove") ?? [];
  if (add !== undefined && remove !== undefined) {
    terminal.complain("siproc: give --add or --remove, not both");
    return exitCodes.usage;
  }
  try {
    if (add !== undefined) return await put(file, add, options.get("name")?.[0], terminal);
    if (remove !== undefined) return await take(file, remove, terminal);
    // The server is of this version, or says so: its socket is no input from outside.
    const accounts = (await ask(file, "/accounts")) as StatusAccount[];
    if (options.has("json")) terminal.print(json(accounts));
    else terminal.print(table([["USER", "DOMAIN", "NAME", "KEPT IN"], ...accounts.map(row)]));
    return exitCodes.ok;
  } catch (error) {
    terminal.complain(unreachable(file, error));
    return exitCodes.failed;
  }
}

function row({ user, domain, name, disabled, kept }: StatusAccount): string[] {
  return [user, domain ?? "", name ?? "", disabled ? `${kept}, disabled` : kept];
}

async function put(file: string, whom: string, name: string | undefined, terminal: Terminal): Promise<number> {
  const password = await readSecret(`Password for ${whom}: `);
  if (password === undefined) {
    terminal.complain(
      "siproc: there is no password; give it on stdin, as in: siproc account --add alice < password.txt",
    );
    return exitCodes.usage;
  }
  const fields = { ...named(whom), password, ...(name === undefined ? {} : { name }) };
  const problems = (await ask(file, "/account", "POST", fields)) as string[];
  for (const problem of problems) terminal.complain(`siproc: ${problem}`);
  if (problems.length > 0) return exitCodes.usage;
  terminal.complain(`${whom} may register and call`);
  return exitCodes.ok;
}

async function take(file: string, whom: string, terminal: Terminal): Promise<number> {
  const query = new URLSearchParams(named(whom));
  const removed = await ask(file, `/account?${query}`, "DELETE");
  terminal.complain(removed === true ? `${whom} is gone` : `siproc: the store has no account ${whom}`);
  return removed === true ? exitCodes.ok : exitCodes.failed;
}

/** `alice` or `alice@example.com`. */
function named(whom: string): Record<string, string> {
  const at = whom.lastIndexOf("@");
  return at < 0 ? { user: whom } : { user: whom.slice(0, at), domain: whom.slice(at + 1) };
}
