/** Rooms: who hears whom, at which rates, and what becomes of members that come late, stand still or go. */
import { describe, expect, test } from "bun:test";
import { Room } from "../../src/media/room.ts";
import { joined } from "../../src/media/tones.ts";
import { seeded } from "../support/random.ts";

const level = (value: number, rate = 8000) => new Int16Array(rate / 50).fill(value);

/** Each says its level for so many ticks; what each hears in the last one, as its middle sample. */
function talk(room: Room, levels: readonly number[], ticks = 6) {
  const seats = levels.map(() => room.enter());
  let heard: (number | undefined)[] = [];
  for (let i = 0; i < ticks; i++)
    heard = seats.map((seat, at) => seat.exchange(level(levels[at] ?? 0), undefined, 8000, 1)?.[80]);
  return { seats, heard };
}

describe("a room's member", () => {
  test.each([
    [
      [100, 200],
      [200, 100],
    ],
    [
      [100, 200, 400],
      [600, 500, 300],
    ],
    [
      [30_000, 20_000, 10_000],
      [30_000, 32_767, 32_767],
    ],
    [
      [-30_000, -20_000, 5],
      [-19_995, -29_995, -32_768],
    ],
  ])("hears the others and not itself: %p", (levels, expected) => {
    expect(talk(new Room(), levels).heard).toEqual(expected);
  });

  test("alone hears nothing but what is its own", () => {
    const room = new Room();
    const seat = room.enter();
    expect(seat.exchange(level(5), undefined, 8000, 1)).toBeUndefined();
    expect(seat.exchange(level(5), level(7), 8000, 1)?.[0]).toBe(7);
  });

  test("hears its own tones and echoes with the others", () => {
    const room = new Room();
    const { seats } = talk(room, [100, 200]);
    expect(seats[0]?.exchange(level(100), level(9), 8000, 1)?.[80]).toBe(209);
  });

  test("that only listens is not heard", () => {
    const room = new Room();
    const { seats } = talk(room, [100, 200, 400]);
    const [first] = seats;
    if (first !== undefined) first.heard = false;
    let heard: (number | undefined)[] = [];
    for (let i = 0; i < 4; i++)
      heard = seats.map((seat, at) => seat.exchange(level([100, 200, 400][at] ?? 0), undefined, 8000, 1)?.[80]);
    expect(heard).toEqual([600, 400, 200]);
  });

  test("that has left is not heard any more", () => {
    const room = new Room();
    const { seats } = talk(room, [100, 200, 400]);
    seats[2]?.leave();
    let heard: number | undefined;
    for (let i = 0; i < 4; i++) {
      seats[1]?.exchange(level(200), undefined, 8000, 1);
      heard = seats[0]?.exchange(level(100), undefined, 8000, 1)?.[80];
    }
    expect(heard).toBe(200);
  });

  test("hears all of what another says, sample by sample, 40 ms late", () => {
    const room = new Room();
    const [a, b] = [room.enter(), room.enter()];
    const random = seeded(3);
    const said: number[] = [];
    const heard: number[] = [];
    for (let i = 0; i < 50; i++) {
      const frame = Int16Array.from({ length: 160 }, () => Math.floor(random() * 60_000) - 30_000);
      said.push(...frame);
      a.exchange(frame, undefined, 8000, 1);
      heard.push(...(b.exchange(level(0), undefined, 8000, 1) ?? level(0)));
    }
    expect(heard.slice(320)).toEqual(said.slice(0, -320));
  });

  test("hears all of it though ticks come in bursts of three", () => {
    const room = new Room();
    const [a, b] = [room.enter(), room.enter()];
    const heard: number[] = [];
    for (let burst = 0; burst < 10; burst++) {
      for (let i = 0; i < 3; i++) a.exchange(level(1 + burst * 3 + i), undefined, 8000, 1);
      for (let i = 0; i < 3; i++) heard.push(b.exchange(level(0), undefined, 8000, 1)?.[0] ?? 0);
    }
    expect(heard.slice(2)).toEqual(Array.from({ length: 28 }, (_, i) => i + 1));
  });

  test.each([1, 2, 3, 4, 5, 6])("that stood still for %d ticks is heard again", (ticks) => {
    const room = new Room();
    const { seats } = talk(room, [100, 200]);
    const [a, b] = seats;
    for (let i = 0; i < ticks; i++) b?.exchange(level(200), undefined, 8000, 1);
    let heard: (number | undefined)[] = [];
    for (let i = 0; i < 8; i++)
      heard = [a?.exchange(level(100), undefined, 8000, 1)?.[80], b?.exchange(level(200), undefined, 8000, 1)?.[80]];
    expect(heard).toEqual([200, 100]);
  });

  test("that stood still goes on at the others' time", () => {
    const room = new Room();
    const { seats } = talk(room, [100, 200]);
    const [a, b] = seats;
    for (let i = 0; i < 100; i++) a?.exchange(level(100), undefined, 8000, 1);
    let heard: number | undefined;
    for (let i = 0; i < 5; i++) {
      a?.exchange(level(100), undefined, 8000, 1);
      heard = b?.exchange(level(200), undefined, 8000, 1)?.[80];
    }
    expect(heard).toBe(100);
    expect(a?.exchange(level(100), undefined, 8000, 1)?.[80]).toBe(200);
  });
});

