import { expect, test } from "bun:test";
import { DatagramTurns } from "../../src/transport/datagram-turns.ts";

/** Each datagram costs `cost` ms of the test's time to handle, and `reading` ms to read. */
function setUp(cost: number, reading = 0, free = 0) {
  const taken: number[] = [];
  const turns: (() => void)[] = [];
  const drops: string[] = [];
  const waits: number[] = [];
  let now = 0;
  const queue: DatagramTurns = new DatagramTurns({
    take: (_octets, port) => {
      taken.push(port);
      waits.push(queue.waited);
      now += cost;
    },
    drop: (sources) => drops.push(sources === "all" ? "all" : sources.join(" ")),
    now: () => now,
    later: (go) => turns.push(go),
    free,
  });
  const push = (from: number, to: number, host = "192.0.2.1", size = 1) => {
    for (let i = from; i <= to; i++) {
      queue.push(new Uint8Array(size), i, host);
      now += reading;
    }
  };
  const turn = () => turns.shift()?.();
  const pass = (ms: number) => {
    now += ms;
  };
  return { taken, pass, waits, turns, drops, queue, push, turn };
}

const numbers = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, i) => from + i);

test("what comes within the turn's 10 ms is handled at once", () => {
  const { taken, turns, drops, push, turn } = setUp(0.01);
  push(1, 900);
  expect(taken.length).toBe(900);
  turn();
  expect(turns).toEqual([]);
  expect(drops).toEqual([]);
});

test("single datagrams need no turn of their own, and a burst no more than a few of them", () => {
  const { taken, turns, push, turn } = setUp(1, 0, 8);
  push(1, 8);
  expect([taken.length, turns.length]).toEqual([8, 0]);
  push(9, 30);
  expect([taken.length, turns.length]).toEqual([18, 1]);
  turn();
  expect(taken).toEqual(numbers(1, 28));
  turn();
  turn();
  expect([taken.length, turns.length]).toEqual([30, 0]);
  push(31, 38);
  expect([taken.length, turns.length]).toEqual([38, 0]);
});

test("a burst is handled in turns of 10 ms, in order, behind it what comes meanwhile", () => {
  const { taken, turns, drops, push, turn } = setUp(1);
  push(1, 25);
  expect(taken).toEqual(numbers(1, 10));
  turn();
  expect(taken).toEqual(numbers(1, 20));
  push(26, 30);
  expect(taken).toEqual(numbers(1, 20));
  turn();
  expect(taken).toEqual(numbers(1, 30));
  turn();
  turn();
  expect(turns).toEqual([]);
  push(31, 32);
  expect(taken).toEqual(numbers(1, 32));
  expect(drops).toEqual([]);
});

test("ACK, BYE and responses are taken before what came from the same source ahead of them", () => {
  const { taken, queue, push, turn } = setUp(10);
  push(1, 2);
  const heads = ["INVITE", "ACK", "CANCEL", "BYE", "SIP/2.0 200", "UPDATE", "", "A"];
  for (const [at, head] of heads.entries()) queue.push(Buffer.from(head), 3 + at, "192.0.2.1");
  for (let i = 0; i < 9; i++) turn();
  expect(taken).toEqual([1, 4, 6, 7, 2, 3, 5, 8, 9, 10]);
});

test("each datagram tells how long it has waited", () => {
  const { queue, waits, push, turn } = setUp(4);
  push(1, 5);
  turn();
  expect(waits).toEqual([0, 0, 0, 0, 4]);
  expect(queue.waited).toBe(0);
  push(6, 6);
  expect(waits.at(-1)).toBe(0);
});

test("sources take turns, each in its own order", () => {
  const { taken, push, turn } = setUp(1);
  push(1, 30);
  push(101, 103, "192.0.2.2");
  push(201, 202, "192.0.2.3");
  turn();
  expect(taken.slice(10)).toEqual([11, 101, 201, 12, 102, 202, 13, 103, 14, 15]);
  turn();
  expect(taken.slice(20)).toEqual(numbers(16, 25));
});

test("a flood from one source fills half of a bounded queue; then the kernel drops that source", () => {
  const { taken, queue, drops, push, turn, turns } = setUp(10);
  push(1, 20_000);
  expect(taken).toEqual([1]);
  expect(queue.dropped).toBe(20_000 - 1 - 4096);
  expect(drops).toEqual(["192.0.2.1"]);
  push(30_001, 30_003, "192.0.2.2");
  for (let i = 0; i < 5; i++) turn();
  expect(taken).toEqual([1, 2, 30_001, 3, 30_002, 4]);
  expect(drops).toEqual(["192.0.2.1"]);
  while (turns.length > 0) turn();
  expect(taken.length).toBe(1 + 4096 + 3);
  expect(drops).toEqual(["192.0.2.1", ""]);
});

