/** The signs of life of a server that is well, that is stuck, and that stops. */
import { expect, test } from "bun:test";
import type { Running } from "../../src/cli/run.ts";
import { Service } from "../../src/cli/service.ts";
import { readConfig } from "../../src/config/index.ts";
import { createLog } from "../../src/log.ts";
import type { ServiceManager } from "../../src/service-manager.ts";

/** A service whose timers go off when the test says so. */
async function watched() {
  const told: string[] = [];
  const manager: ServiceManager = {
    watchdog: 36_000,
    ready: (line) => told.push(`ready: ${line}`),
    reloading: () => told.push("reloading"),
    stopping: (line, ms) => told.push(`stopping within ${ms}: ${line}`),
    status: (line) => told.push(`status: ${line}`),
    alive: () => told.push("alive"),
  };
  const beats = new Map<number, () => void>();
  const stuck = Promise.withResolvers<void>();
  const media = { stuck: false, answers: stuck.resolve };
  const drained = Promise.withResolvers<boolean>();
  const running: Running = {
    listening: [],
    up: () => 2,
    alive: () => (media.stuck ? stuck.promise : Promise.resolve()),
    reload: () => {},
    drain: () => drained.promise,
    stop: async () => {},
  };
  const read = await readConfig(new TextEncoder().encode("routes: []"), "/nowhere/siproc.yaml");
  if (!read.ok) throw new TypeError(read.problems[0]?.message);
  const service = new Service({
    config: read.config,
    log: createLog({ level: "error", format: "pretty", write: () => {} }),
    override: (config) => config,
    manager,
    every(ms, work) {
      beats.set(ms, work);
      return () => void beats.delete(ms);
    },
  });
  const ended = service.serve(running);
  const beat = async (ms: number) => {
    told.length = 0;
    beats.get(ms)?.();
    await new Promise((resolve) => setImmediate(resolve));
    return [...told];
  };
  return { service, told, beats, media, beat, drained, ended };
}

test("a server gives signs of life three times as often as it has to, and says how it stands", async () => {
  const { beat, beats, told } = await watched();
  expect(told).toEqual(["ready: serving on 0 addresses, 2 calls"]);
  expect([...beats.keys()]).toEqual([10_000, 12_000]);
  expect(await beat(12_000)).toEqual(["alive"]);
});

test("who is stuck in the thread of media gives none, until it is stuck no longer", async () => {
  const { beat, media } = await watched();
  media.stuck = true;
  expect([await beat(12_000), await beat(12_000)]).toEqual([[], []]);
  media.stuck = false;
  media.answers();
  expect(await beat(12_000)).toContain("alive");
});

test("a server that stops says so, goes on with signs of life, and has no timers at its end", async () => {
  const { service, told, beat, beats, drained, ended } = await watched();
  service.stop();
  await new Promise((resolve) => setImmediate(resolve));
  await new Promise((resolve) => setImmediate(resolve));
  expect(told).toContain("stopping within 70000: stopping: 2 calls may go on");
  expect(await beat(12_000)).toEqual(["alive"]);
  drained.resolve(true);
  await ended;
  expect(beats.size).toBe(0);
});
