/** `siproc status`: what a running server is doing, asked over its socket. */
import type { Status, StatusBan, StatusContact, StatusRelay, StatusTrunk } from "../control/status.ts";
import type { Arguments } from "./arguments.ts";
import { exitCodes } from "./commands.ts";
import { spell } from "./quantities.ts";
import { ask, configurationOf, json, table, unreachable } from "./running.ts";
import type { Terminal } from "./terminal.ts";

/** Milliseconds of a ban by hand. */
const banTime = 3_600_000;

export async function status({ operands, options }: Arguments, terminal: Terminal): Promise<number> {
  const file = configurationOf(operands);
  const unban = options.get("unban")?.[0];
  const given = ["contacts", "bans", "relays", "ban", "unban"].filter((name) => options.has(name));
  if (given.length > 1) {
    terminal.complain(`siproc: one at a time: ${given.map((name) => `--${name}`).join(", ")}`);
    return exitCodes.usage;
  }
  try {
    const ban = options.get("ban")?.[0];
    if (ban !== undefined) {
      const banned = await ask(file, `/ban?source=${encodeURIComponent(ban)}&ms=${banTime}`, "POST");
      if (banned === "banned") terminal.complain(`${ban} is not answered for an hour`);
      else if (banned === "exempt") terminal.complain(`siproc: ${ban} is never banned, since ban.never names it`);
      else terminal.complain(`siproc: ${ban} is no IP address`);
      return banned === "banned" ? exitCodes.ok : banned === "exempt" ? exitCodes.failed : exitCodes.usage;
    }
    if (unban !== undefined) {
      const lifted = await ask(file, `/unban?source=${encodeURIComponent(unban)}`, "POST");
      terminal.complain(lifted === true ? `${unban} is heard again` : `siproc: ${unban} is not banned`);
      return lifted === true ? exitCodes.ok : exitCodes.failed;
    }
    const [what] = given;
    const answer = await ask(file, `/${what ?? "status"}`);
    // The server is of this version, or says so: its socket is no input from outside.
    if (options.has("json")) terminal.print(json(answer));
    else if (what === "contacts") terminal.print(table(contactRows(answer as StatusContact[])));
    else if (what === "bans") terminal.print(table(banRows(answer as StatusBan[], Date.now())));
    else if (what === "relays") terminal.print(table(relayRows(answer as StatusRelay[])));
    else terminal.print(summary(answer as Status, Date.now()));
    return exitCodes.ok;
  } catch (error) {
    terminal.complain(unreachable(file, error));
    return exitCodes.failed;
  }
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
    ...now.trunks.map((trunk): [string, string] => [`trunk ${trunk.name}`, trunkState(trunk)]),
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
  return table(rows, Number.POSITIVE_INFINITY);
}

function trunkState({ state, id, seconds, expires, failure }: StatusTrunk): string {
  switch (state) {
    case "registered":
      return `registered as ${id}, ${spell(seconds)} ago for ${spell(expires ?? 0)}`;
    case "failed":
      return `not registered: ${failure?.reason ?? ""}; again in ${spell((failure?.retry ?? 0) / 1000 - seconds)}`;
    case "registering":
      return `registering as ${id}`;
    case "ended":
      return "no longer registered";
    case "unregistered":
      return `calls go out as ${id}; it needs no registration`;
  }
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
