/**
 * Accounts in JSON: a list of objects, `{ "accounts": [...] }`, or the database of SIPWS, `{ "data": [...], "domain": ... }`.
 * A reader of its own, since the platform's tells neither where a value stands nor where a text is no JSON.
 */
import type { FormatProblem } from "./csv.ts";
import { lineFinder } from "./lines.ts";
import { type Field, isDomain, type Row, type Rows } from "./rows.ts";

const maxDepth = 20;

type Value =
  | { kind: "text"; text: string; at: number }
  | { kind: "null"; at: number }
  | { kind: "list"; items: Value[]; at: number }
  | { kind: "map"; entries: Entry[]; at: number };

interface Entry {
  key: string;
  keyAt: number;
  value: Value;
}

/** Reads a whole file; gives the first thing that is wrong with its form. */
export function readJson(text: string): Rows | FormatProblem {
  const reader = new Reader(text);
  const root = reader.readAll();
  if ("message" in root) return root;
  const position = lineFinder(text);
  if (root.kind === "list") return rowsOf(root.items, position);
  if (root.kind !== "map") return { at: root.at, message: "expected a list of accounts" };
  const [accounts, data, domain] = ["accounts", "data", "domain"].map((name) =>
    root.entries.find(({ key }) => key === name),
  );
  const list = accounts ?? data;
  if (list?.value.kind !== "list")
    return { at: list?.value.at ?? root.at, message: 'expected a list of accounts, or { "data": [...] }' };
  const rows = rowsOf(list.value.items, position);
  if ("message" in rows || accounts !== undefined) return rows;
  const none = domain === undefined || domain.value.kind === "null";
  if (none || (domain.value.kind === "text" && domain.value.text === "")) return { ...rows, foreign: true };
  if (domain.value.kind !== "text" || !isDomain(domain.value.text))
    return { at: domain.value.at, message: "expected a domain such as example.com, or an IP address" };
  return { ...rows, foreign: true, domain: domain.value.text };
}

function rowsOf(items: readonly Value[], position: Rows["position"]): Rows | FormatProblem {
  const rows: Row[] = [];
  for (const item of items) {
    if (item.kind !== "map")
      return { at: item.at, message: 'expected an account such as { "user": "alice", "password": "wonderland" }' };
    rows.push({ at: item.at, fields: item.entries.flatMap(fieldOf) });
  }
  return { rows, position };
}

/** A null is no value. */
function fieldOf({ key, keyAt, value }: Entry): Field[] {
  if (value.kind === "null") return [];
  return [{ name: key, nameAt: keyAt, text: value.kind === "text" ? value.text : undefined, at: value.at }];
}

class JsonProblem extends SyntaxError {
  override readonly name = "JsonProblem";
  readonly at: number;
  constructor(at: number, message: string) {
    super(message);
    this.at = at;
  }
}

/** RFC 8259, numbers and booleans as they are written. */
class Reader {
  readonly #text: string;
  #at: number;

  constructor(text: string) {
    this.#text = text;
    this.#at = text.startsWith("\ufeff") ? 1 : 0;
  }

  readAll(): Value | FormatProblem {
    try {
      const value = this.#value(0);
      this.#blanks();
      if (this.#at < this.#text.length) throw new JsonProblem(this.#at, "expected the end of the file");
      return value;
    } catch (error) {
      if (error instanceof JsonProblem) return { at: error.at, message: error.message };
      throw error;
    }
  }

  #blanks(): void {
    for (; ; this.#at++) {
      const code = this.#text.charCodeAt(this.#at);
      if (code !== 0x20 && code !== 0x0a && code !== 0x0d && code !== 0x09) return;
    }
  }

  #value(depth: number): Value {
    this.#blanks();
    const at = this.#at;
    const first = this.#text[at];
    if (depth > maxDepth) throw new JsonProblem(at, `lists and maps are nested more than ${maxDepth} deep`);
    if (first === '"') return { kind: "text", text: this.#string(), at };
    if (first === "[") return { kind: "list", items: this.#list(depth), at };
    if (first === "{") return { kind: "map", entries: this.#map(depth), at };
    word.lastIndex = at;
    const [written] = word.exec(this.#text) ?? [];
    if (written === undefined)
      throw new JsonProblem(at, "expected a value: text in double quotes, a number, a list, a map");
    this.#at += written.length;
    return written === "null" ? { kind: "null", at } : { kind: "text", text: written, at };
  }

  #list(depth: number): Value[] {
    const items: Value[] = [];
    const open = this.#at++;
    this.#blanks();
    if (this.#take("]")) return items;
    for (;;) {
      items.push(this.#value(depth + 1));
      this.#blanks();
      if (this.#take("]")) return items;
      if (!this.#take(",")) throw this.#unfinished(open, "list", "]");
    }
  }

  #map(depth: number): Entry[] {
    const entries: Entry[] = [];
    const known = new Set<string>();
    const open = this.#at++;
    this.#blanks();
    if (this.#take("}")) return entries;
    for (;;) {
      this.#blanks();
      const keyAt = this.#at;
      if (this.#text[keyAt] !== '"') throw new JsonProblem(keyAt, "expected a key in double quotes");
      const key = this.#string();
      if (known.has(key)) throw new JsonProblem(keyAt, "this key stands here a second time");
      known.add(key);
      this.#blanks();
      if (!this.#take(":")) throw new JsonProblem(this.#at, "expected a colon after the key");
      entries.push({ key, keyAt, value: this.#value(depth + 1) });
      this.#blanks();
      if (this.#take("}")) return entries;
      if (!this.#take(",")) throw this.#unfinished(open, "map", "}");
    }
  }

  #take(char: string): boolean {
    if (this.#text[this.#at] !== char) return false;
    this.#at++;
    return true;
  }

  #unfinished(open: number, what: string, close: string): JsonProblem {
    if (this.#at >= this.#text.length) return new JsonProblem(open, `this ${what} is not closed with ${close}`);
    return new JsonProblem(this.#at, `expected a comma, or ${close} at the end of the ${what}`);
  }

  /** The text of a string; afterwards we stand behind it. */
  #string(): string {
    const text = this.#text;
    const start = this.#at;
    let at = start + 1;
    for (; at < text.length; at++) {
      const code = text.charCodeAt(at);
      if (code === 0x5c) at++;
      else if (code === 0x22) break;
      else if (code < 0x20) throw new JsonProblem(at, "a control character stands in a text; it is written as \\u00…");
    }
    if (at >= text.length) throw new JsonProblem(start, "this text is not closed with a double quote");
    this.#at = at + 1;
    const inner = text.slice(start + 1, at);
    if (!inner.includes("\\")) return inner;
    try {
      const value: unknown = JSON.parse(`"${inner}"`);
      if (typeof value === "string") return value;
    } catch {
      // Told below.
    }
    throw new JsonProblem(start, "a backslash starts an escape in this text; a backslash itself is written \\\\");
  }
}

const word = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?(?![\w.+-])|(?:true|false|null)(?!\w)/y;
