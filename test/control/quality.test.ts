/** Mean opinion scores by the E-model, and what a call's counts say over time. */
import { describe, expect, test } from "bun:test";
import { estimateMos } from "../../src/control/quality.ts";
import { type QualityCount, QualityTrack } from "../../src/server/quality-track.ts";

describe("the E-model", () => {
  // From R by G.107 annex B: 93.2 is 4.41, 80 is 4.02, 70 is 3.60, 60 is 3.10, 50 is 2.58, 0 is 1.
  test.each([
    ["a faultless call", { loss: 0 }, 4.4],
    ["1 % lost", { loss: 0.01 }, 4.32],
    ["5 % lost", { loss: 0.05 }, 3.9],
    ["10 % lost", { loss: 0.1 }, 3.38],
    ["all lost", { loss: 1 }, 1.23],
    ["a round trip of 300 ms", { loss: 0, roundTrip: 300 }, 4.31],
    ["a round trip of 800 ms", { loss: 0, roundTrip: 800 }, 2.93],
    ["jitter that a buffer must hide", { loss: 0, jitter: 100 }, 4.16],
    ["a wide codec", { codec: "opus", loss: 0 }, 4.4],
    ["a codec of unknown kind counts as G.711", { codec: "constructor", loss: 0.05 }, 3.9],
    ["nonsense", { loss: 7, jitter: 1e9 }, 1],
  ])("%s", (_, given, expected) => {
    expect(Math.abs(estimateMos(given) - expected)).toBeLessThan(0.1);
  });

  test("more loss is never better", () => {
    let last = 5;
    for (let loss = 0; loss <= 1; loss += 0.01) {
      const mos = estimateMos({ codec: "PCMA", loss });
      expect(mos).toBeLessThanOrEqual(last);
      last = mos;
    }
  });
});

describe("a call's quality from count to count", () => {
  let lost = 0;
  const count = (packets: number, lost: number, jitter = 2): QualityCount => ({
    received: { packets, octets: packets * 160, lost, jitter },
    sent: { packets: packets, octets: packets * 160, lost: undefined, jitter: undefined },
    roundTrip: 20,
  });

  test("the whole and the last interval are told apart", () => {
    const track = new QualityTrack(0);
    track.count(count(250, 0), 5000);
    track.count(count(450, 50), 10_000);
    const { now, series } = track.live;
    expect(now.received).toMatchObject({ packets: 450, lost: 50, loss: 0.1 });
    expect(now.sent).toMatchObject({ packets: 450, lost: undefined, loss: undefined, mos: undefined });
    expect(series.map(({ at, received }) => [at, received.rate, received.loss])).toEqual([
      [5000, 50, 0],
      [10_000, 40, 0.2],
    ]);
    expect(track.worst).toBe(series[1]?.received.mos);
    expect(track.worst).toBeLessThan(3);
  });

  test("silence is no loss, and duplicates are none either", () => {
    const track = new QualityTrack(0);
    track.count(count(250, -3), 5000);
    track.count(count(250, -3), 10_000);
    expect(track.live.series.map(({ received }) => received.loss)).toEqual([0, undefined]);
    expect(track.now.received.lost).toBe(0);
  });

  test("a series of any length stays small, covers all of the call and forgets no bad time", () => {
    const track = new QualityTrack(0);
    const counts = 20_000;
    let lost = 0;
    for (let i = 1; i <= counts; i++) {
      if (i === 777) lost += 100;
      track.count(count(i * 250, lost), i * 5000);
    }
    const { series } = track.live;
    expect(series.length).toBeLessThanOrEqual(240);
    expect(series.length).toBeGreaterThanOrEqual(100);
    expect(series.at(-1)?.at).toBeGreaterThan(counts * 5000 * 0.98);
    expect(series.every(({ received }) => Math.abs(received.rate - 50) < 0.01)).toBe(true);
    const worst = Math.min(...series.map(({ received }) => received.mos ?? 5));
    expect(Math.abs(worst - (track.worst ?? 0))).toBeLessThan(0.01);
    expect(worst).toBeLessThan(3);
  });

  test("that a call begins to sound bad is told once, and once that it sounds well again", () => {
    const track = new QualityTrack(0);
    const told = [0, 30, 80, 0, 1, 0].map((percent, i) => {
      lost += (250 * percent) / (100 - percent);
      const change = track.count(count((i + 1) * 250, lost), (i + 1) * 5000);
      return change === undefined ? "" : `${change.poor ? "bad" : "well"} ${change.direction}`;
    });
    expect(told).toEqual(["", "bad received", "", "well received", "", ""]);
  });

  test("counts in quick succession make no row of their own", () => {
    const track = new QualityTrack(0);
    track.count(count(250, 0), 5000);
    track.count(count(255, 0), 5100);
    expect(track.live.series.length).toBe(1);
    expect(track.now.received.packets).toBe(255);
  });
});
