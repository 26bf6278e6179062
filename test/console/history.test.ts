/** What the console's charts are drawn from. */
import { describe, expect, test } from "bun:test";
import { History, sampleEvery } from "../../src/control/history.ts";

function world() {
  const state = {
    now: 1_000_000_000_000,
    handled: 0,
    cpu: 0,
    packets: { received: 0, lost: 0 },
    answers: [] as { method: string; code: number; count: number }[],
  };
  const history = new History({
    status: () => ({
      calls: { handled: state.handled, relayed: 0, forwarding: 0 },
      registrations: { users: 1, contacts: 2 },
      process: { memory: 1000, cpu: state.cpu },
    }),
    packets: () => state.packets,
    answers: () => state.answers,
    now: () => state.now,
  });
  const pass = (samples: number) => {
    for (let n = 0; n < samples; n++) {
      state.now += sampleEvery * 1000;
      history.sample();
    }
  };
  return { state, history, pass };
}

describe("the history", () => {
  test("keeps what is, and counts what happened within each interval", () => {
    const { state, history, pass } = world();
    state.handled = 3;
    state.cpu = 2.5;
    state.packets = { received: 100, lost: 4 };
    history.call({ answer: 1, status: 200, direction: "incoming" });
    history.call({ answer: undefined, status: 486, direction: "outgoing" });
    pass(1);
    pass(1);
    const { times, handled, contacts, cpu, answered, failed, packets, lost, codes } = history.view(900);
    expect({ times: times.length, handled, contacts, cpu }).toEqual({
      ...{ times: 2, handled: [3, 3], contacts: [2, 2] },
      cpu: [0.5, 0],
    });
    expect({ answered, failed, packets, lost }).toEqual({
      ...{ answered: [1, 0], failed: [1, 0], packets: [100, 0], lost: [4, 0] },
    });
    expect(codes).toEqual({ 486: 1 });
  });

  test("counts refusals once, and neither challenges nor other methods", () => {
    const { state, history, pass } = world();
    const count = (code: number, count: number, method = "INVITE") => ({ method, code, count });
    state.answers = [count(486, 2), count(407, 9), count(200, 5), count(404, 3, "MESSAGE")];
    pass(1);
    state.answers = [count(486, 3)];
    pass(1);
    expect(history.view(900).failed).toEqual([2, 1]);
    expect(history.view(900).codes).toEqual({ 486: 3 });
  });

  test("is bounded: an hour finely, a day roughly", () => {
    const { history, pass } = world();
    pass((26 * 3600) / sampleEvery);
    expect(history.view(3600).times.length).toBe(720);
    expect(history.view(3600).every).toBe(5);
    expect(history.view(86_400).times.length).toBe(1440);
    expect(history.view(86_400).every).toBe(60);
    expect(history.view(60).times.length).toBe(12);
  });
});
