/** What waits for a disk: written in batches, kept while it cannot be, and never in anybody's way. Virtual time, no disk. */
import { describe, expect, test } from "bun:test";
import { createLog } from "../../src/log.ts";
import { VirtualClock } from "../../src/sip/clock.ts";
import type { FromWorker, ToWorker } from "../../src/store/protocol.ts";
import { type WorkerPort, WriteBehind } from "../../src/store/write-behind.ts";
import { seeded } from "../support/random.ts";
import { storedBinding, type TestBinding } from "./support.ts";

/** A worker that answers when the test lets it. */
class FakeWorker implements WorkerPort {
  onmessage: ((event: MessageEvent<FromWorker>) => void) | null = null;
  onerror: ((event: ErrorEvent) => void) | null = null;
  readonly asked: ToWorker[] = [];
  ended = false;

  postMessage(message: ToWorker): void {
    this.asked.push(message);
  }

  terminate(): void {
    this.ended = true;
  }

  answer(message: FromWorker): void {
    this.onmessage?.(new MessageEvent("message", { data: message }));
  }

  /** What is to be written, and not answered yet. */
  take(): { rows: number[]; gone: string; values: readonly unknown[]; records: readonly string[] }[] {
    return this.asked.splice(0).flatMap((message) => {
      if (message.type !== "write") return [];
      const { bindings, gone, values, records } = message.batch;
      const rows = bindings === "" ? [] : bindings.split("\0").map((row) => Number.parseInt(row, 10));
      return [{ rows, gone, values, records }];
    });
  }
}

async function opened() {
  const clock = new VirtualClock();
  const lines: string[] = [];
  const workers: FakeWorker[] = [];
  const behind = new WriteBehind({
    file: "s.db",
    clock,
    log: createLog({ level: "debug", format: "pretty", write: (line) => lines.push(line.slice(13)) }),
    worker: () => {
      const worker = new FakeWorker();
      workers.push(worker);
      return worker;
    },
  });
  const open = behind.open();
  workers[0]?.answer({ type: "opened" });
  expect(await open).toBeUndefined();
  const worker = () => {
    const last = workers.at(-1);
    if (last === undefined) throw new RangeError("there is no worker");
    return last;
  };
  worker().take();
  return { clock, behind, worker, workers, lines };
}

const one = { rows: [1], gone: "", values: [], records: [] };

describe("batches", () => {
  test("all that changes within a fifth of a second goes together, once", async () => {
    const { clock, behind, worker } = await opened();
    const binding = storedBinding(1);
    behind.put(binding);
    behind.put(binding);
    clock.advance(100);
    behind.put(storedBinding(2));
    behind.value("bans", "192.0.2.7", "{}");
    behind.value("bans", "192.0.2.7", null);
    behind.record("{}");
    clock.advance(99);
    expect(worker().take()).toEqual([]);
    clock.advance(1);
    expect(worker().take()).toEqual([
      { rows: [1, 2], gone: "", values: [["bans", "192.0.2.7", null]], records: ["{}"] },
    ]);
    expect(clock.pending).toBe(1);
    worker().answer({ type: "written" });
    expect([behind.waiting, clock.pending]).toEqual([0, 0]);
  });

  test("one is on its way at a time; what changes meanwhile follows", async () => {
    const { clock, behind, worker } = await opened();
    const binding = storedBinding(1);
    behind.put(binding);
    clock.advance(200);
    behind.delete(binding);
    behind.put(storedBinding(2));
    clock.advance(1000);
    expect(worker().take()).toEqual([one]);
    worker().answer({ type: "written" });
    clock.advance(200);
    expect(worker().take()).toEqual([{ rows: [2], gone: "1", values: [], records: [] }]);
  });

  test("a binding that came and went between two batches costs nothing", async () => {
    const { clock, behind, worker } = await opened();
    const binding = storedBinding(1);
    behind.put(binding);
    behind.delete(binding);
    clock.advance(200);
    expect(worker().take()).toEqual([]);
    expect([behind.waiting, clock.pending]).toEqual([0, 0]);
  });

  test("many are written in pieces, one right after the other", async () => {
    const { clock, behind, worker } = await opened();
    for (let id = 1; id <= 12_000; id++) behind.put(storedBinding(id));
    clock.advance(200);
    const sizes: number[] = [];
    for (let piece = 0; piece < 3; piece++) {
      sizes.push(worker().take()[0]?.rows.length ?? 0);
      worker().answer({ type: "written" });
      if (piece === 1) clock.advance(200);
    }
    expect(sizes).toEqual([5000, 5000, 2000]);
    expect(behind.waiting).toBe(0);
  });
});

