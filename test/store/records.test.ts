/** Call records in both stores: what is found, in which order, and what is forgotten. */
import { afterEach, describe, expect, test } from "bun:test";
import { join } from "node:path";
import { createLog } from "../../src/log.ts";
import { VirtualClock } from "../../src/sip/clock.ts";
import { openStore, type RecordFilter, type Store } from "../../src/store/index.ts";
import { temporaryFolder } from "../support/peers/folder.ts";
import { below, pick, seeded } from "../support/random.ts";

const stores: Store[] = [];
afterEach(async () => {
  for (const store of stores.splice(0)) await store.close();
});

const log = createLog({ level: "error", format: "pretty", write: () => {} });
async function open(kind: string): Promise<Store> {
  const url = kind === "memory" ? "memory:" : `sqlite:${join(temporaryFolder("records"), "s.db")}`;
  const store = await openStore(url, { log, clock: new VirtualClock() });
  stores.push(store);
  return store;
}

interface Made {
  readonly n: number;
  readonly begin: number;
  readonly end: number;
  readonly answer?: number;
  readonly status: number;
  readonly callerUser: string;
  readonly calleeUser: string;
  readonly worstMos?: number;
}

function made(n: number, now = Date.now()): Made {
  const random = seeded(n);
  const begin = now - 1_000_000 + n * 1000;
  const answered = random() < 0.5;
  return {
    ...{ n, begin, end: begin + 500, status: answered ? 200 : pick(random, [404, 486, 487]) },
    ...(answered ? { answer: begin + 100, worstMos: 1 + below(random, 34) / 10 } : {}),
    callerUser: `u${below(random, 5)}`,
    calleeUser: pick(random, ["u1", "“quoted” ' --", "'; DROP TABLE calls;"]),
  };
}

const numbers = (found: readonly (readonly [number, unknown])[]) => found.map(([, record]) => (record as Made).n);

describe.each(["memory", "sqlite"])("records in %s", (kind) => {
  test("are found by all that a question names, the newest first", async () => {
    const store = await open(kind);
    const all = Array.from({ length: 200 }, (_, i) => made(i));
    for (const record of all) store.records.append(record);
    const newest = all.toReversed();
    const middle = all[100]?.begin ?? 0;
    const questions: [RecordFilter["where"], (record: Made) => boolean][] = [
      [[], () => true],
      [
        [{ anyOf: ["callerUser", "calleeUser"], is: "=", value: "u1" }],
        (r) => r.callerUser === "u1" || r.calleeUser === "u1",
      ],
      [[{ member: "calleeUser", is: "=", value: "'; DROP TABLE calls;" }], (r) => r.calleeUser.startsWith("';")],
      [[{ member: "status", is: "=", value: 486 }], (r) => r.status === 486],
      [[{ member: "answer", is: "there" }], (r) => r.answer !== undefined],
      [[{ member: "answer", is: "missing" }], (r) => r.answer === undefined],
      [[{ member: "worstMos", is: "<", value: 2 }], (r) => r.worstMos !== undefined && r.worstMos < 2],
      [
        [
          { member: "begin", is: ">=", value: middle },
          { member: "status", is: "<", value: 300 },
        ],
        (r) => r.begin >= middle && r.status < 300,
      ],
    ];
    for (const [where, holds] of questions)
      expect(numbers(await store.records.find({ limit: 1000, where }))).toEqual(newest.filter(holds).map(({ n }) => n));
  });

  test("come in pages", async () => {
    const store = await open(kind);
    for (let i = 0; i < 25; i++) store.records.append(made(i));
    const pages: number[][] = [];
    let before: number | undefined;
    for (;;) {
      const found = await store.records.find({ limit: 10, before, where: [] });
      if (found.length === 0) break;
      pages.push(numbers(found));
      before = found.at(-1)?.[0];
    }
    expect(pages.map(({ length }) => length)).toEqual([10, 10, 5]);
    expect(pages.flat()).toEqual(Array.from({ length: 25 }, (_, i) => 24 - i));
  });

  test("go when they are too old, or too many", async () => {
    const store = await open(kind);
    const now = Date.now();
    for (let i = 0; i < 10; i++) store.records.append({ n: i, begin: 0, end: now - (10 - i) * 3_600_000 });
    await store.flush();
    store.records.retain({ keep: 5.5 * 3_600_000, most: 1000 });
    expect(numbers(await store.records.find({ limit: 100, where: [] }))).toEqual([9, 8, 7, 6, 5]);
    store.records.retain({ keep: Number.POSITIVE_INFINITY, most: 3 });
    for (let i = 10; i < 13; i++) store.records.append({ n: i, begin: 0, end: now });
    expect(numbers(await store.records.find({ limit: 100, where: [] }))).toEqual([12, 11, 10]);
  });
});

test("a call's record outlives the process that made it", async () => {
  const file = join(temporaryFolder("records"), "s.db");
  const first = await openStore(`sqlite:${file}`, { log, clock: new VirtualClock() });
  first.records.append(made(1));
  await first.close();
  const second = await openStore(`sqlite:${file}`, { log, clock: new VirtualClock() });
  stores.push(second);
  expect(numbers(await second.records.find({ limit: 10, where: [] }))).toEqual([1]);
});
