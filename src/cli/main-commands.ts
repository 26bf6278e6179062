/**
 * What a running siproc takes on its stdin, a line each: the words of the original (CALL uri, QUIT), or one JSON object, which
 * can also tell a call that is up what to do.
 */
import { type Command, maxText, readCommand } from "../call/index.ts";

/** The longest line that is read, in octets of UTF-8. */
export const maxMainLine = 3 * maxText + 1024;

export type MainCommand =
  | { readonly type: "quit" }
  | {
      readonly type: "call";
      /** As it was written: a URI, `user@host`, or with a trunk a number. */
      readonly uri: string;
      readonly trunk?: string | undefined;
      readonly from?: string | undefined;
      /** Who handles the call; neither: whoever writes these lines. */
      readonly script?: string | undefined;
      readonly exec?: readonly string[] | undefined;
      /** Given back in the call's first event, so that its sender knows it again. */
      readonly ref?: string | undefined;
    }
  | { readonly type: "tell"; readonly call: string; readonly command: Command };

export type ReadMainCommand =
  | { readonly ok: true; readonly command: MainCommand }
  | { readonly ok: false; readonly reason: string };

/** Reads a line without its end; undefined for a blank one. */
export function readMainCommand(line: string): ReadMainCommand | undefined {
  const text = line.trim();
  if (text === "") return undefined;
  if (text.startsWith("{")) return readJson(text);
  const [, name = "", rest = ""] = /^(\S+)\s*(.*)$/.exec(text) ?? [];
  switch (name) {
    case "QUIT":
      return rest === "" ? { ok: true, command: { type: "quit" } } : fault("QUIT takes no argument");
    case "CALL":
      return rest === "" ? fault("CALL needs whom to call: CALL sip:bob@example.com") : call(rest);
    default:
      return fault(
        ["CALL", "QUIT"].includes(name.toUpperCase())
          ? `commands are written in capitals: ${name.toUpperCase()}`
          : "there is no such command; there are CALL uri, QUIT, and JSON objects",
      );
  }
}

const callKeys = ["command", "uri", "trunk", "from", "script", "exec", "ref"];

function readJson(text: string): ReadMainCommand {
  const value = parsed(text);
  if (typeof value !== "object" || value === null || Array.isArray(value)) return fault("this is no JSON object");
  const given = new Map<string, unknown>(Object.entries(value));
  const command = given.get("command");
  if (typeof command !== "string")
    return fault('“command” is missing, as in {"command":"CALL","uri":"sip:bob@example.com"}');
  if (command === "QUIT") return { ok: true, command: { type: "quit" } };
  if (command === "CALL") return readCall(given);
  const to = given.get("call");
  if (typeof to !== "string")
    return fault(`${shown(command)} is for a call: name its id, as in {"command":"HANGUP","call":"ab12cd34"}`);
  given.delete("command");
  given.delete("call");
  const read = readCommand(command, Object.fromEntries(given));
  if (!read.ok) return fault(`${shown(command)}: ${read.failure.reason}`);
  return { ok: true, command: { type: "tell", call: to, command: read.command } };
}

function readCall(given: ReadonlyMap<string, unknown>): ReadMainCommand {
  for (const key of given.keys())
    if (!callKeys.includes(key))
      return fault(`CALL takes no “${shown(key)}”; it takes ${callKeys.slice(1).join(", ")}`);
  const texts = new Map<string, string>();
  for (const key of ["uri", "trunk", "from", "script", "ref"]) {
    const value = given.get(key);
    if (value !== undefined && typeof value !== "string") return fault(`“${key}” of CALL is text`);
    if (value !== undefined) texts.set(key, value);
  }
  const uri = texts.get("uri");
  if (uri === undefined) return fault("CALL needs “uri”");
  const exec = given.get("exec");
  if (exec !== undefined && !isArgv(exec)) return fault("“exec” of CALL is a list of a program and its arguments");
  const script = texts.get("script");
  if (exec !== undefined && script !== undefined) return fault("a call has one handler: give “script” or “exec”");
  return call(uri, { trunk: texts.get("trunk"), from: texts.get("from"), ref: texts.get("ref"), script, exec });
}

function call(uri: string, more: Partial<MainCommand & { type: "call" }> = {}): ReadMainCommand {
  return { ok: true, command: { ...more, type: "call", uri } };
}

function isArgv(value: unknown): value is string[] {
  return Array.isArray(value) && value.length > 0 && value.every((word) => typeof word === "string" && word !== "");
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function fault(reason: string): ReadMainCommand {
  return { ok: false, reason };
}

function shown(text: string): string {
  return text.replace(/[^\x21-\x7e]/g, "?").slice(0, 40);
}
