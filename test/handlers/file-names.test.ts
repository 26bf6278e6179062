import { expect, test } from "bun:test";
import { join } from "node:path";
import type { CallEvent, Command } from "../../src/call/vocabulary.ts";
import { FileNames, isFailure } from "../../src/handlers/file-names.ts";

const names = () =>
  new FileNames((name, purpose) =>
    name.includes("secret") ? { ok: false, reason: `no ${purpose}` } : { ok: true, path: join("/base", name) },
  );
const play = (file: string): Command => ({ name: "PLAY", file });
const stopped = (file: string): CallEvent => ({ name: "STOPPED", file });

test("names become paths, and paths the names they came from", () => {
  const files = names();
  expect(files.outgoing(play("a.wav"))).toEqual(play("/base/a.wav"));
  expect(files.outgoing({ name: "RECORD", file: "./r.wav" })).toEqual({ name: "RECORD", file: "/base/r.wav" });
  expect(files.incoming(stopped("/base/a.wav"))).toEqual(stopped("a.wav"));
  expect(files.incoming({ name: "RECORDED", file: "/base/r.wav" })).toEqual({ name: "RECORDED", file: "./r.wav" });
});

test("the same file may play several times at once, under one name or several", () => {
  const files = names();
  for (const name of ["a.wav", "a.wav", "./a.wav"]) files.outgoing(play(name));
  const told = Array.from({ length: 4 }, () => files.incoming(stopped("/base/a.wav")));
  expect(told).toEqual(["a.wav", "./a.wav", "a.wav", "./a.wav"].map(stopped));
});

test("what has no file goes through as it is", () => {
  const files = names();
  expect(files.outgoing({ name: "RECORD" })).toEqual({ name: "RECORD" });
  expect(files.outgoing({ name: "REJECT", code: 486, reason: "Busy" })).toEqual({
    name: "REJECT",
    code: 486,
    reason: "Busy",
  });
  expect(files.incoming({ name: "CONNECTED" })).toEqual({ name: "CONNECTED" });
  expect(files.incoming(stopped("/never/heard.wav"))).toEqual(stopped("/never/heard.wav"));
});

test("a file that may not be had is a failure of its command", () => {
  const failure = names().outgoing({ name: "RECORD", file: "secret.wav" });
  expect(failure).toEqual({ command: "RECORD", reason: "no write" });
  expect(isFailure(failure)).toBe(true);
  expect(isFailure({ name: "REJECT", reason: "Busy" })).toBe(false);
});

test("ever new names do not fill the memory", () => {
  const files = names();
  for (let i = 0; i < 5000; i++) files.outgoing(play(`${i}.wav`));
  expect(files.incoming(stopped("/base/4999.wav"))).toEqual(stopped("4999.wav"));
  expect(files.incoming(stopped("/base/0.wav"))).toEqual(stopped("/base/0.wav"));
});