test("a source is heard again when half of its share is free", () => {
  const { drops, push, turn } = setUp(10);
  push(1, 5000);
  // 4096 wait and 4096 have room: x waiting is half of the other 8192 - x at 2730.
  for (let i = 0; i < 4096 - 2731; i++) turn();
  expect(drops).toEqual(["192.0.2.1"]);
  turn();
  expect(drops).toEqual(["192.0.2.1", ""]);
});

test("a flood from everywhere fills the queue; then the kernel drops all until the next turn", () => {
  const { queue, drops, push, turn } = setUp(10);
  for (let i = 0; i < 10_000; i++) push(i, i, `2001:db8::${i.toString(16)}`);
  expect(queue.dropped).toBe(10_000 - 1 - 8192);
  expect(drops).toEqual(["all"]);
  turn();
  expect(drops).toEqual(["all", ""]);
});

test("large datagrams fill it by their octets", () => {
  const { queue, push } = setUp(10);
  push(1, 1000, "192.0.2.1", 65_000);
  expect(queue.dropped).toBe(1000 - 1 - Math.floor((16 * 1024 * 1024) / 65_000));
});

test("who keeps us reading for more than 5 ms after the turn's end is dropped, others are not", () => {
  const { drops, push, turn } = setUp(10, 0.01);
  push(1, 2);
  push(11, 12, "192.0.2.2");
  push(3, 498);
  expect(drops).toEqual([]);
  push(13, 14, "192.0.2.2");
  expect(drops).toEqual([]);
  push(499, 510);
  expect(drops).toEqual(["192.0.2.1"]);
  // What it had sent before is still being read: 25 ms after the turn's end that is enough of everybody.
  push(511, 2450);
  push(15, 16, "192.0.2.2");
  expect(drops).toEqual(["192.0.2.1"]);
  push(2451, 2510);
  push(17, 17, "192.0.2.2");
  expect(drops).toEqual(["192.0.2.1", "all"]);
  turn();
  expect(drops).toEqual(["192.0.2.1", "all", ""]);
});

test("when everybody together does, all are dropped after 15 ms", () => {
  const { drops, push } = setUp(10, 0.01);
  for (let i = 0; i < 1499; i++) push(i, i, `2001:db8::${i.toString(16)}`);
  expect(drops).toEqual([]);
  push(1500, 1510);
  expect(drops).toEqual(["all"]);
});

test("time in which the machine had none for us is no reading: nobody is dropped for it", () => {
  const { drops, push, pass, queue } = setUp(10, 0.01);
  push(1, 300);
  pass(40);
  push(301, 400);
  pass(40);
  push(401, 450);
  expect([drops, queue.dropped]).toEqual([[], 0]);
  push(451, 510);
  expect(drops).toEqual(["192.0.2.1"]);
});

test("a message that takes long to handle has nobody dropped", () => {
  const { drops, push, queue } = setUp(80, 0.01);
  push(1, 400);
  expect([drops, queue.dropped]).toEqual([[], 0]);
});

test("what is forgotten is not taken", () => {
  const { taken, turns, queue, push, turn } = setUp(10);
  push(1, 5);
  queue.clear();
  while (turns.length > 0) turn();
  expect(taken).toEqual([1]);
});

test("what has waited is handled together, so that what is sent in answer can be sent together", () => {
  const turns: (() => void)[] = [];
  const seen: [port: number, together: boolean][] = [];
  let together = false;
  let now = 0;
  const queue = new DatagramTurns({
    take: (_octets, port) => {
      seen.push([port, together]);
      now += 6;
    },
    gather: (work) => {
      together = true;
      work();
      together = false;
    },
    drop: () => {},
    now: () => now,
    later: (go) => turns.push(go),
    free: 0,
  });
  for (let port = 1; port <= 5; port++) queue.push(new Uint8Array(1), port, "192.0.2.1");
  for (let go = turns.shift(); go !== undefined; go = turns.shift()) go();
  expect(seen).toEqual([
    [1, false],
    [2, false],
    [3, true],
    [4, true],
    [5, true],
  ]);
});
