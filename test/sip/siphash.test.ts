/** SipHash-2-4, by the values that its authors give for the key 00 01 … 0f and the texts 00 01 … of each length. */
import { expect, test } from "bun:test";
import { Hash64 } from "../../src/routing/hash64.ts";
import { Mac } from "../../src/routing/mac.ts";
import { sipHash, sipHashed } from "../../src/sip/siphash.ts";

const key = Int32Array.of(0x03020100, 0x07060504, 0x0b0a0908, 0x0f0e0d0c);
const counting = (length: number) => String.fromCharCode(...Array.from({ length }, (_, at) => at));

function hashed(text: string): string {
  sipHash(text, key);
  return [sipHashed.high, sipHashed.low].map((half) => half.toString(16).padStart(8, "0")).join("");
}

test.each([
  [0, "726fdb47dd0e0e31"],
  [1, "74f839c593dc67fd"],
  [7, "ab0200f58b01d137"],
  [8, "93f5f5799a932462"],
  [15, "a129ca6149be45e5"],
  [63, "958a324ceb064572"],
])("%d octets: %s", (length, expected) => {
  expect(hashed(counting(length))).toBe(expected);
});

test("each octet counts, the high ones, too", () => {
  const texts = ["\x00", "\x00\x00", "\x7f", "\xff", "\xff\xff", "aaaaaaaa", "aaaaaaab", "aaaaaaaaa"];
  expect(new Set(texts.map(hashed)).size).toBe(texts.length);
});

test("a MAC is of one secret, one purpose and one text", () => {
  const secrets = [new Uint8Array(32), new Uint8Array(32).fill(1)];
  const macs = secrets.flatMap((secret) =>
    ["a", "b"].flatMap((purpose) => ["x", "y"].map((text) => new Mac(secret, purpose).of(text))),
  );
  expect(new Set(macs).size).toBe(macs.length);
  const mac = new Mac(new Uint8Array(32), "a");
  expect([mac.matches("x", macs[0] ?? ""), mac.matches("x", macs[1] ?? ""), mac.matches("x", "")]).toEqual([
    true,
    false,
    false,
  ]);
});

test("the quick hash tells texts apart, by a seed of its own, in digits of one length", () => {
  const hash = new Hash64(new Uint8Array(32).fill(3));
  const all = ["ab", "a\nb", "\nab", "ab\n", "ba", "abc", ""].map((text) => hash.of(text));
  expect(new Set(all).size).toBe(all.length);
  expect(hash.of("ab")).toBe(new Hash64(new Uint8Array(32).fill(3)).of("ab"));
  expect(hash.of("ab")).not.toBe(new Hash64(new Uint8Array(32).fill(4)).of("ab"));
  const many = new Set(Array.from({ length: 100_000 }, (_, n) => hash.of(`z9hG4bK${n}\ncall\n1`)));
  expect(many.size).toBe(100_000);
  expect([...many].every((digits) => /^[0-9a-f]{16}$/.test(digits))).toBe(true);
});
