import { expect, test } from "bun:test";
import { createLog, type Level, type LogFormat } from "../../src/log.ts";

function logged(format: LogFormat, message: string, fields: Readonly<Record<string, string | number>>): string {
  const lines: string[] = [];
  const now = () => new Date("2026-01-02T03:04:05.678Z");
  createLog({ level: "info", format, write: (line) => void lines.push(line), now }).info(message, fields);
  return lines.join("\n");
}

test("a line for people is one line that drives no terminal, whatever is in it", () => {
  expect(logged("pretty", "a\nb\x1b[2J", { plain: "x", n: 3, text: 'say "a b"' })).toBe(
    '03:04:05.678 info  a\\x0ab\\x1b[2J plain=x n=3 text="say \\"a b\\""',
  );
  expect(logged("pretty", "failed", { stack: "at one\n  at two", c1: "\x9b2J", line: "a\u2028b" })).toBe(
    '03:04:05.678 info  failed stack="at one\\n  at two" c1="\\u009b2J" line="a\\u2028b"',
  );
});

test("a line for machines is JSON with the same fields", () => {
  expect(JSON.parse(logged("json", "a\nb", { text: "c\nd", n: 3 }))).toEqual({
    time: "2026-01-02T03:04:05.678Z",
    level: "info",
    message: "a\nb",
    text: "c\nd",
    n: 3,
  });
});

test("the least level may change while loggers are in use", () => {
  const lines: string[] = [];
  let level: Level = "warn";
  const log = createLog({ level: () => level, format: "json", write: (line) => lines.push(line) }).with({ n: 1 });
  for (const next of ["warn", "debug", "error"] as const) {
    level = next;
    log.debug(next);
    log.warn(next);
    log.error(next);
  }
  expect(lines.map((line) => `${JSON.parse(line).level} ${JSON.parse(line).message}`)).toEqual([
    ...["warn warn", "error warn", "debug debug", "warn debug", "error debug", "error error"],
  ]);
});
