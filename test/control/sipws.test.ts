/** SIPWS's requests: what its page says of each, wrong keys, bad bodies, and accounts that many change at once. */
import { describe, expect, test } from "bun:test";
import { type Account, AccountTable, accountOfFields, StoredAccounts } from "../../src/accounts/index.ts";
import type { GateControl } from "../../src/control/accounts.ts";
import { entryOf, readRequest } from "../../src/control/sipws/request.ts";
import { Sipws, type SipwsHome } from "../../src/control/sipws/sipws.ts";
import { accountsControl } from "../../src/server/report-accounts.ts";
import { MemoryTable } from "../../src/store/table.ts";
import { below, seeded } from "../support/random.ts";

interface World {
  readonly sipws: Sipws;
  readonly stored: StoredAccounts;
  readonly home: SipwsHome;
  readonly gate: GateControl;
  failure: string | undefined;
  /** The answer to a request, or to a text. */
  ask(request: object | string): Promise<Record<string, unknown>>;
  database(): Record<string, unknown>;
}

function account(fields: object): Account {
  const read = accountOfFields(fields);
  if (!("account" in read)) throw new TypeError(read.problems.join());
  return read.account;
}

interface Phone {
  aor: string;
  contact: string;
  refreshed: number;
}

function world(configured: object[] = [], phones: Phone[] = []): World {
  const stored = new StoredAccounts(new MemoryTable<unknown>());
  let open = true;
  const gate: GateControl = {
    get open() {
      return open;
    },
    set(wanted) {
      open = wanted;
    },
  };
  const bindings = phones.map(({ aor, contact, refreshed }) => ({
    ...{ aor, contact, refreshed },
    flow: { transport: "ws", remote: { host: "192.0.2.7", port: 40_000 } },
  }));
  const location = { all: () => bindings[Symbol.iterator](), secondsLeft: () => 600 };
  const services = {
    configured: new AccountTable(configured.map(account)),
    stored,
    forgetStrangers: () => {},
    algorithms: [],
    // Of a location service only this is asked.
    location: location as unknown as Parameters<typeof accountsControl>[0]["services"]["location"],
  };
  const accounts = accountsControl({
    services,
    apply: () => {},
    written: async () => made.failure,
  });
  const home: SipwsHome = { domain: "", ip: "192.0.2.1", version: 0 };
  const sipws = new Sipws({ accounts, gate, home });
  const made: World = {
    ...{ sipws, stored, home, gate },
    failure: undefined,
    async ask(request) {
      const body = typeof request === "string" ? request : JSON.stringify(request);
      const { pieces } = await sipws.post(body, (key) => key === "good");
      return JSON.parse([...pieces].join(""));
    },
    database: () => JSON.parse([...sipws.database()].join("")),
  };
  return made;
}

const entry = (u: string, more: object = {}) => ({
  o: "+",
  u,
  k: "secret",
  cn: `User ${u}`,
  description: "",
  i: "",
  ...more,
});
const put = (data: unknown, more: object = {}) => ({ q: "put", domain: "", key: "good", data, ...more });

