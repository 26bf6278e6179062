/** Accounts in memory and in a store: how they are found, what changes when they are read anew, and that secrets stay inside. */
import { describe, expect, test } from "bun:test";
import { inspect } from "node:util";
import {
  Account,
  type AccountFields,
  AccountTable,
  accountOfFields,
  allAccounts,
  commonAlgorithms,
  fieldsOf,
  StoredAccounts,
} from "../../src/accounts/index.ts";
import { MemoryTable } from "../../src/store/table.ts";

const of = (fields: AccountFields) => new Account(fields);
const general = of({ user: "alice", password: "a" });
const special = of({ user: "alice", domain: "Example.COM", password: "b" });

describe("an account is found", () => {
  const table = new AccountTable([
    general,
    special,
    of({ user: "bob", domain: "192.0.2.1", password: "c" }),
    of({ user: "j\u00e4s", password: "d" }),
  ]);
  test.each<[string, string, string | undefined]>([
    ["alice", "example.com", "b"],
    ["alice", "EXAMPLE.com", "b"],
    ["alice", "example.org", "a"],
    ["Alice", "example.com", undefined],
    ["bob", "192.0.2.1", "c"],
    ["bob", "example.com", undefined],
    ["ja\u0308s", "example.com", "d"],
    ["", "", undefined],
    ["__proto__", "example.com", undefined],
    ["alice\n", "example.com", undefined],
    ["alice\nexample.com", "", undefined],
  ])("%p in %p: %p", (user, domain, password) => {
    expect(table.find(user, domain)?.password).toBe(password as string);
  });

  test("in the first of several sources that knows it", () => {
    const both = allAccounts(new AccountTable([special]), table);
    expect(both.find("alice", "example.com")?.password).toBe("b");
    expect(both.find("bob", "192.0.2.1")?.password).toBe("c");
    expect(both.size).toBe(5);
  });
});

test("what has changed is told when accounts are read anew", () => {
  const table = new AccountTable([general, special, of({ user: "bob", password: "c" })]);
  const change = table.replace([
    of({ user: "alice", password: "a" }),
    of({ user: "alice", domain: "example.com", password: "new" }),
    of({ user: "carol", password: "d" }),
  ]);
  expect(Object.values(change).map((list) => list.map(String))).toEqual([["carol"], ["bob"], ["alice@example.com"]]);
  expect([...table].map(String)).toEqual(["alice", "alice@example.com", "carol"]);
});

test("secrets show nowhere, unless asked for", () => {
  const account = of({ user: "alice", password: "geheim", ha1: { MD5: "geheim" }, name: "Alice" });
  for (const text of [
    JSON.stringify(account),
    String(account),
    inspect(account),
    inspect({ account }, { depth: 5 }),
    Bun.inspect(account),
    JSON.stringify({ ...account }),
    JSON.stringify(Object.entries(account)),
  ])
    expect(text).not.toContain("geheim");
  expect(account.fields()).toMatchObject({ password: "geheim", ha1: { MD5: "geheim" } });
});

test("only algorithms are asked for that every account can answer", () => {
  const hashed = of({ user: "dave", ha1: { MD5: "x" } });
  expect(commonAlgorithms([general, special], ["SHA-256", "MD5"])).toEqual(["SHA-256", "MD5"]);
  expect(commonAlgorithms([general, hashed], ["SHA-256", "MD5"])).toEqual(["MD5"]);
  expect(commonAlgorithms([], ["MD5"])).toEqual(["MD5"]);
  const table = new AccountTable([general, hashed]);
  expect([table.allKnow("SHA-256"), table.allKnow("MD5")]).toEqual([false, true]);
  table.put(hashed);
  table.remove(hashed.user, hashed.domain);
  table.remove(hashed.user, hashed.domain);
  expect([table.allKnow("SHA-256"), table.allKnow("MD5")]).toEqual([true, true]);
  table.replace([hashed]);
  expect(table.allKnow("SHA-256")).toBe(false);
});

describe("accounts in a store", () => {
  const md5 = "0123456789abcdef0123456789abcdef";
  test("are there again with all that they have", () => {
    const store = new MemoryTable<unknown>();
    const before = new StoredAccounts(store);
    const put = [
      of({ user: "alice", password: "x", name: "Alice", description: "d", image: "http://a/b" }),
      of({ user: "alice", domain: "example.com", ha1: { MD5: md5, "SHA-256": md5 + md5 }, disabled: true }),
    ];
    for (const account of put) before.put(account);
    expect([...store.entries()].map(([key]) => key)).toEqual(["alice", "alice@example.com"]);
    const after = new StoredAccounts(store);
    expect([...after].map((account) => account.fields())).toEqual(put.map((account) => account.fields()));
    expect(after.remove("alice", "Example.com")).toBe(true);
    expect(after.remove("alice", "example.com")).toBe(false);
    expect([...new StoredAccounts(store)].map(String)).toEqual(["alice"]);
  });

  test("and what nobody can read is left alone", () => {
    const store = new MemoryTable<unknown>([
      ["x", 7],
      ["y", { user: "y" }],
      ["alice", { user: "alice", password: "x" }],
      ["z", { user: "z", password: "x", later: true }],
    ]);
    const accounts = new StoredAccounts(store);
    expect(accounts.unreadable).toEqual(["x", "y", "z"]);
    expect(accounts.size).toBe(1);
  });
});

test.each<[unknown, string[]]>([
  [{ user: "alice", password: "" }, ["expected a password of 1 to 256 characters without control characters"]],
  [
    { user: "al ice", password: "x" },
    ["expected a user name of 1 to 128 characters without spaces, @, quotes, <, > and control characters"],
  ],
  [{ password: "x" }, ["the user is missing"]],
  [
    { user: "alice", password: { toString: 1 } },
    ["expected a password of 1 to 256 characters without control characters"],
  ],
  [null, ["expected an account"]],
  ["alice", ["expected an account"]],
])("fields from outside: %j", (fields, problems) => {
  expect(accountOfFields(fields)).toEqual({ problems });
});

test("fields are written as they are read", () => {
  const read = accountOfFields({ user: "alice", password: "x", disabled: false, name: undefined });
  expect("account" in read && fieldsOf(read.account)).toEqual({ user: "alice", password: "x" });
});
