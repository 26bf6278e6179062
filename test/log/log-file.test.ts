/** The log in a file: in order, rotated, opened anew, and what a full disk does. */
import { describe, expect, test } from "bun:test";
import { existsSync, readFileSync, renameSync } from "node:fs";
import { join } from "node:path";
import { createLog } from "../../src/log.ts";
import { LogFile } from "../../src/log-file.ts";
import { LogError, openLog } from "../../src/log-targets.ts";
import { temporaryFolder } from "../support/peers/folder.ts";
import { until } from "../support/peers/until.ts";

function logTo(path: string, options: Partial<ConstructorParameters<typeof LogFile>[0]> = {}) {
  const file = new LogFile({ path, format: "json", ...options });
  return { file, log: createLog({ level: "info", format: "json", sinks: [file] }) };
}
const numbers = (path: string) =>
  readFileSync(path, "utf8")
    .trimEnd()
    .split("\n")
    .map((line): unknown => JSON.parse(line).i);

describe("a file of the log", () => {
  test("has all lines in their order when it is closed", async () => {
    const path = join(temporaryFolder("log"), "log");
    const { file, log } = logTo(path);
    for (let i = 0; i < 1000; i++) log.info("a line", { i });
    await file.close();
    log.info("too late");
    expect(numbers(path)).toEqual(Array.from({ length: 1000 }, (_, i) => i));
  });

  test("goes on where it was, and tells people the day", async () => {
    const path = join(temporaryFolder("log"), "log");
    for (const text of ["first", "second"]) {
      const { file, log } = logTo(path, { format: "pretty" });
      log.info(text);
      await file.close();
    }
    expect(readFileSync(path, "utf8")).toMatch(
      /^\d{4}-\d\d-\d\d [\d:.]{12} info {2}first\n\d{4}-\d\d-\d\d .* second\n$/,
    );
  });

  test("is begun anew when somebody has renamed it and says so", async () => {
    const path = join(temporaryFolder("log"), "log");
    const { file, log } = logTo(path);
    log.info("old", { i: 1 });
    await until("the first line", () => (existsSync(path) && readFileSync(path, "utf8") !== "" ? true : undefined));
    renameSync(path, `${path}.old`);
    file.reopen();
    log.info("new", { i: 2 });
    await file.close();
    expect([numbers(`${path}.old`), numbers(path)]).toEqual([[1], [2]]);
  });

  test("is renamed when it is large, and the oldest goes", async () => {
    const path = join(temporaryFolder("log"), "log");
    const { file, log } = logTo(path, { rotate: { size: 400, keep: 2 } });
    for (let i = 0; i < 12; i++) {
      log.info("x".repeat(100), { i });
      // One write takes all that waits: rotation comes between writes.
      await until("the line", () => (readFileSync(path, "utf8").includes(`"i":${i}}`) ? true : undefined));
    }
    await file.close();
    expect(existsSync(`${path}.3`)).toBe(false);
    const kept = [...numbers(`${path}.2`), ...numbers(`${path}.1`), ...numbers(path)];
    expect(kept.at(-1)).toBe(11);
    expect(kept).toEqual(Array.from({ length: kept.length }, (_, i) => 12 - kept.length + i));
  });

  test("that cannot be written loses lines, which is told once, and goes on when there is room", async () => {
    const path = join(temporaryFolder("log"), "log");
    const told: string[] = [];
    const { file, log } = logTo("/dev/full", { failed: (reason) => told.push(reason) });
    for (let i = 0; i < 3; i++) {
      log.info("lost", { i });
      await Bun.sleep(0);
    }
    await until("a complaint", () => told[0]);
    await file.close();
    expect(told).toEqual([expect.stringMatching(/^the log cannot be written to \/dev\/full: ENOSPC/)]);
    expect(existsSync(path)).toBe(false);
  });

  test("that cannot be opened is an error that names it", () => {
    const open = () => openLog({ level: "info", format: "json", to: [{ type: "file", path: "/nowhere/at/all" }] });
    expect(open).toThrow(LogError);
    expect(open).toThrow("the log cannot be written to /nowhere/at/all: ENOENT");
  });
});
