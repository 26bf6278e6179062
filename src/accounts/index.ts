/** The door of accounts: who may register and call. */
export { Account, type AccountFields } from "./account.ts";
export { type Accounts, AccountTable, accountKey, allAccounts, type Change, commonAlgorithms } from "./accounts.ts";
export { AccountDatabase, type DatabaseOpened } from "./database.ts";
export { accountsOfYaml, parseAccounts, type ReadAccountsOptions, readAccounts, type YamlNode } from "./read.ts";
export type { AccountProblem, AccountsRead } from "./rows.ts";
export { type AccountStore, accountOfFields, fieldsOf, StoredAccounts } from "./stored.ts";