describe("SIPWS's requests", () => {
  test("put adds, edits and deletes, and gives the version from before", async () => {
    const { ask, stored, home } = world();
    expect(await ask(put([entry("100"), entry("101")], { v: 124 }))).toEqual({ q: "put", errorcode: "0", v: 0 });
    expect(await ask(put([entry("100", { k: "new", cn: "Bob" }), { o: "-", u: "101" }], { v: 125 }))).toEqual({
      ...{ q: "put", errorcode: "0", v: 124 },
    });
    expect([...stored].map(({ user, password, name }) => ({ user, password, name }))).toEqual([
      { user: "100", password: "new", name: "Bob" },
    ]);
    expect(home.version).toBe(125);
    expect(await ask(put([]))).toMatchObject({ v: 125 });
    expect(home.version).toBe(126);
  });

  test("an entry changes what it names, and leaves the rest", async () => {
    const { ask, stored } = world();
    await ask(put([entry("100", { description: "desk", i: "http://example.com/100.png" })]));
    await ask(put([{ o: "+", u: "100", cn: "Carol", k: "", description: null }]));
    const { password, name, description, image } = stored.get("100", undefined) ?? {};
    expect([password, name, description, image]).toEqual(["secret", "Carol", "desk", "http://example.com/100.png"]);
    await ask(put([{ u: 100, cn: "" }]));
    expect(stored.get("100", undefined)?.name).toBeUndefined();
  });

  test("accounts are of the domain that is named, else of the registry's, which the first one names", async () => {
    const { ask, stored, home } = world();
    await ask(put([entry("100")], { domain: "Example.com" }));
    await ask(put([entry("101")]));
    await ask(put([entry("102")], { domain: "example.org" }));
    expect(home.domain).toBe("example.com");
    expect([...stored].map(String)).toEqual(["100@example.com", "101@example.com", "102@example.org"]);
    const registry = async (domain: string) => (await ask({ q: "list", domain, key: "good" })).registry;
    expect(await registry("example.org")).toMatchObject([{ key: "102@example.org", id: "102", avail: "0" }]);
    expect(await registry("")).toHaveLength(3);
    expect(await ask({ q: "clear", domain: "example.org", key: "good" })).toEqual({ q: "clear", errorcode: "0" });
    expect(stored.size).toBe(2);
  });

  test("list and GET tell who is registered, from where, and no password", async () => {
    const phones = [
      { aor: "100@example.com", contact: "sip:100@old.invalid", refreshed: 1_000_000 },
      { aor: "100@example.com", contact: "sip:100@10.0.0.1;line=abc;rinstance=42", refreshed: 2_000_000 },
    ];
    const { ask, database } = world([{ user: "desk", password: "hidden" }], phones);
    await ask(put([entry("100", { i: "http://example.com/i.png" }), entry("101")], { v: 7 }));
    const list = await ask({ q: "list", key: "good" });
    const there = { avail: "1", proto: "ws", host: "192.0.2.7", port: 40_000, expire: 600, updated: 2000 };
    expect(list).toMatchObject({
      ...{ q: "list", errorcode: "0", v: 7 },
      registry: [
        { id: "desk", origin: "configuration", avail: "0" },
        { id: "100", origin: "registry", line: "abc", rinstance: "42", image: "http://example.com/i.png", ...there },
        { id: "101", avail: "0", registered: 0 },
      ],
    });
    expect(database()).toMatchObject({
      data: [{ id: "desk" }, { id: "100" }, { id: "101" }],
      domain: "",
      ip: "192.0.2.1",
    });
    expect(JSON.stringify([list, database()])).not.toMatch(/hidden|secret|password/);
  });

  test("start and stop open and close the gate; clear leaves no account of the store", async () => {
    const { ask, gate, stored, home } = world([{ user: "desk", password: "x" }]);
    await ask(put([entry("100")], { v: 9 }));
    expect(await ask({ q: "stop", domain: "", key: "good" })).toEqual({ q: "stop", errorcode: "0" });
    expect(gate.open).toBe(false);
    expect(await ask({ q: "start", domain: "", key: "good" })).toEqual({ q: "start", errorcode: "0" });
    expect(gate.open).toBe(true);
    expect(await ask({ q: "clear", domain: "", key: "good" })).toEqual({ q: "clear", errorcode: "0" });
    expect([stored.size, home.version]).toEqual([0, 0]);
  });

  test.each(["start", "stop", "clear", "list", "put"])(
    "%s with a wrong key is errorcode 1, and does nothing",
    async (q) => {
      const { ask, gate, stored } = world();
      await ask(put([entry("100")]));
      for (const key of ["bad", "", undefined, null, 17, ["good"], { good: 1 }])
        expect(await ask({ q, domain: "", key, data: [entry("101")] })).toEqual({
          ...{ q, errorcode: "1", error: "the key is not known" },
        });
      expect([gate.open, stored.size]).toEqual([true, 1]);
    },
  );

  test.each([
    ["nothing", "", "2", /no JSON object/],
    ["no JSON", "{q:list}", "2", /no JSON object/],
    ["a list", "[]", "2", /no JSON object/],
    ["deep nesting", "[".repeat(1_000_000), "2", /no JSON object/],
    ["an unknown signal", '{"q":"drop","key":"good"}', "3", /q is one of start, stop/],
    ["a signal that objects have", '{"q":"constructor","key":"good"}', "3", /q is one of/],
    ["an unknown signal, without a key", '{"q":"drop"}', "1", /the key is not known/],
    ["data that is no list", JSON.stringify(put({})), "3", /data is a list/],
    ["an entry that is none", JSON.stringify(put([1])), "3", /entry 1 of data: expected an object/],
    ["an unknown operation", JSON.stringify(put([entry("1"), entry("2", { o: "*" })])), "3", /entry 2 of data: o is/],
    ["an entry without a user", JSON.stringify(put([{ o: "+", k: "x" }])), "3", /u, the user's name, is missing/],
    ["a user that is none", JSON.stringify(put([entry("a b")])), "3", /entry 1 of data: expected a user name/],
    ["a new user without a password", JSON.stringify(put([{ o: "+", u: "1" }])), "3", /the password is missing/],
    ["a name with a line end", JSON.stringify(put([entry("1", { cn: "a\r\nb" })])), "3", /a name on one line/],
    ["a password that is a list", JSON.stringify(put([entry("1", { k: [] })])), "3", /k is text/],
    ["a domain that is none", JSON.stringify(put([entry("1")], { domain: "a b" })), "3", /a domain such as/],
    ["a version that is none", JSON.stringify(put([], { v: -1 })), "3", /v is a whole number/],
    ["who stands in the configuration", JSON.stringify(put([entry("desk")])), "3", /stands in the configuration/],
  ])("%s is an error, and nothing changes", async (_, body, errorcode, says) => {
    const { ask, stored, home } = world([{ user: "desk", password: "x" }]);
    const answer = await ask(body);
    expect([answer.errorcode, answer.error]).toEqual([errorcode, expect.stringMatching(says)]);
    expect([stored.size, home.version]).toEqual([0, 0]);
  });

  test("one wrong entry of many: none is taken", async () => {
    const { ask, stored } = world();
    const many = [...Array.from({ length: 700 }, (_, n) => entry(`u${n}`)), entry("bad user")];
    expect(await ask(put(many))).toMatchObject({ errorcode: "3", error: expect.stringMatching(/^entry 701 of data/) });
    expect(stored.size).toBe(0);
    expect(await ask(put(many.slice(0, 700)))).toMatchObject({ errorcode: "0" });
    expect(stored.size).toBe(700);
  });

  test("two at once are done one after the other", async () => {
    const { ask, home } = world();
    const many = Array.from({ length: 1200 }, (_, n) => entry(`u${n}`));
    const answers = await Promise.all([
      ask(put(many, { v: 5 })),
      ask(put([{ o: "+", u: "u7", cn: "Seven" }], { v: 6 })),
    ]);
    expect(answers.map(({ errorcode, v }) => [errorcode, v])).toEqual([
      ["0", 0],
      ["0", 5],
    ]);
    expect(home.version).toBe(6);
  });

  test("what cannot be written is errorcode 4, and holds", async () => {
    const made = world();
    made.failure = "no space is left on the disk";
    const answer = await made.ask(put([entry("100")]));
    expect(answer).toMatchObject({ q: "put", errorcode: "4", error: expect.stringMatching(/no space is left/) });
    expect(made.stored.size).toBe(1);
  });

  test("a list of many accounts comes in pieces of bounded size", async () => {
    const { sipws, ask } = world();
    await ask(put(Array.from({ length: 2000 }, (_, n) => entry(`u${n}`))));
    const pieces = [...(await sipws.post('{"q":"list","key":"good"}', () => true)).pieces];
    expect(pieces.length).toBeGreaterThan(4);
    expect(Math.max(...pieces.map((piece) => piece.length))).toBeLessThan(300_000);
    expect(JSON.parse(pieces.join("")).registry).toHaveLength(2000);
  });

  test("whatever a body holds, it is read or refused", () => {
    const random = seeded(1);
    const good = JSON.stringify(put([entry("100"), { o: "-", u: 5 }], { v: 3 }));
    const end = performance.now() + 500;
    for (let n = 0; n < 20_000 && performance.now() < end; n++) {
      const at = below(random, good.length);
      const piece = ['"', "{", "[", "null", "1e999", "__proto__", "\\u0000", ",", "}"][below(random, 9)] ?? "";
      const read = readRequest(good.slice(0, at) + piece + good.slice(at + below(random, 6)));
      if ("code" in read) expect(read.reason).not.toBe("");
      else for (const one of read.data.map(entryOf)) expect(typeof one === "string" || one.user !== "").toBe(true);
    }
  });
});