describe("a disk that takes nothing", () => {
  test("is warned of once; all is kept and tried again, ever less often, and nothing is lost", async () => {
    const { clock, behind, worker, lines } = await opened();
    const [first, second] = [storedBinding(1), storedBinding(2)];
    behind.put(first);
    behind.value("accounts", "alice", "1");
    behind.record("{}");
    clock.advance(200);
    const waits = [1000, 2000, 4000, 8000, 16_000, 30_000, 30_000];
    for (const wait of waits) {
      expect(worker().take()).toHaveLength(1);
      worker().answer({ type: "failed", reason: "disk I/O error" });
      behind.put(second);
      clock.advance(wait - 1);
      expect(worker().take()).toEqual([]);
      clock.advance(1);
    }
    expect(behind.failure).toBe("disk I/O error");
    expect(worker().take()).toEqual([
      { rows: [1, 2], gone: "", values: [["accounts", "alice", "1"]], records: ["{}"] },
    ]);
    worker().answer({ type: "written" });
    expect([behind.waiting, behind.failure, clock.pending]).toEqual([0, undefined, 0]);
    expect(lines).toEqual([
      'warn  the store cannot be written; changes are kept in memory until it can file=s.db reason="disk I/O error"',
      "info  the store can be written again; nothing but the call records told of is lost file=s.db lostRecords=0",
    ]);
  });

  test("what changed while a batch failed is written as it is then", async () => {
    const { clock, behind, worker } = await opened();
    const [changed, gone] = [storedBinding(1), storedBinding(2)];
    behind.put(changed);
    behind.put(gone);
    behind.value("bans", "a", "1");
    clock.advance(200);
    worker().take();
    behind.put(changed);
    behind.delete(gone);
    behind.value("bans", "a", "2");
    worker().answer({ type: "failed", reason: "locked" });
    clock.advance(1000);
    expect(worker().take()).toEqual([{ rows: [1], gone: "2", values: [["bans", "a", "2"]], records: [] }]);
  });

  test("a worker that is silent is spoken of, and waited for", async () => {
    const { clock, behind, worker, lines } = await opened();
    behind.put(storedBinding(1));
    clock.advance(60_000);
    expect(lines).toHaveLength(1);
    expect(lines[0]).toContain('reason="the disk takes long"');
    expect(worker().take()).toEqual([one]);
    worker().answer({ type: "written" });
    expect(behind.failure).toBeUndefined();
  });

  test("a worker that dies is followed by another, which writes what the first had", async () => {
    const { clock, behind, worker, workers } = await opened();
    behind.put(storedBinding(1));
    clock.advance(200);
    worker().onerror?.(new ErrorEvent("error", { message: "out of memory" }));
    expect(worker().ended).toBe(true);
    clock.advance(1000);
    expect(workers).toHaveLength(2);
    expect(worker().take()).toEqual([one]);
  });

  test("call records wait in bounded number; how many were lost is told in the end", async () => {
    const { clock, behind, worker, lines } = await opened();
    behind.record("0");
    clock.advance(200);
    worker().answer({ type: "failed", reason: "full" });
    for (let record = 1; record <= 250_000; record++) behind.record(String(record));
    expect(behind.waiting).toBeLessThanOrEqual(100_000);
    for (clock.advance(1000); behind.waiting > 0; clock.advance(200)) worker().answer({ type: "written" });
    expect(lines.at(-1)).toMatch(/lostRecords=\d{6}$/);
  });
});

describe("closing", () => {
  test("writes what is left, then closes the file and ends the worker", async () => {
    const { behind, worker } = await opened();
    behind.put(storedBinding(1));
    const closed = behind.close(1000);
    expect(worker().take()).toEqual([one]);
    worker().answer({ type: "written" });
    for (let turn = 0; turn < 10 && worker().asked.length === 0; turn++) await Promise.resolve();
    expect(worker().asked).toEqual([{ type: "close" }]);
    worker().answer({ type: "closed" });
    await closed;
    expect(worker().ended).toBe(true);
  });

  test("does not wait for ever, and says what is lost", async () => {
    const { clock, behind, worker, lines } = await opened();
    behind.put(storedBinding(1));
    const closed = behind.close(1000);
    for (let turn = 0; turn < 10; turn++) {
      clock.advance(1000);
      await Promise.resolve();
    }
    await closed;
    expect(worker().ended).toBe(true);
    expect(lines.at(-1)).toStartWith("error changes could not be written to the store and are lost changes=1");
  });
});

test("whatever happens in whatever order, what is written in the end is what there is (seeded, 300 runs)", async () => {
  for (let seed = 1; seed <= 300; seed++) {
    const random = seeded(seed);
    const { clock, behind, worker } = await opened();
    const disk = new Set<number>();
    const present = new Map<number, TestBinding>();
    let lastId = 0;
    let batch: ReturnType<FakeWorker["take"]>[number] | undefined;
    const step = (chance: number) => {
      batch ??= worker().take()[0];
      if (chance < 0.3) {
        const binding = storedBinding(++lastId);
        present.set(lastId, binding);
        behind.put(binding);
      } else if (chance < 0.5) {
        const [some] = [...present.values()].slice(Math.floor(random() * present.size));
        if (some !== undefined) behind.put(some);
      } else if (chance < 0.65) {
        const [some] = [...present.values()].slice(Math.floor(random() * present.size));
        if (some === undefined) return;
        present.delete(some.id);
        behind.delete(some);
      } else if (chance < 0.8) clock.advance(Math.floor(random() * 3000));
      else if (batch !== undefined) {
        const { rows, gone } = batch;
        batch = undefined;
        if (chance < 0.9) return worker().answer({ type: "failed", reason: "x" });
        for (const id of rows) disk.add(id);
        for (const id of gone.split(",")) disk.delete(Number(id));
        worker().answer({ type: "written" });
      }
    };
    for (let steps = 0; steps < 100; steps++) step(random());
    for (let settling = 0; settling < 200; settling++) step(settling % 2 === 0 ? 0.95 : 0.79);
    expect([...disk].sort((a, b) => a - b)).toEqual([...present.keys()]);
    expect(behind.waiting).toBe(0);
  }
});
