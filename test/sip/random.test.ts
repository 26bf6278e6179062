/** Tokens and the identifiers made of them. */
import { expect, test } from "bun:test";
import { newBranch, newCallId, newTag, secureRandom, seededRandom } from "../../src/sip/random.ts";

test("secure tokens have their length and do not repeat, across the batches they are drawn in", () => {
  const tokens = Array.from({ length: 2000 }, () => secureRandom.token(10));
  expect(tokens.every((token) => /^[0-9a-f]{20}$/.test(token))).toBe(true);
  expect(new Set(tokens).size).toBe(2000);
  expect(secureRandom.token(5000)).toHaveLength(10_000);
});

test("seeded tokens are the same for the same seed", () => {
  expect(seededRandom(7).token(8)).toBe(seededRandom(7).token(8));
  expect(seededRandom(7).token(8)).not.toBe(seededRandom(8).token(8));
});

test("identifiers are tokens of RFC 3261; a branch starts with the magic cookie", () => {
  expect(newBranch(secureRandom)).toMatch(/^z9hG4bK[0-9a-f]{20}$/);
  expect(newTag(secureRandom)).toMatch(/^[0-9a-f]{16}$/);
  expect(newCallId(secureRandom)).toMatch(/^[0-9a-f]{32}$/);
});
