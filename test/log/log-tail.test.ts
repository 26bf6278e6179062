/** The last lines of the log in memory: what is kept, what is found, what is told. */
import { describe, expect, test } from "bun:test";
import { createLog, type Fields, type Level } from "../../src/log.ts";
import { type LogFilter, LogTail } from "../../src/log-tail.ts";

function filled(...lines: [Level, string, Fields?][]): LogTail {
  const tail = new LogTail();
  const log = createLog({ level: "debug", format: "json", sinks: [tail], now: () => new Date(1000) });
  for (const [level, message, fields] of lines) log[level](message, fields);
  return tail;
}

describe("a tail of the log", () => {
  const tail = filled(
    ["debug", "one", { call: "c1", callId: "a@x" }],
    ["info", "two", { source: "192.0.2.7" }],
    ["warn", "Three", { callId: "a@x" }],
    ["error", "four"],
  );

  const table: [what: string, filter: LogFilter, found: string[]][] = [
    ["all", {}, ["one", "two", "Three", "four"]],
    ["a level and graver ones", { level: "warn" }, ["Three", "four"]],
    ["a Call-ID", { call: "a@x" }, ["one", "Three"]],
    ["our id of a call", { call: "c1" }, ["one"]],
    ["a text in whatever case", { text: "THREE" }, ["Three"]],
    ["a text in a fact", { text: "192.0.2.7" }, ["two"]],
    ["what came after a line", { after: 2 }, ["Three", "four"]],
    ["several conditions at once", { call: "a@x", level: "info" }, ["Three"]],
    ["a text that would be a regular expression", { text: "(.*" }, []],
  ];
  test.each(table)("finds %s", (_, filter, found) => {
    expect(tail.list(filter).map(({ message }) => message)).toEqual(found);
  });

  test("gives the newest where there are too many", () => {
    expect(tail.list({}, 2).map(({ id }) => id)).toEqual([3, 4]);
  });

  test("gives a line with all that belongs to it", () => {
    expect(tail.list({}, 4)[0]).toEqual({
      id: 1,
      time: 1000,
      level: "debug",
      message: "one",
      callId: "a@x",
      fields: { call: "c1", callId: "a@x" },
    });
  });

  test("tells those who follow, until they stop, and is not harmed by one that fails", () => {
    const tail = new LogTail();
    const log = createLog({ level: "info", format: "json", sinks: [tail] });
    const heard: string[] = [];
    const stop = tail.follow({ level: "warn" }, ({ message }) => heard.push(message));
    let asked = 0;
    tail.follow({}, () => {
      asked++;
      throw new TypeError("gone");
    });
    log.info("quiet");
    log.warn("loud");
    stop();
    log.warn("later");
    expect([heard, asked]).toEqual([["loud"], 1]);
  });

  const bounds: [what: string, options: { lines: number; octets: number }, text: string][] = [
    ["lines", { lines: 100, octets: 1e9 }, "x"],
    ["octets", { lines: 1e9, octets: 50_000 }, "y".repeat(150)],
  ];
  test.each(bounds)("keeps the newest within its bound of %s", (_, options, text) => {
    const tail = new LogTail(options);
    const log = createLog({ level: "info", format: "json", sinks: [tail] });
    for (let i = 0; i < 5000; i++) log.info(text, { i });
    const kept = tail.list({}, 1e6);
    expect(kept.length).toBeGreaterThan(50);
    expect(kept.length).toBeLessThanOrEqual(100);
    expect(kept.at(-1)?.id).toBe(5000);
    expect(tail.list({ after: 4999 }).map(({ fields }) => fields.i)).toEqual([4999]);
  });

  test("cuts what is very long", () => {
    const [line] = filled(["info", "z".repeat(100_000), { reason: "r".repeat(100_000) }]).list();
    expect([line?.message.length, String(line?.fields.reason).length]).toEqual([4001, 4001]);
  });
});
