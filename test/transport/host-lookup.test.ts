import { describe, expect, test } from "bun:test";
import { VirtualClock } from "../../src/sip/clock.ts";
import { HostLookup, type LookupResult } from "../../src/transport/host-lookup.ts";

function setUp() {
  const clock = new VirtualClock();
  const asked: { name: string; resolve: (hosts: string[]) => void; reject: () => void }[] = [];
  const names = new HostLookup({
    clock,
    timeout: 5000,
    lookup: (name) => new Promise((resolve, reject) => asked.push({ name, resolve, reject })),
  });
  const results: LookupResult[] = [];
  return { clock, asked, names, results, ask: (name: string) => names.resolve(name, (result) => results.push(result)) };
}

/** Lets promises that are settled tell their listeners. */
const settled = () => new Promise<void>((resolve) => setImmediate(resolve));

describe("HostLookup", () => {
  test("asks once for a name however many wait, and remembers the answer for 30 s", async () => {
    const { clock, asked, results, ask } = setUp();
    ask("a.example");
    ask("a.example");
    expect(asked.length).toBe(1);
    asked[0]?.resolve(["192.0.2.1"]);
    await settled();
    expect(results).toEqual([
      { ok: true, hosts: ["192.0.2.1"] },
      { ok: true, hosts: ["192.0.2.1"] },
    ]);
    clock.advance(29_999);
    ask("a.example");
    expect(results.length).toBe(3);
    clock.advance(1);
    ask("a.example");
    expect(asked.length).toBe(2);
  });

  test("a silent resolver fails after the time limit; its late answer changes nothing", async () => {
    const { clock, asked, results, ask } = setUp();
    ask("a.example");
    clock.advance(5000);
    expect(results).toEqual([{ ok: false, reason: "resolving a.example timed out" }]);
    asked[0]?.resolve(["192.0.2.1"]);
    await settled();
    expect(results.length).toBe(1);
    expect(clock.pending).toBe(0);
  });

  test("names without an address fail, and are asked again after 2 s", async () => {
    const { clock, asked, results, ask } = setUp();
    ask("a.example");
    ask("b.example");
    asked[0]?.reject();
    asked[1]?.resolve([]);
    await settled();
    expect(results).toEqual([
      { ok: false, reason: "host a.example not found" },
      { ok: false, reason: "host b.example not found" },
    ]);
    ask("a.example");
    expect(results.length).toBe(3);
    clock.advance(2000);
    ask("a.example");
    expect(asked.length).toBe(3);
  });

  test("takes no more than 1,000 names at once", () => {
    const { asked, results, ask } = setUp();
    for (let i = 0; i < 1001; i++) ask(`n${i}.example`);
    expect(asked.length).toBe(1000);
    expect(results).toEqual([{ ok: false, reason: "too many names to resolve, not n1000.example" }]);
  });
});
