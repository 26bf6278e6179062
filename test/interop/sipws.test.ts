/** `siproc sipws` in the place of SIPWS: its page request by request with curl, phones in pages by JsSIP, kill -9, a full disk. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { closeAgents, openAgent } from "../support/agents.ts";
import { textOf } from "../support/documents.ts";
import { has } from "../support/peers/available.ts";
import { type Chromium, startChromium } from "../support/peers/chromium.ts";
import { temporaryFolder } from "../support/peers/folder.ts";
import { freePort } from "../support/peers/ports.ts";
import { Program } from "../support/peers/program.ts";
import { binary } from "../support/peers/siproc.ts";
import { until } from "../support/peers/until.ts";

const host = "127.0.0.1";
/** The sample of SIPWS's page, for a server here. */
const sample = {
  data: [
    {
      ...{ avail: "0", cn: "Alice", description: "", domain: host, expire: 3600, id: "100" },
      ...{ image: "http://acme.com/brb/sipws/i/100.png", origin: "registry", password: "password", port: 5060 },
    },
  ],
  domain: host,
  ip: host,
};

interface Ports {
  readonly http: number;
  readonly ws: number;
  readonly udp: number;
}

async function ports(): Promise<Ports> {
  const [http, ws, udp] = [await freePort(), await freePort(), await freePort()];
  return { http, ws, udp };
}

const optionsOf = ({ http, ws, udp }: Ports) => ["-i", host, "-r", `${http}`, "-p", `${ws}`, "-u", `${udp}`];

/** What curl gets; `body` undefined: it GETs. */
async function curl(port: number, body?: string | object, path = "/"): Promise<Record<string, unknown>> {
  const data = typeof body === "object" ? JSON.stringify(body) : body;
  const command = ["curl", "-sS", "-m", "10", `http://${host}:${port}${path}`];
  const stdin = new TextEncoder().encode(data ?? "");
  const program = Bun.spawn([...command, ...(data === undefined ? [] : ["-d", "@-"])], { stdin, stdout: "pipe" });
  return JSON.parse(await new Response(program.stdout).text());
}

const ofFile = (file: string) => JSON.parse(readFileSync(file, "utf8"));

