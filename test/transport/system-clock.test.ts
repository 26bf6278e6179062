import { describe, expect, test } from "bun:test";
import { seededRandom } from "../../src/sip/random.ts";
import { SystemClock } from "../../src/transport/index.ts";

/** A system timer in the test's hand: one at a time, as the wheel promises. */
function fakeSystem(start = 0) {
  let now = start;
  let armed: { at: number; fire: () => void } | undefined;
  let wakes = 0;
  return {
    now: () => now,
    schedule: (ms: number, fire: () => void) => {
      if (armed !== undefined) throw new RangeError("two system timers at once");
      const mine = { at: now + ms, fire };
      armed = mine;
      return () => {
        if (armed === mine) armed = undefined;
      };
    },
    /** Moves time on; `late` ms is how late the system calls back. */
    advance(ms: number, late = 0) {
      const end = now + ms;
      while (armed !== undefined && armed.at + late <= end) {
        const { at, fire } = armed;
        armed = undefined;
        now = Math.max(now, at + late);
        wakes++;
        fire();
      }
      now = end;
    },
    get armed() {
      return armed !== undefined;
    },
    get wakes() {
      return wakes;
    },
  };
}

function setUp(start = 0) {
  const system = fakeSystem(start);
  const clock = new SystemClock({ now: system.now, schedule: system.schedule });
  return { system, clock };
}

