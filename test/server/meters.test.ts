/** What is counted of messages, calls and senders, in virtual time. */
import { describe, expect, test } from "bun:test";
import type { RtpStats } from "../../src/media/index.ts";
import { LoopLag } from "../../src/server/loop-lag.ts";
import { type MeteredCall, Meters } from "../../src/server/meters.ts";
import { type Clock, VirtualClock } from "../../src/sip/clock.ts";
import { FakeFlow, requestFrom, responseTo } from "../support/fake-flow.ts";

const newCall = (): MeteredCall => ({ facts: { direction: "incoming" }, onFirstCommand: undefined });
const noPackets: RtpStats = {
  ...{ sentPackets: 0, sentOctets: 0, receivedPackets: 0, receivedOctets: 0, lost: 0, jitter: 0, dropped: 0 },
  ...{ roundTrip: undefined, remoteLost: undefined, remoteJitter: undefined },
};

describe("a call", () => {
  test("is timed from its beginning to its handler's first command, its answer and its end", () => {
    const clock = new VirtualClock();
    const meters = new Meters(clock);
    const call = newCall();
    meters.began(call);
    clock.advance(20);
    call.onFirstCommand?.();
    clock.advance(1980);
    meters.happened(call, { name: "RINGING" });
    meters.happened(call, { name: "CONNECTED" });
    clock.advance(10_000);
    meters.happened(call, { name: "CONNECTED" });
    meters.ended(call, { by: "remote", cause: "hangup", code: 200 });
    expect(meters.handling.sum).toBeCloseTo(0.02);
    const sums = (of: typeof meters.setup) => [...of.entries()].map(([name, { sum, count }]) => [name, sum, count]);
    expect(sums(meters.setup)).toEqual([["incoming", 2, 1]]);
    expect(sums(meters.lasted)).toEqual([["incoming", 10, 1]]);
    expect([...meters.endings.entries()]).toEqual([["incoming", "remote hangup 200", 1]]);
  });

  test("that is not answered has neither set-up nor length", () => {
    const meters = new Meters(new VirtualClock());
    const call = newCall();
    meters.began(call);
    meters.ended(call, { by: "remote", cause: "cancelled", code: 487 });
    expect([[...meters.setup.entries()], [...meters.lasted.entries()]]).toEqual([[], []]);
  });

  test("has its packets counted as they are told, and a packet that was only late is no step back", () => {
    const meters = new Meters(new VirtualClock());
    const [one, two] = [newCall(), newCall()];
    meters.began(one);
    meters.began(two);
    const lost = (of: MeteredCall, lost: number, last = false) =>
      meters.counted(of, { ...noPackets, receivedPackets: 100, jitter: 7, lost }, last);
    for (const number of [-1, 5, 3, 6]) lost(one, number);
    lost(two, 2, true);
    expect([meters.packets.get("lost"), meters.packets.get("received")]).toEqual([8, 200]);
    expect([...meters.jitter.entries()].map(([name, { count, sum }]) => [name, count, sum])).toEqual([
      ["received", 1, 0.007],
    ]);
  });
});

test("methods and codes that nobody knows are one", () => {
  const meters = new Meters(new VirtualClock());
  const flow = new FakeFlow();
  for (const method of ["INVITE", "GOLLUM", "__proto__", "invite"]) meters.message(requestFrom({ method }), flow);
  for (const status of [180, 200]) meters.message(responseTo(requestFrom(), status), flow);
  meters.served("GOLLUM", 405, undefined);
  meters.served("INVITE", 99_999, 3);
  expect([...meters.requests.entries()]).toEqual([
    ["INVITE", "", 1],
    ["other", "", 3],
  ]);
  expect([...meters.responses.entries()].map(([code]) => code)).toEqual(["180", "200"]);
  expect([...meters.answers.entries()].map(([method, code]) => `${method} ${code}`)).toEqual([
    "other 405",
    "INVITE other",
  ]);
});

describe("senders", () => {
  const setUp = () => {
    const clock = new VirtualClock();
    const meters = new Meters(clock);
    const send = (times: number) => {
      for (let i = 0; i < times; i++) meters.message(requestFrom(), new FakeFlow());
    };
    return { clock, meters, send };
  };

  test("are counted from the first question on, and told a second's worth", () => {
    const { clock, meters, send } = setUp();
    send(100);
    expect(meters.busiest()).toEqual([]);
    send(10);
    clock.advance(2_000);
    expect(meters.busiest()).toEqual([{ source: "192.0.2.9", rate: 5 }]);
    send(50);
    clock.advance(4_000);
    expect(meters.busiest()).toEqual([{ source: "192.0.2.9", rate: 10 }]);
    clock.advance(6_000);
    expect(meters.busiest()).toEqual([]);
  });

  test("are forgotten when nobody has asked for a minute", () => {
    const { clock, meters, send } = setUp();
    meters.busiest();
    clock.advance(120_000);
    send(10);
    expect(meters.busiest()).toEqual([]);
  });
});

describe("the lag of the loop", () => {
  /** A machine that is `late` ms late with each timer. */
  class LateClock implements Clock {
    late = 0;
    timers: { due: number; fire: () => void }[] = [];
    #now = 0;
    now = () => this.#now;
    after(ms: number, fire: () => void) {
      const timer = { due: this.#now + ms, fire };
      this.timers.push(timer);
      const cancel = () => {
        this.timers = this.timers.filter((other) => other !== timer);
      };
      return { cancel };
    }
    turn() {
      const timer = this.timers.shift();
      if (timer === undefined) return;
      this.#now = timer.due + this.late;
      timer.fire();
    }
  }

  test("is measured once somebody looks, and the worst of it told once", () => {
    const clock = new LateClock();
    const lag = new LoopLag(clock);
    expect(clock.timers).toEqual([]);
    lag.look();
    for (const late of [0, 40, 3]) {
      clock.late = late;
      clock.turn();
    }
    expect([lag.histogram.count, lag.takeWorst(), lag.takeWorst()]).toEqual([3, 40, 0]);
    expect(lag.histogram.sum).toBeCloseTo(0.043);
  });

  test("is measured no more when nobody has looked for ten minutes", () => {
    const clock = new LateClock();
    const lag = new LoopLag(clock);
    lag.look();
    for (let i = 0; i < 7_000 && clock.timers.length > 0; i++) clock.turn();
    expect(clock.timers).toEqual([]);
    expect(clock.now()).toBeLessThan(610_000);
    lag.look();
    expect(clock.timers.length).toBe(1);
  });
});
