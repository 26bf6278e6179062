/** `siproc run` as a service: what systemd hears, and what `siproc reload` and `siproc health` say meanwhile. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { main } from "../../src/cli/main.ts";
import { healthOf, type Stage } from "../../src/control/lifecycle.ts";
import { socketPath } from "../../src/control/socket.ts";
import { repository } from "../support/documents.ts";
import { NotifySocket } from "../support/notify-socket.ts";
import { temporaryFolder } from "../support/peers/folder.ts";
import { freePort } from "../support/peers/ports.ts";
import { Program } from "../support/peers/program.ts";

const before = process.env.XDG_RUNTIME_DIR;
let folder: string;
let file: string;
let media: number;
let systemd: NotifySocket;
let server: Program;

const text = (routes: string, more = "") =>
  `listen: [udp://127.0.0.1:0]\ndomains: [example.com]\nmedia: { ports: ${media}-${media + 19} }\nroutes: ${routes}\n${more}`;

async function siproc(...argv: string[]): Promise<{ code: number; out: string; err: string }> {
  const out: string[] = [];
  const err: string[] = [];
  const code = await main(argv, {
    print: (printed) => void out.push(printed),
    complain: (line) => void err.push(line),
    mark: (_, word) => word,
  });
  return { code, out: out.join(""), err: err.join("\n") };
}

beforeAll(async () => {
  media = await freePort(20);
  folder = temporaryFolder("service", {});
  file = join(folder, "siproc.yaml");
  writeFileSync(file, text("[{ method: OPTIONS, reply: 200 }]"));
  systemd = new NotifySocket(join(folder, "notify"));
  process.env.XDG_RUNTIME_DIR = folder;
  server = new Program({
    command: [process.execPath, join(repository, "src/main.ts"), "run", file],
    env: { NOTIFY_SOCKET: systemd.name, WATCHDOG_USEC: "600000", XDG_RUNTIME_DIR: folder },
  });
  await server.line(/listening on udp/);
});

afterAll(async () => {
  await server.stop();
  systemd.close();
  if (before === undefined) delete process.env.XDG_RUNTIME_DIR;
  else process.env.XDG_RUNTIME_DIR = before;
});

describe("siproc run under a service manager", () => {
  test("says that it is ready once it listens, and gives signs of life", async () => {
    await systemd.assignment(/^READY=1$/);
    expect(await systemd.assignment(/^STATUS=/)).toBe("STATUS=serving on 1 address, 0 calls");
    await systemd.assignment(/^WATCHDOG=1$/);
    expect(systemd.heard[0]).toBe("READY=1");
  });

  test("is found to be well", async () => {
    expect(await siproc("health", file)).toEqual({ code: 0, out: "ok\n", err: "" });
  });

  test("is found though another that was killed has left its socket behind", async () => {
    const place = temporaryFolder("killed");
    process.env.RUNTIME_DIRECTORY = place;
    try {
      new NotifySocket(socketPath(file)).close();
      expect(socketPath(file)).toStartWith(place);
      expect((await siproc("health", file)).out).toBe("ok\n");
    } finally {
      delete process.env.RUNTIME_DIRECTORY;
    }
  });

  test("takes a new configuration, and says when it begins and when it is done", async () => {
    const before = systemd.heard.length;
    writeFileSync(
      file,
      text('[{ to: "new@*", reply: 486 }]', "advertise: 192.0.2.1\nlimits: { calls: 5, connections: 7 }\n"),
    );
    expect(await siproc("reload", file)).toEqual({
      code: 0,
      out: "",
      err: `advertise has changed; that takes a restart\nlimits.connections has changed; that takes a restart\n${file} holds now`,
    });
    await systemd.assignment(/^READY=1$/, before);
    const told = systemd.heard.slice(before).filter((line) => /^(RELOADING|MONOTONIC_USEC|READY)=/.test(line));
    expect(told.map((line) => line.replace(/=\d{3,}$/, "=TIME"))).toEqual([
      "RELOADING=1",
      "MONOTONIC_USEC=TIME",
      "READY=1",
    ]);
  });

  test("keeps the old configuration when the new one has mistakes, and says which where", async () => {
    const before = systemd.heard.length;
    writeFileSync(file, text("[{ to: x }]"));
    const { code, err } = await siproc("reload", file);
    expect(code).toBe(1);
    expect(err).toMatch(/siproc\.yaml:4:10: a route has exactly one action/);
    expect(err).toEndWith("siproc: the old configuration stays");
    await systemd.assignment(/^READY=1$/, before);
    expect((await siproc("health", file)).out).toBe("ok\n");
  });

  test("says that it stops and how long that may take, and ends with 0", async () => {
    server.signal("SIGTERM");
    expect(await server.finish(10_000)).toBe(0);
    const told = systemd.heard.slice(systemd.heard.indexOf("STOPPING=1"));
    // limits.drain, and ten seconds for the end itself.
    expect(told.slice(0, 2)).toEqual(["STOPPING=1", "EXTEND_TIMEOUT_USEC=70000000"]);
  });

  test.each(["reload", "health"])("siproc %s of a server that is not there says so and gives 1", async (command) => {
    const { code, err } = await siproc(command, file);
    expect(code).toBe(1);
    expect(err).toContain("no siproc of this user serves it");
  });
});

describe("health", () => {
  const store = { kind: "sqlite", waiting: 0, failure: undefined };
  const trunk = (name: string, state: "registered" | "failed", reason = "") => ({
    ...{ name, state, id: "", registrar: undefined, domain: "a.example", seconds: 0, expires: undefined, service: [] },
    failure: reason === "" ? undefined : { status: 403, reason, retry: 0 },
  });
  const rows: [what: string, of: Parameters<typeof healthOf>[0], stage: Stage, expected: string[]][] = [
    ["all is well", { store, trunks: [trunk("a", "registered")] }, "serving", ["ok"]],
    ["the file is read again", { store, trunks: [] }, "reloading", ["ok"]],
    [
      "the disk is full",
      { store: { ...store, failure: "disk full" }, trunks: [] },
      "serving",
      ["degraded", "the store: disk full"],
    ],
    [
      "a trunk is refused",
      { store, trunks: [trunk("a", "failed", "Forbidden")] },
      "serving",
      ["degraded", "trunk a is not registered: Forbidden"],
    ],
    ["it stops", { store, trunks: [] }, "draining", ["draining", "the server is stopping"]],
  ];
  test.each(rows)("when %s", (_, of, stage, expected) => {
    const { health, reasons } = healthOf(of, stage);
    expect([health, ...reasons]).toEqual(expected);
  });
});
