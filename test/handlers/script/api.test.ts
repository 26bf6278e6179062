/** What a script can do with its call. */
import { afterAll, describe, expect, test } from "bun:test";
import { type CommandEntry, commands, parametersOf } from "../../../src/call/vocabulary.ts";
import { FakeCall } from "../../support/fake-call.ts";
import { Bench } from "./support.ts";

process.env.SIPROC_TEST_LANG = "eo";
const bench = new Bench(() => ({ allow: { env: ["SIPROC_TEST_LANG"] } }));
afterAll(() => bench.close());

const values: Readonly<Record<string, string>> = {
  file: '"a.wav"',
  uri: '"sip:bob@example.com"',
  digits: '"12#"',
  text: '"hello"',
  code: "486",
  reason: '"Busy"',
  on: "true",
  to: '"sip:bob@example.com"',
  position: "1000",
  targets: '"sip:bob@example.com"',
  value: '"Hello"',
  volume: "-6",
  call: '"abc1"',
  room: '"lobby"',
  tone: '"busy"',
  name: '"Subject"',
  field: '"Subject"',
};

const positional = (entry: CommandEntry) => parametersOf(entry).positional;

describe("commands", () => {
  test.each(Object.entries(commands).map(([name, entry]) => ({ name, entry })))("$name", async ({ name, entry }) => {
    bench.folder.write("a.wav", "");
    const named = "named" in entry;
    // RECORD without a file needs no permission.
    const args = named || name === "RECORD" ? [] : positional(entry).map((arg) => values[arg] ?? "undefined");
    const text = named ? (name === "GATHER" ? '{ max: 4, terminator: "none" }' : "{ max: 4 }") : args.join(", ");
    const call = await bench.run(`await call.${name.toLowerCase()}(${text});`);
    expect(call.commands.map((command) => command.name as string)).toEqual([name]);
    expect(call.finished?.type === "failed").toBe(false);
  });

  test("carry what the script gave, checked, and the file's real path", async () => {
    bench.folder.write("sounds/hello.wav", "");
    const call = await bench.run(
      `await call.play("sounds/hello.wav"); await call.gather({ max: 4 }); await call.reject(486, "Busy Here");`,
    );
    expect(call.commands).toEqual([
      { name: "PLAY", file: `${bench.folder.path}/sounds/hello.wav` },
      { name: "GATHER", max: 4 },
      { name: "REJECT", code: 486, reason: "Busy Here" },
    ]);
  });

  test("resolve to their result", async () => {
    const call = new FakeCall();
    call.answer = (_, done) => done({ ok: true, value: { digits: "12", reason: "count" } });
    expect(await bench.console("console.log(await call.gather());", call)).toEqual([
      '{ digits: "12", reason: "count" }',
    ]);
  });

  test.each([
    ["call.play(5)", "PLAY: file must be a file name"],
    ["call.play()", "PLAY: it needs file: a file name"],
    ['call.answer("now")', "ANSWER: it takes no argument “number 1”"],
    ["call.gather({ max: 0 })", "GATHER: max must be a number from 1 to 256"],
    ["call.gather({ maximum: 1 })", "GATHER: it takes no argument “maximum”"],
    ["call.gather([1])", "GATHER: its arguments must be one object with names"],
    ['call.play("missing.wav")', 'PLAY: "missing.wav" is not there'],
    ['call.play("../etc/passwd")', 'PLAY: "../etc/passwd" climbs with “..”'],
    ['call.play("/etc/passwd")', 'PLAY: "/etc/passwd" may not be read: `allow: read` does not name it'],
    ['call.record("x.wav")', 'RECORD: "x.wav" may not be written: `allow: write` does not name it'],
    ['call.dtmf("x")', "DTMF: digits must be keys out of 0-9 * # A-D, and the pauses `,` and `w`"],
  ])("%s rejects", async (code, message) => {
    const lines = await bench.console(
      `try { await (call as any).${code.slice(5)}; } catch (error) {\nconsole.log(error instanceof CallError, error.name, error.message); console.log(error.command, /ivr\\.ts:\\d+:\\d+/.test(error.stack)); }`,
    );
    expect(lines).toEqual([`true CallError ${message}`, `${message.split(":")[0]} true`]);
  });

  test("that fail in the call reject with its reason, at the script's line", async () => {
    const call = new FakeCall();
    call.answer = (command, done) =>
      done({ ok: false, failure: { command: command.name, reason: "the caller is gone" } });
    await bench.run(`\n\n  const x: string = "";\n  await call.answer();`, call);
    expect(call.finished).toMatchObject({
      type: "failed",
      reason: "CallError: ANSWER: the caller is gone (ivr.ts:5:14)",
    });
  });
});

