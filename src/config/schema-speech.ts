/** The keys of speech: engines that speak texts and understand what is said. */
import type { EngineSettings } from "../speech/index.ts";
import { integer, listOf, mapOf, scalarType, size, type Type, text } from "./types.ts";
import { secret } from "./values.ts";

const engineName = text("a name out of letters, digits and . _ -", (name) => /^[A-Za-z0-9][\w.-]{0,63}$/.test(name));
const word = text("a word out of letters, digits and . _ + -", (value) => /^[A-Za-z0-9][\w.+-]{0,63}$/.test(value));

const endpoint: Type<string> = scalarType("an https: or http: URL", { type: "string" }, (written) => {
  const url = URL.parse(written);
  if (url === null || (url.protocol !== "https:" && url.protocol !== "http:")) return undefined;
  if (url.username !== "" || url.password !== "") return { wrong: "a password does not belong here; use `token`" };
  return url.href;
});

const engineKeys = mapOf({
  name: { type: engineName, doc: "What commands call it." },
  command: {
    type: listOf(
      text("an argument", (part) => !part.includes("\0")),
      { atLeast: 1 },
    ),
    doc: "The program and its arguments; `{voice}`, `{language}`, `{in}` and `{out}` are filled in.",
  },
  url: { type: endpoint, doc: "Where requests are posted to, instead of a command." },
  token: { type: secret, doc: "Sent to `url` as a bearer token; best taken from the environment." },
  voice: { type: word, doc: "The voice where none is named." },
  language: { type: word, doc: "The language where none is named." },
});

const engine: Type<EngineSettings> = {
  ...engineKeys,
  read(node, context) {
    const read = engineKeys.read(node, context);
    if (read === undefined) return undefined;
    const { name, command, url, token, voice = "", language = "" } = read;
    if (name === undefined) context.problem(node.at, "an engine needs a name");
    else if ((command === undefined) === (url === undefined))
      context.problem(node.at, "an engine has a command or a url, and not both");
    else return { name, command, url, token, voice, language };
    return undefined;
  },
};

export const speechType = mapOf({
  say: {
    type: listOf(engine, { lone: false }),
    default: [],
    doc: "Engines that speak, the first by default: `{ name, command }` or `{ name, url, token }`, with `voice` and `language`. Without any: espeak-ng, flite or pico2wave, what is installed.",
  },
  recognize: {
    type: listOf(engine, { lone: false }),
    default: [],
    doc: "Engines that understand, written the same way. Without any: pocketsphinx, where it is installed.",
  },
  cache: {
    type: size("0B", "100GB"),
    default: "64MB",
    doc: "How much of what was spoken is kept on disk, to be played again.",
  },
  at_once: {
    type: integer(1, 1000),
    default: 8,
    doc: "Engines that work at a time, each kind for itself. Further texts wait.",
  },
});
