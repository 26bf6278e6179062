import { describe, expect, test } from "bun:test";
import { newRtpHeader, parseRtp } from "../../src/media/rtp.ts";
import { EventReceiver, EventSender } from "../../src/media/telephone-event.ts";
import { dataPath } from "../support/data.ts";
import { readPcap } from "../support/pcap.ts";

describe("sending digits", () => {
  /** What goes out in each tick of 20 ms: a packet's fields, or undefined for audio. */
  function send(digits: string, ticks: number) {
    const sender = new EventSender();
    const done: [tick: number, id: number][] = [];
    expect(sender.enqueue(7, digits)).toBe(true);
    const packets = Array.from({ length: ticks }, (_, tick) => {
      if (!sender.tick(1000 + 160 * tick, (id) => done.push([tick, id]))) return undefined;
      const [code = -1, flags = 0, high = 0, low = 0] = sender.payload;
      return {
        code,
        end: flags >= 0x80,
        duration: high * 256 + low,
        marker: sender.marker,
        timestamp: sender.timestamp,
      };
    });
    return { packets, done, active: sender.active };
  }

  test("takes 160 ms of growing duration, the end three times, and a pause of 80 ms", () => {
    const { packets } = send("5", 12);
    const of = (duration: number, end: boolean, marker: boolean) => ({
      code: 5,
      end,
      duration,
      marker,
      timestamp: 1000,
    });
    expect(packets).toEqual([
      of(160, false, true),
      ...[320, 480, 640, 800, 960, 1120].map((duration) => of(duration, false, false)),
      of(1280, true, false),
      of(1280, true, false),
      of(1280, true, false),
      undefined,
      undefined,
    ]);
  });

  test("sends one digit after the other, each with its own start", () => {
    const { packets, done, active } = send("1d#", 36);
    const starts = packets.flatMap((packet) => (packet?.marker ? [[packet.code, packet.timestamp]] : []));
    expect(starts).toEqual([
      [1, 1000],
      [15, 1000 + 12 * 160],
      [11, 1000 + 24 * 160],
    ]);
    expect(done).toEqual([[33, 7]]);
    expect(active).toBe(false);
  });

  test("refuses what is no digit", () => {
    for (const digits of ["", "E", "1 2", "1\n"]) expect(new EventSender().enqueue(1, digits)).toBe(false);
  });
});

describe("receiving digits", () => {
  type Step = [
    timestamp: number,
    code: number,
    duration: number,
    options?: { end?: boolean; marker?: boolean; at?: number },
  ];
  function receive(steps: Step[], silence = 0): string[] {
    const heard: string[] = [];
    const receiver = new EventReceiver((digit, duration) => heard.push(`${digit} ${duration}`));
    let now = 0;
    for (const [timestamp, code, duration, { end = false, marker = false, at = now + 20 } = {}] of steps) {
      for (; now < at; now += 20) receiver.tick(now);
      const payload = Uint8Array.of(code, (end ? 0x80 : 0) | 10, duration >> 8, duration & 255);
      receiver.receive(payload, 0, 4, timestamp, marker, now);
    }
    for (const over = now + silence; now < over; now += 20) receiver.tick(now + 20);
    return heard;
  }
  const end = { end: true };
  const cases: [string, Step[], number, string[]][] = [
    [
      "a digit with its end three times is one",
      [
        [0, 1, 160, { marker: true }],
        [0, 1, 800],
        [0, 1, 1280, end],
        [0, 1, 1280, end],
        [0, 1, 1280, end],
      ],
      500,
      ["1 160"],
    ],
    ["a digit of which only the end came counts", [[0, 11, 800, end]], 0, ["# 100"]],
    [
      "a digit whose end is lost counts after a while, once",
      [
        [0, 2, 160],
        [0, 2, 480],
      ],
      500,
      ["2 60"],
    ],
    [
      "a digit whose end is lost counts when the next one starts",
      [
        [0, 2, 160],
        [5000, 3, 160, { marker: true }],
        [5000, 3, 320, end],
      ],
      0,
      ["2 20", "3 40"],
    ],
    [
      "the same digit twice is two",
      [
        [0, 4, 800, end],
        [1920, 4, 160, { marker: true }],
        [1920, 4, 800, end],
      ],
      0,
      ["4 100", "4 100"],
    ],
    [
      "packets out of order change nothing",
      [
        [0, 5, 480],
        [0, 5, 160],
        [0, 5, 800, end],
        [0, 5, 640],
      ],
      500,
      ["5 100"],
    ],
    [
      "a late packet of the digit before is ignored",
      [
        [0, 1, 800, end],
        [2000, 2, 160],
        [0, 1, 800, end],
        [2000, 2, 800, end],
      ],
      500,
      ["1 100", "2 100"],
    ],
    [
      "an event longer than 16 bits is one",
      [
        [0, 0, 0xffff],
        [0xffff, 0, 1600],
        [0xffff, 0, 3200, end],
      ],
      0,
      ["0 8592"],
    ],
    [
      "a timestamp that moves along with the packets is one event",
      [
        [0, 6, 160, { marker: true }],
        [160, 6, 160],
        [320, 6, 160, end],
      ],
      500,
      ["6 60"],
    ],
    [
      "codes of other events are no digits",
      [
        [0, 16, 800, end],
        [2000, 36, 800, end],
      ],
      500,
      [],
    ],
    [
      "all sixteen digits are known",
      Array.from({ length: 16 }, (_, code): Step => [code * 2000, code, 800, end]),
      0,
      [..."0123456789*#ABCD"].map((digit) => `${digit} 100`),
    ],
    [
      "timestamps may wrap",
      [
        [0xfffffff0, 1, 800, end],
        [1904, 2, 800, end],
      ],
      0,
      ["1 100", "2 100"],
    ],
  ];
  for (const [name, steps, silence, expected] of cases)
    test(name, () => {
      expect(receive(steps, silence)).toEqual(expected);
    });

  test("ignores a payload that is too short", () => {
    const heard: string[] = [];
    new EventReceiver((digit) => heard.push(digit)).receive(Uint8Array.of(1, 0x80, 1), 0, 3, 0, true, 0);
    expect(heard).toEqual([]);
  });

  for (const digit of "012345")
    test(`finds one ${digit} in a capture of it`, () => {
      const heard: string[] = [];
      const receiver = new EventReceiver((found) => heard.push(found));
      const header = newRtpHeader();
      let now = 0;
      for (const { payload, at } of readPcap(dataPath("pcap", `sipp-dtmf_2833_${digit}.pcap`))) {
        now = at;
        expect(parseRtp(payload, header)).toBe(true);
        receiver.receive(payload, header.offset, header.length, header.timestamp, header.marker, now);
      }
      receiver.tick(now + 1000);
      expect(heard).toEqual([digit]);
    });
});
