/** How long calls wait for a script worker. */
import { expect, test } from "bun:test";
import { createHeartbeat, Pulse, QueueWatch } from "../../../src/handlers/script/heartbeat.ts";

test("the oldest call that the worker has not taken up tells how far it is behind", () => {
  const heartbeat = createHeartbeat();
  const worker = new Pulse(heartbeat);
  const queue = new QueueWatch(heartbeat);
  expect(queue.delay(5)).toBe(0);
  for (const now of [10, 20, 30]) queue.posted(now);
  expect(queue.delay(40)).toBe(30);
  worker.took();
  expect(queue.delay(50)).toBe(30);
  worker.took();
  worker.took();
  expect(queue.delay(60)).toBe(0);
  queue.posted(70);
  expect(queue.delay(80)).toBe(10);
});

test("what it remembers does not grow with the calls that were taken up", () => {
  const heartbeat = createHeartbeat();
  const worker = new Pulse(heartbeat);
  const queue = new QueueWatch(heartbeat);
  for (let now = 0; now < 100_000; now++) {
    queue.posted(now);
    if (now < 10) continue;
    worker.took();
    expect(queue.delay(now)).toBe(9);
  }
});
