/** A script that goes wrong ends its own call, and only that one. */
import { afterAll, describe, expect, test } from "bun:test";
import { FakeCall } from "../../support/fake-call.ts";
import { Bench } from "./support.ts";

const bench = new Bench();
/** For faults that another limit finds: even on a machine that has no time for us, that limit comes first. */
const patientBench = new Bench(() => ({ cpu: 4_000 }));
afterAll(async () => {
  await bench.close();
  await patientBench.close();
});

const longRun = "it ran for more than 50 ms without waiting for anything";

/** What goes wrong, the script, and how its call ends. */
const faults: readonly [name: string, body: string, reason: RegExp][] = [
  ["an endless loop", "for (;;) {}", new RegExp(`^${longRun} \\(ivr\\.ts:\\d+:\\d+\\)$`)],
  [
    "an endless loop after a wait",
    "await null;\nconst f = () => { for (;;) {} };\nf();",
    new RegExp(`^${longRun} \\(ivr\\.ts:3:`),
  ],
  [
    "an endless loop in a timer",
    "setTimeout(() => { for (;;) {} }, 0); await new Promise(() => {});",
    new RegExp(longRun),
  ],
  ["an endless promise chain", "const f = (): any => Promise.resolve().then(f); await f();", new RegExp(longRun)],
  [
    "an endless queue of microtasks",
    "const f = () => queueMicrotask(f); f(); await new Promise(() => {});",
    new RegExp(longRun),
  ],
  ["a loop that catches all", "for (;;) try { for (;;) {} } catch {} finally { for (;;) {} }", new RegExp(longRun)],
  [
    "a loop in a rejection handler",
    "for (;;) await (async () => { for (;;) {} })().catch(() => {});",
    new RegExp(longRun),
  ],
  [
    "a catastrophic regular expression",
    '\n/^(a+)+$/.test("a".repeat(40) + "b")',
    new RegExp(`^${longRun} \\(ivr\\.ts:3:`),
  ],
  [
    "a memory bomb of strings",
    '\nconst a = []; for (;;) a.push("x".repeat(1e5) + a.length);',
    /out of memory \(ivr\.ts:3:/,
  ],
  [
    "a memory bomb of arrays",
    "let a: any = []; for (;;) a = [a, a, new Array(1000).fill(a)];",
    /out of memory|without waiting/,
  ],
  ["a memory bomb of buffers", "const a = []; for (;;) a.push(new ArrayBuffer(1e6));", /out of memory/],
  ["one string that doubles", 'let s = "x"; for (;;) s += s;', /too long|out of memory/],
  ["deep recursion", "const f = (): number => f() + 1;\nf();", /stack overflow \(ivr\.ts:2:/],
  ["recursion through JSON", "const o: any = { toJSON: () => JSON.stringify(o) }; JSON.stringify(o);", /overflow|deep/],
  ["recursion through getters", "const o: any = { get a() { return o.a; } }; o.a;", /overflow/],
  ["recursion through a proxy", "const p: any = new Proxy({}, { get: (_, k) => p[k] }); p.x;", /overflow/],
  [
    "ten thousand timers",
    "\nfor (let i = 0; i < 10_000; i++) setTimeout(() => {}, 1e6);\nawait new Promise(() => {});",
    /^it has more than 1000 timers \(ivr\.ts:3:/,
  ],
  [
    "ten thousand timers, errors caught",
    "for (let i = 0; i < 10_000; i++) try { setTimeout(() => {}, 1e6); } catch {}",
    /^it has more than 1000 timers/,
  ],
  ["endless commands", "for (;;) (call as any).mute();", /^it has more than 1000 requests under way/],
  ["a sparse array made text", "String(new Array(1e9))", /RangeError: join on more than 4000000 elements \(ivr\.ts:2:/],
  ["a sparse array searched", "new Array(1e9).indexOf(1)", /RangeError: indexOf on more/],
  ["a guard that shall be undone", "(Array.prototype as any).join = () => ''; ", /TypeError: .*read-only/],
  ["JSON nested deep", 'JSON.parse("[".repeat(1e6))', /SyntaxError: JSON nested more than 1000 deep/],
  [
    "an object nested deep",
    "let o = {}; for (let i = 0; i < 5e3; i++) o = { o };\nJSON.stringify(o)",
    /TypeError: JSON of something circular, or nested/,
  ],
  ["source nested deep", 'eval("[".repeat(1e5))', /QuickJS failed|overflow|SyntaxError/],
  ["a set of a sparse array", "new Set(new Array(1e9))", new RegExp(longRun)],
];

describe("ends its call alone:", () => {
  test.each(faults)(
    "%s",
    async (_, body, reason) => {
      const used = reason.source.includes(longRun) ? bench : patientBench;
      const neighbour = used.start(
        used.folder.script(
          "neighbour.ts",
          'await call.answer(); for await (const e of call) if (e.type === "dtmf") await call.dtmf(e.digit);',
        ),
      );
      await neighbour.performed(1);
      const call = await used.run(body).finally(() => neighbour.emit({ name: "DTMF", digit: "7", duration: 100 }));
      expect(call.finished?.type).toBe("failed");
      expect(call.finished?.type === "failed" ? call.finished.reason : "").toMatch(reason);
      expect(neighbour.ended).toBe(false);
      expect(await neighbour.performed(2)).toEqual(["ANSWER", "DTMF"]);
      neighbour.end();
    },
    20_000,
  );
});

test("console lines are bounded in number and length", async () => {
  const lines = await patientBench.console(
    'for (let i = 0; i < 300; i++) console.log(i); await new Promise((r) => setTimeout(r, 200)); console.log("x".repeat(1e5));',
  );
  expect(lines.length).toBeLessThan(300);
  expect(lines.some((line) => line.includes("lines of the script's console left out"))).toBe(true);
  expect(Math.max(...lines.map((line) => line.length))).toBeLessThan(9000);
});

describe("a worker stuck where QuickJS does not look at the clock", () => {
  const stuckBench = new Bench(() => ({ patience: 4_000 }));
  afterAll(() => stuckBench.close());
  const reason = "it spent too long in one operation that cannot be interrupted";
  // The length that the guard sees is another than the one that QuickJS then walks.
  const endless = `let n = 0;
    const list = { get length() { return n++ === 0 ? 1 : 2 ** 53 - 1; } };
    Array.prototype.indexOf.call(list, 1);`;

  test("is replaced at once for new calls, and given up in the end", async () => {
    const stuck = stuckBench.folder.script("stuck.ts", endless);
    const first = stuckBench.start(stuck);
    await stuckBench.until(() => stuckBench.host.stats.quarantined.length === 1);
    expect(first.ended).toBe(false);
    const neighbour = stuckBench.start(
      stuckBench.folder.script("neighbour.ts", "await call.answer(); await call.ended;"),
    );
    await neighbour.performed(1);
    expect(first.ended).toBe(false);
    await first.until(() => first.ended);
    expect(first.finished).toMatchObject({ type: "failed", reason });

    // The second time the script is among its own.
    const second = stuckBench.start(stuck);
    await second.until(() => second.ended);
    expect(second.finished).toMatchObject({ type: "failed", reason });
    expect(neighbour.ended).toBe(false);
    neighbour.end();
    await stuckBench.until(() => stuckBench.host.stats.running === 0);
    expect(stuckBench.host.stats.workers).toBe(1);
  }, 60_000);

  test("keeps its other calls if it comes back in time", async () => {
    const waiting = new Bench(() => ({ patience: 60_000 }));
    const neighbour = waiting.start(
      waiting.folder.script(
        "patient.ts",
        "await call.answer(); for await (const e of call) if (e.type === 'dtmf') await call.dtmf(e.digit);",
      ),
    );
    await neighbour.performed(1);
    const slow = waiting.start(waiting.folder.script("slow.ts", "let n = 3n; for (;;) n **= 3n;"));
    await slow.until(() => slow.ended);
    expect(slow.finished?.type).toBe("failed");
    neighbour.emit({ name: "DTMF", digit: "5", duration: 100 });
    expect(await neighbour.performed(2)).toEqual(["ANSWER", "DTMF"]);
    neighbour.end();
    await waiting.close();
  }, 60_000);
});

test("closing the host finishes its calls", async () => {
  const other = new Bench();
  const call = other.start(other.folder.script("ivr.ts", "await call.answer(); await call.ended;"), new FakeCall());
  await call.performed(1);
  await other.close();
  expect(call.finished).toMatchObject({ type: "failed", reason: "siproc is shutting down" });
});

test("a retired host lets its calls end, and takes no more", async () => {
  const other = new Bench();
  const file = other.folder.script(
    "ivr.ts",
    "await call.answer(); for await (const e of call) if (e.type === 'dtmf') break;",
  );
  const call = other.start(file);
  await call.performed(1);
  other.host.retire();
  const late = other.start(file);
  await late.until(() => late.ended);
  expect(late.finished?.type).toBe("failed");
  expect(call.ended).toBe(false);
  call.emit({ name: "DTMF", digit: "1", duration: 100 });
  await call.until(() => call.ended);
  expect(call.finished).toMatchObject({ type: "returned" });
  await other.close();
});
