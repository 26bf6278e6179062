import { describe, expect, test } from "bun:test";
import { type Paced, Pacer } from "../../src/media/pacer.ts";
import { VirtualClock } from "../../src/sip/clock.ts";

class Ticks implements Paced {
  readonly at: number[] = [];
  readonly skipped: number[] = [];
  tick(now: number, skipped: number): void {
    this.at.push(now);
    this.skipped.push(skipped);
  }
}

/** A clock whose timers fire late by what `stall` says: as when the process is busy. */
class StallingClock {
  readonly virtual = new VirtualClock();
  stall = 0;
  #offset = 0;
  now = () => this.virtual.now() + this.#offset;
  after = (ms: number, fire: () => void) =>
    this.virtual.after(ms, () => {
      this.#offset += this.stall;
      this.stall = 0;
      fire();
    });
}

const never = () => expect.unreachable();

describe("the pacer", () => {
  test("ticks each member every 20 ms", () => {
    const clock = new VirtualClock();
    const pacer = new Pacer(clock, never);
    const ticks = new Ticks();
    pacer.add(ticks);
    clock.advance(1000);
    expect(ticks.at.length).toBe(51);
    expect(ticks.at).toEqual(ticks.at.map((_, i) => i * 20));
  });

  test("spreads many members over the 20 ms", () => {
    const clock = new VirtualClock();
    const pacer = new Pacer(clock, never);
    const members = Array.from({ length: 1000 }, () => new Ticks());
    for (const member of members) pacer.add(member);
    clock.advance(100);
    const perInstant = new Map<number, number>();
    for (const { at } of members)
      for (const time of at.slice(0, 1)) perInstant.set(time, (perInstant.get(time) ?? 0) + 1);
    expect(perInstant.size).toBe(10);
    for (const count of perInstant.values()) expect(count).toBeLessThanOrEqual(101);
  });

  test("keeps to its grid though its timers fire late", () => {
    const clock = new StallingClock();
    const pacer = new Pacer(clock, never);
    const ticks = new Ticks();
    pacer.add(ticks);
    for (let i = 0; i < 100; i++) {
      clock.stall = i % 2 === 0 ? 7 : 0;
      clock.virtual.advance(13 + (i % 2) * 7);
    }
    expect(ticks.at.length).toBe(Math.floor(clock.now() / 20) + 1);
  });

  test("makes up for a short stall", () => {
    const clock = new StallingClock();
    const pacer = new Pacer(clock, never);
    const ticks = new Ticks();
    pacer.add(ticks);
    clock.virtual.advance(10);
    clock.stall = 45;
    clock.virtual.advance(10);
    expect(ticks.at).toEqual([0, 65, 65, 65]);
    expect(ticks.skipped).toEqual([0, 0, 0, 0]);
  });

  test("leaves out what a long stall has cost instead of sending a burst", () => {
    const clock = new StallingClock();
    const pacer = new Pacer(clock, never);
    const ticks = new Ticks();
    pacer.add(ticks);
    clock.virtual.advance(10);
    clock.stall = 1000;
    clock.virtual.advance(10);
    expect(ticks.at).toEqual([0, 1020]);
    expect(ticks.skipped).toEqual([0, 50]);
    clock.virtual.advance(20);
    expect(ticks.at).toEqual([0, 1020, 1040]);
  });

  test("does not wake up for nobody, and members may leave in their own tick", () => {
    const clock = new VirtualClock();
    const pacer = new Pacer(clock, never);
    let count = 0;
    const once: Paced = {
      tick() {
        count++;
        pacer.remove(once);
      },
    };
    pacer.add(once);
    clock.advance(200);
    expect(count).toBe(1);
    expect(clock.pending).toBe(0);
  });

  test("goes on with the others when one throws", () => {
    const clock = new VirtualClock();
    const failed: unknown[] = [];
    const pacer = new Pacer(clock, (_, error) => failed.push(error));
    const good = new Ticks();
    const fault = new RangeError("fault");
    pacer.add(good);
    pacer.add({
      tick() {
        throw fault;
      },
    });
    clock.advance(20);
    expect(good.at).toEqual([0, 20]);
    expect(failed).toEqual([fault, fault]);
  });
});