describe("SystemClock", () => {
  const delays = [0, 1, 9, 10, 11, 500, 1270, 1280, 1281, 4000, 32_000, 163_840, 3_600_000, 86_400_000, 2 ** 31 - 1];
  for (const start of [0, 3.7, 12_345.6, 5_000_000_000, 2 ** 32 * 10 + 5]) {
    test.each(delays)(`from ${start}: a timer of %d ms is never early, at most a tick late`, (delay) => {
      const { system, clock } = setUp(start);
      let firedAt: number | undefined;
      clock.after(delay, () => {
        firedAt = system.now();
      });
      system.advance(Math.max(0, delay - 0.5));
      expect(firedAt).toBeUndefined();
      system.advance(25);
      expect(firedAt).toBeDefined();
      expect((firedAt ?? 0) - start).toBeGreaterThanOrEqual(delay - 0.001);
      expect((firedAt ?? 0) - start).toBeLessThanOrEqual(delay + 21);
      expect(system.armed).toBe(false);
    });
  }

  test("clamps what a peer may set: negative, NaN, beyond 2^31", () => {
    const { system, clock } = setUp();
    const fired: string[] = [];
    clock.after(-5, () => fired.push("negative"));
    clock.after(Number.NaN, () => fired.push("NaN"));
    clock.after(Number.POSITIVE_INFINITY, () => fired.push("infinite"));
    clock.after(1e15, () => fired.push("huge"));
    system.advance(20);
    expect(fired).toEqual(["negative", "NaN"]);
    system.advance(2 ** 31 - 100);
    expect(fired).toEqual(["negative", "NaN"]);
    system.advance(200);
    expect(fired).toEqual(["negative", "NaN", "infinite", "huge"]);
  });

  test("cancelled timers never fire, whenever and however often they are cancelled", () => {
    const { system, clock } = setUp();
    const fired: number[] = [];
    const first = clock.after(100, () => {
      fired.push(1);
      third.cancel();
      first.cancel();
    });
    clock.after(100, () => fired.push(2));
    const third = clock.after(100, () => fired.push(3));
    const gone = clock.after(50, () => fired.push(4));
    gone.cancel();
    gone.cancel();
    system.advance(1000);
    first.cancel();
    expect(fired).toEqual([1, 2]);
  });

  test("timers of one delay fire in order of creation", () => {
    const { system, clock } = setUp(7);
    const fired: number[] = [];
    for (let i = 0; i < 50; i++) clock.after(2000, () => fired.push(i));
    system.advance(2020);
    expect(fired).toEqual(Array.from({ length: 50 }, (_, i) => i));
  });

  test("a timer set by a timer waits for a later tick", () => {
    const { system, clock } = setUp();
    let count = 0;
    const again = () => {
      count++;
      clock.after(0, again);
    };
    clock.after(0, again);
    system.advance(1000);
    expect(count).toBeGreaterThan(50);
    expect(count).toBeLessThanOrEqual(100);
  });

  test("what a timer throws is reported and stops no other timer", () => {
    const system = fakeSystem();
    const errors: unknown[] = [];
    const clock = new SystemClock({
      now: system.now,
      schedule: system.schedule,
      onError: (error) => errors.push(error),
    });
    let fired = 0;
    clock.after(10, () => {
      throw new RangeError("first");
    });
    clock.after(10, () => fired++);
    system.advance(50);
    expect(errors).toEqual([new RangeError("first")]);
    expect(fired).toBe(1);
  });

  test("no system timer is armed while nothing waits, and few wakes serve one long timer", () => {
    const { system, clock } = setUp();
    expect(system.armed).toBe(false);
    clock.after(1_800_000, () => {});
    system.advance(1_800_020);
    expect(system.wakes).toBeLessThanOrEqual(5);
    expect(system.armed).toBe(false);
  });

  test("random timers with a late system all fire in time order, cancelled ones not", () => {
    const random = seededRandom(42);
    const { system, clock } = setUp(123.4);
    const waiting = new Map<number, { at: number; cancel: () => void }>();
    let id = 0;
    let fired = 0;
    for (let round = 0; round < 2000; round++) {
      const mine = id++;
      const delay = random.below(random.below(10) === 0 ? 3_000_000 : 5_000);
      const at = system.now() + delay;
      const timer = clock.after(delay, () => {
        fired++;
        expect(waiting.has(mine)).toBe(true);
        expect(system.now()).toBeGreaterThanOrEqual(at - 0.001);
        expect(system.now()).toBeLessThanOrEqual(at + 10 + 10 + 35 + 1);
        waiting.delete(mine);
      });
      waiting.set(mine, { at, cancel: () => timer.cancel() });
      if (random.below(3) === 0) {
        const victim = random.below(id);
        waiting.get(victim)?.cancel();
        waiting.delete(victim);
      }
      system.advance(random.below(200), random.below(35));
    }
    system.advance(4_000_000);
    expect(waiting.size).toBe(0);
    expect(fired).toBeGreaterThan(1000);
    expect(system.armed).toBe(false);
  });

  test("the real clock fires after the time it was given", async () => {
    const clock = new SystemClock();
    const start = clock.now();
    const { promise, resolve } = Promise.withResolvers<void>();
    clock.after(30, resolve);
    await promise;
    expect(clock.now() - start).toBeGreaterThanOrEqual(30);
  });

  test("once it is stopped, nothing fires and nothing waits", () => {
    const { system, clock } = setUp();
    let fired = 0;
    clock.after(500, () => fired++);
    clock.stop();
    expect(system.armed).toBe(false);
    clock.after(100, () => fired++).cancel();
    clock.after(100, () => fired++);
    system.advance(10_000);
    expect([fired, system.armed, system.wakes]).toEqual([0, false, 0]);
  });

  test("what stops it in the middle of its work is the last that it fires", () => {
    const { system, clock } = setUp();
    clock.after(500, () => clock.stop());
    clock.after(900, () => {});
    system.advance(10_000);
    expect([system.armed, system.wakes]).toEqual([false, 1]);
  });
});

describe("a clock that skips", () => {
  test("is later at once, fires what is due by then, in order, and nothing else", () => {
    const system = fakeSystem(5);
    const clock = new SystemClock({ now: system.now, schedule: system.schedule });
    const fired: string[] = [];
    clock.after(100, () => fired.push("first"));
    clock.after(3000, () => fired.push("second"));
    clock.after(60_000, () => fired.push("third"));
    clock.skip(32_000);
    expect([clock.now(), fired]).toEqual([32_005, ["first", "second"]]);
    system.advance(28_020);
    expect(fired).toEqual(["first", "second", "third"]);
    expect(system.armed).toBe(false);
  });
});
