/** `siproc status` and a server that `siproc run` has started: what it shows, what it changes, and what strangers cannot do to it. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { chmodSync, mkdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { main } from "../../src/cli/main.ts";
import { json, table } from "../../src/cli/running.ts";
import { socketPath } from "../../src/control/socket.ts";
import { repository } from "../support/documents.ts";
import { temporaryFolder } from "../support/peers/folder.ts";
import { freePort } from "../support/peers/ports.ts";
import { Program } from "../support/peers/program.ts";
import { closePeers, UdpPeer } from "../support/udp-peer.ts";

const before = process.env.XDG_RUNTIME_DIR;
let folder: string;
let file: string;
let server: Program;
let port: number;

/** The command's exit code and output. */
async function status(...argv: string[]): Promise<{ code: number; out: string; err: string }> {
  const out: string[] = [];
  const err: string[] = [];
  const code = await main(["status", ...argv], {
    print: (text) => void out.push(text),
    complain: (line) => void err.push(`${line}\n`),
    mark: (_, word) => word,
  });
  return { code, out: out.join(""), err: err.join("") };
}

beforeAll(async () => {
  const media = await freePort(20);
  folder = temporaryFolder("status", {
    "siproc.yaml": [
      "listen: [udp://127.0.0.1:0, tcp://127.0.0.1:0]",
      "domains: [example.com]",
      "registrar: { open: true }",
      `media: { ports: ${media}-${media + 19} }`,
      "ban: { never: [127.0.0.1] }",
      'routes: [{ to: "*@example.com", location: true }]',
    ].join("\n"),
    "other.yaml": "routes: []",
  });
  file = join(folder, "siproc.yaml");
  // Where the socket is.
  process.env.XDG_RUNTIME_DIR = folder;
  server = new Program({ command: [process.execPath, join(repository, "src/main.ts"), "run", file] });
  port = Number(/udp:\/\/127\.0\.0\.1:(\d+)/.exec(await server.line(/listening on udp/))?.[1]);
  await server.line(/listening on tcp/);
});

afterAll(async () => {
  closePeers();
  await server.stop();
  if (before === undefined) delete process.env.XDG_RUNTIME_DIR;
  else process.env.XDG_RUNTIME_DIR = before;
});

/** Registers somebody. */
async function register(user: string, agent: string, contact = "sip:phone@127.0.0.2:5099"): Promise<void> {
  const peer = await UdpPeer.open(port);
  const request = peer.compose("REGISTER", { uri: "sip:example.com", headers: [["User-Agent", agent]] });
  const text = Buffer.from(request.bytes())
    .toString("latin1")
    .replace(/^To: .*$/m, `To: <sip:${user}@example.com>`)
    .replace(/^Contact: .*$/m, `Contact: <${contact}>`);
  peer.send(text);
  expect((await peer.response(request.callId, "REGISTER")).status).toBe(200);
}

