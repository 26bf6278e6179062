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
  const command = [process.execPath, join(repository, "src/main.ts"), "account", "--add", whom, ...more, file];
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
      ["carol", "store"],
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

  test.each([
    ["a name that is none", "bad name", "x", 2, /user name of 1 to 128 characters/],
    ["no password", "erin", "", 2, /there is no password/],
  ])("adds nobody with %s", async (_, whom, password, code, says) => {
    const outcome = await add(whom, password);
    expect([outcome.code, outcome.said.join("\n")]).toEqual([code, expect.stringMatching(says)]);
  });

  test.each([
    ["nobody", ["--remove", "nobody"], 1, "siproc: the store has no account nobody\n"],
    ["who stands in the configuration", ["--remove", "alice"], 1, "siproc: the store has no account alice\n"],
  ])("does not remove %s", async (_, argv, code, err) => {
    expect(await siproc("account", ...argv, file)).toEqual({ code, out: "", err });
  });

  test("does not ask for more than it needs: certificates that have become wrong are another matter", async () => {
    writeFileSync(certificate, "broken");
    expect((await add("frank", "x")).said).toEqual(["frank may register and call"]);
    expect((await siproc("account", "--remove", "frank", file)).code).toBe(0);
  });
});
