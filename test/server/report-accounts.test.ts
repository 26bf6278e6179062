/** Changes of accounts while the server runs: what is kept of an account that is edited, and all or none of several. */
import { describe, expect, test } from "bun:test";
import { type Account, AccountTable, accountOfFields, StoredAccounts } from "../../src/accounts/index.ts";
import type { AccountChange } from "../../src/control/accounts.ts";
import { accountsControl } from "../../src/server/report-accounts.ts";
import { MemoryTable } from "../../src/store/table.ts";

const md5 = "93dfce8dfebfae8af4a726982429d23a";

function account(fields: object): Account {
  const read = accountOfFields(fields);
  if (!("account" in read)) throw new TypeError(read.problems.join());
  return read.account;
}

function world(...accounts: object[]) {
  const table = new MemoryTable<unknown>();
  const stored = new StoredAccounts(table);
  for (const one of accounts) stored.put(account(one));
  const told: string[] = [];
  const logged: object[] = [];
  const control = accountsControl({
    services: {
      configured: new AccountTable([account({ user: "fixed", password: "x" })]),
      stored,
      forgetStrangers: () => told.push("forget"),
      get algorithms() {
        return (["SHA-256", "MD5"] as const).filter((one) => stored.allKnow(one));
      },
      // Contacts are asked for elsewhere.
      location: undefined as unknown as Parameters<typeof accountsControl>[0]["services"]["location"],
    },
    apply: () => told.push("apply"),
    written: async () => undefined,
    log: { info: (_, facts) => void logged.push({ ...facts }) },
    told: (kind, { user }) => told.push(`${kind} ${user}`),
  });
  const fields = (user: string) =>
    Object.fromEntries(
      Object.entries(stored.get(user, undefined)?.fields() ?? {}).filter(([, value]) => value !== undefined),
    );
  return { control, stored, told, logged, fields };
}

const alice = { user: "alice", password: "wonderland", name: "Alice", description: "desk" };
const edit = (fields: Record<string, unknown>, user = "alice"): AccountChange => ({
  ...{ type: "edit", user, domain: undefined, fields },
});

describe("an account is edited", () => {
  test.each([
    ["a name", { name: "A." }, { password: "wonderland", name: "A.", description: "desk" }],
    ["a field taken away", { name: null, description: "" }, { password: "wonderland" }],
    ["a password", { password: "new" }, { password: "new", name: "Alice", description: "desk" }],
    ["a hash in the password's place", { ha1: md5 }, { ha1: { MD5: md5 }, name: "Alice", description: "desk" }],
    ["its own names again", { user: "alice", disabled: true }, { ...alice, disabled: true }],
  ])("%s", async (_, fields, says) => {
    const { control, fields: now } = world(alice);
    expect(await control.change([edit(fields)])).toMatchObject({ ok: true, changed: 1 });
    expect(now("alice")).toEqual({ user: "alice", disabled: false, ...says });
  });

  test.each([
    ["another name", edit({ user: "bob" }), "invalid", /keeps its user and domain/],
    ["another domain", edit({ domain: "example.com" }), "invalid", /keeps its user and domain/],
    ["without a password", edit({ password: null }), "invalid", /the password is missing/],
    ["a field that there is not", edit({ passwort: "x" }), "invalid", /passwort/],
    ["who is not there", edit({ name: "B" }, "bob"), "unknown", /the store has no account bob/],
    ["who stands in the configuration", edit({ name: "F" }, "fixed"), "configured", /change it there/],
  ] as const)("not with %s", async (_, change, code, says) => {
    const { control, fields } = world(alice);
    expect(await control.change([change])).toEqual({
      ...{ ok: false, faults: [{ index: 0, code, message: expect.stringMatching(says) }] },
    });
    expect(fields("alice")).toEqual({ ...alice, disabled: false });
  });
});

describe("several changes", () => {
  test("see those before them; what holds is told once it does", async () => {
    const { control, told, stored } = world(alice);
    const outcome = await control.change(
      [
        { type: "merge", fields: { user: "bob", password: "x" } },
        { type: "merge", fields: { user: "bob", name: "Bob" } },
        { type: "remove", user: "alice", domain: undefined },
        { type: "put", fields: { user: "alice", password: "new" } },
        { type: "remove", user: "nobody", domain: undefined, maybe: true },
      ],
      () => told.push("holds"),
    );
    expect(outcome).toEqual({ ok: true, added: 1, changed: 1, removed: 0, unwritten: undefined });
    expect(told).toEqual(["changed bob", "changed alice", "holds"]);
    expect(stored.get("bob", undefined)).toMatchObject({ name: "Bob", password: "x" });
    expect(stored.get("alice", undefined)).toMatchObject({ name: undefined, password: "new" });
  });

  test("of which some are wrong change nothing; each that is wrong is told with its place", async () => {
    const { control, stored, told } = world(alice);
    const outcome = await control.change([
      { type: "put", fields: { user: "bob", password: "x" } },
      { type: "put", fields: { user: "fixed", password: "x" } },
      { type: "remove", user: "carol", domain: undefined },
    ]);
    expect(outcome.ok ? [] : outcome.faults.map(({ index, code }) => [index, code])).toEqual([
      [1, "configured"],
      [2, "unknown"],
    ]);
    expect([stored.size, told]).toEqual([1, []]);
  });

  test("are logged once: how many, and of one whose", async () => {
    const { control, logged } = world(alice);
    await control.change([edit({ name: "A" })]);
    await control.change([edit({ name: "B" }), { type: "put", fields: { user: "bob", password: "secret" } }]);
    await control.change([{ type: "remove", user: "nobody", domain: undefined, maybe: true }]);
    expect(logged).toEqual([
      { account: "alice", added: 0, changed: 1, removed: 0 },
      { account: undefined, added: 1, changed: 1, removed: 0 },
    ]);
  });

  test("whoever is removed or disabled is registered no longer", async () => {
    const { control, told } = world(alice, { user: "bob", password: "x" });
    await control.change([edit({ name: "A" })]);
    await control.change([edit({ disabled: true })]);
    await control.change([{ type: "remove", user: "bob", domain: undefined }]);
    expect(told.filter((one) => one === "forget")).toHaveLength(2);
  });

  test("the challenges are made anew when not all accounts know the same algorithms any more, and then again", async () => {
    const { control, told } = world(alice);
    await control.change([{ type: "put", fields: { user: "bob", ha1: md5 } }, edit({ name: "A" })]);
    await control.change([edit({ ha1: md5 })]);
    await control.change([{ type: "remove", user: "bob", domain: undefined }]);
    await control.change([edit({ password: "new" })]);
    expect(told.filter((one) => one !== "forget")).toEqual([
      ...["changed bob", "changed alice", "apply", "changed alice"],
      ...["removed bob", "changed alice", "apply"],
    ]);
  });
});
