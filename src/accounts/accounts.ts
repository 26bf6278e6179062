/** Accounts found by their names. */
import { type DigestAlgorithm, digestAlgorithms } from "../sip/digest.ts";
import type { Account } from "./account.ts";

export interface Accounts {
  /**
   * The account of a user in a domain: one of that very domain, else one that is good for all of ours.
   * @param user as people write it; its case counts, that of the domain does not
   */
  find(user: string, domain: string): Account | undefined;
  readonly size: number;
}

/** What `replace` has changed: the accounts that were there and are gone, are new, or are not what they were. */
export interface Change {
  readonly added: readonly Account[];
  readonly removed: readonly Account[];
  readonly changed: readonly Account[];
}

/** The name under which an account is kept: different accounts have different ones. */
export function accountKey(user: string, domain: string | undefined): string {
  // A line end stands in no user and no domain.
  return `${normal(user)}\n${domain?.toLowerCase() ?? ""}`;
}

/** One spelling for letters that have several (RFC 7616 §4). */
function normal(user: string): string {
  for (let at = 0; at < user.length; at++) if (user.charCodeAt(at) > 0x7f) return user.normalize("NFC");
  return user;
}

/** Accounts in memory: those of the configuration, of a file, of a program. */
export class AccountTable implements Accounts {
  #byKey = new Map<string, Account>();
  /** By domain and user; those that are good for all domains are under "". A look there makes no key. */
  #byDomain = new Map<string, Map<string, Account>>();
  /** How many accounts cannot be checked with an algorithm. */
  readonly #lacking = new Map<DigestAlgorithm, number>();

  constructor(accounts: Iterable<Account> = []) {
    for (const account of accounts) this.put(account);
  }

  get size(): number {
    return this.#byKey.size;
  }

  find(user: string, domain: string): Account | undefined {
    // Both are looked for whatever comes of the first, so that an account in a domain takes as long as none at all.
    const name = normal(user);
    const own = this.#byDomain.get(domain.toLowerCase())?.get(name);
    const general = this.#byDomain.get("")?.get(name);
    return own ?? general;
  }

  /** The account with exactly these names; `domain` undefined: the one that is good for all domains. */
  get(user: string, domain: string | undefined): Account | undefined {
    return this.#byKey.get(accountKey(user, domain));
  }

  /** Adds an account, or puts it in the place of the one with its names. */
  put(account: Account): void {
    const key = accountKey(account.user, account.domain);
    this.#count(this.#byKey.get(key), -1);
    this.#count(account, 1);
    this.#byKey.set(key, account);
    const domain = account.domain?.toLowerCase() ?? "";
    const users = this.#byDomain.get(domain) ?? new Map<string, Account>();
    this.#byDomain.set(domain, users);
    users.set(normal(account.user), account);
  }

  /** False: there was none. */
  remove(user: string, domain: string | undefined): boolean {
    const key = accountKey(user, domain);
    this.#count(this.#byKey.get(key), -1);
    this.#byDomain.get(domain?.toLowerCase() ?? "")?.delete(normal(user));
    return this.#byKey.delete(key);
  }

  /** Whether a digest with this algorithm can be checked of each account. */
  allKnow(algorithm: DigestAlgorithm): boolean {
    return (this.#lacking.get(algorithm) ?? 0) === 0;
  }

  #count(account: Account | undefined, by: 1 | -1): void {
    if (account === undefined) return;
    for (const one of digestAlgorithms)
      if (!account.knows(one)) this.#lacking.set(one, (this.#lacking.get(one) ?? 0) + by);
  }

  /** Takes these accounts and no others from now on, as when a file is read anew. */
  replace(accounts: Iterable<Account>): Change {
    const before = this.#byKey;
    this.#byKey = new Map();
    this.#byDomain = new Map();
    this.#lacking.clear();
    for (const account of accounts) this.put(account);
    const change = { added: [] as Account[], removed: [] as Account[], changed: [] as Account[] };
    for (const [key, account] of this.#byKey) {
      const old = before.get(key);
      if (old === undefined) change.added.push(account);
      else if (!isSame(old, account)) change.changed.push(account);
    }
    for (const [key, account] of before) if (!this.#byKey.has(key)) change.removed.push(account);
    return change;
  }

  [Symbol.iterator](): Iterator<Account> {
    return this.#byKey.values();
  }
}

function isSame(a: Account, b: Account): boolean {
  return JSON.stringify(a.fields()) === JSON.stringify(b.fields());
}

/** Several sources as one; the first that knows the account decides. */
export function allAccounts(...sources: readonly Accounts[]): Accounts {
  return {
    find(user, domain) {
      let found: Account | undefined;
      for (const source of sources) {
        if (source.size === 0) continue;
        const account = source.find(user, domain);
        found ??= account;
      }
      return found;
    },
    get size() {
      return sources.reduce((sum, source) => sum + source.size, 0);
    },
  };
}

/** The algorithms of `wanted` that every account can be checked with: which are asked for must not depend on the user. */
export function commonAlgorithms(accounts: Iterable<Account>, wanted: readonly DigestAlgorithm[]): DigestAlgorithm[] {
  const common = new Set(wanted);
  for (const account of accounts)
    for (const algorithm of common) if (!account.knows(algorithm)) common.delete(algorithm);
  return [...common];
}