describe("siproc status", () => {
  test("says how a running server is", async () => {
    const { code, out, err } = await status(file);
    expect([code, err]).toEqual([0, ""]);
    const rows = out.trimEnd().split("\n");
    expect(rows.map((row) => row.split(/ {2,}/)[0])).toEqual([
      ...["siproc", "configuration", "listening", "calls", "transactions", "connections", "registrations"],
      ...["store", "abuse", "process"],
    ]);
    expect(out).toContain(`, process ${server.pid}, up`);
    expect(out).toContain(`configuration  ${file}\n`);
    expect(out).toContain(`udp://127.0.0.1:${port} tcp://127.0.0.1:`);
  });

  test("says it in JSON", async () => {
    const { code, out } = await status("--json", file);
    expect(code).toBe(0);
    expect(JSON.parse(out)).toMatchObject({
      pid: server.pid,
      file,
      calls: { handled: 0, relayed: 0, forwarding: 0 },
      registrations: { users: expect.any(Number), contacts: expect.any(Number) },
      store: { kind: "memory", waiting: 0 },
      abuse: { limited: 0, scanners: 0, failures: 0, banned: 0 },
    });
  });

  test("lists who is registered from where, whatever strangers call themselves", async () => {
    await register("alice", "Phone/1.0", "sip:alice@127.0.0.2:5091");
    const evil = Buffer.from("\x1b]0;title\x07\x9b31m\u202ereversed\u2028next", "utf8").toString("latin1");
    await register("b%C3%B6b", evil, `sip:${"x".repeat(200)}@127.0.0.2:5092`);
    const shown = await status("--contacts", file);
    expect(shown.code).toBe(0);
    const [head, ...rows] = shown.out.trimEnd().split("\n");
    expect(head?.split(/ +/)).toEqual(["USER", "CONTACT", "FROM", "EXPIRES", "AGENT"]);
    expect(rows).toHaveLength(2);
    expect(rows[0]).toMatch(
      /^alice@example\.com +sip:alice@127\.0\.0\.2:5091 +udp:\/\/127\.0\.0\.2:\d+ +3600 s +Phone\/1\.0$/,
    );
    expect(rows[1]).toMatch(
      /^böb@example\.com +sip:x+… +udp:\/\/127\.0\.0\.2:\d+ +3600 s +\?]0;title\?+31m\?reversed\?next$/,
    );
    expect(shown.out).not.toMatch(/[\p{Cf}\p{Zl}]|[^\P{Cc}\n]/u);
    const { out } = await status("--contacts", "--json", file);
    expect(out).not.toMatch(/[\p{Cf}\p{Zl}]|[^\P{Cc}\n]/u);
    const contacts: unknown = JSON.parse(out);
    expect(contacts).toMatchObject([
      { user: "alice@example.com", contact: "sip:alice@127.0.0.2:5091", transport: "udp", agent: "Phone/1.0" },
      { user: "böb@example.com", agent: expect.stringContaining("\u202ereversed") },
    ]);
  });

  test("bans an address, lists it, and hears it again", async () => {
    const heard = async (host: string) => {
      const peer = await UdpPeer.open(port, host);
      peer.send(peer.compose("OPTIONS", { uri: "sip:example.com" }).bytes());
      const other = await UdpPeer.open(port, "127.0.0.1");
      await other.probe();
      return peer.received.length > 0;
    };
    expect(await heard("127.0.0.3")).toBe(true);
    const banned = await status("--ban", "127.0.0.3", file);
    expect(banned).toEqual({ code: 0, out: "", err: "127.0.0.3 is not answered for an hour\n" });
    expect((await status("--bans", file)).out).toMatch(
      /^SOURCE +LEFT +WHY\n127\.0\.0\.3 +(?:59|60) min +an operator\n$/,
    );
    expect(await heard("127.0.0.3")).toBe(false);
    expect(await status("--unban", "127.0.0.3", file)).toMatchObject({ code: 0, err: "127.0.0.3 is heard again\n" });
    expect(await heard("127.0.0.3")).toBe(true);
    expect(await status("--unban", "127.0.0.3", file)).toMatchObject({
      code: 1,
      err: "siproc: 127.0.0.3 is not banned\n",
    });
  });

  test.each([
    ["an IPv6 address in any spelling", ["--ban", "2001:0DB8:0::1"], 0, "2001:0DB8:0::1 is not answered for an hour"],
    ["... and lifts it in another", ["--unban", "2001:db8::1"], 0, "2001:db8::1 is heard again"],
    ["no name", ["--ban", "example.com"], 2, "siproc: example.com is no IP address"],
    ["nobody who is exempt", ["--ban", "127.0.0.1"], 1, "siproc: 127.0.0.1 is never banned, since ban.never names it"],
    ["one thing at a time", ["--ban", "192.0.2.1", "--bans"], 2, "siproc: one at a time: --bans, --ban"],
  ])("bans %s", async (_, argv, code, says) => {
    expect(await status(...argv, file)).toEqual({ code, out: "", err: `${says}\n` });
  });

  test.each([
    ["a file that no server has", "other.yaml", "no siproc of this user serves it"],
    ["a file that there is not", "nothing.yaml", "there is no such file"],
  ])("of %s says so", async (_, name, why) => {
    const other = join(folder, name);
    const err = `siproc: ${other}: ${why}; name the file that siproc run was started with\n`;
    expect(await status(other)).toEqual({ code: 1, out: "", err });
  });

  test("is for the server's user alone", () => {
    const socket = socketPath(file);
    expect(statSync(socket).mode & 0o077).toBe(0);
    expect(statSync(join(socket, "..")).mode & 0o077).toBe(0);
  });

  test("has a server that comes to a folder of too many rights take them away, and leaves no socket behind", async () => {
    const place = temporaryFolder("status");
    mkdirSync(join(place, "siproc"));
    chmodSync(join(place, "siproc"), 0o777);
    const env = { XDG_RUNTIME_DIR: place };
    const media = await freePort(20);
    const other = join(
      temporaryFolder("status", {
        "siproc.yaml": `listen: udp://127.0.0.1:0\nmedia: { ports: ${media}-${media + 19} }`,
      }),
      "siproc.yaml",
    );
    const program = new Program({ command: [process.execPath, join(repository, "src/main.ts"), "run", other], env });
    await program.line(/listening on udp/);
    const socket = socketPath(other, env);
    expect([statSync(socket).isSocket(), statSync(join(place, "siproc")).mode & 0o077]).toEqual([true, 0]);
    expect(await program.stop()).toBe(0);
    expect(statSync(socket, { throwIfNoEntry: false })).toBeUndefined();
  });
});

test("a table has no characters that move the cursor, and columns that end", () => {
  expect(
    table(
      [
        ["A", "B"],
        ["\x1b[2J", "x".repeat(100)],
        ["\u{e0001}é", ""],
      ],
      8,
    ),
  ).toBe("A     B\n?[2J  xxxxxxx…\n?é\n");
});

test("JSON for a terminal has escapes that JSON knows", () => {
  const value = { a: "\x1b\x7f\x9b\u202e\u2028\u{e0001}é" };
  expect(JSON.parse(json(value))).toEqual(value);
  expect(json(value)).toBe('{"a":"\\u001b\\u007f\\u009b\\u202e\\u2028\\udb40\\udc01é"}\n');
});
