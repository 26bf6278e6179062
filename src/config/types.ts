/** What a value of the configuration can be. Each type reads it, says what it expected, and describes itself as JSON Schema. */
import { nearest } from "./nearest.ts";
import { substitute } from "./substitute.ts";
import { type Node, nodeOf, type Position, type ScalarNode } from "./yaml.ts";

export type JsonSchema = { readonly [keyword: string]: unknown };

/** Where values are read: what they may refer to, and who hears of problems. */
export interface Context {
  /** Relative paths count from here. */
  readonly folder: string;
  readonly environment: Readonly<Record<string, string | undefined>>;
  problem(at: Position, message: string): void;
  warn(at: Position, message: string): void;
}

export interface Type<T> {
  /** A noun phrase, such as “a duration such as 50ms”. */
  readonly expected: string;
  readonly schema: JsonSchema;
  /** The value, or undefined when a problem was reported. */
  read(node: Node, context: Context): T | undefined;
}

/** One key of a map. */
export interface Key<T> {
  readonly type: Type<T>;
  /** What it is for: one or two sentences for the reference. */
  readonly doc: string;
  /** As the file would write it. Without one, an absent key reads as undefined. */
  readonly default?: unknown;
  /** Part of the format, but not of this version. */
  readonly planned?: true;
}

/** The value of a key type: with a default it is always there. */
type ValueOf<K> = K extends { type: Type<infer T>; default: unknown }
  ? T
  : K extends Key<infer T>
    ? T | undefined
    : never;
export type ValuesOf<Keys> = { [N in keyof Keys]: ValueOf<Keys[N]> };

/** What stands there, for a message: never the value of an environment variable. */
export function shown(node: Node): string {
  if (node.kind === "list") return "a list";
  if (node.kind === "map") return "a map of keys";
  if (node.written !== undefined) return `“${node.written}” (from the environment)`;
  if (node.value === null) return "nothing";
  const text = String(node.value).replace(/[\x00-\x1f\x7f]/g, " ");
  return `“${text.length > 60 ? `${text.slice(0, 60)}…` : text}”`;
}

/** A scalar with its `${NAME}` filled in; undefined when that was reported as a problem, or the node is no scalar. */
function scalar(node: Node, context: Context, expected: string): ScalarNode | undefined {
  if (node.kind !== "scalar") {
    context.problem(node.at, `found ${shown(node)}; expected ${expected}`);
    return undefined;
  }
  if (typeof node.value !== "string") return node;
  const filled = substitute(node.value, context.environment);
  if (!filled.ok) {
    context.problem(node.at, filled.reason);
    return undefined;
  }
  return filled.changed ? { ...node, value: filled.text, written: node.value } : { ...node, value: filled.text };
}

/**
 * A type on one scalar. `parse` gives the value, undefined when the text is not one, or a more exact complaint.
 * Numbers and booleans reach it as text too, so that a variable's value counts as what it says.
 */
export function scalarType<T>(
  expected: string,
  schema: JsonSchema,
  parse: (text: string, context: Context) => T | { wrong: string } | undefined,
): Type<T> {
  return {
    expected,
    schema,
    read(node, context) {
      const of = scalar(node, context, expected);
      if (of === undefined) return undefined;
      const parsed = of.value === null ? undefined : parse(String(of.value), context);
      if (parsed === undefined) context.problem(node.at, `found ${shown(of)}; expected ${expected}`);
      else if (isWrong(parsed)) context.problem(node.at, `found ${shown(of)}: ${parsed.wrong}`);
      else return parsed;
      return undefined;
    },
  };
}

function isWrong(value: unknown): value is { wrong: string } {
  return typeof value === "object" && value !== null && "wrong" in value;
}

export function text(expected: string, accepts: (text: string) => boolean = (t) => t !== ""): Type<string> {
  return scalarType(expected, { type: "string" }, (value) => (accepts(value) ? value : undefined));
}

export function integer(from: number, to: number): Type<number> {
  const schema = {
    anyOf: [
      { type: "integer", minimum: from, maximum: to },
      { type: "string", pattern: "^\\$\\{\\w+\\}$" },
    ],
  };
  return scalarType(`a whole number from ${from} to ${to}`, schema, (value) => {
    const number = /^\d{1,15}$/.test(value) ? Number(value) : Number.NaN;
    return number >= from && number <= to ? number : undefined;
  });
}

export function oneOf<const T extends string>(values: readonly T[]): Type<T> {
  return scalarType(`one of ${values.join(", ")}`, { enum: values }, (value) => {
    const known = values.find((one) => one === value);
    if (known !== undefined) return known;
    const meant = nearest(value, values);
    return meant === undefined ? undefined : { wrong: `expected one of ${values.join(", ")}; did you mean ${meant}?` };
  });
}

const sizeUnits: Readonly<Record<string, number>> = { B: 1, KB: 1024, MB: 1024 ** 2, GB: 1024 ** 3 };
const timeUnits: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** Octets; a KB is 1024 of them. */
export function size(from: string, to: string): Type<number> {
  return measure("size", sizeUnits, from, to);
}

