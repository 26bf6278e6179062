import { expect, test } from "bun:test";
import { ReadTurns } from "../../src/transport/read-turns.ts";

function setUp() {
  const did: string[] = [];
  const turns: (() => void)[] = [];
  const reading = new ReadTurns({
    take: (octets) => did.push(`take ${octets.length}`),
    pause: () => did.push("pause"),
    resume: () => did.push("resume"),
    later: (go) => turns.push(go),
  });
  return { did, turns, reading, turn: () => turns.shift()?.() };
}

test("what fits a turn is taken at once", () => {
  const { did, turns, reading } = setUp();
  reading.push(new Uint8Array(16_384));
  reading.end(() => did.push("end"));
  expect(did).toEqual(["take 16384", "end"]);
  expect(turns).toEqual([]);
});

test("more is taken in turns, unread meanwhile, with the end after the last octet", () => {
  const { did, turns, reading, turn } = setUp();
  reading.push(new Uint8Array(40_000));
  reading.push(new Uint8Array(5));
  reading.end(() => did.push("end"));
  expect(did).toEqual(["pause", "take 16384"]);
  turn();
  turn();
  expect(did.slice(2)).toEqual(["take 16384", "take 7232"]);
  turn();
  expect(did.slice(4)).toEqual(["take 5", "resume", "end"]);
  expect(turns).toEqual([]);
});

test("what is forgotten is not taken", () => {
  const { did, reading, turn } = setUp();
  reading.push(new Uint8Array(40_000));
  reading.end(() => did.push("end"));
  reading.clear();
  turn();
  expect(did).toEqual(["pause", "take 16384"]);
});