describe("members of several rates", () => {
  /** A sine of so many Hz, and the strength of a frequency in what is heard. */
  const sine = (frequency: number, rate: number, from: number) =>
    Int16Array.from({ length: rate / 50 }, (_, i) =>
      Math.round(8000 * Math.sin((2 * Math.PI * frequency * (from + i)) / rate)),
    );
  const strength = (samples: readonly number[], frequency: number, rate: number) => {
    let [re, im] = [0, 0];
    for (const [i, sample] of samples.entries()) {
      re += sample * Math.cos((2 * Math.PI * frequency * i) / rate);
      im += sample * Math.sin((2 * Math.PI * frequency * i) / rate);
    }
    return (2 * Math.hypot(re, im)) / samples.length;
  };

  test.each([
    [8000, 16_000],
    [16_000, 8000],
    [48_000, 8000],
    [8000, 48_000],
    [48_000, 16_000],
  ])("%d Hz is heard at %d Hz", (from, to) => {
    const room = new Room();
    const [a, b] = [room.enter(), room.enter()];
    const heard: number[] = [];
    for (let i = 0; i < 60; i++) {
      a.exchange(sine(1000, from, (i * from) / 50), undefined, from, 1);
      const frame = b.exchange(level(0, to), undefined, to, 1);
      if (i >= 10) heard.push(...(frame ?? level(0, to)));
    }
    expect(strength(heard, 1000, to)).toBeWithin(7900, 8100);
    for (const other of [500, 1500, 2000, 3000]) expect(strength(heard, other, to)).toBeLessThan(40);
  });

  test("make the room wideband, and leave it so only while they are there", () => {
    const room = new Room();
    const [a, b] = [room.enter(), room.enter()];
    a.exchange(level(0), undefined, 8000, 1);
    expect(room.rate).toBe(8000);
    b.exchange(level(0, 48_000), undefined, 48_000, 1);
    expect(room.rate).toBe(16_000);
  });
});

test("a tone is heard by all, the one who comes included, once", () => {
  const room = new Room();
  const { seats } = talk(room, [0, 0, 0]);
  room.announce(joined);
  const loudest = seats.map(() => [] as number[]);
  for (let i = 0; i < 30; i++)
    for (const [at, seat] of seats.entries())
      loudest[at]?.push(Math.max(...(seat.exchange(level(0), undefined, 8000, 1) ?? [0])));
  for (const each of loudest) {
    expect(each.filter((peak) => peak > 3000).length).toBe(12);
    expect(each.slice(-10)).toEqual(new Array(10).fill(0));
  }
});