describe("events", () => {
  test("arrive in order, the last is `ended`, and then the iteration is over", async () => {
    const call = new FakeCall();
    call.emit({ name: "DTMF", digit: "5", duration: 160 });
    call.emit({ name: "HOLD", on: true });
    call.emit({ name: "MESSAGE", text: "a\nb" });
    const from = bench.lines.length;
    bench.start(
      bench.folder.script(
        "events.ts",
        "for await (const event of call) console.log(JSON.stringify(event)); console.log((await call.ended).cause)",
      ),
      call,
    );
    call.end();
    await bench.until(() => bench.lines.length - from >= 5);
    const lines = bench.messages(from);
    expect(lines).toEqual([
      '{"type":"dtmf","digit":"5","duration":160}',
      '{"type":"hold","on":true}',
      '{"type":"message","text":"a\\nb"}',
      '{"type":"ended","by":"remote","cause":"hangup","code":200}',
      "hangup",
    ]);
  });

  test("wait while nobody listens, and stay for the next loop", async () => {
    const call = new FakeCall();
    call.emit({ name: "DTMF", digit: "1", duration: 100 });
    call.emit({ name: "DTMF", digit: "2", duration: 100 });
    const lines = await bench.console(
      "for await (const e of call) { console.log(e.digit); break; } for await (const e of call) { console.log(e.digit); break; }",
      call,
    );
    expect(lines).toEqual(["1", "2"]);
  });

  test("name files as the script did", async () => {
    bench.folder.write("hello.wav", "");
    const call = new FakeCall();
    call.answer = (command, done) => {
      done({ ok: true });
      if (command.name === "PLAY") call.emit({ name: "STOPPED", file: command.file });
    };
    const lines = await bench.console(
      'await call.play("hello.wav"); for await (const e of call) { console.log(e.file); break; }',
      call,
    );
    expect(lines).toEqual(["hello.wav"]);
  });
});

describe("the end", () => {
  test("a script that returns finishes its call", async () => {
    expect((await bench.run("await call.answer();")).finished).toMatchObject({ type: "returned" });
  });

  test("a script need not be async", async () => {
    const call = bench.start(bench.folder.write("sync.js", "export default (call) => { call.answer(); }"));
    await call.until(() => call.ended);
    expect(call.finished).toMatchObject({ type: "returned" });
  });

  test("a script that throws fails with the line in its own file, imports included", async () => {
    bench.folder.write(
      "lib/math.ts",
      'interface Unused {\n  a: string;\n}\n\nexport function half(n: number): number {\n  throw new RangeError("odd: " + n);\n}\n',
    );
    const call = bench.start(
      bench.folder.write(
        "imports.ts",
        'import { half } from "./lib/math.ts";\n\nexport default (call: Call) => { half(3); };\n',
      ),
    );
    await call.until(() => call.ended);
    expect(call.finished).toMatchObject({ type: "failed", reason: "RangeError: odd: 3 (lib/math.ts:6:13)" });
  });

  test("a timer that throws fails the call", async () => {
    const call = await bench.run(
      'setTimeout(() => {\n  throw new TypeError("late");\n}, 1);\nawait new Promise(() => {});',
    );
    expect(call.finished).toMatchObject({ type: "failed", reason: "TypeError: late (ivr.ts:3:13)" });
  });

  test.each([
    ["no default export", "export const x = 1;", "has no `export default` function"],
    ["a default export that is no function", "export default 5;", "has no `export default` function"],
    [
      "a top level that throws",
      '\nthrow new TypeError("early");\nexport default () => {}',
      "TypeError: early (odd.ts:2:11)",
    ],
    ["a syntax error", "export default (call => {", "odd.ts:1:"],
    ["an import from outside", 'import "../x.ts"; export default () => {}', "lies outside the script's folder"],
    [
      "an import by package name",
      'import fs from "node:fs"; export default () => { fs; }',
      "imports only files of its own folder",
    ],
  ])("%s fails the call", async (_, text, reason) => {
    const call = bench.start(bench.folder.write("odd.ts", text));
    await call.until(() => call.ended);
    expect(JSON.stringify(call.finished)).toContain(reason);
  });
});

