/** Who is refused when we are late, in virtual time. */
import { describe, expect, test } from "bun:test";
import { createLog } from "../../src/log.ts";
import { Admission } from "../../src/server/admission.ts";
import { LagMeter } from "../../src/server/lag-meter.ts";
import { defaultOverloadLimits as limits, Overload } from "../../src/server/overload.ts";
import { VirtualClock } from "../../src/sip/clock.ts";
import { seededRandom } from "../../src/sip/random.ts";
import { requestFrom } from "../support/fake-flow.ts";

function setUp() {
  const clock = new VirtualClock();
  const told: string[] = [];
  const overload = new Overload({
    clock,
    began: (delay) => told.push(`began at ${delay}`),
    passed: ({ refused, admitted, ms, delay }) =>
      told.push(`refused ${refused} of ${refused + admitted}, ${ms} ms, ${delay} at most`),
  });
  /** `count` newcomers, 10 ms apart, that have waited for `delay`: how many were refused. */
  const come = (count: number, delay: number) => {
    let refused = 0;
    for (let n = 0; n < count; n++) {
      if (overload.refuses(delay)) refused++;
      clock.advance(10);
    }
    return refused;
  };
  return { clock, overload, told, come };
}

/** So many newcomers, 10 ms apart, until a wait has lasted; the next is the first that may be refused. */
const lasting = limits.sustained / 10;

describe("overload", () => {
  test.each<[title: string, waits: readonly (readonly [count: number, delay: number])[], refused: number]>([
    ["nobody is refused while work waits less than the start", [[1000, limits.start - 1]], 0],
    [
      "nor when a longer wait passes by itself",
      [
        [lasting, 2 * limits.start],
        [1, 0],
        [lasting, 2 * limits.start],
      ],
      0,
    ],
    [
      "after it has lasted, everybody who waited long is",
      [
        [lasting + 1, limits.all],
        [100, limits.all],
      ],
      101,
    ],
    [
      "of those who waited less, an even share",
      [
        [lasting + 1, limits.all],
        [100, (limits.all + limits.stop) / 2],
      ],
      51,
    ],
    [
      "who has not waited is let in, and the others refused all the same",
      [
        [lasting + 1, limits.all],
        [10, 0],
        [10, limits.all],
        [10, 0],
      ],
      11,
    ],
  ])("%s", (_, waits, refused) => {
    const { come } = setUp();
    expect(waits.reduce((sum, [count, delay]) => sum + come(count, delay), 0)).toBe(refused);
  });

  test("two waits far apart are none", () => {
    const { clock, come } = setUp();
    for (let n = 0; n < 5; n++) {
      expect(come(1, limits.all)).toBe(0);
      clock.advance(limits.calm);
    }
    come(1, limits.all);
    clock.advance(limits.sustained);
    expect(come(1, limits.all)).toBe(1);
  });

  test("is told once when it begins and once when it has passed, and leaves no timer", () => {
    const { clock, overload, told, come } = setUp();
    come(lasting + 100, limits.all);
    expect(overload.active).toBe(true);
    come(10, limits.stop - 1);
    clock.advance(limits.calm);
    expect(told).toEqual([`began at ${limits.all}`, `refused 100 of 110, 990 ms, ${limits.all} at most`]);
    expect([overload.active, clock.pending]).toEqual([false, 0]);
  });

  test.each([
    [500, 0.65],
    [400, 0.8],
  ])("a machine that is away for %d ms, at %d of what it can do, refuses nobody", (away, load) => {
    const { clock, overload } = setUp();
    // One millisecond at a time: `load` newcomers, one of which can be served when the machine is there.
    const came: number[] = [];
    let owed = 0;
    let refused = 0;
    let longest = 0;
    for (let ms = 0; ms < 5_000; ms++) {
      for (owed += load; owed >= 1; owed--) came.push(ms);
      const first = ms >= 1_000 && ms < 1_000 + away ? undefined : came.shift();
      if (first !== undefined) {
        longest = Math.max(longest, ms - first);
        if (overload.refuses(ms - first)) refused++;
      }
      clock.advance(1);
    }
    expect(longest).toBeGreaterThan(limits.start);
    expect(refused).toBe(0);
  });

  test("settles where what is let in is what can be served, with less wait than a caller's patience of 500 ms", () => {
    for (const factor of [1.2, 1.5, 2, 4]) {
      const { clock, overload } = setUp();
      // One millisecond at a time: `factor` newcomers, of which one can be served.
      let queue = 0;
      let longest = 0;
      let idle = 0;
      let owed = 0;
      for (let ms = 0; ms < 20_000; ms++) {
        for (owed += factor; owed >= 1; owed--) if (!overload.refuses(queue)) queue++;
        if (ms > 2_000) {
          longest = Math.max(longest, queue);
          if (queue === 0) idle++;
        }
        queue = Math.max(0, queue - 1);
        clock.advance(1);
      }
      expect(longest).toBeLessThan(500);
      expect(idle).toBe(0);
    }
  });
});

