/** From the rows of a file, whatever its format, to accounts: what a field may hold, and what is said of one that does not. */
import { isHostName, isIPv4, isIPv6 } from "../sip/host.ts";
import { Account } from "./account.ts";
import { accountKey } from "./accounts.ts";

/** What is wrong in a file, and where; `line` and `column` from 1, or 0 for the file as a whole. Never shows a secret. */
export interface AccountProblem {
  readonly file: string;
  readonly line: number;
  readonly column: number;
  readonly message: string;
}

export interface Position {
  readonly line: number;
  readonly column: number;
}

/** One value as written, and where it stands; `at` means something to who made the rows. */
export interface Field {
  readonly name: string;
  readonly nameAt: number;
  /** Undefined: there is something, and it is neither text nor a number nor true or false. */
  readonly text: string | undefined;
  readonly at: number;
}

export interface Row {
  readonly at: number;
  readonly fields: readonly Field[];
}

export interface Rows {
  readonly rows: Iterable<Row>;
  /** Where an `at` is. */
  position(at: number): Position;
  /** For accounts that name none. */
  readonly domain?: string | undefined;
  /** Other programs keep more in such a file: what we do not know is passed over. */
  readonly foreign?: boolean | undefined;
}

const maxProblems = 100;

type Column =
  | "user"
  | "password"
  | "name"
  | "domain"
  | "ha1"
  | "ha1_sha256"
  | "ha1_sha512_256"
  | "disabled"
  | "description"
  | "image";

const columns: ReadonlyMap<string, Column> = new Map<string, Column>([
  ["user", "user"],
  ["password", "password"],
  ["name", "name"],
  ["domain", "domain"],
  ["ha1", "ha1"],
  ["ha1_sha256", "ha1_sha256"],
  ["ha1_sha512_256", "ha1_sha512_256"],
  ["disabled", "disabled"],
  ["description", "description"],
  ["image", "image"],
  // As the database of SIPWS calls them.
  ["id", "user"],
  ["cn", "name"],
]);

/** The names of columns and keys, for messages. */
export const columnNames = [...columns.keys()].slice(0, -2).join(", ");

export function isColumn(name: string): boolean {
  return columns.has(name);
}

export type AccountsRead =
  | { readonly ok: true; readonly accounts: Account[] }
  | { readonly ok: false; readonly problems: AccountProblem[] };

/** Makes accounts of rows; all problems, up to 100, when there are any. */
export function accountsOf(source: Rows, file: string): AccountsRead {
  const problems: AccountProblem[] = [];
  const accounts: Account[] = [];
  const known = new Map<string, number>();
  const problem = (at: number, message: string) => {
    if (problems.length < maxProblems) problems.push({ file, ...source.position(at), message });
  };
  for (const row of source.rows) {
    const account = accountOf(row, source, problem);
    if (account === undefined) continue;
    const key = accountKey(account.user, account.domain);
    const first = known.get(key);
    if (first !== undefined)
      problem(row.at, `${account} is here a second time; the first is in line ${source.position(first).line}`);
    else known.set(key, row.at);
    accounts.push(account);
  }
  return problems.length > 0 ? { ok: false, problems } : { ok: true, accounts };
}

type Tell = (at: number, message: string) => void;

function accountOf(row: Row, source: Rows, problem: Tell): Account | undefined {
  const values = new Map<Column, string>();
  let good = true;
  const wrong: Tell = (at, message) => {
    good = false;
    problem(at, message);
  };
  for (const field of row.fields) {
    const column = columns.get(field.name);
    if (column === undefined) {
      if (!source.foreign) wrong(field.nameAt, `there is no “${shown(field.name)}” here; expected ${columnNames}`);
      continue;
    }
    if (values.has(column)) wrong(field.nameAt, `the ${column} stands here a second time`);
    if (field.text === undefined) wrong(field.at, `expected ${expected[column]}`);
    // An empty cell is no value; but nobody means an empty password.
    else if (field.text === "" && column !== "password") continue;
    else if (!allows(column, field.text)) wrong(field.at, `expected ${expected[column]}`);
    else values.set(column, field.text);
  }
  const [ha1, sha256, sha512] = [values.get("ha1"), values.get("ha1_sha256"), values.get("ha1_sha512_256")];
  const hashed = ha1 !== undefined || sha256 !== undefined || sha512 !== undefined;
  const user = values.get("user");
  const password = values.get("password");
  // What is wrong with a value has been told; that it is missing would be told twice.
  if (good && user === undefined) wrong(row.at, "the user is missing");
  if (good && password === undefined && !hashed) wrong(row.at, "the password is missing");
  if (good && password !== undefined && hashed) wrong(row.at, "expected a password or its hashes, not both");
  if (!good || user === undefined) return undefined;
  return new Account({
    user,
    domain: bare(values.get("domain") ?? source.domain)?.toLowerCase(),
    password,
    ha1: hashed
      ? {
          ...(ha1 !== undefined && { MD5: ha1.toLowerCase() }),
          ...(sha256 !== undefined && { "SHA-256": sha256.toLowerCase() }),
          ...(sha512 !== undefined && { "SHA-512-256": sha512.toLowerCase() }),
        }
      : undefined,
    name: values.get("name"),
    disabled: isTrue(values.get("disabled") ?? "false"),
    description: values.get("description"),
    image: values.get("image"),
  });
}

const expected: Readonly<Record<Column, string>> = {
  user: "a user name of 1 to 128 characters without spaces, @, quotes, <, > and control characters",
  password: "a password of 1 to 256 characters without control characters",
  name: "a name on one line",
  domain: "a domain such as example.com, or an IP address",
  ha1: "32 hexadecimal digits, the MD5 of user:realm:password",
  ha1_sha256: "64 hexadecimal digits, the SHA-256 of user:realm:password",
  ha1_sha512_256: "64 hexadecimal digits, the SHA-512/256 of user:realm:password",
  disabled: "true or false",
  description: "text of at most 4096 characters",
  image: "a URL on one line",
};

function allows(column: Column, text: string): boolean {
  switch (column) {
    case "user":
      return /^[^\x00-\x20\x7f@"<>]{1,128}$/.test(text);
    case "password":
      return /^[^\x00-\x1f\x7f]{1,256}$/.test(text);
    case "name":
      return /^[^\x00-\x1f\x7f]{1,256}$/.test(text);
    case "domain":
      return isDomain(text);
    case "ha1":
      return /^[0-9a-fA-F]{32}$/.test(text);
    case "ha1_sha256":
    case "ha1_sha512_256":
      return /^[0-9a-fA-F]{64}$/.test(text);
    case "disabled":
      return /^(?:true|false|yes|no|1|0)$/i.test(text);
    case "description":
      return text.length <= 4096;
    case "image":
      return /^[^\x00-\x20\x7f]{1,2048}$/.test(text);
    default:
      return column satisfies never;
  }
}

function isTrue(text: string): boolean {
  return /^(?:true|yes|1)$/i.test(text);
}

/** Is it what accounts can be of? An IPv6 address may stand in brackets. */
export function isDomain(text: string): boolean {
  const host = bare(text) ?? "";
  return host.length <= 253 && (isHostName(host) || isIPv4(host) || isIPv6(host));
}

function bare(domain: string | undefined): string | undefined {
  return domain?.startsWith("[") && domain.endsWith("]") ? domain.slice(1, -1) : domain;
}

/** A stranger's word for a message: short, on one line. */
export function shown(text: string): string {
  const line = text.replace(/[\x00-\x1f\x7f-\x9f\u2028\u2029]/g, " ");
  return line.length > 40 ? `${line.slice(0, 40)}…` : line;
}