describe("the world", () => {
  test.each([
    ["call.id + call.direction", "a1incoming"],
    ["[call.remote.user, call.local.uri]", '[ "alice", "sip:echo@example.com" ]'],
    ["typeof call.headers.get('no-such')", "object"],
    ['new URL("../x?a=1#f", "http://u@h:81/a/b/c").href', "http://u@h:81/a/x?a=1#f"],
    [
      '(() => { const u = new URL("http://h/"); u.searchParams.append("a b", "ü&"); u.port = "99"; return u.href })()',
      "http://h:99/?a+b=%C3%BC%26",
    ],
    ['[...new URLSearchParams("a=1&a=2&b=%20")].join("|")', "a,1|a,2|b, "],
    ['new URLSearchParams({ q: "é" }).toString()', "q=%C3%A9"],
    ["URL.canParse('nonsense')", "false"],
    ['new TextEncoder().encode("é€😀").join()', "195,169,226,130,172,240,159,152,128"],
    ["new TextDecoder().decode(new Uint8Array([0xe2, 0x82, 0xac]))", "€"],
    ['new TextDecoder("latin1").decode(new Uint8Array([0xe9]).buffer)', "é"],
    ["/^[0-9a-f-]{36}$/.test(crypto.randomUUID())", "true"],
    ["Math.random() === Math.random()", "false"],
    ['env.get("SIPROC_TEST_LANG") + env.get("PATH") + env.get("__proto__")', "eoundefinedundefined"],
    ["new Map([[1, { a: [1, 'x'] }]])", 'Map { 1 => { a: [ 1, "x" ] } }'],
    ['JSON.stringify(JSON.parse(\'{"a":[1,{"b":null}]}\'))', '{"a":[1,{"b":null}]}'],
    ["[3,1,2].sort().concat([4]).map((n) => n * 2).join()", "2,4,6,8"],
    ["(() => { const a = {}; a.a = a; return a })()", "{ a: [circular] }"],
    ["Date.now() > 1e12", "true"],
  ])("%s", async (code, expected) => {
    expect(await bench.console(`console.log(${code})`)).toEqual([expected]);
  });

  test("timers fire in order, and cleared ones do not", async () => {
    const lines = await bench.console(
      `let n = 0; const i = setInterval(() => { if (++n === 3) clearInterval(i); }, 1);
       clearTimeout(setTimeout(() => console.log("never"), 1)); await new Promise((r) => setTimeout(r, 60, "x")); console.log(n);`,
    );
    expect(lines).toEqual(["3"]);
  });

  test("console lines carry the call and the script, at their level", async () => {
    await bench.run('console.warn("careful\\nFORGED")');
    const line: unknown = JSON.parse(bench.lines.findLast((text) => text.includes("careful")) ?? "{}");
    expect(line).toMatchObject({ level: "warn", message: "careful\nFORGED", call: "a1", script: "ivr.ts" });
  });

  test("module state is each call's own", async () => {
    const file = bench.folder.write(
      "state.ts",
      "let n = 0;\nexport default (call: Call) => { console.log(++n, Math.random()); }",
    );
    const from = bench.lines.length;
    for (let i = 0; i < 3; i++) {
      const call = bench.start(file);
      await call.until(() => call.ended);
    }
    const lines = bench.messages(from).map((line) => line.split(" "));
    expect(lines.map(([n]) => n)).toEqual(["1", "1", "1"]);
    expect(new Set(lines.map(([, random]) => random)).size).toBe(3);
  });
});

test("the other side may hang up in the middle of a command: that is no fault of the script", async () => {
  const call = new FakeCall();
  call.answer = (command, done) => {
    call.end();
    done({ ok: false, failure: { command: command.name, reason: "the call is over" } });
  };
  bench.folder.write("a.wav", "");
  const from = bench.lines.length;
  bench.start(bench.folder.script("ivr.ts", 'await call.play("a.wav"); console.log("not reached");'), call);
  await bench.until(() => bench.messages(from).some((message) => message.includes("the script was ended")));
  expect(bench.messages(from)).toEqual(["the script was ended: CallError: PLAY: the call is over (ivr.ts:2:12)"]);
  const levels = bench.lines.slice(from).map((line) => String(Reflect.get(JSON.parse(line), "level")));
  expect(levels).toEqual(["debug"]);
});
