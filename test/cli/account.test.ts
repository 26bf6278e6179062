/** `siproc account`: accounts in the store of a running server, changed while it runs. */
import { afterAll, afterEach, beforeAll, describe, expect, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { main } from "../../src/cli/main.ts";
import { closeAgents, failedStatus, openAgent } from "../support/agents.ts";
import { Authority } from "../support/certificates.ts";
import { repository } from "../support/documents.ts";
import { temporaryFolder } from "../support/peers/folder.ts";
import { freePort } from "../support/peers/ports.ts";
import { Program } from "../support/peers/program.ts";

const before = process.env.XDG_RUNTIME_DIR;
let file: string;
let certificate: string;
let authority: Authority;
let server: Program;
let port: number;

beforeAll(async () => {
  const media = await freePort(20);
  authority = new Authority();
  const { cert, key } = authority.make({ san: "DNS:example.com" });
  certificate = cert;
  const folder = temporaryFolder("account", {
    "siproc.yaml": [
      "listen: [udp://127.0.0.1:0, tls://127.0.0.1:0]",
      `tls: { cert: ${cert}, key: ${key} }`,
      "domains: [example.com, example.org]",
      "store: sqlite:siproc.db",
      "accounts: [{ user: alice, password: wonderland }]",
      `media: { ports: ${media}-${media + 19} }`,
    ].join("\n"),
  });
  file = join(folder, "siproc.yaml");
  process.env.XDG_RUNTIME_DIR = folder;
  server = new Program({ command: [process.execPath, join(repository, "src/main.ts"), "run", file] });
  port = Number(/udp:\/\/127\.0\.0\.1:(\d+)/.exec(await server.line(/listening on udp/))?.[1]);
  await server.line(/listening on tls/);
});

afterEach(closeAgents);
afterAll(async () => {
  await server.stop();
  authority.close();
  if (before === undefined) delete process.env.XDG_RUNTIME_DIR;
  else process.env.XDG_RUNTIME_DIR = before;
});

/** Without a password. */
async function siproc(...argv: string[]): Promise<{ code: number; out: string; err: string }> {
  const out: string[] = [];
  const err: string[] = [];
  const code = await main(argv, {
    print: (text) => void out.push(text),
    complain: (line) => void err.push(`${line}\n`),
    mark: (_, word) => word,
  });
  return { code, out: out.join(""), err: err.join("") };
}

/** With a password on stdin. */
async function add(whom: string, password: string, ...more: string[]): Promise<{ code: number; said: string[] }> {
  return await secretly(password, "--add", whom, ...more);
}

async function secretly(password: string, ...argv: string[]): Promise<{ code: number; said: string[] }> {
  const command = [process.execPath, join(repository, "src/main.ts"), "account", ...argv, file];
  const program = Bun.spawn(command, { stdin: "pipe", stdout: "ignore", stderr: "pipe", env: { ...process.env } });
  program.stdin.write(password);
  await program.stdin.end();
  const said = await new Response(program.stderr).text();
  return { code: await program.exited, said: said.trimEnd().split("\n") };
}

/** The status that a registration fails with. */
async function registering(user: string, password: string, domain = "example.com"): Promise<number | undefined> {
  const { agent } = await openAgent({ registrar: `127.0.0.1:${port}`, domain, from: user, auth: [user, password] });
  return await failedStatus(agent.register());
}

describe("siproc account", () => {
  test("adds, changes, lists and removes accounts; phones notice at once", async () => {
    expect(await registering("carol", "secret")).toBe(401);
    expect(await add("carol", "secret\n", "--name", "Carol\u202e C.")).toEqual({
      code: 0,
      said: ["carol may register and call"],
    });
    expect(await registering("carol", "secret")).toBeUndefined();
    expect((await add("carol", "other")).code).toBe(0);
    expect(await registering("carol", "secret")).toBe(401);
    expect(await add("dave@example.org", "goliath")).toMatchObject({ code: 0 });
    expect(await registering("dave", "goliath")).toBe(401);
    expect(await registering("dave", "goliath", "example.org")).toBeUndefined();
    const { out } = await siproc("account", file);
    expect(out.split("\n").map((row) => row.split(/ {2,}/))).toEqual([
      ["USER", "DOMAIN", "NAME", "KEPT IN"],
      ["alice", "configuration"],
      ["carol", "Carol? C.", "store"],
      ["dave", "example.org", "store"],
      [""],
    ]);
    expect(JSON.parse((await siproc("account", "--json", file)).out)).toHaveLength(3);
    const { agent } = await openAgent({ registrar: `127.0.0.1:${port}`, domain: "example.com", from: "carol" });
    await agent.register({ auth: ["carol", "other"] });
    expect((await siproc("status", "--contacts", file)).out).toContain("carol@example.com");
    expect(await siproc("account", "--remove", "carol", file)).toMatchObject({ code: 0, err: "carol is gone\n" });
    expect((await siproc("status", "--contacts", file)).out).not.toContain("carol@example.com");
    expect(await registering("carol", "other")).toBe(401);
  });

  test("changes what is named of an account, and shuts it out and lets it in again", async () => {
    await add("grace", "first", "--name", "Grace", "--description", "desk");
    expect(await siproc("account", "--edit", "grace", "--name", "Grace H.", file)).toMatchObject({ code: 0 });
    expect(await registering("grace", "first")).toBeUndefined();
    expect(await secretly("second\n", "--edit", "grace", "--password")).toEqual({
      code: 0,
      said: ["grace is changed"],
    });
    expect([await registering("grace", "first"), await registering("grace", "second")]).toEqual([401, undefined]);
    expect((await siproc("status", "--contacts", file)).out).toContain("grace@example.com");
    expect((await siproc("account", "--disable", "grace", file)).code).toBe(0);
    expect((await siproc("status", "--contacts", file)).out).not.toContain("grace@example.com");
    expect(await registering("grace", "second")).toBe(401);
    expect((await siproc("account", file)).out).toMatch(/grace +Grace H\. +store, disabled/);
    expect((await siproc("account", "--enable", "grace", file)).err).toBe("grace may register and call\n");
    expect(await registering("grace", "second")).toBeUndefined();
    await siproc("account", "--remove", "grace", file);
  });

  test("imports files of accounts, all of them or none", async () => {
    const folder = temporaryFolder("import", {
      "good.csv": "user,password,name\nhugo,one,Hugo\nida,two,Ida\n",
      "registry.js": '{"data":[{"id":"hugo","password":"three","cn":"H."},{"id":"jan","password":"four"}]}',
      "taken.yaml": "- { user: kai, password: five }\n- { user: alice, password: six }\n",
      "wrong.csv": "user,password\nkai,\n",
    });
    const importing = (name: string) => siproc("account", "--import", join(folder, name), file);
    expect(await importing("good.csv")).toEqual({ code: 0, out: "", err: "2 accounts added, 0 accounts changed\n" });
    expect(await registering("ida", "two")).toBeUndefined();
    expect(await importing("registry.js")).toMatchObject({ code: 0, err: "1 account added, 1 account changed\n" });
    expect([await registering("hugo", "one"), await registering("hugo", "three")]).toEqual([401, undefined]);
    expect(await importing("taken.yaml")).toMatchObject({
      ...{
        code: 1,
        err: "siproc: alice: alice stands in the configuration; change it there\nsiproc: nothing was changed\n",
      },
    });
    expect(await importing("wrong.csv")).toMatchObject({ code: 1, err: expect.stringMatching(/wrong.csv:2:\d+: /) });
    expect(await registering("kai", "five")).toBe(401);
    expect((await importing("none.csv")).err).toContain("there is no such file");
    for (const whom of ["hugo", "ida", "jan"]) expect((await siproc("account", "--remove", whom, file)).code).toBe(0);
  });

  test.each([
    [["--add", "a", "--remove", "b"], "siproc: give --add or --remove, not both\n"],
    [["--disable", "a", "--name", "b"], "siproc: --name goes with --add or --edit\n"],
    [["--password", "--add", "a"], "siproc: --password goes with --edit\n"],
    [["--edit", "a"], "siproc: --edit needs what is to change: --name, --description, --image or --password\n"],
  ])("%j is a mistake", async (argv, err) => {
    expect(await siproc("account", ...argv, file)).toEqual({ code: 2, out: "", err });
  });

  test.each([
    ["a name that is none", "bad name", "x", 2, /user name of 1 to 128 characters/],
    ["no password", "erin", "", 2, /there is no password/],
  ])("adds nobody with %s", async (_, whom, password, code, says) => {
    const outcome = await add(whom, password);
    expect([outcome.code, outcome.said.join("\n")]).toEqual([code, expect.stringMatching(says)]);
  });

  test.each([
    ["nobody", ["--remove", "nobody"], 1, "siproc: the store has no account nobody\n"],
    [
      "who stands in the configuration",
      ["--remove", "alice"],
      1,
      "siproc: alice stands in the configuration; change it there\n",
    ],
  ])("does not remove %s", async (_, argv, code, err) => {
    expect(await siproc("account", ...argv, file)).toEqual({ code, out: "", err });
  });

  test("does not ask for more than it needs: certificates that have become wrong are another matter", async () => {
    writeFileSync(certificate, "broken");
    expect((await add("frank", "x")).said).toEqual(["frank may register and call"]);
    expect((await siproc("account", "--remove", "frank", file)).code).toBe(0);
  });
});
