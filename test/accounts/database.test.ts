/** The database file of SIPWS: read once, written anew after each change, never half. */
import { afterEach, describe, expect, test } from "bun:test";
import {
  chmodSync,
  existsSync,
  readdirSync,
  readFileSync,
  renameSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { AccountDatabase, StoredAccounts } from "../../src/accounts/index.ts";
import { VirtualClock } from "../../src/sip/clock.ts";
import { temporaryFolder } from "../support/peers/folder.ts";

/** As SIPWS's page has it. */
const sample = `{
	"data":[
		{"avail":"0","cn":"Alice","description":"","domain":"192.168.43.113","expire":3600,"id":"100","image":"http://acme.com/brb/sipws/i/100.png","origin":"registry","password":"password","port":5060},
		{"avail":"1","cn":"В Г","description":"Описание","expire":3600,"host":"192.168.43.113","id":"101","origin":"registry","password":"p\\"2","port":50451,"proto":"udp","registered":1425536043}
	],
	"domain":"192.168.43.113",
	"ip":"192.168.43.113"
}
`;

const clock = new VirtualClock();
const opened: AccountDatabase[] = [];
afterEach(async () => {
  for (const database of opened.splice(0)) await database.close();
});

async function open(file: string, told: (string | undefined)[] = []): Promise<AccountDatabase> {
  const outcome = await AccountDatabase.open(file, {
    clock,
    told: (failure) => told.push(failure),
    warn: (message) => told.push(message),
  });
  if (!outcome.ok) throw new TypeError(outcome.problems.map(({ line, message }) => `${line}: ${message}`).join("\n"));
  opened.push(outcome.database);
  return outcome.database;
}

const folder = (files: Record<string, string> = {}) => temporaryFolder("database", files);
const rows = (file: string): Record<string, unknown>[] => JSON.parse(readFileSync(file, "utf8")).data;

describe("the database of SIPWS", () => {
  test("is read as it stands on its page, and left as it is until something changes", async () => {
    const file = join(folder({ "registry.js": sample }), "registry.js");
    const database = await open(file);
    expect([database.domain, database.ip, database.version]).toEqual(["192.168.43.113", "192.168.43.113", 0]);
    const accounts = new StoredAccounts(database);
    expect(accounts.find("100", "192.168.43.113")).toMatchObject({ name: "Alice", password: "password" });
    expect(accounts.find("101", "192.168.43.113")).toMatchObject({ name: "В Г", password: 'p"2' });
    expect(readFileSync(file, "utf8")).toBe(sample);
  });

  test("holds what was put into it, once flush has resolved, for who reads it next", async () => {
    const file = join(folder({ "registry.js": sample }), "registry.js");
    chmodSync(file, 0o640);
    const database = await open(file);
    database.put("102@example.com", {
      user: "102",
      domain: "example.com",
      password: "x",
      name: "Carol",
      disabled: true,
    });
    database.delete("100@192.168.43.113");
    database.version = 124;
    await database.flush();
    expect(statSync(file).mode & 0o777).toBe(0o640);
    expect(rows(file).map(({ id }) => id)).toEqual(["101", "102"]);
    expect(rows(file)[1]).toMatchObject({ avail: "0", cn: "Carol", domain: "example.com", origin: "registry" });
    const again = await open(file);
    expect([...again.entries()]).toEqual([...database.entries()]);
    expect(again.version).toBe(124);
  });

  test("is made where it is missing or empty, for its owner alone", async () => {
    const where = folder({ "empty.js": "\n" });
    for (const name of ["new.js", "empty.js"]) {
      const database = await open(join(where, name));
      database.put("alice", { user: "alice", password: "x" });
      await database.flush();
      expect(rows(join(where, name))).toHaveLength(1);
      expect([...(await open(join(where, name))).entries()]).toEqual([["alice", { user: "alice", password: "x" }]]);
    }
    expect(statSync(join(where, "new.js")).mode & 0o777).toBe(0o600);
  });

  test("stays behind a link", async () => {
    const where = folder({ "real.js": sample });
    symlinkSync(join(where, "real.js"), join(where, "link.js"));
    const database = await open(join(where, "link.js"));
    database.delete("100@192.168.43.113");
    await database.flush();
    expect(rows(join(where, "real.js"))).toHaveLength(1);
    expect(readdirSync(where).sort()).toEqual(["link.js", "real.js"]);
  });

  test.each([
    ["no JSON", '{"data":[{"id":"100"', /1: this map is not closed/],
    ["no database", '{"accounts":3}', /expected a list of accounts/],
    ["an account without a password", '{"data":[\n{"id":"100"}]}', /^2: the password is missing/],
  ])("is not overwritten where it holds %s", async (_, text, says) => {
    const file = join(folder({ "registry.js": text }), "registry.js");
    expect(await open(file).catch((error: Error) => error.message)).toMatch(says);
    expect(readFileSync(file, "utf8")).toBe(text);
  });

  test("must be writable from the start", async () => {
    const failure = await open("/dev/null/registry.js").catch((error: Error) => error.message);
    expect(failure).toMatch(/^0: .+/);
    expect(await open(join(folder(), "no/registry.js")).catch((error: Error) => error.message)).toBe(
      "0: the file cannot be written: there is no such folder",
    );
  });

  test("is written again by itself when that failed and is possible again; what it holds meanwhile is kept", async () => {
    const where = folder({ "a/registry.js": sample });
    const file = join(where, "a/registry.js");
    const told: (string | undefined)[] = [];
    const database = await open(file, told);
    renameSync(join(where, "a"), join(where, "b"));
    database.put("alice", { user: "alice", password: "x" });
    await database.flush();
    expect(database.failure).toBe("there is no such folder");
    database.put("bob", { user: "bob", password: "y" });
    await database.flush();
    expect(told).toEqual(["there is no such folder"]);
    renameSync(join(where, "b"), join(where, "a"));
    expect(rows(file)).toHaveLength(2);
    clock.advance(10_000);
    await database.flush();
    expect([database.failure, rows(file).length]).toEqual([undefined, 4]);
    expect(told).toEqual(["there is no such folder", undefined]);
  });

  test("changes of one turn are one write; those who wait meanwhile get theirs", async () => {
    const file = join(folder(), "registry.js");
    const database = await open(file);
    const flushed = Array.from({ length: 50 }, (_, n) => {
      database.put(`u${n}`, { user: `u${n}`, password: "x" });
      return database.flush();
    });
    await Promise.all(flushed);
    expect(rows(file)).toHaveLength(50);
  });

  test("what belongs together is written together: who waits, waits for all of it", async () => {
    const file = join(folder(), "registry.js");
    const database = await open(file);
    database.put("first", { user: "first", password: "x" });
    const release = database.hold();
    let flushed = false;
    const flushing = database.flush().then(() => {
      flushed = true;
    });
    for (let n = 0; n < 5; n++) {
      database.put(`u${n}`, { user: `u${n}`, password: "x" });
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect([flushed, existsSync(file) ? rows(file).length : 0]).toEqual([false, 0]);
    release();
    await flushing;
    expect(rows(file)).toHaveLength(6);
  });

  test("what somebody else has written into the file is put aside, not lost", async () => {
    const file = join(folder({ "registry.js": sample }), "registry.js");
    const told: (string | undefined)[] = [];
    const database = await open(file, told);
    writeFileSync(file, `${sample}\n`);
    database.put("alice", { user: "alice", password: "x" });
    await database.flush();
    expect(readFileSync(`${file}.other`, "utf8")).toBe(`${sample}\n`);
    expect(rows(file)).toHaveLength(3);
    expect(told.join()).toContain("somebody else has changed the database");
  });

  test("what a killed process left is taken away, what a running one writes is not", async () => {
    const [dead, alive] = [".registry.js.999999999.new", `.registry.js.${process.ppid}.new`];
    const where = folder({ "registry.js": sample, [dead]: "{", [alive]: "{" });
    await open(join(where, "registry.js"));
    expect([existsSync(join(where, dead)), existsSync(join(where, alive))]).toEqual([false, true]);
  });
});
