/** R10: passwords, hashes of them, what nonces are made with and what URIs carry stand nowhere but where they must. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { existsSync, readFileSync, rmSync } from "node:fs";
import { exposition } from "../../src/control/metrics/exposition.ts";
import { hash } from "../../src/hash.ts";
import { Agent } from "../../src/index.ts";
import { computeHa1 } from "../../src/sip/digest.ts";
import { Peer } from "../support/peer.ts";
import { configOf, openSite, type Site, stopSites, temporaryFile } from "../support/site.ts";

const secrets = {
  password: "correct-horse-battery",
  other: "Tr0ub4dor-and-three",
  wrong: "wild-guess-of-somebody",
  uri: "password-in-a-uri",
};
const ha1 = computeHa1(hash, "MD5", "hashed", "example.com", "known-as-a-hash-only");

const file = temporaryFile(".db");
let site: Site;

beforeAll(async () => {
  site = await openSite(`
domains: [example.com]
store: "sqlite:${file}"
accounts:
  - { user: alice, password: ${secrets.password} }
  - { user: bob, password: ${secrets.other} }
  - { user: hashed, ha1: "${ha1}" }
routes:
  - { to: "*@example.com", from: "*@open.example", location: true }
  - { to: "*@example.com", location: true, auth: any }
log: { level: debug }
`);
  const open = (user: string, password: string, host = "127.0.0.81") =>
    Peer.open(site.port.udp, "udp", { host, user, password });
  const alice = await open("alice", secrets.password);
  const bob = await open("bob", secrets.other);
  const guesser = await open("alice", secrets.wrong);
  const hashed = await open("hashed", "known-as-a-hash-only");
  for (const peer of [alice, hashed]) expect((await peer.register()).status).toBe(200);
  expect((await bob.register(`<sip:bob:${secrets.uri}@${bob.address}>`)).status).toBe(200);
  expect((await guesser.register()).status).toBe(401);
  bob.onRequest = (request) => {
    if (request.method === "INVITE") bob.reply(request, 486);
    else if (request.method !== "ACK") bob.reply(request, 200);
  };
  // A call with a record, a call to nobody, and words that go wrong.
  const from = `<sip:alice:${secrets.uri}@example.com>;tag=1`;
  expect((await alice.asMyself("INVITE", { uri: `sip:bob:${secrets.uri}@example.com`, from })).status).toBe(486);
  expect((await alice.asMyself("INVITE", { uri: `sip:nobody:${secrets.uri}@example.com` })).status).toBe(404);
  await alice.ask("INVITE", { uri: `sip:x:${secrets.uri}@elsewhere.example` });
  await alice.ask("INVITE", {
    uri: `sip:x:${secrets.uri}@example.com`,
    from: `<sip:y:${secrets.uri}@open.example>;tag=2`,
  });
  site.server.reload(site.config);
  await alice.settled();
});
afterAll(async () => {
  await stopSites();
  for (const end of ["", "-wal", "-shm"]) rmSync(file + end, { force: true });
});

/** Which of them stand in a text, in whatever spelling. */
function leaks(text: string, more: readonly string[] = []): string[] {
  const all = [...Object.entries(secrets), ["ha1", ha1] as const, ...more.map((one) => [one, one] as const)];
  return all
    .filter(([, secret]) =>
      [secret, Buffer.from(secret).toString("base64").replace(/=+$/, ""), Buffer.from(secret).toString("hex")].some(
        (form) => text.includes(form),
      ),
    )
    .map(([name]) => name);
}

const inspected = (value: unknown) => Bun.inspect(value, { depth: 12 });

describe("no secret stands", () => {
  test("in the log, from debug on", () => {
    expect(site.log.length).toBeGreaterThan(0);
    expect(leaks(site.log.join("\n"))).toEqual([]);
    expect(site.log.some((line) => /nonce=|response="/.test(line))).toBe(false);
  });

  test("in the status and the metrics", async () => {
    const { control } = site.server;
    const text = JSON.stringify([control.status(), control.contacts(100), control.bans(), await control.relays(10)]);
    expect(leaks(JSON.stringify(site.server.measures.overview()))).toEqual([]);
    expect(leaks(exposition(site.server.measures.families()))).toEqual([]);
    expect(text).toContain("bob@example.com");
    expect(leaks(text)).toEqual([]);
  });

  test("in what the server, its parts and its configuration show of themselves", () => {
    const { server, config } = site;
    for (const value of [
      server,
      server.services,
      server.services.accounts,
      server.control,
      config,
      config.accounts,
      server.agent,
    ])
      for (const text of [inspected(value), asJson(value)]) expect(leaks(text)).toEqual([]);
  });

  test("in the file, but passwords in contacts, which are needed to call them", async () => {
    await site.stop();
    const octets =
      readFileSync(file, "latin1") + (existsSync(`${file}-wal`) ? readFileSync(`${file}-wal`, "latin1") : "");
    expect(octets).toContain("bob@example.com");
    expect(leaks(octets).filter((name) => name !== "uri")).toEqual([]);
    const { Database } = await import("bun:sqlite");
    const database = new Database(file, { readonly: true });
    const records = JSON.stringify(database.query("SELECT * FROM calls").all());
    database.close();
    expect(records).toContain("bob");
    expect(leaks(records)).toEqual([]);
  });
});

/** As JSON, where it can be. */
function asJson(value: unknown): string {
  const seen = new Set<unknown>();
  return (
    JSON.stringify(value, (_, each: unknown) => {
      if (typeof each === "bigint") return String(each);
      if (typeof each !== "object" || each === null) return each;
      if (seen.has(each)) return undefined;
      seen.add(each);
      return each;
    }) ?? ""
  );
}

test.each([
  ["a key that there is not", `accounts: [{ user: alice, pasword: ${secrets.password} }]`],
  ["a password that is a list", `accounts: [{ user: alice, password: [${secrets.password}] }]`],
  ["a password that is a map", `accounts: [{ user: alice, password: { ${secrets.password}: 1 } }]`],
  ["no user", `accounts: [{ password: ${secrets.password} }]`],
  [
    "the same user twice",
    `accounts: [{ user: a, password: ${secrets.password} }, { user: a, password: ${secrets.other} }]`,
  ],
  ["a hash that is none", `accounts: [{ user: a, ha1: ${secrets.password} }]`],
  ["a passphrase that is a list", `tls: { cert: a, key: b, passphrase: [${secrets.password}] }`],
])("the complaint about %s does not quote it", async (_, yaml) => {
  const complaint = await configOf(yaml).then(() => "none", String);
  expect(complaint).not.toBe("none");
  // What stands in the place of a key is shown as a key.
  expect(leaks(complaint).filter(() => !yaml.includes("password: {"))).toEqual([]);
});

test("an agent of the library shows none either", async () => {
  const agent = await Agent.open({
    from: "alice",
    domain: "example.com",
    legs: "udp://127.0.0.1:0",
    auth: ["alice", secrets.password],
  });
  expect(leaks(inspected(agent) + asJson(agent))).toEqual([]);
  await agent.close();
});
