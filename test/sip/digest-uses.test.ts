/** The table of used nonces against a plain map. */
import { expect, test } from "bun:test";
import { DigestUses } from "../../src/sip/digest-uses.ts";
import { below, pick, seeded } from "../support/random.ts";

test("it says what a map would say, whatever numbers and counts (seeded, 100,000 steps)", () => {
  const random = seeded(7616);
  const uses = new DigestUses();
  const map = new Map<string, Uint32Array>();
  const marks = [0, 1, 2 ** 32 - 1].map((word) => new Uint32Array(8).fill(word));
  const numbers = [0, 1, 2 ** 32 - 1, 2 ** 32, 2 ** 32 + 1, 2 ** 53 - 1];
  const counts = [0, 1, 2, 2 ** 31, 2 ** 32 - 2, 2 ** 32 - 1];
  for (let step = 0; step < 100_000; step++) {
    const number = random() < 0.2 ? pick(random, numbers) : below(random, 20_000);
    const nc = random() < 0.5 ? pick(random, counts) : 1;
    const mark = pick(random, marks);
    const known = map.get(`${number} ${nc}`);
    const said = uses.look(number, nc, mark);
    expect(said).toBe(known === undefined ? "unused" : known === mark ? "same" : "other");
    if (said !== "unused") continue;
    uses.note(number, nc, mark);
    map.set(`${number} ${nc}`, mark);
  }
  expect(uses.size).toBe(map.size);
});

test("marks differ by any bit of their first three words", () => {
  const uses = new DigestUses();
  const mark = new Uint32Array(8);
  uses.note(1, 1, mark);
  for (let bit = 0; bit < 96; bit++) {
    const other = mark.with(bit >> 5, 1 << (bit & 31));
    expect(uses.look(1, 1, other)).toBe("other");
  }
  expect(uses.look(1, 1, mark)).toBe("same");
});
