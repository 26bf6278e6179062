/** What a server rehearses, that it goes well, and that real traffic ends it. */
import { describe, expect, test } from "bun:test";
import { readConfig } from "../../src/config/index.ts";
import { startServer } from "../../src/server/index.ts";
import { type Play, rehearsal, repertoire } from "../../src/server/rehearsal.ts";
import { warmUp } from "../../src/server/warm-up.ts";

describe("a rehearsal", () => {
  for (const play of ["registration", "stateless", "stateful"] as const satisfies Play[])
    test(`of ${play} goes well`, async () => {
      const steps = rehearsal([play], startServer, 60);
      let count = 0;
      let last: IteratorResult<void, number>;
      // The server reads its network in turns of the loop.
      for (last = await steps.next(); last.done !== true; last = await steps.next()) {
        count++;
        await Bun.sleep(0);
      }
      expect(count).toBe(60);
      // Where the machine has no time for us a step's messages may have to wait, and it is not played to its end.
      expect(last.value).toBeGreaterThan(20);
    });

  test("of several plays them in turn", async () => {
    const steps = rehearsal(["registration", "stateless", "stateful"], startServer, 5);
    let count = 0;
    for (let step = await steps.next(); step.done !== true; step = await steps.next()) count++;
    expect(count).toBe(15);
  });

  test("of nothing starts no server", async () => {
    const none = rehearsal([], () => Promise.reject(new Error("a server was started")));
    expect(await none.next()).toEqual({ done: true, value: 0 });
  });

  test("plays what the routes and accounts ask for", async () => {
    const of = async (text: string) => {
      const read = await readConfig(new TextEncoder().encode(text), "/siproc.yaml", { environment: {} });
      if (!read.ok) throw new Error(read.problems[0]?.message);
      return repertoire(read.config, read.config.accounts !== undefined);
    };
    expect(await of("routes: [{ reply: 404 }]")).toEqual([]);
    expect(await of("accounts: [{ user: a, password: b }]\nroutes: [{ location: true }]")).toEqual([
      "registration",
      "stateful",
    ]);
    expect(await of('routes: [{ proxy: "sip:192.0.2.1", mode: stateless }]')).toEqual(["stateless"]);
  });
});

/** A rehearsal of slow steps, and whether it was closed. */
function slow() {
  const seen = { steps: 0, closed: false };
  async function* play(): AsyncGenerator<void, void, void> {
    try {
      for (; seen.steps < 1000; seen.steps++) {
        const until = performance.now() + 5;
        while (performance.now() < until);
        yield;
      }
    } finally {
      seen.closed = true;
    }
  }
  return { seen, play: play() };
}

describe("beside real traffic", () => {
  test("it goes on while few messages come, and ends when many do", async () => {
    const { seen, play } = slow();
    const { promise, resolve } = Promise.withResolvers<void>();
    let messages = 0;
    let pauses = 0;
    warmUp(
      play,
      () => messages,
      async () => {
        pauses++;
        messages += pauses < 4 ? 1 : 100;
        if (pauses === 4) queueMicrotask(() => setTimeout(resolve, 0));
      },
    );
    await promise;
    expect([pauses, seen.closed]).toEqual([4, true]);
  });

  test("it ends with its step when the server stops", async () => {
    const { seen, play } = slow();
    const { promise, resolve } = Promise.withResolvers<void>();
    let pauses = 0;
    const end = warmUp(
      play,
      () => 0,
      async () => {
        await Promise.resolve();
        if (++pauses < 2) return;
        end();
        setTimeout(resolve, 0);
      },
    );
    await promise;
    expect([seen.steps < 3, seen.closed]).toEqual([true, true]);
  });
});
