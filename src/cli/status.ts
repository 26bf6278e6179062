/** `siproc status`: what a running server is doing, asked over its socket. */
import { existsSync } from "node:fs";
import { resolve } from "node:path";
import { socketPath } from "../control/socket.ts";
import type { Status, StatusBan, StatusContact, StatusRelay } from "../control/status.ts";
import type { Arguments } from "./arguments.ts";
import { exitCodes } from "./commands.ts";
import type { Terminal } from "./terminal.ts";

/** Milliseconds of a ban by hand. */
const banTime = 3_600_000;

export async function status({ operands, options }: Arguments, terminal: Terminal): Promise<number> {
  const [file = "siproc.yaml"] = operands;
  const path = socketPath(file);
  const json = options.has("json");
  const unban = options.get("unban")?.[0];
  try {
    const ban = options.get("ban")?.[0];
    if (ban !== undefined) {
      const banned = await ask(path, `/ban?source=${encodeURIComponent(ban)}&ms=${banTime}`, "POST");
      terminal.complain(banned === true ? `${ban} is not answered for an hour` : `siproc: ${ban} is no IP address`);
      return banned === true ? exitCodes.ok : exitCodes.usage;
    }
    if (unban !== undefined) {
      const lifted = await ask(path, `/unban?source=${encodeURIComponent(unban)}`, "POST");
      terminal.complain(lifted === true ? `${unban} is heard again` : `siproc: ${unban} is not banned`);
      return lifted === true ? exitCodes.ok : exitCodes.failed;
    }
    const [what] = ["contacts", "bans", "relays"].filter((name) => options.has(name));
    const answer = await ask(path, `/${what ?? "status"}`, "GET");
    // The server is of this version, or says so: its socket is no input from outside.
    if (json) terminal.print(`${JSON.stringify(answer)}\n`);
    else if (what === "contacts") terminal.print(table(contactRows(answer as StatusContact[])));
    else if (what === "bans") terminal.print(table(banRows(answer as StatusBan[], Date.now())));
    else if (what === "relays") terminal.print(table(relayRows(answer as StatusRelay[])));
    else terminal.print(summary(answer as Status, Date.now()));
    return exitCodes.ok;
  } catch {
    const whose = existsSync(file) ? "no siproc of this user serves it" : "there is no such file";
    terminal.complain(`siproc: ${resolve(file)}: ${whose}; name the file that siproc run was started with`);
    return exitCodes.failed;
  }
}

async function ask(path: string, what: string, method: string): Promise<unknown> {
  const response = await fetch(`http://siproc${what}`, { unix: path, method, signal: AbortSignal.timeout(5000) });
  if (!response.ok) throw new TypeError(`the server answers ${response.status}`);
  return await response.json();
}

function summary(now: Status, time: number): string {
  const { calls, registrations, abuse, store } = now;
  const rows: [string, string][] = [
    ["siproc", `${now.version}, process ${now.pid}, up ${spell((time - now.started) / 1000)}`],
    ["configuration", now.file],
    ["listening", now.listening.join(" ")],
    ["calls", `${calls.handled} handled, ${calls.forwarding} requests being forwarded, ${calls.relayed} relayed`],
    ["transactions", String(now.transactions)],
    ["connections", String(now.connections)],
    [
      "registrations",
      registrations === undefined
        ? "none are taken"
        : `${registrations.contacts} contacts of ${registrations.users} users`,
    ],
    ...(now.accounts === undefined ? [] : [["accounts", String(now.accounts)] satisfies [string, string]]),
    [
      "store",
      `${store.kind}, ${store.waiting} changes waiting${store.failure === undefined ? "" : `; ${store.failure}`}`,
    ],
    [
      "abuse",
      `${abuse.failures} failures, ${abuse.banned} bans begun, ${abuse.limited} requests over a limit, ${abuse.scanners} of scanners`,
    ],
    ["process", `${Math.round(now.process.memory / 1_048_576)} MB, ${now.process.cpu.toFixed(1)} s of CPU`],
  ];
  return table(rows);
}

function contactRows(contacts: readonly StatusContact[]): string[][] {
  const head = ["USER", "CONTACT", "FROM", "EXPIRES", "AGENT"];
  return [
    head,
    ...contacts.map(({ user, contact, transport, source, expires, agent }) => [
      user,
      contact,
      `${transport}://${source}`,
      `${expires} s`,
      agent ?? "",
    ]),
  ];
}

function banRows(bans: readonly StatusBan[], time: number): string[][] {
  return [
    ["SOURCE", "LEFT", "WHY"],
    ...bans.map(({ source, until, why }) => [source, spell((until - time) / 1000), why]),
  ];
}

function relayRows(relays: readonly StatusRelay[]): string[][] {
  return [
    ["CALL-ID", "AGE", "PACKETS", "LOST"],
    ...relays.map(({ callId, age, packets, lost }) => [callId, spell(age), packets.join(" / "), lost.join(" / ")]),
  ];
}

function spell(seconds: number): string {
  if (seconds < 60) return `${Math.max(0, Math.floor(seconds))} s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min`;
  if (seconds < 172_800) return `${Math.floor(seconds / 3600)} h ${Math.floor((seconds % 3600) / 60)} min`;
  return `${Math.floor(seconds / 86_400)} days`;
}

/** Columns, aligned. What strangers chose cannot move the cursor. */
function table(rows: readonly (readonly string[])[]): string {
  const clean = rows.map((row) => row.map((cell) => cell.replace(/[\x00-\x1f\x7f-\x9f]/g, "?")));
  const widths = clean.reduce<number[]>((most, row) => row.map((cell, i) => Math.max(most[i] ?? 0, cell.length)), []);
  return clean
    .map(
      (row) =>
        `${row
          .map((cell, i) => cell.padEnd(widths[i] ?? 0))
          .join("  ")
          .trimEnd()}\n`,
    )
    .join("");
}
