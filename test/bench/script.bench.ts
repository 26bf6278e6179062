/**
 * What a script costs: processor time of all threads per call (answer and return), memory of calls that are held, and whether
 * anything is left behind after many calls.
 *
 *     npx bun test/bench/script.bench.ts [calls]
 */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createScriptHost } from "../../src/handlers/script/index.ts";
import { createLog } from "../../src/log.ts";
import { FakeCall } from "../support/fake-call.ts";

const calls = Number(process.argv[2] ?? 20_000);
const held = 1_000;
const folder = mkdtempSync(join(tmpdir(), "siproc-bench-"));
const script = (name: string, body: string) => {
  const file = join(folder, name);
  writeFileSync(file, `export default async function (call: Call): Promise<void> {\n${body}\n}\n`);
  return file;
};
const quick = script("quick.ts", "await call.answer();");
const echo = script(
  "echo.ts",
  `await call.answer();\nfor await (const event of call) if (event.type === "dtmf") await call.dtmf(event.digit);`,
);
const host = createScriptHost({ log: createLog({ level: "error", format: "pretty" }) });

const residentMegabytes = () => {
  Bun.gc(true);
  return process.memoryUsage.rss() / 1e6;
};

/** Runs `count` calls, `atOnce` of them at a time; returns microseconds of processor time per call. */
async function run(file: string, count: number, atOnce: number): Promise<{ processor: number; wall: number }> {
  const handler = host.handler(file);
  const before = process.cpuUsage();
  const start = performance.now();
  let left = count;
  const one = async () => {
    while (left-- > 0) {
      const call = new FakeCall();
      handler.start(call);
      await call.until(() => call.ended);
      if (call.finished?.type !== "returned") throw new TypeError(`a call failed: ${JSON.stringify(call.finished)}`);
    }
  };
  await Promise.all(Array.from({ length: atOnce }, one));
  const { user, system } = process.cpuUsage(before);
  return { processor: (user + system) / count, wall: ((performance.now() - start) * 1000) / count };
}

const report = (what: string, value: number, unit: string) =>
  console.log(`${what.padEnd(52)} ${value.toFixed(1)} ${unit}`);

await run(quick, 200, 32);
const idle = residentMegabytes();
const waiting: FakeCall[] = [];
for (let i = 0; i < held; i++) {
  const call = new FakeCall();
  host.handler(echo).start(call);
  waiting.push(call);
}
await Promise.all(waiting.map((call) => call.performed(1)));
report(`${held} calls held, memory`, ((residentMegabytes() - idle) * 1000) / held, "kB/call");
const start = performance.now();
const used = process.cpuUsage();
for (const call of waiting) call.emit({ name: "DTMF", digit: "5", duration: 100 });
await Promise.all(waiting.map((call) => call.performed(2)));
const { user, system } = process.cpuUsage(used);
report("a key each, echoed: processor", (user + system) / held, "µs/call");
report("a key each, echoed: wall for all", performance.now() - start, "ms");
for (const call of waiting) call.end();
while (host.stats.running > 0) await Bun.sleep(5);

await run(quick, 2_000, 32);
for (const atOnce of [1, 8, 32, 128]) {
  const { processor, wall } = await run(quick, 4_000, atOnce);
  report(`answer and return, ${atOnce} at once: processor`, processor, "µs/call");
  report(`answer and return, ${atOnce} at once: wall`, wall, "µs/call");
}

const before = residentMegabytes();
for (let part = 1; part <= 4; part++) {
  await run(quick, calls / 4, 32);
  report(`growth after ${(calls / 4) * part} calls`, residentMegabytes() - before, "MB");
}

await host.close();
rmSync(folder, { recursive: true });
