/** Many calls one after another, in virtual time: how many at once, how fast, what is tried again, and what a reader does. */
import { describe, expect, test } from "bun:test";
import { Filter, type FilterSettings } from "../../src/phone/filter.ts";
import { Progress, progressLine } from "../../src/phone/progress.ts";
import { type CallResult, invalid } from "../../src/phone/result.ts";
import type { Target } from "../../src/phone/targets.ts";
import { VirtualClock } from "../../src/sip/clock.ts";

const result = (target: string, code: number, by: CallResult["by"] = "remote"): CallResult => ({
  ...invalid(target, ""),
  status: code === 200 ? "answered" : "failed",
  code,
  by,
});

async function* targets(...uris: string[]): AsyncGenerator<Target> {
  for (const uri of uris) yield { uri, variables: {} };
}

/** Lets everything happen that needs no time. */
async function settle(): Promise<void> {
  for (let i = 0; i < 50; i++) await Promise.resolve();
}

/** A filter whose calls take `length` ms each and end as `codes` say: of each target one after another, the last again and again. */
function bench(
  given: AsyncIterable<Target>,
  settings: Partial<FilterSettings> = {},
  codes: Readonly<Record<string, number[]>> = {},
  length = 1000,
) {
  const clock = new VirtualClock();
  const log: string[] = [];
  const results: CallResult[] = [];
  let up = 0;
  let most = 0;
  const reader = { taken: () => Promise.resolve() };
  const filter = new Filter(
    { atOnce: 1, interval: 0, retries: 0, retryPause: 5000, ...settings },
    {
      clock,
      targets: given,
      call: ({ uri }) => {
        log.push(`${clock.now()} ${uri}`);
        most = Math.max(most, ++up);
        const left = codes[uri] ?? [200];
        const code = (left.length > 1 ? left.shift() : left[0]) ?? 200;
        const { promise, resolve } = Promise.withResolvers<CallResult>();
        clock.after(length, () => {
          up--;
          resolve(result(uri, code));
        });
        return promise;
      },
      report: (one) => {
        results.push(one);
        return reader.taken();
      },
    },
  );
  const done = filter.run();
  const pass = async (ms: number) => {
    for (let left = ms; left > 0; left -= 100) {
      await settle();
      clock.advance(Math.min(100, left));
    }
    await settle();
  };
  return { clock, filter, done, log, results, pass, reader, most: () => most };
}

describe("the filter", () => {
  test("calls one at a time, in order", async () => {
    const { log, pass, done, most } = bench(targets("a", "b", "c"));
    await pass(3000);
    expect(log).toEqual(["0 a", "1000 b", "2000 c"]);
    expect(await done).toMatchObject({ answered: 3, failed: 0, running: 0 });
    expect(most()).toBe(1);
  });

  test("calls so many at a time, each exactly once", async () => {
    const all = Array.from({ length: 100 }, (_, i) => `t${i}`);
    const { results, pass, done, most } = bench(targets(...all), { atOnce: 7 });
    await pass(16_000);
    expect(await done).toMatchObject({ answered: 100 });
    expect(most()).toBe(7);
    expect(results.map(({ target }) => target).sort()).toEqual(all.sort());
  });

  test("a rate spaces the calls, however many may be up", async () => {
    const { log, pass, done } = bench(targets("a", "b", "c", "d"), { atOnce: 10, interval: 500 });
    await pass(4000);
    await done;
    expect(log).toEqual(["0 a", "500 b", "1000 c", "1500 d"]);
  });

  test.each([
    [486, 2],
    [503, 2],
    [408, 2],
    [480, 2],
    [404, 1],
    [603, 1],
    [403, 1],
  ])("%d is tried %d times with one retry", async (code, attempts) => {
    const { log, results, pass, done } = bench(targets("a"), { retries: 1, retryPause: 2000 }, { a: [code] });
    await pass(5000);
    expect(await done).toMatchObject({ failed: 1 });
    expect(log).toEqual(["0 a", "3000 a"].slice(0, attempts));
    expect(results.map((one) => one.attempts)).toEqual([attempts === 1 ? undefined : attempts]);
  });

  test("others are called while one waits to be tried again, and it counts by its last attempt", async () => {
    const { log, results, pass, done } = bench(
      targets("a", "b", "c"),
      { retries: 3, retryPause: 1500 },
      { a: [486, 200] },
    );
    await pass(6000);
    expect(await done).toMatchObject({ answered: 3, failed: 0 });
    expect(log).toEqual(["0 a", "1000 b", "2000 c", "3000 a"]);
    expect(results.map(({ target, code }) => `${target} ${code}`)).toEqual(["b 200", "c 200", "a 200"]);
  });

  test("a reader that takes no result has nobody called, and loses nothing", async () => {
    const { log, results, pass, done, reader } = bench(targets("a", "b", "c"));
    const stuck = Promise.withResolvers<void>();
    reader.taken = () => stuck.promise;
    await pass(5000);
    expect(log).toEqual(["0 a"]);
    reader.taken = () => Promise.resolve();
    stuck.resolve();
    await pass(3000);
    await done;
    expect(results).toHaveLength(3);
  });

  test("no more is read than can be called soon", async () => {
    let read = 0;
    async function* endless(): AsyncGenerator<Target> {
      for (;;) yield { uri: `t${read++}`, variables: {} };
    }
    const { filter, pass, done, results } = bench(endless(), { atOnce: 2 });
    await pass(2500);
    expect(read).toBeLessThan(30);
    filter.stop();
    await pass(1000);
    expect(await done).toMatchObject({ running: 0, complete: expect.anything() });
    expect(results).toHaveLength(6);
  });

  test("stopped, it calls nobody any more and waits for the calls that are up", async () => {
    const { filter, log, results, pass, done } = bench(targets("a", "b", "c"), { atOnce: 2, retries: 1 });
    await pass(500);
    filter.stop();
    await pass(1000);
    await done;
    expect(log).toEqual(["0 a", "0 b"]);
    expect(results).toHaveLength(2);
  });

  test("targets that cannot be read on end it with their error, after the calls that are up", async () => {
    async function* broken(): AsyncGenerator<Target> {
      yield { uri: "a", variables: {} };
      throw new RangeError("gone");
    }
    const { results, pass, done } = bench(broken());
    const outcome = done.catch((error: unknown) => error);
    await pass(2000);
    expect(await outcome).toBeInstanceOf(RangeError);
    expect(results).toHaveLength(1);
  });
});

describe("the progress line", () => {
  const tally = { running: 5, waiting: 0, answered: 40, failed: 10, complete: false };
  test.each([
    [tally, 100, "[==========          ] 50/100 done, 5 up, 10 failed"],
    [tally, undefined, "50 done, 5 up, 10 failed"],
    [{ ...tally, waiting: 2 }, 50, "[====================] 50/50 done, 5 up, 2 to be tried again, 10 failed"],
    [tally, 0, "50/0 done, 5 up, 10 failed"],
  ])("%j of %p", (given, total, line) => expect(progressLine(given, total)).toBe(line));

  test("is painted a few times a second, however much happens", () => {
    const clock = new VirtualClock();
    let painted = 0;
    const progress = new Progress(clock, () => void painted++, 100);
    for (let i = 0; i < 1000; i++) {
      progress.show(tally);
      clock.advance(1);
    }
    expect(painted).toBeWithin(3, 8);
    progress.end();
    expect(clock.pending).toBe(0);
  });
});
