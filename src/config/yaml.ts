/**
 * YAML text into a small tree with positions. The only file that knows the YAML library. What is hostile (bombs of aliases,
 * endless nesting, megabytes, other encodings) ends as a problem with a position, in bounded time.
 */
import { type Document, isAlias, isMap, isScalar, isSeq, LineCounter, parseAllDocuments, type Range } from "yaml";
import type { Problem } from "./config.ts";
import { hideReferences, showReferences } from "./substitute.ts";

export interface Position {
  readonly line: number;
  readonly column: number;
}

export type Node = ScalarNode | ListNode | MapNode;

export interface ScalarNode {
  readonly kind: "scalar";
  readonly value: string | number | boolean | null;
  readonly at: Position;
  /** As written, when `value` came from the environment: that is what may be shown. */
  readonly written?: string;
}

export interface ListNode {
  readonly kind: "list";
  readonly items: readonly Node[];
  readonly at: Position;
}

export interface MapNode {
  readonly kind: "map";
  readonly entries: readonly Entry[];
  readonly at: Position;
}

export interface Entry {
  readonly key: string;
  readonly keyAt: Position;
  readonly value: Node;
}

/** Octets of a file. */
export const maxFile = 256 * 1024;
const maxDepth = 20;
/** Nodes after aliases are followed. */
const maxNodes = 100_000;
const maxProblems = 20;

export type Parsed = { ok: true; node: Node } | { ok: false; problems: Problem[] };

/** Reads the octets of a YAML file with one document. `file` is for problems. */
export function parseYaml(octets: Uint8Array, file: string): Parsed {
  const fail = (message: string, at: Position = { line: 1, column: 1 }): Parsed => ({
    ok: false,
    problems: [{ file, ...at, message }],
  });
  if (octets.length > maxFile) return fail("the file is larger than 256 KiB; a configuration is text of a few pages");
  const text = decode(octets);
  if (typeof text !== "string") return fail("the file is not UTF-8 here; save it as UTF-8", text);
  const deep = tooDeep(text);
  if (deep !== undefined) return fail(`lists and maps are nested more than ${maxDepth} deep`, deep);
  try {
    return read(hideReferences(text), file);
  } catch (error) {
    if (error instanceof TreeProblem) return fail(error.message, error.at);
    // The library's own recursion, before our limits could see it.
    if (error instanceof RangeError) return fail("the file is nested too deeply to be read");
    throw error;
  }
}

/** A tree for a value from a program: a default, an option of the command line. */
export function nodeOf(value: unknown, at: Position = { line: 0, column: 0 }): Node {
  if (Array.isArray(value)) return { kind: "list", items: value.map((item) => nodeOf(item, at)), at };
  if (typeof value === "object" && value !== null) {
    const entries = Object.entries(value).map(([key, of]) => ({ key, keyAt: at, value: nodeOf(of, at) }));
    return { kind: "map", entries, at };
  }
  const plain = typeof value === "string" || typeof value === "number" || typeof value === "boolean";
  return { kind: "scalar", value: plain ? value : null, at };
}

class TreeProblem extends Error {
  override readonly name = "TreeProblem";
  readonly at: Position;
  constructor(message: string, at: Position) {
    super(message);
    this.at = at;
  }
}

/** The text without its BOM, or where its first octet that is no UTF-8 stands. */
function decode(octets: Uint8Array): string | Position {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(octets);
  } catch {
    // What was decoded before the first replacement stands before the fault.
    const before = new TextDecoder("utf-8").decode(octets).split("\ufffd")[0] ?? "";
    const lines = before.split("\n");
    return { line: lines.length, column: (lines.at(-1)?.length ?? 0) + 1 };
  }
}

