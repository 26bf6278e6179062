import { expect, test } from "bun:test";
import { DatagramTurns } from "../../src/transport/datagram-turns.ts";

/** Each datagram costs `cost` ms of the test's time. */
function setUp(cost: number) {
  const taken: number[] = [];
  const turns: (() => void)[] = [];
  let now = 0;
  const reading = new DatagramTurns({
    take: (_octets, port) => {
      taken.push(port);
      now += cost;
    },
    now: () => now,
    later: (go) => turns.push(go),
  });
  const push = (from: number, to: number, size = 1) => {
    for (let i = from; i <= to; i++) reading.push(new Uint8Array(size), i, "192.0.2.1");
  };
  return { taken, turns, reading, push, turn: () => turns.shift()?.() };
}

const numbers = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, i) => from + i);

test("what comes within the turn's 10 ms is handled at once", () => {
  const { taken, turns, push, turn } = setUp(0.01);
  push(1, 900);
  expect(taken.length).toBe(900);
  turn();
  expect(turns).toEqual([]);
});

test("a burst is handled in turns of 10 ms, in order, behind it what comes meanwhile", () => {
  const { taken, turns, push, turn } = setUp(1);
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
});

test("a flood fills a bounded queue; the rest is dropped and counted", () => {
  const { taken, reading, push, turn } = setUp(10);
  push(1, 20_000);
  expect(taken).toEqual([1]);
  expect(reading.dropped).toBe(20_000 - 1 - 8192);
  for (let i = 0; i < 10_000; i++) turn();
  expect(taken).toEqual(numbers(1, 8193));
});

test("so do large datagrams by their octets", () => {
  const { reading, push } = setUp(10);
  push(1, 1000, 65_000);
  expect(reading.dropped).toBe(1000 - 1 - Math.floor((16 * 1024 * 1024) / 65_000));
});

test("what is forgotten is not taken", () => {
  const { taken, turns, reading, push, turn } = setUp(10);
  push(1, 5);
  reading.clear();
  while (turns.length > 0) turn();
  expect(taken).toEqual([1]);
});
