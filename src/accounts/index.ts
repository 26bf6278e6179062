/** The door of accounts: who may register and call. */
export { Account, type AccountFields } from "./account.ts";
export { type Accounts, AccountTable, allAccounts, type Change, commonAlgorithms } from "./accounts.ts";
