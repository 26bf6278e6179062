/** The command line of SIPWS: its options, and the file `sipws.cfg` that holds further ones. */
import { readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { type Arguments, type Operands, type Option, readArguments } from "./arguments.ts";

/** Keys; SIPWS takes ten. */
export const sipwsOperands: Operands = { shown: "[KEY...]", min: 0, max: 100 };

export const sipwsOptions: readonly Option[] = [
  {
    name: "interface",
    short: "i",
    value: "IP",
    help: "Listen on this host name or IP address; on 0.0.0.0 by default.",
  },
  { name: "httpport", short: "r", value: "PORT", help: "Take requests over HTTP on this port, such as 8082." },
  { name: "port", short: "p", value: "PORT", help: "SIP over WebSocket, such as 8080." },
  { name: "tlsport", short: "s", value: "PORT", help: "SIP over secure WebSocket, such as 443." },
  { name: "udpport", short: "u", value: "PORT", help: "SIP over UDP, such as 5060." },
  { name: "tcpport", short: "t", value: "PORT", help: "SIP over TCP, such as 5060." },
  { name: "certificate", short: "c", value: "FILE", help: "With -s: the certificate, server.pem by default." },
  { name: "pk", short: "k", value: "FILE", help: "With -s: its private key, server.pem by default." },
  { name: "password", short: "w", value: "KEY", help: "With -s: what the private key is encrypted with." },
  { name: "data", short: "d", value: "FILE", help: "Do the request in this JSON file first." },
  { name: "db", short: "b", value: "FILE", help: "Keep accounts in this file, which is made where it is missing." },
  { name: "foreground", short: "f", help: "Do not become a daemon." },
  {
    name: "verbose",
    short: "v",
    repeats: true,
    help: "Log errors; -vv warnings as well; -vvv all. To syslog as a daemon, else to stderr.",
  },
  { name: "locale", short: "l", value: "LOCALE", help: "Is taken and changes nothing: all text is UTF-8." },
  { name: "utf8", short: "8", help: "Is taken and changes nothing: all text is UTF-8." },
  { name: "skipconfig", help: "Do not read sipws.cfg." },
  { name: "pidfile", value: "FILE", help: "Write the process number into this file. SIPWS had no such option." },
];

export const sipwsDetails = `KEYs are the keys that requests over HTTP must have; -r needs at least one.

Options and keys are also taken from the first sipws.cfg that is found beside the siproc binary, in this folder, in /etc. What the command line says counts.
At least one of -u, -t, -p and -s is needed. A daemon has listened already when the command returns.`;

/** The options that are given, and the file that some of them come from. */
export type SipwsArguments =
  | { readonly ok: true; readonly given: Arguments; readonly file: string | undefined }
  | { readonly ok: false; readonly reason: string };

export interface CfgPlaces {
  /** Where the binary is. */
  readonly binary: string;
  /** Where we are. */
  readonly folder: string;
}

/** Adds what sipws.cfg says to the command line. */
export function withCfg(typed: Arguments, places: CfgPlaces): SipwsArguments {
  if (typed.options.has("skipconfig")) return { ok: true, given: typed, file: undefined };
  for (const folder of [places.binary, places.folder, "/etc"]) {
    const file = join(folder, "sipws.cfg");
    const text = readable(file);
    if (text === undefined || text.trim() === "") continue;
    const words = wordsOf(text);
    if (words === undefined) return { ok: false, reason: `${file}: a quote in it is not closed` };
    const read = readArguments(words, sipwsOptions, sipwsOperands);
    if (!read.ok) return { ok: false, reason: `${file}: ${read.reason}` };
    const options = new Map([...read.given.options, ...typed.options]);
    return { ok: true, given: { options, operands: [...typed.operands, ...read.given.operands] }, file: resolve(file) };
  }
  return { ok: true, given: typed, file: undefined };
}

/** The words of a command line, with quotes and backslashes as in a shell, but nothing filled in; undefined: a quote is open. */
export function wordsOf(text: string): string[] | undefined {
  const words: string[] = [];
  let word: string | undefined;
  let quote = "";
  for (let at = 0; at < text.length; at++) {
    const char = text[at] ?? "";
    if (quote === "'" ? char !== "'" : quote === '"' && char !== '"') {
      const escaped = quote === '"' && char === "\\" && /["\\$`]/.test(text[at + 1] ?? "");
      word += escaped ? (text[++at] ?? "") : char;
    } else if (quote !== "") quote = "";
    else if (char === '"' || char === "'") {
      quote = char;
      word ??= "";
    } else if (/\s/.test(char)) {
      if (word !== undefined) words.push(word);
      word = undefined;
    } else if (char === "\\" && at + 1 < text.length) {
      const next = text[++at] ?? "";
      // A line that goes on.
      if (next !== "\n") word = (word ?? "") + next;
    } else word = (word ?? "") + char;
  }
  if (quote !== "") return undefined;
  return word === undefined ? words : [...words, word];
}

function readable(file: string): string | undefined {
  try {
    return readFileSync(file, "utf8");
  } catch {
    return undefined;
  }
}
