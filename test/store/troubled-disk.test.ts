/** A disk that is full, or a file that another program holds, while the server runs: what is put meanwhile is there in the end. */
import { Database } from "bun:sqlite";
import { describe, expect, test } from "bun:test";
import { join } from "node:path";
import { createLog } from "../../src/log.ts";
import { openStore } from "../../src/store/index.ts";
import { SystemClock } from "../../src/transport/system-clock.ts";
import { temporaryFolder } from "../support/peers/folder.ts";
import { storedBinding } from "./support.ts";

test("a file that may grow no further: a warning, and all is written once it may", async () => {
  const file = join(temporaryFolder("full"), "s.db");
  // The limit on a file's size stands for a full disk; without the trap it would end the process.
  const program = new URL("./disk-user.ts", import.meta.url).pathname;
  const command = `trap '' XFSZ; ulimit -S -f 400; exec "$@"`;
  const child = Bun.spawn(["bash", "-c", command, "disk-user", process.execPath, program, file], {
    stdout: "pipe",
    stderr: "inherit",
  });
  const said: string[] = [];
  let rest = "";
  for await (const octets of child.stdout) {
    const lines = (rest + Buffer.from(octets).toString()).split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines) {
      said.push(line);
      if (line.startsWith("failing"))
        expect(Bun.spawnSync(["prlimit", "--pid", String(child.pid), "--fsize=unlimited:"]).exitCode).toBe(0);
    }
  }
  expect(await child.exited).toBe(0);
  expect(said).toEqual([
    expect.stringMatching(/^warn the store cannot be written.*(?:full|disk I\/O)/),
    expect.stringMatching(/^failing .*(?:full|disk I\/O)/),
    expect.stringMatching(/^info the store can be written again/),
    "closed, 0 waiting",
  ]);
  const database = new Database(file);
  expect(database.query("PRAGMA integrity_check").get()).toEqual({ integrity_check: "ok" });
  expect(database.query("SELECT count(*) AS count, max(cseq) AS cseq FROM bindings").get()).toEqual({
    count: 3000,
    cseq: 2,
  });
  database.close();
}, 30_000);

describe("a file that another program holds", () => {
  test("delays nobody, and is written when that lets go", async () => {
    const file = join(temporaryFolder("held"), "s.db");
    const lines: string[] = [];
    const clock = new SystemClock();
    const log = createLog({ level: "debug", format: "pretty", write: (line) => lines.push(line.slice(13)) });
    const store = await openStore(`sqlite:${file}`, { log, clock });
    const other = new Database(file);
    other.run("BEGIN IMMEDIATE");
    const before = performance.now();
    for (let id = 1; id <= 1000; id++) store.bindings.put(storedBinding(id));
    expect(performance.now() - before).toBeLessThan(100);
    // Resolves when the first attempt has failed, two seconds later.
    await store.flush();
    expect(store.state).toMatchObject({ waiting: 1000, failure: expect.stringContaining("locked") });
    other.run("ROLLBACK");
    await store.flush();
    expect(store.state).toMatchObject({ waiting: 0, failure: undefined });
    expect(lines.map((line) => line.slice(0, 5))).toEqual(["warn ", "info "]);
    expect(other.query("SELECT count(*) AS count FROM bindings").get()).toEqual({ count: 1000 });
    other.close();
    await store.close();
  }, 30_000);
});