/** Flow collections that nest beyond all reason, seen before the library recurses into them. */
function tooDeep(text: string): Position | undefined {
  const lines = text.split("\n");
  for (const [i, line] of lines.entries()) {
    const opened = /[[{](?:[\s"']*[[{]){60}/.exec(line);
    if (opened !== null) return { line: i + 1, column: opened.index + 1 };
  }
  return undefined;
}

function read(text: string, file: string): Parsed {
  const counter = new LineCounter();
  const documents = parseAllDocuments(text, {
    lineCounter: counter,
    prettyErrors: false,
    // Checked below: the library compares each key with each other one.
    uniqueKeys: false,
    stringKeys: true,
    merge: false,
    logLevel: "silent",
  });
  const position = (offset: number): Position => {
    const { line, col } = counter.linePos(offset);
    return { line: Math.max(1, line), column: Math.max(1, col) };
  };
  const [document, second] = [...documents];
  if (document === undefined || document.contents === null)
    return {
      ok: false,
      problems: [{ file, line: 1, column: 1, message: "the file is empty; it needs at least routes" }],
    };
  const faults = [...document.errors, ...document.warnings].slice(0, maxProblems);
  if (faults.length > 0) {
    const problems = faults.map((fault) => ({
      file,
      ...position(fault.pos[0]),
      message: explained(fault.code, fault.message),
    }));
    return { ok: false, problems };
  }
  if (second !== undefined)
    throw new TreeProblem("a second document starts here; a configuration is one", position(second.range[0]));
  return { ok: true, node: treeOf(document, position) };
}

function treeOf(document: Document.Parsed, position: (offset: number) => Position): Node {
  let nodes = 0;
  const entered = new Set<unknown>();
  // The library's own search for an alias's anchor walks the whole document each time.
  const anchors = new Map<string, unknown>();

  const visit = (of: unknown, depth: number, fallback: Position): Node => {
    const at = rangeOf(of) === undefined ? fallback : position(rangeOf(of)?.[0] ?? 0);
    if (++nodes > maxNodes) throw new TreeProblem(`the file grows beyond ${maxNodes} values (by aliases?)`, at);
    if (depth > maxDepth) throw new TreeProblem(`lists and maps are nested more than ${maxDepth} deep`, at);
    if (isAlias(of)) {
      const target = anchors.get(of.source);
      if (target === undefined) throw new TreeProblem(`there is no anchor &${of.source} above this alias`, at);
      if (entered.has(target)) throw new TreeProblem(`the alias *${of.source} stands inside what it refers to`, at);
      return visit(target, depth + 1, at);
    }
    if ((isMap(of) || isSeq(of) || isScalar(of)) && of.anchor !== undefined) anchors.set(of.anchor, of);
    if (isMap(of)) {
      entered.add(of);
      const known = new Map<string, Position>();
      const entries = of.items.map((pair): Entry => {
        const keyAt = position(rangeOf(pair.key)?.[0] ?? 0);
        const key =
          isScalar(pair.key) && typeof pair.key.value === "string" ? showReferences(pair.key.value) : undefined;
        if (key === undefined) throw new TreeProblem("a key must be a plain word", keyAt);
        const first = known.get(key);
        if (first !== undefined)
          throw new TreeProblem(
            `${shownKey(key)} stands here a second time; the first is in line ${first.line}`,
            keyAt,
          );
        known.set(key, keyAt);
        return { key, keyAt, value: visit(pair.value, depth + 1, keyAt) };
      });
      entered.delete(of);
      return { kind: "map", entries, at };
    }
    if (isSeq(of)) {
      entered.add(of);
      const items = of.items.map((item) => visit(item, depth + 1, at));
      entered.delete(of);
      return { kind: "list", items, at };
    }
    const value: unknown = isScalar(of) ? of.value : null;
    if (typeof value === "string") return { kind: "scalar", value: showReferences(value), at };
    if (typeof value === "number" || typeof value === "boolean") return { kind: "scalar", value, at };
    return { kind: "scalar", value: null, at };
  };
  return visit(document.contents, 0, { line: 1, column: 1 });
}

function rangeOf(of: unknown): Range | undefined {
  if (!isScalar(of) && !isMap(of) && !isSeq(of) && !isAlias(of)) return undefined;
  return of.range ?? undefined;
}

function shownKey(key: string): string {
  return `“${key.length > 40 ? `${key.slice(0, 40)}…` : key}”`;
}

/** The library's words, with what to do about the usual mistakes. */
function explained(code: string, message: string): string {
  switch (code) {
    case "TAB_AS_INDENT":
      return "a tab indents this line; YAML is indented with spaces";
    case "BAD_DQ_ESCAPE":
      return "a backslash inside \"…\" starts an escape; write \\\\ for one backslash, or use '…' where it means itself";
    case "MULTILINE_IMPLICIT_KEY":
      return "expected “key: value” on one line, with a space after the colon; is something missing, or indented wrongly?";
    case "BAD_INDENT":
      if (/end with a ]$/.test(message)) return "a list that begins with [ is not closed with ] before this";
      if (/end with a }$/.test(message)) return "a map that begins with { is not closed with } before this";
      return `the indentation does not fit (${lower(message)}); entries of one map start in the same column`;
    case "MISSING_CHAR":
      if (message.startsWith("Sequence item"))
        return "the indentation does not fit: an item of a list starts with “- ”, and what belongs to it starts under its first word";
      if (message.startsWith("Implicit map keys"))
        return "a key stands here without a value; expected “key: value”, with a space after the colon";
      if (message.startsWith("Missing closing")) return `a text in quotes is not closed with ${message.at(-6)}`;
      return showReferences(lower(message));
    case "BAD_ALIAS":
      return `${lower(message)}; a text that starts with * or & stands in quotes, as in "*@example.com"`;
    case "TAG_RESOLVE_FAILED":
      return "tags (words that start with !) are not used here; put the text in quotes";
    case "NON_STRING_KEY":
      return "a key must be a plain word";
    default:
      return showReferences(lower(message));
  }
}

function lower(message: string): string {
  return message.charAt(0).toLowerCase() + message.slice(1);
}
