/** Time in scripts, without waiting for it. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { VirtualEngine } from "./support.ts";

let virtual: VirtualEngine;
beforeAll(async () => {
  virtual = await VirtualEngine.open({ limits: { timeout: 3_600_000, cpu: 10_000 } });
});
afterAll(() => virtual.folder.remove());

describe("timers", () => {
  test("fire when they are due, in order", async () => {
    const run = await virtual.start(
      'setTimeout(() => console.log("b"), 2000); setTimeout(() => console.log("a"), 1000); await new Promise((r) => setTimeout(r, 3000)); console.log("end")',
    );
    expect(virtual.logged(run)).toEqual([]);
    virtual.clock.advance(1500);
    expect(virtual.logged(run)).toEqual(["a"]);
    virtual.clock.advance(500);
    expect(virtual.logged(run)).toEqual(["b"]);
    virtual.clock.advance(1000);
    expect(virtual.take(run).map(({ type }) => type)).toEqual(["log", "returned"]);
    expect(virtual.clock.pending).toBe(0);
  });

  test("beyond 2^31 ms do not fire at once", async () => {
    const run = await virtual.start(
      'setTimeout(() => console.log("early"), 1e12); setTimeout(() => console.log("0"), -5); await new Promise(() => {})',
    );
    virtual.clock.advance(1000);
    expect(virtual.logged(run)).toEqual(["0"]);
    virtual.engine.receive({ type: "stop", run });
    expect(virtual.clock.pending).toBe(0);
  });
});

describe("a script's life", () => {
  test("ends after the longest time", async () => {
    const run = await virtual.start("await new Promise(() => {})");
    virtual.clock.advance(3_599_999);
    expect(virtual.take(run)).toEqual([]);
    virtual.clock.advance(1);
    expect(virtual.take(run)).toMatchObject([
      { type: "failed", reason: "it ran for longer than 3600000 ms", limit: true },
    ]);
    expect(virtual.engine.size).toBe(0);
  });

  test("goes on for 30 s after its call has ended, no longer", async () => {
    const run = await virtual.start("for await (const e of call) console.log(e.type); await new Promise(() => {})");
    virtual.engine.receive({ type: "event", run, ended: true, event: { type: "ended" } });
    expect(virtual.logged(run)).toEqual(["ended"]);
    virtual.clock.advance(30_000);
    expect(virtual.take(run)).toMatchObject([{ type: "failed", reason: "it went on after the call had ended" }]);
  });
});

test("many more calls than worlds keep their own state", async () => {
  const body =
    "const own: string[] = []; for await (const e of call) { if (e.type === 'ended') break; own.push((e as any).text); console.log(call.id, own.join('')); }";
  const first = await virtual.start(body);
  const runs = [first];
  for (let run = first + 1; run <= first + 150; run++) {
    virtual.begin(run, first);
    runs.push(run);
  }
  for (const text of ["a", "b", "c"])
    for (const run of runs)
      virtual.engine.receive({ type: "event", run, ended: false, event: { type: "message", text: text + run } });
  for (const run of runs) {
    expect(virtual.logged(run)).toEqual(
      ["a", "b", "c"].map(
        (_, i, all) =>
          `c${run} ${all
            .slice(0, i + 1)
            .map((text) => text + run)
            .join("")}`,
      ),
    );
    virtual.engine.receive({ type: "event", run, ended: true, event: { type: "ended" } });
    expect(virtual.take(run)).toEqual([{ type: "returned", run }]);
  }
  expect(virtual.engine.size).toBe(0);
  expect(virtual.clock.pending).toBe(0);
});

test("garbage collection and memory images agree", async () => {
  // Objects in cycles, made and dropped in each turn, while other calls come between.
  const body =
    "let kept: any; for await (const e of call) { if (e.type === 'ended') break; for (let i = 0; i < 2000; i++) { const a: any = { i }; a.a = a; kept = a; } console.log(kept.i); }";
  const first = await virtual.start(body);
  for (let run = first + 1; run <= first + 60; run++) virtual.begin(run, first);
  for (let turn = 0; turn < 5; turn++)
    for (let run = first; run <= first + 60; run++)
      virtual.engine.receive({ type: "event", run, ended: false, event: { type: "message", text: "" } });
  for (let run = first; run <= first + 60; run++) {
    virtual.engine.receive({ type: "event", run, ended: true, event: { type: "ended" } });
    expect(virtual.logged(run)).toEqual(Array.from({ length: 5 }, () => "1999"));
  }
});
