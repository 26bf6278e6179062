/** The declaration file that editors get. */
import { afterAll, expect, test } from "bun:test";
import { resolve } from "node:path";
import { commands, events } from "../../../src/call/vocabulary.ts";
import { scriptTypes } from "../../../src/handlers/script/index.ts";
import { Folder } from "./support.ts";

const folder = new Folder();
afterAll(() => folder.remove());

function typecheck(script: string): string {
  folder.write("siproc.d.ts", scriptTypes());
  folder.write("ivr.ts", script);
  folder.write(
    "tsconfig.json",
    JSON.stringify({
      compilerOptions: { strict: true, noEmit: true, target: "ESNext", lib: ["ESNext"], module: "Preserve", types: [] },
    }),
  );
  const tsc = resolve(import.meta.dir, "../../../node_modules/.bin/tsc");
  const done = Bun.spawnSync([tsc, "-p", folder.path], { cwd: folder.path });
  return done.stdout.toString();
}

test("has every command and every event of the vocabulary", () => {
  const text = scriptTypes();
  for (const name of Object.keys(commands)) expect(text).toContain(`  ${name.toLowerCase()}(`);
  for (const name of Object.keys(events)) expect(text).toContain(`type: "${name.toLowerCase()}";`);
});

test("lets a good script pass under strict", () => {
  const errors = typecheck(`
export default async function (call: Call): Promise<void> {
  console.log(call.remote.user, call.headers.get("X-A"), [...call.headers].length, env.get("LANG")?.length);
  await call.answer();
  await call.play("welcome.wav");
  const { digits, reason } = await call.gather({ max: 4, terminator: "none" });
  await call.gather();
  if (reason === "timeout") await call.reject(486, "Busy");
  await call.record();
  const answer = await fetch(new URL("/x", "https://api.example.com"), { method: "POST", body: JSON.stringify({ digits }) });
  if (answer.ok) await files.writeText("a.txt", await answer.text());
  const timer = setTimeout((n: number) => console.log(n), 10, 5);
  clearTimeout(timer);
  try { await call.dtmf("1"); } catch (error) { if (error instanceof CallError) console.error(error.command, error.reason); }
  for await (const event of call) {
    if (event.type === "dtmf") await call.dtmf(event.digit);
    if (event.type === "ended") console.log(event.cause, event.code.toFixed());
  }
  const { by } = await call.ended;
  console.log(by, new TextDecoder().decode(new TextEncoder().encode(crypto.randomUUID())));
}`);
  expect(errors).toBe("");
}, 30_000);

test("finds mistakes", () => {
  const errors = typecheck(`
export default async function (call: Call) {
  await call.play(5);
  await call.gather({ maximum: 1 });
  await call.dance();
  for await (const event of call) if (event.type === "dtmf") console.log(event.text);
}`);
  expect(
    errors
      .split("\n")
      .filter((line) => line.includes("error TS"))
      .map((line) => Number(/\((\d+),/.exec(line)?.[1])),
  ).toEqual([3, 4, 5, 6]);
}, 30_000);
