/**
 * The vocabulary as lines of text, for handlers that are programs: one line is one command, or one event.
 *
 *     NAME argument argument rest of the line        GATHER name=value name=value        NAME argument name=value
 *
 * Whatever could end a line, or be taken for the end of one, is written with a backslash, both ways, so that a peer's text can
 * never forge an event, nor a handler's text a second command.
 */
import {
  argumentsOf,
  type CallEvent,
  type Command,
  type CommandEntry,
  type CommandFailure,
  commands,
  type EventEntry,
  events,
  isCommandName,
  maxText,
  parametersOf,
  readCommand,
} from "./vocabulary.ts";

/** The longest line that is read, in octets of UTF-8 without its end: the longest text in three-octet characters, and a name. */
export const maxLineOctets = 3 * maxText + 64;

export type ParsedLine = { ok: true; command: Command } | { ok: false; failure: CommandFailure };

/**
 * Reads one line (without its LF; one CR at the end is dropped) as a command. Words are divided by spaces; the last argument
 * is all the rest. Undefined for a blank line, which means nothing.
 */
export function parseLine(line: string): ParsedLine | undefined {
  const text = (line.endsWith("\r") ? line.slice(0, -1) : line).replace(/^[ \t]+/, "");
  if (text === "") return undefined;
  const space = text.search(/[ \t]/);
  const name = space < 0 ? text : text.slice(0, space);
  const fail = (reason: string): ParsedLine => ({ ok: false, failure: { command: shown(name), reason } });
  if (text.length > maxLineOctets) return fail("the line is too long");
  if (!isCommandName(name)) {
    const upper = name.toUpperCase();
    if (isCommandName(upper)) return fail(`commands are written in capitals: ${upper}`);
    return fail(`there is no such command; there are ${Object.keys(commands).join(", ")}`);
  }
  const entry: CommandEntry = commands[name];
  const rest = space < 0 ? undefined : text.slice(space + 1);
  const words = wordsOf(entry, rest);
  if (!words.ok) return fail(words.reason);
  return readCommand(name, words.args, (kind, value) => (typeof value === "string" ? kind.fromText(value) : undefined));
}

/**
 * The line of an event, without its LF.
 * @param options.classic leaves out what programs written for the original siproc do not expect (`DTMF 5`, without duration).
 */
export function formatEvent(event: CallEvent, options: { classic?: boolean } = {}): string {
  const entry: EventEntry = events[event.name];
  const args = argumentsOf(entry).filter(([, argument]) => !(options.classic && argument.ours));
  const words = args.map(([name], i) => {
    const value: unknown = Reflect.get(event, name);
    const text = typeof value === "boolean" ? (value ? "on" : "off") : String(value);
    return i === args.length - 1 ? escapeText(text) : escapeWord(text);
  });
  return [event.name, ...words].join(" ").trimEnd();
}

/** Text as it stands in a line: `\n`, `\r`, `\\`, and `\uXXXX` for what else some program takes for the end of a line. */
export function escapeText(text: string): string {
  return text.replace(/[\\\x00-\x08\x0a-\x1f\x7f-\x9f\u2028\u2029]/g, (char) => {
    if (char === "\n") return "\\n";
    if (char === "\r") return "\\r";
    if (char === "\\") return "\\\\";
    return `\\u${char.charCodeAt(0).toString(16).padStart(4, "0")}`;
  });
}

/** The reverse of `escapeText`; undefined when a backslash is followed by anything else. */
export function unescapeText(text: string): string | undefined {
  if (!text.includes("\\")) return text;
  let good = true;
  const plain = text.replace(/\\(u[0-9a-fA-F]{4}|[\s\S]|$)/g, (_, code: string) => {
    if (code === "n") return "\n";
    if (code === "r") return "\r";
    if (code === "\\") return "\\";
    if (code.length === 5) return String.fromCharCode(Number.parseInt(code.slice(1), 16));
    good = false;
    return "";
  });
  return good ? plain : undefined;
}

type Words = { ok: true; args: Readonly<Record<string, string>> } | { ok: false; reason: string };

const badEscape = "a backslash is written \\\\; there are also \\n, \\r and \\uXXXX";

function wordsOf(entry: CommandEntry, rest: string | undefined): Words {
  if (entry.named) return namedArguments(rest ?? "");
  const { positional, options } = parametersOf(entry);
  if (rest === undefined || options.length === 0) return positionalArguments(entry, positional, rest);
  // Options stand at the end: the words there that begin with an option's name and `=`.
  const words = rest.trimEnd().split(/(?<=[ \t])(?=[^ \t])/);
  const isOption = (word: string | undefined) => options.includes(word?.split("=", 1)[0] ?? "") && word?.includes("=");
  let from = words.length;
  while (from > 0 && isOption(words[from - 1])) from--;
  const before = words.slice(0, from).join("").trimEnd();
  const first = positionalArguments(entry, positional, before === "" ? undefined : before);
  const then = namedArguments(words.slice(from).join(""));
  if (!first.ok || !then.ok) return first.ok ? then : first;
  return { ok: true, args: { ...first.args, ...then.args } };
}

function positionalArguments(entry: CommandEntry, positional: readonly string[], rest: string | undefined): Words {
  const args: Record<string, string> = {};
  const wanted = argumentsOf(entry).filter(([name]) => positional.includes(name));
  if (wanted.length === 0 && rest?.trim()) return { ok: false, reason: "it takes no argument" };
  let left = rest;
  for (const [i, [name, argument]] of wanted.entries()) {
    if (left === undefined) break;
    const verbatim = argument.kind === "text";
    if (!verbatim) left = left.replace(/^[ \t]+/, "");
    if (left === "" && !verbatim) break;
    const end = i === wanted.length - 1 ? -1 : left.search(/[ \t]/);
    const word: string = end < 0 ? left : left.slice(0, end);
    left = end < 0 ? undefined : left.slice(end + 1);
    const plain = unescapeText(verbatim || argument.kind === "file" ? word : word.trimEnd());
    if (plain === undefined) return { ok: false, reason: badEscape };
    args[name] = plain;
  }
  return { ok: true, args };
}

function namedArguments(rest: string): Words {
  const args = new Map<string, string>();
  for (const word of rest.split(/[ \t]+/)) {
    if (word === "") continue;
    const equals = word.indexOf("=");
    if (equals < 1) return { ok: false, reason: `its arguments are written name=value; found “${shown(word)}”` };
    const name = word.slice(0, equals);
    const plain = unescapeText(word.slice(equals + 1));
    if (plain === undefined) return { ok: false, reason: badEscape };
    if (args.has(name)) return { ok: false, reason: `${shown(name)} is given twice` };
    args.set(name, plain);
    if (args.size > 16) return { ok: false, reason: "it takes fewer arguments" };
  }
  return { ok: true, args: Object.fromEntries(args) };
}

/** An argument that others follow must stay one word. */
function escapeWord(text: string): string {
  return escapeText(text).replace(/ /g, "\\u0020").replace(/\t/g, "\\u0009") || "-";
}

/** What came instead of a name, fit to be a word of an ERROR event. */
function shown(word: string): string {
  const clean = word.replace(/[^\x21-\x7e]/g, "?");
  return clean.length > 32 ? `${clean.slice(0, 32)}...` : clean;
}
