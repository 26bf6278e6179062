// biome-ignore-all lint/suspicious/noTemplateCurlyInString: ${NAME} is what the configuration writes
import { afterAll, describe, expect, test } from "bun:test";
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Config, configJsonSchema, type Loaded, loadConfig, readConfig } from "../../src/config/index.ts";

const folder = mkdtempSync(join(tmpdir(), "siproc-config-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
writeFileSync(join(folder, "hello.ts"), "export default async () => {};\n");
writeFileSync(join(folder, "run.sh"), "#!/bin/sh\n");
chmodSync(join(folder, "run.sh"), 0o755);
writeFileSync(join(folder, "plain.sh"), "#!/bin/sh\n");
mkdirSync(join(folder, "sounds"));
const file = join(folder, "siproc.yaml");

function load(text: string | Uint8Array, environment: Record<string, string> = {}): Promise<Loaded> {
  const octets = typeof text === "string" ? new TextEncoder().encode(text) : text;
  return readConfig(octets, file, { environment: { PATH: process.env.PATH ?? "", ...environment } });
}

async function good(text: string, environment?: Record<string, string>): Promise<Config> {
  const loaded = await load(text, environment);
  if (!loaded.ok) throw new TypeError(loaded.problems.map((p) => `${p.line}:${p.column}: ${p.message}`).join("\n"));
  return loaded.config;
}

/** `line:column: message` of each problem. */
async function problems(text: string | Uint8Array, environment?: Record<string, string>): Promise<string[]> {
  const loaded = await load(text, environment);
  return loaded.ok ? [] : loaded.problems.map((p) => `${p.line}:${p.column}: ${p.message}`);
}

async function warnings(text: string): Promise<string[]> {
  const loaded = await load(text);
  return loaded.ok ? loaded.warnings.map((p) => `${p.line}:${p.column}: ${p.message}`) : ["(problems)"];
}

describe("a good configuration", () => {
  test("is complete, with absolute paths and units resolved", async () => {
    const config = await good(`
listen: [udp://0.0.0.0:5060, "tcp://[::]:5070"]
advertise: 203.0.113.7
domains: [Example.com]
routes:
  - { to: "echo@*", script: hello.ts }
  - { to: "ivr@*", exec: [./run.sh, -v] }
  - { to: '/^00(\\d+)@/', redirect: "sip:$1@gw.example" }
  - { method: OPTIONS, reply: 200 }
  - { from: "*@spam.example", reply: { code: 603, reason: No } }
scripts: { memory: 8MB, cpu: 20ms, timeout: 1.5h, allow: { read: [sounds], dial: ["*@example.com"], env: LANG } }
media: { ports: 12000-12999, codecs: [PCMA], latch: true }
log: { level: debug, format: json }
limits: { calls: 10, calls_per_source: 2, drain: 30s }
`);
    expect(config.file).toBe(file);
    expect(config.listen).toEqual([
      { transport: "udp", host: "0.0.0.0", port: 5060 },
      { transport: "tcp", host: "::", port: 5070 },
    ]);
    expect(config.domains).toEqual(["example.com"]);
    expect(config.routes.map(({ action, line, column }) => ({ action, line, column }))).toEqual([
      { action: { type: "script", file: join(folder, "hello.ts") }, line: 6, column: 5 },
      { action: { type: "exec", argv: [join(folder, "run.sh"), "-v"] }, line: 7, column: 5 },
      { action: { type: "redirect", uri: "sip:$1@gw.example" }, line: 8, column: 5 },
      { action: { type: "reply", code: 200, reason: undefined }, line: 9, column: 5 },
      { action: { type: "reply", code: 603, reason: "No" }, line: 10, column: 5 },
    ]);
    expect(config.routes[3]?.methods).toEqual(["OPTIONS"]);
    expect(config.routes[2]?.to?.match("0049@x")).toEqual(["0049@", "49"]);
    expect(config.scripts).toMatchObject({ memory: 8 * 1024 * 1024, cpu: 20, timeout: 5_400_000 });
    expect(config.scripts.allow).toMatchObject({ read: [join(folder, "sounds")], write: [], net: [], env: ["LANG"] });
    expect(config.scripts.allow.dial.map(({ source }) => source)).toEqual(["*@example.com"]);
    expect(config.media).toEqual({
      ports: [12000, 12999],
      codecs: ["PCMA"],
      latch: true,
      srtp: "required",
      srtpClear: "off",
      iceTcp: false,
    });
    expect(config.log).toEqual({
      level: "debug",
      format: "json",
      to: [{ type: "stderr" }],
      facility: "daemon",
      rotate: undefined,
    });
    expect(config.limits).toEqual({
      calls: 10,
      callsPerSource: 2,
      connections: 10_000,
      connectionsPerSource: 100,
      transactions: 200_000,
      requestsPerSource: 100,
      relays: 2000,
      drain: 30_000,
    });
  });

  test("needs nothing but a route", async () => {
    const config = await good('routes: [{ to: "*", script: hello.ts }]');
    expect(config.listen.map(({ transport, port }) => `${transport} ${port}`)).toEqual(["udp 5060", "tcp 5060"]);
    expect(config.scripts.allow).toEqual({ read: [], write: [], net: [], dial: [], env: [] });
    expect(config.media.ports).toEqual([10000, 20000]);
  });

  test("may be one that was saved with a BOM and CRLF", async () =>
    expect((await good("\ufefflog: { level: warn }\r\nroutes: [{ script: hello.ts }]\r\n")).log.level).toBe("warn"));

  test("takes anchors", async () =>
    expect(
      (await good("media: &m { ports: 10-20 }\nroutes: [{ reply: &code 404 }, { method: INFO, reply: *code }]"))
        .routes[1]?.action,
    ).toEqual({
      type: "reply",
      code: 404,
      reason: undefined,
    }));

  test("takes a program by its name from PATH", async () =>
    expect((await good("routes: [{ exec: sh }]")).routes[0]?.action).toEqual({ type: "exec", argv: ["sh"] }));
});

describe("environment variables", () => {
  test("stand in texts and numbers, in flow style too", async () => {
    const config = await good(
      "advertise: ${HOST}\nlimits: { calls: ${CALLS}, drain: ${N}s }\nroutes: [{ reply: 404 }]",
      {
        HOST: "sip.example.com",
        CALLS: "7",
        N: "3",
      },
    );
    expect(config.advertise).toBe("sip.example.com");
    expect(config.limits).toMatchObject({ calls: 7, drain: 3000 });
  });
  test("that are missing are errors", async () =>
    expect(await problems("advertise: ${NOPE}\n")).toEqual([
      "1:12: the environment variable NOPE is not set; set it, or write $$ for a plain “$”",
    ]));
  test("never show their values in errors", async () => {
    const found = await problems(
      'limits: { calls: ${SECRET} }\nadvertise: ${SECRET}\nlisten: ["${SECRET}"]\nroutes: [{ reply: "${SECRET}" }]',
      {
        SECRET: "hunter two",
      },
    );
    expect(found).toHaveLength(4);
    expect(found.join()).not.toContain("hunter");
    expect(found[0]).toContain("“${SECRET}” (from the environment)");
  });
  test("can be written off with $$", async () =>
    expect((await good('routes: [{ to: "a$${X}", reply: 404 }]')).routes[0]?.to?.source).toBe("a${X}"));
});

describe("what is wrong is said with its place", () => {
  const table: [text: string, problem: string][] = [
    ["", "1:1: the file is empty; it needs at least routes"],
    ["# nothing\n", "1:1: the file is empty; it needs at least routes"],
    [
      "just words",
      "1:1: found “just words”; expected a map of listen, advertise, stun, tls, page, domains, store, accounts,",
    ],
    ["- a", "1:1: found a list; expected a map of"],
    ["lissen: x", "1:1: there is no key “lissen” here; did you mean listen?"],
    ["colour: x", "1:1: there is no key “colour” here; expected one of listen, advertise"],
    ["log:\n  levle: info", "2:3: there is no key “levle” here; did you mean level?"],
    ["log: { level: inof }", "1:15: found “inof”: expected one of debug, info, warn, error; did you mean info?"],
    ["log: { level: [info] }", "1:15: found a list; expected one of debug, info, warn, error"],
    ["log: { level: }", "1:15: found nothing; expected one of debug"],
    ["log: {}\nlog: {}", "2:1: “log” stands here a second time; the first is in line 1"],
    ["control: x", "1:10: found “x”; expected a map of listen, keys"],
    ["control: { listen: 0.0.0.0:8082 }", "1:10: control listens where others reach it, and has no keys"],
    ["control: { listen: '8082' }", "1:20: found “8082”; expected an IP address and a port"],
    ["control: { listen: 127.0.0.1 }", "1:20: found “127.0.0.1”: the port is missing"],
    ["control: { keys: [short] }", "1:19: this key cannot be used: expected 8 to 256 visible ASCII characters"],
    ["control: { keys: [{ name: a }] }", "1:19: the key is missing, as in"],
    ["control: { keys: [{ key: long enough }] }", "1:26: this key cannot be used"],
    ["control: { keys: [{ key: longenough, scopes: [all] }] }", "1:47: found “all”: expected one of read, calls"],
    ["control: { tls: true }", "1:17: found “true”; expected self-signed, or a map of cert, key"],
    ["control: { tls: { cert: a } }", "1:17: tls needs both cert and key; key is missing"],
    ["control: { tls: { cert: no.pem, key: siproc.yaml } }", "1:25: there is no file /"],
    ["control: { listen: [127.0.0.1:8082, '127.0.0.1:8082'] }", "1:37: control listens here already"],
    ["listen: ws://0.0.0.0:80\ncontrol: { listen: 127.0.0.1:80 }", "2:20: port 80 is that of ws in listen"],
    ["control: { keys: [0123456789] }", "1:19: found a number; put it in quotes, so that its zeros stay"],
    ["control: { keys: [longenough, longenough] }", "1:31: this key is here a second time"],
    ["control: { webhooks: [{ url: 'ftp://a/' }] }", "1:30: found “ftp://a/”; expected an http: or https: URL"],
    ["control: { webhooks: [{ url: 'http://a:b@c/' }] }", "1:30: found “http://a:b@c/”: a URL with a password"],
    ["control: { webhooks: [{ url: 'http://a/' }] }", "1:10: each of control.webhooks needs url and secret"],
    ["control: { webhooks: [{ events: call }] }", "1:33: found “call”: there is no such event"],
    ["tls: { cert: a }", "1:6: tls needs both cert and key; key is missing"],
    ["tls: { cert: a, key: b, clients: require }", "1:6: clients: require needs ca"],
    ["tls: { cert: a, key: b, names: [{ name: x.example, cert: c }] }", "1:33: each of tls.names needs both"],
    ["accounts: [{ user: a b, password: x }]", "1:20: expected a user name of 1 to 128 characters without spaces"],
    ["routes: [{ to: x, reply: 404, auth: true }]", "1:31: auth asks for the password of an account"],
    ["tls: { cert: a.pem, key: b.pem }", "1:14: there is no file"],
    ["accounts: none.csv", "there is no such file"],
    ["accounts: [{ user: a, password: x }, { user: a, password: y }]", "1:"],
    ["store: mysql:x", "1:8: found “mysql:x”; expected sqlite:FILE or memory:"],
    ["ban: { never: [10.0.0.0/40] }", "1:16: found “10.0.0.0/40”; expected an IP address or a network"],
    ["drop: [{ matches: x }]", "a drop rule names at least one of from, port and header"],
    ["drop: [{ from: 10.0.0.1, matches: x }]", "matches is about a header field"],
    ["dns: { servers: [ns.example] }", "1:18: found “ns.example”; expected an IP address with an optional port"],
    ["routes: [{ reply: 404, mode: stateless }]", "1:24: mode says how location and proxy work; this route has reply"],
    ["routes: [{ proxy: 192.0.2.1 }]", "1:19: found “192.0.2.1”: write sip:192.0.2.1"],
    ["routes: [{ proxy: sip:$1@192.0.2.1 }]", "the proxy uses $1, but there is no such group"],
    ["routes: [{ location: true, rewrite_contact: true }]", "1:28: rewrite_contact is for mode: stateless"],
    ["routes: [{ location: true, media: rtp }]", "1:35: found “rtp”: expected one of auto, relay, webrtc"],
    ["routes: [{ location: true, media: relay, record_route: false }]", "1:42: media: relay needs record_route"],
    ["routes: [{ location: true, media: plain, record_route: false }]", "1:42: media: plain needs record_route"],
    ["routes: [{ location: true, media: webrtc, mode: stateless }]", "1:28: media: webrtc needs mode: stateful"],
    ["routes: [{ script: a.ts, media: webrtc }]", "1:26: media says how location and proxy work"],
    ["routes: [{ location: true, nat: relay, record_route: false }]", "1:40: nat: relay needs record_route"],
    ["routes: [{ proxy: [sip:a.example, sip:b.example], mode: stateless }]", "cannot try one server after another"],
    ["listen: [http://x]", "1:10: found “http://x”; expected an address such as udp://0.0.0.0:5060"],
    ["listen: [wss://localhost:8443]", "listening takes an IP address, not a name"],
    ["listen: [udp://0.0.0.0:70000]", "1:10: found"],
    ["listen: []", "1:9: found an empty list; expected at least 1"],
    [
      "listen: [udp://0.0.0.0:5060, udp://127.0.0.1:5060]\nroutes: []",
      "1:30: entry 1 of the list listens here already",
    ],
    ["advertise: 0.0.0.0", "1:12: found “0.0.0.0”: nobody can answer to this address"],
    ["advertise: host:5060", "1:12: found “host:5060”; expected an IP address or host name without a port"],
    ["routes: { to: x }", "1:9: found a map of keys; expected a list"],
    [
      "routes: [{ to: x }]",
      "1:10: a route has exactly one action (script, exec, reply, redirect, location, proxy, drop, trunk, events); found no action",
    ],
    ["routes: [{ to: x, reply: 404, script: hello.ts }]", "found script and reply"],
    ["routes:\n  - to: x\n    scirpt: hello.ts", "3:5: there is no key “scirpt” here; did you mean script?"],
    ["routes: [{ to: x, trunk: nobody }]", "1:26: there is no trunk “nobody”; trunks has none"],
    ["routes: [{ to: x, location: false }]", "1:29: found “false”; expected true"],
    [
      "routes: [{ to: '/a(/', reply: 404 }]",
      "1:16: found “/a(/”: this `(` has no `)` (at character 2 of the expression)",
    ],
    ["routes: [{ to: '', reply: 404 }]", "1:16: found “”: a pattern cannot be empty"],
    ['routes: [{ to: "/\\d/", reply: 404 }]', "a backslash inside"],
    ["routes: [{ to: *, reply: 404 }]", "a text that starts with * or & stands in quotes"],
    ["routes: [{ script: nope.ts }]", `1:20: there is no script ${join(folder, "nope.ts")}`],
    ["routes: [{ script: sounds }]", "is a folder; expected a script"],
    ["routes: [{ script: run.sh }]", "a program of another kind is written exec"],
    ["routes: [{ exec: ./nope }]", `1:18: there is no program ${join(folder, "nope")}`],
    ["routes: [{ exec: [./plain.sh] }]", "is not executable; run: chmod +x plain.sh"],
    [
      "routes: [{ exec: no-such-program }]",
      "there is no program “no-such-program” in PATH; a program beside this file is written ./no-such-program",
    ],
    ["routes: [{ exec: ./run.sh -v }]", "1:18: a program with arguments is a list; write exec: [./run.sh, -v]"],
    ["routes: [{ exec: [] }]", "found an empty list"],
    ["routes: [{ reply: 99 }]", "1:19: found “99”; expected a whole number from 200 to 699"],
    ["routes: [{ reply: ok }]", "1:19: found “ok”; expected a whole number from 200 to 699"],
    ["routes: [{ reply: { reason: x } }]", "the code is missing"],
    ["routes: [{ redirect: bob }]", "1:22: found “bob”; expected a sip:, sips: or tel: URI"],
    ["routes: [{ to: '/^(.)/', redirect: 'sip:$2@x' }]", "uses $2, but there is no such group: `to` has 1"],
    ["routes: [{ to: 'a*', redirect: 'sip:$1@x' }]", "groups come from a regular expression"],
    ["routes: [{ method: invite, reply: 404 }]", "methods are written in capitals: INVITE"],
    [
      "routes: [{ method: OPTIONS, script: hello.ts }]",
      "1:20: script handles calls, which come as INVITE; found only OPTIONS",
    ],
    [
      "scripts: { memory: 16 }",
      "1:20: found “16”: the unit is missing; expected a size from 1MB to 1GB, in B, KB, MB, GB",
    ],
    ["scripts: { cpu: 50 }", "the unit is missing; expected a duration from 1ms to 10s, in ms, s, m, h, d"],
    ["scripts: { memory: 2GB }", "1:20: found “2GB”; expected a size from 1MB to 1GB"],
    ["scripts: { timeout: soon }", "found “soon”; expected a duration from 1s to 24h"],
    ["scripts: { allow: { net: [https://x.example] } }", "only the host is named here"],
    ["scripts: { allow: { env: [A=B] } }", "expected the name of an environment variable"],
    ["media: { ports: 5000 }", "1:17: found “5000”; expected a range of ports such as 10000-20000"],
    ["media: { ports: 20000-10000 }", "the lower port comes first"],
    ["media: { ports: 10001-10002 }", "make the range larger"],
    ["media: { ports: 1-70000 }", "ports go from 1 to 65535"],
    ["media: { codecs: [GSM] }", "1:19: found “GSM”; expected one of PCMU, PCMA, G722, opus"],
    ["media: { codecs: [] }", "expected at least 1"],
    ["media: { srtp: true }", "expected one of required, optional, off"],
    ["routes: [{ to: 'a*', proxy: 'sip:b.example', srtp: off }]", "srtp says how calls are encrypted that end here"],
    ["limits: { calls: 0 }", "expected a whole number from 1 to 100000"],
    ["log:\n\tlevel: info", "a tab indents this line"],
    ["routes:\n  - to: x\n   reply: 404", "3:1: the indentation does not fit: an item of a list starts with"],
    ["routes: [{ to: x, reply: 404\nlog: {}", "a map that begins with { is not closed with } before this"],
    ["listen: [udp://0.0.0.0\nlog: {}", "2:1: a list that begins with [ is not closed with ] before this"],
    ["log:\n  level:info\n  format: pretty", "2:3: expected “key: value” on one line, with a space after the colon"],
    ["log:\n  level: info\nrutes", "3:1: a key stands here without a value"],
    ['advertise: "a.example', 'a text in quotes is not closed with "'],
    ["log: { level: info", "1:19: "],
    ["log: [\n", "2:1: "],
    ["log: { level: info }\n---\nlog: {}", "2:1: a second document starts here"],
    ["log: &a { level: *a }", "1:18: the alias *a stands inside what it refers to"],
    ["a: &a 1\nb: { <<: *a }", "1:1: there is no key “a” here"],
    ["log: { <<: { level: info } }", "merge keys (<<) are not supported"],
    ["log: !!binary aGk=", "expected a map of level, format"],
    ["log: !secret x", "tags (words that start with !) are not used here"],
    ["? [a]\n: b", "a key must be a plain word"],
    ["log: {\u0000}", "1:"],
  ];
  for (const [text, problem] of table)
    test(JSON.stringify(text).slice(0, 80), async () => expect((await problems(text)).join("\n")).toContain(problem));

  test("for all problems at once, in order", async () =>
    expect(
      (await problems("limits: { calls: x }\nlog: { level: y }\nmedia: { ports: z }")).map((p) => p.split(":")[0]),
    ).toEqual(["1", "2", "3"]));

  test("for routes too, when something else is wrong as well", async () =>
    expect(
      (
        await problems("lgo: 1\nroutes:\n  - { to: a }\n  - { to: b, scirpt: x }\n  - { to: c, script: nothing.ts }")
      ).map((p) => p.replace(folder, "").slice(0, 44)),
    ).toEqual([
      "1:1: there is no key “lgo” here; did you mea",
      "3:5: a route has exactly one action (script,",
      "4:14: there is no key “scirpt” here; did you",
      "5:22: there is no script /nothing.ts",
    ]));

  test("names the octet that is no UTF-8", async () =>
    expect(await problems(Uint8Array.from([0x61, 0x3a, 0x20, 0x62, 10, 0x63, 0xff]))).toEqual([
      "2:2: the file is not UTF-8 here; save it as UTF-8",
    ]));

  test("when there is no file, or no file to read", async () => {
    const missing = await loadConfig(join(folder, "missing.yaml"));
    expect(missing.ok ? "" : missing.problems[0]?.message).toContain("there is no such file");
    const directory = await loadConfig(folder);
    expect(directory.ok ? "" : directory.problems[0]?.message).toContain("this is not a file");
    const endless = await loadConfig("/dev/zero");
    expect(endless.ok ? "" : endless.problems[0]?.message).toContain("this is not a file");
  });
});

describe("a warning tells of", () => {
  const table: [text: string, warning: string][] = [
    ["domains: [a.example]", "there are no routes"],
    ["routes: [{ reply: 404 }]", "domains is empty"],
    [
      "routes: [{ reply: 404 }, { method: OPTIONS, reply: 200 }]",
      "1:26: no request gets here: the route in line 1 takes them all",
    ],
    ["routes: [{ reply: 200 }]", "connects a call without audio"],
    ["routes: [{ method: OPTOINS, reply: 200 }]", "OPTOINS is no method of SIP that siproc knows"],
    ["listen: [udp://0.0.0.0:10500]", "UDP port 10500 is one of media.ports"],
    ["scripts: { allow: { read: [prompts] } }", "prompts does not exist"],
  ];
  for (const [text, warning] of table)
    test(warning, async () => expect((await warnings(text)).join("\n")).toContain(warning));
});

test("the JSON Schema knows every key of this version and no other", () => {
  const schema = JSON.stringify(configJsonSchema());
  expect(schema).toContain('"calls_per_source"');
  expect(schema).toContain('"additionalProperties":false');
  expect(schema).toContain('"requests_per_second"');
});
