/** Accounts that a program may change while it runs, kept in a store: the same `Accounts` as those of a file. */
import type { DigestAlgorithm } from "../sip/digest.ts";
import type { Account } from "./account.ts";
import { type Accounts, AccountTable } from "./accounts.ts";
import { accountsOf, type Field } from "./rows.ts";

/** Where they are kept: a table of the store, which answers at once and writes behind. */
export interface AccountStore {
  entries(): Iterable<[key: string, value: unknown]>;
  put(key: string, value: unknown): void;
  delete(key: string): boolean;
}

/**
 * An account of the fields that a file has as columns: user, password or ha1…, name, domain, disabled, description,
 * image. What is wrong with them is told in sentences, without secrets.
 */
export function accountOfFields(fields: unknown): { account: Account } | { problems: string[] } {
  if (typeof fields !== "object" || fields === null) return { problems: ["expected an account"] };
  const given = Object.entries(fields).filter(([, value]) => value !== undefined && value !== null);
  const row: Field[] = given.map(([name, value], at) => {
    const plain = typeof value === "string" || typeof value === "number" || typeof value === "boolean";
    return { name, nameAt: at, text: plain ? String(value) : undefined, at };
  });
  const read = accountsOf({ rows: [{ at: 0, fields: row }], position: () => ({ line: 0, column: 0 }) }, "");
  const account = read.ok ? read.accounts[0] : undefined;
  if (account !== undefined) return { account };
  return { problems: read.ok ? ["expected an account"] : read.problems.map(({ message }) => message) };
}

/** The fields of an account with its secrets, as `accountOfFields` takes them. */
export function fieldsOf(account: Account): Record<string, string | boolean> {
  const { user, domain, password, ha1, name, disabled, description, image } = account.fields();
  const fields: Record<string, string | boolean> = { user };
  const add = (column: string, value: string | undefined) => {
    if (value !== undefined) fields[column] = value;
  };
  add("domain", domain);
  add("password", password);
  add("ha1", ha1?.MD5);
  add("ha1_sha256", ha1?.["SHA-256"]);
  add("ha1_sha512_256", ha1?.["SHA-512-256"]);
  add("name", name);
  add("description", description);
  add("image", image);
  if (disabled === true) fields.disabled = true;
  return fields;
}

export class StoredAccounts implements Accounts {
  readonly #store: AccountStore;
  readonly #table = new AccountTable();
  /** Keys of what the store holds and nobody can read: another program's, or a later version's. They are left alone. */
  readonly unreadable: readonly string[];

  constructor(store: AccountStore) {
    this.#store = store;
    const unreadable: string[] = [];
    for (const [key, value] of store.entries()) {
      const read = accountOfFields(value);
      if ("account" in read) this.#table.put(read.account);
      else unreadable.push(key);
    }
    this.unreadable = unreadable;
  }

  get size(): number {
    return this.#table.size;
  }

  find(user: string, domain: string): Account | undefined {
    return this.#table.find(user, domain);
  }

  /** Whether a digest with this algorithm can be checked of each account. */
  allKnow(algorithm: DigestAlgorithm): boolean {
    return this.#table.allKnow(algorithm);
  }

  /** The account with exactly these names; `domain` undefined: the one that is good for all domains. */
  get(user: string, domain: string | undefined): Account | undefined {
    return this.#table.get(user, domain);
  }

  /** Adds an account, or changes the one with its names. */
  put(account: Account): void {
    this.#table.put(account);
    this.#store.put(account.toString(), fieldsOf(account));
  }

  /** False: there was none. `domain` undefined: the account that is good for all domains. */
  remove(user: string, domain: string | undefined): boolean {
    if (!this.#table.remove(user, domain)) return false;
    this.#store.delete(domain === undefined ? user : `${user}@${domain.toLowerCase()}`);
    return true;
  }

  [Symbol.iterator](): Iterator<Account> {
    return this.#table[Symbol.iterator]();
  }
}
