/** Accounts from a file: YAML, JSON or CSV by its name. What is wrong is told with line and column, all of it at once. */
import { open } from "node:fs/promises";
import { extname, resolve } from "node:path";
import { type FormatProblem, readCsv } from "./csv.ts";
import { readJson } from "./json.ts";
import { lineFinder } from "./lines.ts";
import {
  type AccountProblem,
  type AccountsRead,
  accountsOf,
  type Field,
  type Position,
  type Row,
  type Rows,
} from "./rows.ts";

/** Octets of a file: some 500,000 accounts. */
const maxFile = 64 * 1024 * 1024;

/** A YAML tree, as the configuration's reader makes it. */
export type YamlNode =
  | { readonly kind: "scalar"; readonly value: string | number | boolean | null; readonly at: Position }
  | { readonly kind: "list"; readonly items: readonly YamlNode[]; readonly at: Position }
  | {
      readonly kind: "map";
      readonly entries: readonly { readonly key: string; readonly keyAt: Position; readonly value: YamlNode }[];
      readonly at: Position;
    };

export interface ReadAccountsOptions {
  /** Reads YAML: this folder knows no YAML library. Without it a YAML file is a problem. */
  readonly yaml?: (
    octets: Uint8Array,
    file: string,
  ) =>
    | { readonly ok: true; readonly node: YamlNode }
    | { readonly ok: false; readonly problems: readonly AccountProblem[] };
  /** What the file holds, whatever its name ends with. */
  readonly format?: "json" | undefined;
  /** What a text in YAML stands for, such as `${NAME}`. */
  readonly substitute?: (text: string) => { ok: true; text: string } | { ok: false; reason: string };
}

/** Reads the accounts of a file. Never throws for what the file is or holds. */
export async function readAccounts(path: string, options: ReadAccountsOptions = {}): Promise<AccountsRead> {
  const file = resolve(path);
  const octets = await readOctets(file);
  if (typeof octets === "string") return fail(file, { line: 0, column: 0 }, octets);
  return parseAccounts(octets, file, options);
}

/** The same for a file's octets; the end of `file` tells the format. */
export function parseAccounts(octets: Uint8Array, file: string, options: ReadAccountsOptions = {}): AccountsRead {
  const kind = options.format === undefined ? extname(file).toLowerCase() : `.${options.format}`;
  if (kind === ".yaml" || kind === ".yml") return parseYaml(octets, file, options);
  if (kind !== ".json" && kind !== ".csv")
    return fail(file, { line: 0, column: 0 }, "expected a file whose name ends with .yaml, .json or .csv");
  let text: string;
  try {
    text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(octets);
  } catch {
    const before = new TextDecoder("utf-8").decode(octets).split("\ufffd")[0] ?? "";
    return fail(file, lineFinder(before)(before.length), "the file is not UTF-8 here; save it as UTF-8");
  }
  const rows: Rows | FormatProblem = kind === ".json" ? readJson(text) : readCsv(text);
  if ("message" in rows) return fail(file, lineFinder(text)(rows.at), rows.message);
  return accountsOf(rows, file);
}

function fail(file: string, at: Position, message: string): AccountsRead {
  return { ok: false, problems: [{ file, ...at, message }] };
}

function parseYaml(octets: Uint8Array, file: string, options: ReadAccountsOptions): AccountsRead {
  if (options.yaml === undefined) return fail(file, { line: 0, column: 0 }, "expected a .json or .csv file");
  const parsed = options.yaml(octets, file);
  if (!parsed.ok) return { ok: false, problems: [...parsed.problems] };
  return accountsOfYaml(parsed.node, file, options);
}

/** Accounts of a YAML tree: a list, or a map with a list named accounts. */
export function accountsOfYaml(root: YamlNode, file: string, options: ReadAccountsOptions = {}): AccountsRead {
  const entry = root.kind === "map" ? root.entries.find(({ key }) => key === "accounts") : undefined;
  const list = entry?.value ?? root;
  const positions: Position[] = [];
  const mark = (at: Position) => positions.push(at) - 1;
  const problems: AccountProblem[] = [];
  const tell = (at: Position, message: string) => void problems.push({ file, ...at, message });
  if (list.kind !== "list") return fail(file, list.at, "expected a list of accounts");
  const rows: Row[] = [];
  for (const item of list.items) {
    if (item.kind !== "map") {
      tell(item.at, "expected an account such as { user: alice, password: wonderland }");
      continue;
    }
    const fields: Field[] = [];
    for (const { key, keyAt, value } of item.entries) {
      if (value.kind === "scalar" && value.value === null) continue;
      const text = value.kind === "scalar" ? written(value.value, value.at, tell, options) : undefined;
      fields.push({ name: key, nameAt: mark(keyAt), text, at: mark(value.at) });
    }
    rows.push({ at: mark(item.at), fields });
  }
  const read = accountsOf({ rows, position: (at) => positions[at] ?? list.at }, file);
  if (problems.length === 0) return read;
  return { ok: false, problems: read.ok ? problems : [...problems, ...read.problems] };
}

function written(
  value: string | number | boolean | null,
  at: Position,
  tell: (at: Position, message: string) => void,
  { substitute }: ReadAccountsOptions,
): string | undefined {
  // YAML reads 0042 as the number 42: a telephone number or a password would be another one.
  if (typeof value === "number") tell(at, "found a number; put it in quotes, so that its zeros stay");
  if (typeof value !== "string") return value === null ? undefined : String(value);
  const filled = substitute?.(value) ?? { ok: true, text: value };
  if (filled.ok) return filled.text;
  tell(at, filled.reason);
  return undefined;
}

/** The file's octets, or why there are none. */
export async function readOctets(file: string): Promise<Uint8Array | string> {
  try {
    const handle = await open(file, "r");
    try {
      const stat = await handle.stat();
      if (!stat.isFile()) return "this is not a file; expected a .yaml, .json or .csv file";
      if (stat.size > maxFile)
        return `the file is larger than ${maxFile / 1024 / 1024} MiB; keep so many accounts in the store`;
      const octets = new Uint8Array(stat.size);
      let length = 0;
      while (length < octets.length) {
        const { bytesRead } = await handle.read(octets, length, octets.length - length, length);
        if (bytesRead === 0) break;
        length += bytesRead;
      }
      return octets.subarray(0, length);
    } finally {
      await handle.close();
    }
  } catch (error) {
    const code = error instanceof Error && "code" in error ? error.code : undefined;
    if (code === "ENOENT") return "there is no such file";
    if (code === "EACCES") return "this user may not read this file";
    return `this file cannot be read: ${error instanceof Error ? error.message : String(error)}`;
  }
}
