/** The SQLite store: what is there after a restart, and what is said when it cannot be opened. */
import { Database } from "bun:sqlite";
import { afterEach, describe, expect, test } from "bun:test";
import { chmodSync, existsSync, mkdirSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { createLog } from "../../src/log.ts";
import { VirtualClock } from "../../src/sip/clock.ts";
import { openStore, type Store, StoreError } from "../../src/store/index.ts";
import { temporaryFolder } from "../support/peers/folder.ts";
import { openElsewhere, storedBinding } from "./support.ts";

const stores: Store[] = [];

const folder = () => temporaryFolder("store");

afterEach(async () => {
  for (const store of stores.splice(0)) await store.close();
});

const log = createLog({ level: "error", format: "pretty", write: () => {} });

async function open(file: string): Promise<Store> {
  const store = await openStore(`sqlite:${file}`, { log, clock: new VirtualClock() });
  stores.push(store);
  return store;
}

async function reopen(store: Store, file: string): Promise<Store> {
  stores.splice(stores.indexOf(store), 1);
  await store.close();
  return await open(file);
}

describe("what is kept", () => {
  test("a binding is there after a restart, field by field, whatever octets it is of", async () => {
    const file = join(folder(), "s.db");
    const store = await open(file);
    const binding = storedBinding(7, { aor: "al\xefce@example.com", params: ';+x="\xe4,;"', q: 0.5, regId: 3 });
    store.bindings.put(binding);
    const [row] = (await reopen(store, file)).bindings.load();
    expect(row).toEqual(binding.fields);
  });

  test("of a binding that changes often the last state is there, and nothing of one that is gone", async () => {
    const file = join(folder(), "s.db");
    const store = await open(file);
    const [changing, short, gone] = [storedBinding(1), storedBinding(2), storedBinding(3)];
    for (const binding of [changing, short, gone]) store.bindings.put(binding);
    store.bindings.delete(short);
    await store.flush();
    changing.fields = { ...changing.fields, cseq: 9 };
    store.bindings.put(changing);
    store.bindings.put(changing);
    store.bindings.put(gone);
    store.bindings.delete(gone);
    const rows = (await reopen(store, file)).bindings.load();
    expect(rows.map(({ id, cseq }) => [id, cseq])).toEqual([[1, 9]]);
  });

  test("accounts, bans and secrets", async () => {
    const file = join(folder(), "s.db");
    const store = await open(file);
    store.accounts.put("alice@example.com", { user: "alice", password: "wonderland" });
    store.accounts.put("bob", { user: "bob" });
    store.accounts.delete("bob");
    store.bans.put("192.0.2.7", { until: 1_800_000_000_000, why: "scanner" });
    const secret = store.secret("nonces");
    expect(secret).toHaveLength(32);
    const again = await reopen(store, file);
    expect([...again.accounts.entries()]).toEqual([["alice@example.com", { user: "alice", password: "wonderland" }]]);
    expect(again.bans.get("192.0.2.7")).toEqual({ until: 1_800_000_000_000, why: "scanner" });
    expect(again.secret("nonces")).toEqual(secret);
    expect(again.secret("routes")).not.toEqual(secret);
  });

  test("call records, of which the last can be asked for", async () => {
    const file = join(folder(), "s.db");
    const store = await open(file);
    for (let call = 1; call <= 5; call++) store.records.append({ call });
    await store.flush();
    expect(await store.records.last(2)).toEqual([{ call: 5 }, { call: 4 }]);
    expect(await (await reopen(store, file)).records.last(9)).toHaveLength(5);
  });

  test("nobody but its owner can read the file", async () => {
    const file = join(folder(), "s.db");
    await open(file);
    expect(statSync(file).mode & 0o777).toBe(0o600);
  });

  test("`memory:` makes no file and keeps what is asked for again", async () => {
    const store = await openStore("memory:", { log, clock: new VirtualClock() });
    store.records.append({ call: 1 });
    expect(await store.records.last(10)).toEqual([{ call: 1 }]);
    expect(store.secret("a")).toEqual(store.secret("a"));
    expect(store.state).toEqual({ kind: "memory", waiting: 0, failure: undefined });
    await store.close();
  });
});

describe("what cannot be opened says why, and what to do", () => {
  const cases: [name: string, code: string, says: RegExp, prepare: (file: string) => void][] = [
    [
      "a text file",
      "foreign",
      /is no SQLite database; name another file/,
      (file) => writeFileSync(file, "x".repeat(5000)),
    ],
    ["a folder", "unwritable", /is a folder/, (file) => mkdirSync(file)],
    [
      "a database of another program",
      "foreign",
      /is a database of another program/,
      (file) => {
        const other = new Database(file, { create: true });
        other.run("CREATE TABLE songs (title TEXT)");
        other.close();
      },
    ],
    [
      "a file of a later version",
      "version",
      /format 99 of a newer siproc/,
      (file) => {
        const later = new Database(file, { create: true });
        later.run("CREATE TABLE bindings (id INTEGER)");
        later.run("PRAGMA application_id = 0x73697072");
        later.run("PRAGMA user_version = 99");
        later.close();
      },
    ],
  ];
  test.each(cases)("%s", async (_name, code, says, prepare) => {
    const file = join(folder(), "s.db");
    prepare(file);
    const error = await failure(file);
    expect(error.code as string).toBe(code);
    expect(error.message).toMatch(says);
    expect(error.message).toContain(file);
  });

  test("a folder that is not there", async () => {
    const file = join(folder(), "none", "s.db");
    expect(await failure(file)).toMatchObject({
      code: "unwritable",
      message: expect.stringContaining("does not exist"),
    });
  });

  test("a folder that may not be written", () => {
    const closed = folder();
    chmodSync(closed, 0o555);
    // Root may write everywhere; nobody may not.
    const says = openElsewhere(join(closed, "s.db"), process.getuid?.() === 0 ? 65534 : undefined);
    expect(says).toStartWith("unwritable");
    expect(says).toContain("must be allowed to write to its folder");
  });

  test("a file that may only be read", async () => {
    const place = folder();
    const file = join(place, "s.db");
    await open(file);
    await stores.pop()?.close();
    chmodSync(file, 0o444);
    chmodSync(place, 0o777);
    const says = openElsewhere(file, process.getuid?.() === 0 ? 65534 : undefined);
    expect(says).toStartWith("unwritable");
    expect(says).toContain(file);
  });

  test("a damaged file", async () => {
    const file = join(folder(), "s.db");
    const store = await open(file);
    for (let id = 1; id <= 500; id++) store.bindings.put(storedBinding(id));
    stores.pop();
    await store.close();
    const octets = Buffer.from(await Bun.file(file).arrayBuffer());
    octets.fill(0x5a, 8192, 3 * 8192);
    writeFileSync(file, octets);
    expect(await failure(file)).toMatchObject({ code: "damaged", message: expect.stringContaining("recover") });
  });

  test("a store that another siproc uses", async () => {
    const file = join(folder(), "s.db");
    await open(file);
    const says = openElsewhere(file);
    expect(says).toStartWith("locked");
    expect(says).toContain("in use by another siproc");
  });

  test("what is no store", async () => {
    const error = await openStore("redis://localhost", { log, clock: new VirtualClock() }).catch((thrown) => thrown);
    expect(error).toBeInstanceOf(StoreError);
    expect(error).toMatchObject({ code: "bad-url" });
  });

  async function failure(file: string): Promise<StoreError> {
    const existed = existsSync(file);
    const error = await openStore(`sqlite:${file}`, { log, clock: new VirtualClock() }).then(
      (store) => {
        stores.push(store);
        return undefined;
      },
      (thrown: unknown) => thrown,
    );
    if (!(error instanceof StoreError))
      throw new TypeError(`opened, or failed otherwise (existed: ${existed}): ${error}`);
    return error;
  }
});
