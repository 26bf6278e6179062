/** Lines of targets: what is read, what is left out, and that no input does harm. */
import { describe, expect, test } from "bun:test";
import { lines, readTarget } from "../../src/phone/targets.ts";
import { seeded } from "../support/random.ts";

async function* chunks(...parts: (string | Uint8Array)[]): AsyncGenerator<Uint8Array> {
  for (const part of parts) yield typeof part === "string" ? new TextEncoder().encode(part) : part;
}
const read = async (...parts: (string | Uint8Array)[]) => await Array.fromAsync(lines(chunks(...parts)));

describe("a line", () => {
  test.each([
    ["sip:bob@example.com", "sip:bob@example.com", {}],
    ["  sip:bob@example.com \r", "sip:bob@example.com", {}],
    ["sip:bob@example.com\tname=Bob\troom=7=8", "sip:bob@example.com", { name: "Bob", room: "7=8" }],
    ["sip:bob@example.com\tBob\tlang=de\t\t42", "sip:bob@example.com", { 1: "Bob", lang: "de", 3: "", 4: "42" }],
    ["sip:bob@example.com\tnot a name=x", "sip:bob@example.com", { 1: "not a name=x" }],
    ["nonsense", "nonsense", {}],
  ])("%j", (line, uri, variables) => {
    expect(readTarget(line)).toEqual({ uri, variables });
  });

  test.each(["", "  ", "\t", "# sip:bob@example.com", "\r"])("%j is left out", (line) => {
    expect(readTarget(line)).toBeUndefined();
  });

  test("__proto__ is a name as any other", () => {
    const { variables } = readTarget("sip:a@b\t__proto__=x") ?? { variables: {} };
    expect(Object.entries(variables)).toEqual([["__proto__", "x"]]);
    expect({}).not.toHaveProperty("x");
  });
});

describe("a stream of lines", () => {
  test("lines may be cut anywhere, between the octets of a character too", async () => {
    const whole = new TextEncoder().encode("sip:jürgen@example.com\nsip:b@c\n\nsip:d@e");
    const expected = ["sip:jürgen@example.com", "sip:b@c", "", "sip:d@e"];
    for (let at = 0; at <= whole.length; at++)
      expect(await read(whole.subarray(0, at), whole.subarray(at))).toEqual(expected);
  });

  test("an endless line is cut", async () => {
    const [first = "", second] = await read(...Array.from({ length: 100 }, () => "x".repeat(10_000)), "\nsip:b@c\n");
    expect(first.length).toBe(65_536);
    expect(second).toBe("sip:b@c");
  });

  test("random octets give lines and targets, quickly", async () => {
    const random = seeded(4);
    const started = performance.now();
    for (let round = 0; round < 300; round++) {
      const octets = Uint8Array.from({ length: 500 }, () => Math.floor(random() * 256));
      for (const line of await read(octets)) {
        const target = readTarget(line);
        if (target !== undefined) expect(target.uri).not.toBe("");
      }
    }
    expect(performance.now() - started).toBeLessThan(5000);
  });
});