describe.skipIf(!has("curl", "chromium"))("siproc sipws", () => {
  let at: Ports;
  let folder: string;
  let pid = 0;
  let chromium: Chromium;
  const database = () => join(folder, "registry.js");
  const ask = (request: object) => curl(at.http, { domain: "", key: "123456", ...request });

  beforeAll(async () => {
    at = await ports();
    folder = temporaryFolder("sipws", {
      "registry.js": JSON.stringify(sample),
      // As it is shipped with SIPWS, but for the ports.
      "sipws.cfg": `-vvv ${optionsOf(at).join(" ")} -b registry.js 123456`,
    });
    // As a link that is called as SIPWS was.
    symlinkSync(binary, join(folder, "sipws"));
    const starting = new Program({ command: [join(folder, "sipws"), "--pidfile", "pid"], cwd: folder });
    const [browser, code] = await Promise.all([startChromium(), starting.exited]);
    chromium = browser;
    expect([code, starting.stderr]).toEqual([0, [expect.stringMatching(/^siproc sipws: serving as process \d+/)]]);
    pid = Number(readFileSync(join(folder, "pid"), "utf8"));
  });
  afterAll(async () => {
    await chromium?.stop();
    if (pid > 0) process.kill(pid, "SIGTERM");
    await until("end of the daemon", () => !isRunning(pid));
  });

  test("is a daemon: a session of its own, no terminal, nothing open that was", () => {
    const [, , , session] = readFileSync(`/proc/${pid}/stat`, "latin1")
      .replace(/^.*\) /, "x ")
      .split(" ");
    expect(Number(session)).toBe(pid);
    const standard = [0, 1, 2].map((fd) => Bun.spawnSync(["readlink", `/proc/${pid}/fd/${fd}`]).stdout.toString());
    expect(standard).toEqual(["/dev/null\n", "/dev/null\n", "/dev/null\n"]);
    expect(Bun.spawnSync(["readlink", `/proc/${pid}/cwd`]).stdout.toString()).toBe("/\n");
  });

  test("answers the requests of SIPWS's page, on any path, and keeps what they say in the database", async () => {
    const alice = { id: "100", cn: "Alice", domain: host, avail: "0" };
    expect(await curl(at.http)).toMatchObject({ data: [alice], domain: host, ip: host });
    expect(await ask({ q: "list" })).toMatchObject({ q: "list", errorcode: "0", registry: [alice] });
    const bob = { o: "+", u: "101", k: "secret", cn: "Bob", description: "", i: "http://acme.com/101.png" };
    expect(await ask({ q: "put", data: [bob], v: 124 })).toEqual({ q: "put", errorcode: "0", v: 0 });
    expect(ofFile(database())).toMatchObject({ data: [{ id: "100" }, { id: "101", password: "secret" }], v: 124 });
    expect(await curl(at.http, undefined, "/any/path?x=1")).toMatchObject({ data: [alice, { cn: "Bob" }], v: 124 });
    expect(JSON.stringify([await curl(at.http), await ask({ q: "list" })])).not.toMatch(/secret|password/);
    const gone = { o: "-", u: "101" };
    expect(await ask({ q: "put", data: [gone], v: 125 })).toEqual({ q: "put", errorcode: "0", v: 124 });
    expect(ofFile(database()).data).toHaveLength(1);
    expect(await curl(at.http, { q: "clear", domain: "", key: "12345" })).toMatchObject({ q: "clear", errorcode: "1" });
    expect(await curl(at.http, "{“q”:”list”}")).toMatchObject({ q: "", errorcode: "2" });
    expect(ofFile(database()).data).toHaveLength(1);
  });

  test("an account that came over HTTP calls from JsSIP in Chromium, and is in the list while it is registered", async () => {
    const url = `ws://${host}:${at.ws}`;
    const phone = (user: string, password: string, hertz: number) =>
      chromium.phone({ kind: "jssip", url, user, domain: host, password, hertz });
    const alice = await phone("100", "password", 500);
    await expect(phone("102", "secret", 900)).rejects.toThrow(/registrationFailed Rejected|Authentication/);
    const began = performance.now();
    await ask({ q: "put", data: [{ o: "+", u: "102", k: "secret", cn: "Carol", description: "", i: "" }] });
    const carol = await phone("102", "secret", 900);
    await carol.dial(`sip:100@${host}`);
    const took = performance.now() - began;
    if (process.env.SIPROC_KEEP) console.error(`put, page, registration and call took ${Math.round(took)} ms`);
    await Promise.all([carol.hears(500), alice.hears(900)]);
    const list = await ask({ q: "list" });
    expect(list.registry).toMatchObject([
      { id: "100", avail: "1", proto: "ws" },
      { id: "102", avail: "1", host },
    ]);

    // Stopped, it refuses what is new; the call goes on, and ends as calls do.
    expect(await ask({ q: "stop" })).toEqual({ q: "stop", errorcode: "0" });
    expect(await alice.dial(`sip:102@${host}`).catch(String)).toContain("failed SIP Failure Code");
    await Promise.all([carol.hears(500), alice.hears(900)]);
    await carol.run("hangup");
    await alice.event(/^ended/);
    expect(await ask({ q: "start" })).toEqual({ q: "start", errorcode: "0" });
    await alice.dial(`sip:102@${host}`);

    // Whose account is gone is registered no longer.
    await ask({ q: "put", data: [{ o: "-", u: "102" }] });
    expect(await ask({ q: "list" })).toMatchObject({ registry: [{ id: "100" }] });
    expect(await ask({ q: "clear" })).toEqual({ q: "clear", errorcode: "0" });
    expect(ofFile(database())).toMatchObject({ data: [], v: 0 });
    await Promise.all([alice.close(), carol.close()]);
  });

  test("a second one with the same database or ports says so and ends, and leaves the database of the first alone", async () => {
    const before = readFileSync(database(), "utf8");
    const second = new Program({ command: [binary, "sipws"], cwd: folder });
    expect([await second.exited, second.stderr.join()]).toEqual([3, expect.stringMatching(/use by another siproc/)]);
    const others = await ports();
    for (const same of ["http", "udp"] as const) {
      const options = optionsOf({ ...others, [same]: at[same] });
      const third = new Program({ command: [binary, "sipws", "--skipconfig", ...options, "k"], cwd: folder });
      expect([await third.exited, third.stderr.join()]).toEqual([
        3,
        expect.stringMatching(/(port|address) is in use by/),
      ]);
    }
    expect(readFileSync(database(), "utf8")).toBe(before);
  });
});

