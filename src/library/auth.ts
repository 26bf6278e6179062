/** Who may do what: what `createAuth` takes, as an authorizer of the receive chain understands it. */
import { Account, type AccountFields, type Accounts, AccountTable, readAccounts } from "../accounts/index.ts";
import { parseYaml } from "../config/index.ts";
import { type AuthorizeFilter, type AuthorizeFilterName, authorizeFilters, type Receiver } from "../routing/index.ts";
import { OptionError } from "./settings.ts";

/**
 * Accounts: `{ alice: "wonderland" }`, a list with domains or stored hashes, or a function that knows the password (or the
 * account) of a user. Such a function answers at once, and takes as long for users that there are not.
 */
export type AccountsOption =
  | Readonly<Record<string, string>>
  | readonly AccountFields[]
  | ((user: string, domain: string) => string | Omit<AccountFields, "user"> | undefined);

/** One condition, a list of which all must hold, or a list of such lists of which one must hold. */
export type FilterOption = Filter | readonly Filter[] | readonly (readonly Filter[])[];
type Filter = AuthorizeFilterName | AuthorizeFilter;

/**
 * Who has to know a password, and what must hold besides.
 *
 * @example
 * const auth = ua.createAuth({
 *   accounts: { alice: "wonderland", bob: "builder" },
 *   realm: "example.com",
 *   filter: { REGISTER: ["to-is-from", "from-is-auth-user"], INVITE: "from-is-realm" },
 * });
 */
export interface AuthOptions {
  readonly accounts: AccountsOption;
  /** By default the domain that is asked. */
  readonly realm?: string | undefined;
  /** In order of preference; MD5 alone by default, which is what all phones understand. */
  readonly algorithms?: readonly ("MD5" | "SHA-256" | "SHA-512-256")[] | undefined;
  /**
   * What must hold besides the password, or the answer is 403: `from-is-auth-user`, `from-is-realm`, `to-is-from`, or
   * functions of your own; for all methods, or by method.
   */
  readonly filter?: FilterOption | Readonly<Record<string, FilterOption>> | undefined;
  /** `www` asks with 401, as who answers himself does; `proxy` with 407; `by-method` with 401 for REGISTER alone. */
  readonly kind?: "www" | "proxy" | "by-method" | undefined;
}

/** Where a receiver can have its own authorizer before it: options, or one that `createAuth` made. */
export type AuthOption = AuthOptions | Receiver;

/** Accounts as the authorizer asks for them. */
export function accountsOf(option: AccountsOption): Accounts {
  if (typeof option === "function") return asked(option);
  if (isList(option)) return new AccountTable(option.map((fields) => new Account(fields)));
  return new AccountTable(Object.entries(option).map(([user, password]) => new Account({ user, password })));
}

function isList(option: AccountsOption): option is readonly AccountFields[] {
  return Array.isArray(option);
}

function asked(find: Extract<AccountsOption, (...args: never[]) => unknown>): Accounts {
  return {
    size: 0,
    find(user, domain) {
      const found = find(user, domain);
      if (found === undefined) return undefined;
      return new Account(typeof found === "string" ? { user, password: found } : { ...found, user });
    },
  };
}

/** All the conditions as one. Throws OptionError. */
export function filterOf(option: NonNullable<AuthOptions["filter"]>): AuthorizeFilter {
  if (isFilter(option)) return anyOf(option);
  const byMethod = new Map(Object.entries(option).map(([method, own]) => [method.toUpperCase(), anyOf(own)]));
  return (incoming, user, realm) => byMethod.get(incoming.request.method)?.(incoming, user, realm) ?? true;
}

function isFilter(option: NonNullable<AuthOptions["filter"]>): option is FilterOption {
  return typeof option !== "object" || Array.isArray(option);
}

function anyOf(option: FilterOption): AuthorizeFilter {
  const lists = [option].flat().some(Array.isArray) ? [option].flat() : [option];
  const ways = lists.map((list) => [list].flat().map(functionOf));
  return (incoming, user, realm) => ways.some((all) => all.every((filter) => filter(incoming, user, realm)));
}

function functionOf(filter: unknown): AuthorizeFilter {
  // The type of a function from a program is for its compiler to prove.
  if (typeof filter === "function") return filter as AuthorizeFilter;
  const found = Object.entries(authorizeFilters).find(([name]) => name === filter);
  if (found !== undefined) return found[1];
  const names = Object.keys(authorizeFilters).join(", ");
  throw new OptionError("filter", `there is no “${String(filter)}”; there are ${names}, and functions`);
}

/**
 * The accounts of a file, for `createAuth`: CSV, JSON or YAML by its name, as in a configuration. Throws OptionError, which
 * names line and column.
 *
 * @example
 * const auth = ua.createAuth({ accounts: await accountsFrom("accounts.csv") });
 */
export async function accountsFrom(file: string): Promise<readonly AccountFields[]> {
  const read = await readAccounts(file, { yaml: parseYaml });
  if (read.ok) return read.accounts;
  const problems = read.problems.map(({ file: at, line, column, message }) => `${at}:${line}:${column}: ${message}`);
  throw new OptionError("accounts", problems.join("\n"));
}