/** Milliseconds. */
export function duration(from: string, to: string): Type<number> {
  return measure("duration", timeUnits, from, to);
}

function measure(
  what: "size" | "duration",
  units: Readonly<Record<string, number>>,
  from: string,
  to: string,
): Type<number> {
  const names = Object.keys(units);
  const value = (written: string): number | undefined => {
    const [, digits, unit = ""] = /^(\d{1,12}(?:\.\d{1,3})?) ?([A-Za-z]{1,2})$/.exec(written) ?? [];
    const name = names.find((one) => (what === "size" ? one === unit.toUpperCase() : one === unit));
    return digits === undefined || name === undefined ? undefined : Math.round(Number(digits) * (units[name] ?? 1));
  };
  const least = value(from) ?? 0;
  const most = value(to) ?? Number.POSITIVE_INFINITY;
  const expected = `a ${what} from ${from} to ${to}`;
  const schema = { type: "string", pattern: `^(\\d+(\\.\\d+)? ?(${names.join("|")})|\\$\\{\\w+\\})$` };
  return scalarType(expected, schema, (written) => {
    const found = value(written);
    if (found !== undefined && found >= least && found <= most) return found;
    if (/^\d+$/.test(written)) return { wrong: `the unit is missing; expected ${expected}, in ${names.join(", ")}` };
    return undefined;
  });
}

/** A list, or one value alone in its place. A list with a bad item reads as undefined. */
export function listOf<T>(item: Type<T>, options: { atLeast?: number; lone?: boolean } = {}): Type<T[]> {
  const { atLeast = 0, lone = true } = options;
  const expected = `a list of which each is ${item.expected}`;
  const list = { type: "array", items: item.schema, ...(atLeast > 0 && { minItems: atLeast }) };
  return {
    expected,
    schema: lone ? { anyOf: [list, item.schema] } : list,
    read(node, context) {
      if (node.kind !== "list" && (!lone || node.kind === "map" || node.value === null)) {
        context.problem(node.at, `found ${shown(node)}; expected ${expected}`);
        return undefined;
      }
      const nodes = node.kind === "list" ? node.items : [node];
      if (nodes.length < atLeast) context.problem(node.at, `found an empty list; expected at least ${atLeast}`);
      const values = nodes.map((one) => item.read(one, context));
      const good = values.filter((value) => value !== undefined);
      return good.length === nodes.length && good.length >= atLeast ? good : undefined;
    },
  };
}

/** A map with known keys. */
export interface MapType<T> extends Type<T> {
  readonly keys: Readonly<Record<string, Key<unknown>>>;
}

/** Faults of one map that are told; a file of something else entirely has thousands. */
const maxKeyFaults = 20;

export function mapOf<Keys extends Record<string, Key<unknown>>>(keys: Keys): MapType<ValuesOf<Keys>> {
  const current = Object.entries(keys).filter(([, key]) => !key.planned);
  const names = current.map(([name]) => name);
  const properties = current.map(([name, key]) => [
    name,
    { description: key.doc, ...key.type.schema, ...(key.default !== undefined && { default: key.default }) },
  ]);
  const expected = `a map of ${names.join(", ")}`;
  return {
    keys,
    expected,
    schema: { type: "object", additionalProperties: false, properties: Object.fromEntries(properties) },
    read(node, context) {
      if (node.kind !== "map") {
        context.problem(node.at, `found ${shown(node)}; expected ${expected}`);
        return undefined;
      }
      let good = true;
      let faults = 0;
      for (const { key, keyAt } of node.entries) {
        if (faults === maxKeyFaults) break;
        const fault = keyFault(key, keys);
        if (fault !== undefined) faults++;
        if (fault !== undefined) context.problem(keyAt, fault);
        good &&= fault === undefined;
      }
      const values = current.map(([name, key]) => {
        const entry = node.entries.find((one) => one.key === name);
        if (entry === undefined && key.default === undefined) return [name, undefined];
        const value = key.type.read(entry?.value ?? nodeOf(key.default, node.at), context);
        good &&= value !== undefined;
        return [name, value];
      });
      // Each key was read by its own type just above, and none is missing that has a default.
      return good ? (Object.fromEntries(values) as ValuesOf<Keys>) : undefined;
    },
  };
}

function keyFault(name: string, keys: Readonly<Record<string, Key<unknown>>>): string | undefined {
  const key = Object.hasOwn(keys, name) ? keys[name] : undefined;
  if (key?.planned) return `this version of siproc does not support “${name}” yet; take it out`;
  if (key !== undefined) return undefined;
  if (name === "<<") return "merge keys (<<) are not supported; write the keys out";
  const known = Object.keys(keys).filter((one) => !keys[one]?.planned);
  const meant = nearest(name, known);
  const short = name.length > 60 ? `${name.slice(0, 60)}…` : name;
  return `there is no key “${short}” here; ${meant === undefined ? `expected one of ${known.join(", ")}` : `did you mean ${meant}?`}`;
}
