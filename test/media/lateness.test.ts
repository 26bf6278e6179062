/** How late the media worker is: counted, told now and then, summed up. */
import { expect, test } from "bun:test";
import { addLateness, type Lateness, LatenessCount, lateBounds, neverLate } from "../../src/media/lateness.ts";
import { Pacer } from "../../src/media/pacer.ts";

test("lateness is counted by bounds, told every five seconds, and nothing of it twice", () => {
  const told: Lateness[] = [];
  const count = new LatenessCount((lateness) => told.push(lateness));
  const noted = [0, 1, 1.5, 25, 700];
  noted.forEach((ms, i) => void count.note(ms, 1000 * i));
  expect(told).toEqual([]);
  count.note(3, 5_000);
  count.note(0, 9_999);
  count.note(0, 10_000);
  expect(told.map(({ counts }) => counts)).toEqual([
    [2, 1, 1, 0, 0, 1, 0, 0, 0, 1],
    [2, 0, 0, 0, 0, 0, 0, 0, 0, 0],
  ]);
  const all = neverLate();
  for (const lateness of told) addLateness(all, lateness);
  expect(all.counts).toEqual([4, 1, 1, 0, 0, 1, 0, 0, 0, 1]);
  expect(all.sum).toBeCloseTo(0.7305);
  expect(all.counts.length).toBe(lateBounds.length + 1);
});

test("the pacer tells how late each tick is", () => {
  let now = 0;
  const timers: { due: number; fire: () => void }[] = [];
  const clock = {
    now: () => now,
    after(ms: number, fire: () => void) {
      timers.push({ due: now + ms, fire });
      return { cancel() {} };
    },
  };
  const late: number[] = [];
  const pacer = new Pacer(
    clock,
    () => expect.unreachable(),
    (ms) => late.push(ms),
  );
  pacer.add({ tick() {} });
  for (const ms of [0, 7, 33, 0]) {
    const timer = timers.shift();
    if (timer === undefined) break;
    now = timer.due + ms;
    timer.fire();
  }
  expect(late).toEqual([0, 7, 33, 0]);
});