describe("the lag meter", () => {
  test("tells how late its timer was, or is by now, and stops when nobody asks", () => {
    let late = 0;
    const clock = new VirtualClock();
    const meter = new LagMeter({ now: () => clock.now(), after: (ms, fire) => clock.after(ms + late, fire) });
    expect(meter.lag).toBe(0);
    late = 400;
    clock.advance(50);
    expect(meter.lag).toBe(0);
    clock.advance(350);
    expect(meter.lag).toBe(300);
    late = 0;
    clock.advance(100);
    expect(meter.lag).toBe(400);
    clock.advance(50);
    expect(meter.lag).toBe(0);
    clock.advance(1000);
    expect(clock.pending).toBe(0);
    expect(meter.lag).toBe(0);
  });
});

describe("admission", () => {
  function admission(delay: { ms: number }) {
    const clock = new VirtualClock();
    const lines: string[] = [];
    const log = createLog({ level: "info", format: "pretty", write: (line) => lines.push(line) });
    const random = seededRandom(1);
    const asked = new Admission({ clock, random, log, waited: () => delay.ms, limits: { sustained: 0 } });
    return { clock, lines, asked };
  }

  test("asks new requests that open dialogs to come again, within 10 to 19 s, and nobody else", () => {
    const { asked, lines } = admission({ ms: 1000 });
    const cases: [Parameters<typeof requestFrom>[0], boolean][] = [
      [{}, true],
      [{ method: "SUBSCRIBE" }, true],
      [{ to: "<sip:bob@example.com>;tag=b1" }, false],
      [{ method: "BYE", to: "<sip:bob@example.com>;tag=b1" }, false],
      [{ method: "OPTIONS" }, false],
      [{ method: "REGISTER" }, false],
    ];
    expect(cases.map(([parts]) => asked.refuses(requestFrom(parts)))).toEqual(cases.map(([, refused]) => refused));
    const seconds = Array.from({ length: 1000 }, () => Number(asked.retryAfter()));
    expect([Math.min(...seconds), Math.max(...seconds)]).toEqual([10, 19]);
    expect(lines.length).toBe(1);
  });

  test("refuses again what was refused a moment ago, though there is room by now: its caller is gone", () => {
    const delay = { ms: 1000 };
    const { asked, clock } = admission(delay);
    const first = requestFrom({ branch: "z9hG4bK1" });
    expect(asked.refuses(first)).toBe(true);
    delay.ms = 0;
    expect([asked.refuses(first), asked.refuses(requestFrom({ branch: "z9hG4bK2" }))]).toEqual([true, false]);
    clock.advance(3900);
    expect(asked.refuses(first)).toBe(true);
    clock.advance(8000);
    expect(asked.refuses(first)).toBe(false);
  });

  test("judges the handlers by themselves", () => {
    const { asked, lines } = admission({ ms: 0 });
    const request = (n: number) => requestFrom({ branch: `z9hG4bK${n}` });
    expect(asked.refusesAt(undefined, request(1))).toBe(false);
    expect(asked.refusesAt(1000, request(2))).toBe(true);
    expect(asked.refuses(request(3))).toBe(false);
    // Its repetition is refused before anybody looks at the handler.
    expect(asked.refuses(request(2))).toBe(true);
    expect(lines.map((line) => line.includes("the script worker cannot keep up"))).toEqual([true]);
  });
});
