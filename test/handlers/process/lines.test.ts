import { describe, expect, test } from "bun:test";
import { type Line, LineSplitter } from "../../../src/handlers/process/lines.ts";
import { below, pick, seeded } from "../../support/random.ts";

/** All lines of `octets`, given in slices that end where `cuts` says. */
function linesOf(octets: Uint8Array, cuts: readonly number[], max = 100): Line[] {
  const splitter = new LineSplitter(max);
  const lines: Line[] = [];
  let from = 0;
  for (const to of [...cuts, octets.length]) {
    lines.push(...splitter.push(octets.subarray(from, to)));
    from = to;
  }
  lines.push(...splitter.end());
  return lines;
}

const text = (of: string): Line => ({ type: "text", text: of });

describe("what a process writes is cut into lines", () => {
  const table: [written: string | Uint8Array, lines: Line[]][] = [
    ["", []],
    ["\n", [text("")]],
    ["a\nb\n", [text("a"), text("b")]],
    ["a\nb", [text("a"), text("b")]],
    ["grüß\r\n", [text("grüß\r")]],
    [`${"x".repeat(100)}\n`, [text("x".repeat(100))]],
    [`${"x".repeat(101)}\nb\n`, [{ type: "too-long" }, text("b")]],
    [`${"x".repeat(1000)}`, [{ type: "too-long" }]],
    [Uint8Array.from([0xff, 10, 0x61, 10]), [{ type: "not-utf8" }, text("a")]],
    ["\ufeffa\n", [text("\ufeffa")]],
  ];
  for (const [written, lines] of table)
    test(JSON.stringify(written).slice(0, 30), () => {
      const octets = typeof written === "string" ? new TextEncoder().encode(written) : written;
      expect(linesOf(octets, [])).toEqual(lines);
      expect(
        linesOf(
          octets,
          Array.from({ length: octets.length }, (_, i) => i + 1),
        ),
      ).toEqual(lines);
    });

  test("the same, however it comes", () => {
    const random = seeded(9);
    for (let round = 0; round < 500; round++) {
      const octets = Uint8Array.from({ length: below(random, 400) }, () =>
        pick(random, [10, 10, 0x61, 0xc3, 0xa9, 13, 0]),
      );
      const cuts = Array.from({ length: below(random, 10) }, () => below(random, octets.length + 1)).sort(
        (a, b) => a - b,
      );
      expect(linesOf(octets, cuts, 20)).toEqual(linesOf(octets, [], 20));
    }
  });
});