describe.skipIf(!has("curl"))("siproc sipws in the foreground", () => {
  const start = async (at: Ports, folder: string, more: readonly string[], shell = "") => {
    const command = [binary, "sipws", "-fvvv", "--skipconfig", ...optionsOf(at), ...more];
    const wrapped = shell === "" ? command : ["bash", "-c", `${shell}; exec "$@"`, "bash", ...command];
    const program = new Program({ command: wrapped, cwd: folder });
    await program.line(/requests are taken/);
    return program;
  };

  test("each request of docs/sipws.md, one after the other, has the answer that stands there", async () => {
    const at = await ports();
    const program = await start(at, temporaryFolder("sipws"), ["-b", "registry.js", "123456"]);
    const blocks = [
      ...textOf("docs/sipws.md").matchAll(/^```sh\n(curl [\s\S]*?)^```\n(?:\n```json\n([\s\S]*?)^```)?/gm),
    ];
    for (const [, commands = "", answer] of blocks) {
      const said = Bun.spawnSync([
        "bash",
        "-c",
        commands.replaceAll("curl", "curl -s").replaceAll("8082", `${at.http}`),
      ]);
      const last = said.stdout.toString().trimEnd().split("\n").at(-1) ?? "";
      if (answer === undefined) expect(JSON.parse(last)).toHaveProperty("data");
      else expect(JSON.parse(last)).toEqual(JSON.parse(answer));
    }
    expect(blocks.length).toBe(6);
    await program.stop();
    // -vvv: keys and passwords are in no line all the same.
    expect(program.lines.join("\n")).not.toMatch(/secret|geheim|123456/);
  });

  test("kill -9 in the middle of writing: the database is whole, and what was answered is in it", async () => {
    const at = await ports();
    const folder = temporaryFolder("sipws");
    const file = join(folder, "r.js");
    let known: string[] = [];
    for (let round = 0; round < 2; round++) {
      const program = await start(at, folder, ["-b", "r.js", "key"]);
      const answered: string[] = [];
      const data = (n: number) =>
        Array.from({ length: 700 }, (_, i) => ({ o: "+", u: `r${round}n${n}i${i}`, k: "secret" }));
      const asking = (async () => {
        for (let n = 0; ; n++) {
          const answer = await fetch(`http://${host}:${at.http}/`, {
            method: "POST",
            body: JSON.stringify({ q: "put", key: "key", data: data(n) }),
          })
            .then((response) => response.json())
            .catch(() => undefined);
          if (answer === undefined) return;
          answered.push(...data(n).map(({ u }) => u));
        }
      })();
      await until("puts that were answered", () => answered.length > 2000);
      program.signal("SIGKILL");
      await Promise.all([program.exited, asking]);
      const ids = new Set(ofFile(file).data.map(({ id }: { id: string }) => id));
      known = [...known, ...answered];
      expect(known.filter((id) => !ids.has(id))).toEqual([]);
      // A put is in it as a whole or not at all.
      expect(ids.size % 700).toBe(0);
    }
  });

  test("who is registered still is after kill -9, unless the account is gone from the file", async () => {
    const at = await ports();
    const data = [
      { id: "alice", password: "x" },
      { id: "bob", password: "x" },
    ];
    const folder = temporaryFolder("sipws", { "r.js": JSON.stringify({ data }) });
    const first = await start(at, folder, ["-b", "r.js", "key"]);
    for (const { id } of data) {
      const { agent } = await openAgent({ registrar: `${host}:${at.udp}`, domain: host, from: id, auth: [id, "x"] });
      await agent.register();
    }
    // What was written behind is on the disk within a second.
    await Bun.sleep(1100);
    first.signal("SIGKILL");
    await first.exited;
    writeFileSync(join(folder, "r.js"), JSON.stringify({ data: data.slice(0, 1) }));
    const second = await start(at, folder, ["-b", "r.js", "key"]);
    expect(await curl(at.http)).toMatchObject({ data: [{ id: "alice", avail: "1", proto: "udp", host }] });
    expect((await curl(at.http)).data).toHaveLength(1);
    await closeAgents();
    await second.stop();
  });

  test("a disk that is full: the answer says that it is not written, and what was is still there", async () => {
    const at = await ports();
    const folder = temporaryFolder("sipws", { "r.js": JSON.stringify(sample) });
    // No file may have more than 200 KiB.
    const program = await start(at, folder, ["-b", "r.js", "key"], "trap '' XFSZ; ulimit -f 200");
    const before = readFileSync(join(folder, "r.js"), "utf8");
    const data = Array.from({ length: 3000 }, (_, n) => ({ o: "+", u: `u${n}`, k: "secret" }));
    const answer = await curl(at.http, { q: "put", key: "key", data });
    expect(answer).toMatchObject({ q: "put", errorcode: "4", error: expect.stringMatching(/no space is left/) });
    expect(readFileSync(join(folder, "r.js"), "utf8")).toBe(before);
    await program.line(/the database cannot be written/);
    expect(await curl(at.http)).toMatchObject({ data: { length: 3001 } });
    expect(await curl(at.http, { q: "clear", key: "key" })).toEqual({ q: "clear", errorcode: "0" });
    expect(ofFile(join(folder, "r.js")).data).toEqual([]);
    await program.stop();
  });

  test.each([
    ["no key", {}, 0, 1],
    ["a key that is wrong", { key: "other" }, 1, 0],
  ])("-d with %s", async (_, key, code, accounts) => {
    const at = await ports();
    const request = { q: "put", domain: host, v: 3, data: [{ o: "+", u: "alice", k: "secret" }], ...key };
    const folder = temporaryFolder("sipws", { "first.json": JSON.stringify(request), "r.js": "" });
    const command = [
      binary,
      "sipws",
      "-fvvv",
      "--skipconfig",
      ...optionsOf(at),
      "-b",
      "r.js",
      "-d",
      "first.json",
      "key",
    ];
    const program = new Program({ command, cwd: folder });
    if (code === 0) await program.line(/requests are taken/);
    else
      expect([await program.exited, program.stderr.join()]).toEqual([1, expect.stringMatching(/first.json: the key/)]);
    await program.stop();
    expect(accounts === 0 ? [] : ofFile(join(folder, "r.js")).data).toHaveLength(accounts);
  });
});

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
