/** `siproc init`: a first configuration and a first script, where there are none. */
import { randomBytes } from "node:crypto";
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { join, relative, resolve } from "node:path";
import { readConfig } from "../config/index.ts";
import { scriptTypes } from "../handlers/script/index.ts";
import type { Arguments } from "./arguments.ts";
import { exitCodes } from "./exit-codes.ts";
import { type First, firstConfiguration, helloScript } from "./first-configuration.ts";
import type { Terminal } from "./terminal.ts";

/** Octets of randomness in a password: as base64 16 characters. */
const passwordOctets = 12;

export async function init({ operands: [folder = "."], options }: Arguments, terminal: Terminal): Promise<number> {
  const file = resolve(folder, "siproc.yaml");
  if (existsSync(file)) {
    terminal.complain(`siproc: ${shown(file)} is there already; nothing was changed`);
    return exitCodes.failed;
  }
  const first: First = {
    host: "0.0.0.0",
    domain: options.get("domain")?.[0],
    accounts: [...new Set(options.get("user"))].map((user) => ({
      user,
      password: randomBytes(passwordOctets).toString("base64url"),
    })),
    store: "sqlite:siproc.db",
    script: "hello.ts",
    recordings: "recordings",
  };
  const text = firstConfiguration(first);
  const fault = await faultOf(text, file);
  if (fault !== undefined) {
    terminal.complain(`siproc: ${fault}`);
    return exitCodes.usage;
  }
  try {
    mkdirSync(folder, { recursive: true });
    // Passwords are nobody else's business.
    writeNew(file, text, first.accounts.length > 0 ? 0o600 : 0o644);
    const others = { "hello.ts": helloScript, "siproc.d.ts": scriptTypes() };
    for (const [name, content] of Object.entries(others))
      if (!existsSync(join(folder, name))) writeNew(join(folder, name), content, 0o644);
  } catch (error) {
    terminal.complain(`siproc: ${error instanceof Error ? error.message : String(error)}`);
    return exitCodes.failed;
  }
  terminal.print(nextSteps(first, file));
  return exitCodes.ok;
}

function writeNew(file: string, text: string, mode: number): void {
  writeFileSync(file, text, { mode, flag: "wx" });
}

/** What is wrong with a domain or a user of the command line: the configuration says so. */
async function faultOf(text: string, file: string): Promise<string | undefined> {
  const read = await readConfig(new TextEncoder().encode(text), file);
  // The script is written with the file.
  const problems = read.ok ? [] : read.problems.filter(({ message }) => !message.startsWith("there is no script"));
  return problems[0]?.message;
}

function nextSteps({ accounts, domain }: First, file: string): string {
  const folder = relative(process.cwd(), resolve(file, ".."));
  const there = folder === "" ? "" : `${folder}/`;
  const steps = [
    `${there}siproc.yaml is the configuration, with comments; ${there}hello.ts answers calls; ${there}siproc.d.ts is for editors.`,
    "",
    `  siproc run ${there}siproc.yaml`,
    "",
    "Then call sip:hello@ this machine's address from any SIP phone, or on this machine: siproc call sip:hello@127.0.0.1",
  ];
  if (accounts.length > 0)
    steps.push(
      `Phones register as ${accounts.map(({ user }) => (domain === undefined ? user : `${user}@${domain}`)).join(", ")}; their passwords stand in ${there}siproc.yaml.`,
    );
  return `${steps.join("\n")}\n`;
}

function shown(file: string): string {
  const near = relative(process.cwd(), file);
  return near.length < file.length ? near : file;
}
