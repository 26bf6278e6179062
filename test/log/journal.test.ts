import { expect, test } from "bun:test";
import { closeSync, fstatSync, openSync } from "node:fs";
import { isJournal, journalTo } from "../../src/journal.ts";
import { createLog } from "../../src/log.ts";

test("the journal gets priorities, and no time: it has its own", () => {
  const lines: string[] = [];
  const log = createLog({ level: "debug", format: "pretty", sinks: [journalTo((line) => lines.push(line), "pretty")] });
  log.error("an error", { at: "here" });
  log.warn("a warning");
  log.info("two\nlines");
  log.debug("a detail");
  expect(lines).toEqual(["<3>an error at=here", "<4>a warning", "<6>two\\x0alines", "<7>a detail"]);
});

test("JSON in the journal is JSON after the priority", () => {
  const lines: string[] = [];
  createLog({ level: "info", format: "json", sinks: [journalTo((line) => lines.push(line), "json")] }).info("it", {
    n: 1,
  });
  expect(JSON.parse(lines[0]?.replace(/^<6>/, "") ?? "")).toMatchObject({ level: "info", message: "it", n: 1 });
});

test("the journal is known by its device and inode", () => {
  const descriptor = openSync("/dev/null", "w");
  const { dev, ino } = fstatSync(descriptor);
  const stream = (JOURNAL_STREAM: string | undefined) => isJournal({ JOURNAL_STREAM }, descriptor);
  expect([stream(`${dev}:${ino}`), stream(`${dev}:${ino + 1}`), stream("x"), stream(undefined)]).toEqual([
    ...[true, false, false, false],
  ]);
  closeSync(descriptor);
  expect(stream(`${dev}:${ino}`)).toBe(false);
});
