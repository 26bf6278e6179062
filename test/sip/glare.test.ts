import { describe, expect, test } from "bun:test";
import { glareDelay, retryAfterSeconds } from "../../src/sip/glare.ts";

const almostOne = 1 - 2 ** -32;

describe("the wait after 491 (RFC 3261 §14.1)", () => {
  test.each([
    [true, 0, 2100],
    [true, 0.5, 3050],
    [true, almostOne, 4000],
    [false, 0, 0],
    [false, 0.5, 1000],
    [false, almostOne, 2000],
  ])("owner of the Call-ID %p, drawn %p: %p ms", (owner, fraction, ms) => {
    expect(glareDelay(owner, () => fraction)).toBe(ms);
  });

  test("is a multiple of 10 ms, and never the same for both sides", () => {
    for (let draw = 0; draw < 1; draw += 0.001) {
      expect(glareDelay(true, () => draw) % 10).toBe(0);
      expect(glareDelay(false, () => draw)).toBeLessThan(glareDelay(true, () => 0));
    }
  });
});

test("Retry-After of a 500 is 0 to 10 s (RFC 3261 §14.2)", () => {
  expect([0, 0.5, almostOne].map((fraction) => retryAfterSeconds(() => fraction))).toEqual([0, 5, 10]);
});
