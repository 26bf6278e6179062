/** What a script gets answered at once: URLs, encodings, random numbers. Pure but for the randomness. */
import { ScriptHostError } from "./errors.ts";
import type { HostArguments } from "./quickjs.ts";

type Builtin = (args: HostArguments) => string | number | ArrayBuffer;

const urlParts = "href origin protocol username password host hostname port pathname search hash".split(" ");
const settable = new Set(urlParts.filter((part) => part !== "origin"));

function partsOf(url: URL): string {
  return JSON.stringify(Object.fromEntries(urlParts.map((part) => [part, Reflect.get(url, part)])));
}

function parseUrl(href: string, base: string): URL {
  const url = URL.parse(href, base === "" ? undefined : base);
  if (url === null) throw new TypeError(`not a URL: ${JSON.stringify(href.slice(0, 200))}`);
  return url;
}

const encoder = new TextEncoder();

/** By name, as library.js and prelude.js call them. Argument 0 is the name. */
export const builtins: Readonly<Record<string, Builtin>> = {
  url: (args) => partsOf(parseUrl(args.text(1), args.text(2))),
  urlSet: (args) => {
    const url = parseUrl(args.text(1), "");
    const part = args.text(2);
    if (!settable.has(part)) throw new ScriptHostError("argument", `a URL has no ${part} to set`);
    Reflect.set(url, part, args.text(3));
    return partsOf(url);
  },
  form: (args) => JSON.stringify([...new URLSearchParams(args.text(1))]),
  encode: (args) => encoder.encode(args.text(1)).buffer,
  label: (args) => {
    const label = args.text(1).trim().toLowerCase();
    if (label === "utf-8" || label === "utf8") return "utf-8";
    if (/^(latin1|iso-8859-1|ascii|us-ascii|windows-1252)$/.test(label)) return "windows-1252";
    if (label === "utf-16le" || label === "utf-16") return "utf-16le";
    throw new RangeError(`there is no encoding ${JSON.stringify(label)}`);
  },
  decode: (args) => {
    const decoder = new TextDecoder(
      args.text(1) === "utf-16le" ? "utf-16le" : args.text(1) === "utf-8" ? "utf-8" : "windows-1252",
      {
        fatal: args.number(2) === 1,
      },
    );
    try {
      return decoder.decode(args.bytes(3));
    } catch {
      throw new TypeError("the octets are not in this encoding");
    }
  },
  uuid: () => crypto.randomUUID(),
  random: () => Math.random(),
  depth: (args) => nesting(args.text(1)),
};

/** How deep brackets nest in a JSON text, strings left out. QuickJS's parser recurses without looking at its stack. */
function nesting(text: string): number {
  let depth = 0;
  let deepest = 0;
  let quoted = false;
  for (let i = 0; i < text.length; i++) {
    const c = text.charCodeAt(i);
    if (quoted) {
      if (c === 0x5c) i++;
      else if (c === 0x22) quoted = false;
    } else if (c === 0x22) quoted = true;
    else if (c === 0x5b || c === 0x7b) deepest = Math.max(deepest, ++depth);
    else if (c === 0x5d || c === 0x7d) depth--;
  }
  return deepest;
}
