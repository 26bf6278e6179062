import { describe, expect, test } from "bun:test";
import { type FrameEvent, FrameReader, messageFrame } from "../../src/transport/websocket/frames.ts";
import { below, seeded } from "../support/random.ts";
import { clientFrame, type FrameOptions, opcode } from "../support/websocket-client.ts";

const limit = 70_000;
const bytes = (text: string) => new Uint8Array(Buffer.from(text, "latin1"));

function read(...chunks: Uint8Array[]): FrameEvent[] {
  const reader = new FrameReader(limit);
  return chunks.flatMap((chunk) => [...reader.push(chunk)]);
}

/** The messages as text, and of the rest what it is. */
const told = (events: FrameEvent[]) =>
  events.map((event) => {
    if (event.type === "close" || event.type === "violation") return `${event.type} ${event.code}`;
    return event.type === "message" ? Buffer.from(event.bytes).toString() : event.type;
  });

describe("reading a client's frames", () => {
  test.each([0, 1, 4, 125, 126, 127, 65_535, 65_536, limit])("a message of %d octets", (length) => {
    const random = seeded(length);
    const payload = Uint8Array.from({ length }, () => below(random, 256));
    expect(read(clientFrame(payload, { opcode: opcode.binary }))).toEqual([{ type: "message", bytes: payload }]);
  });

  test("one octet at a time, and several at once", () => {
    const frames = Buffer.concat([clientFrame("hello"), clientFrame("", { opcode: opcode.ping }), clientFrame("you")]);
    expect(told(read(frames))).toEqual(["hello", "ping", "you"]);
    expect(told(read(...[...frames].map((octet) => Uint8Array.of(octet))))).toEqual(["hello", "ping", "you"]);
  });

  test("fragments, with control frames between them", () => {
    const frames = [
      clientFrame("one ", { final: false }),
      clientFrame("now", { opcode: opcode.ping }),
      clientFrame("", { final: false, opcode: opcode.continuation }),
      clientFrame("two ", { final: false, opcode: opcode.continuation }),
      clientFrame("three", { opcode: opcode.continuation }),
      clientFrame("four"),
    ];
    expect(told(read(...frames))).toEqual(["ping", "one two three", "four"]);
  });

  test("a code point may be cut by a fragment", () => {
    const euro = Buffer.from("€");
    const frames = [
      clientFrame(euro.subarray(0, 1), { final: false }),
      clientFrame(euro.subarray(1), { opcode: opcode.continuation }),
    ];
    expect(told(read(...frames))).toEqual(["€"]);
  });

  test.each<[string, Uint8Array, number]>([
    ["an unmasked frame", clientFrame("x", { masked: false }), 1002],
    ["a reserved bit", clientFrame("x", { reserved: 4 }), 1002],
    ["an unknown frame", clientFrame("x", { opcode: 3 }), 1002],
    ["an unknown control frame", clientFrame("x", { opcode: 11 }), 1002],
    ["a fragmented ping", clientFrame("x", { opcode: opcode.ping, final: false }), 1002],
    ["a long ping", clientFrame("x".repeat(126), { opcode: opcode.ping }), 1002],
    ["a continuation of nothing", clientFrame("x", { opcode: opcode.continuation }), 1002],
    ["a message inside a message", Buffer.concat([clientFrame("x", { final: false }), clientFrame("y")]), 1002],
    ["a text that is not UTF-8", clientFrame(Uint8Array.of(0xff)), 1007],
    ["too much in one frame", clientFrame("", { length: limit + 1 }), 1009],
    ["far too much in one frame", clientFrame("", { length: 2 ** 52 }), 1009],
    [
      "too much in fragments",
      Buffer.concat([
        clientFrame("x".repeat(limit), { final: false }),
        clientFrame("y", { opcode: opcode.continuation }),
      ]),
      1009,
    ],
    ["half a close code", clientFrame("x", { opcode: opcode.close }), 1002],
    ["a close code that nobody may send", clientFrame(Uint8Array.of(3, 238), { opcode: opcode.close }), 1002],
    ["a close reason that is not UTF-8", clientFrame(Uint8Array.of(3, 232, 255), { opcode: opcode.close }), 1007],
  ])("%s is a violation, and the last that is read", (_what, octets, code) => {
    expect(told(read(octets, clientFrame("more")))).toEqual([`violation ${code}`]);
  });

  test.each<[string, Uint8Array, number]>([
    ["nothing", new Uint8Array(0), 1005],
    ["1000", Uint8Array.of(3, 232), 1000],
    ["1001 and a reason", Buffer.concat([Uint8Array.of(3, 233), Buffer.from("leaving")]), 1001],
    ["4000", Uint8Array.of(15, 160), 4000],
  ])("closing with %s", (_what, payload, code) => {
    expect(read(clientFrame(payload, { opcode: opcode.close }))).toEqual([{ type: "close", code }]);
  });

  test("what is pending shows while a message is incomplete, also between its fragments", () => {
    const reader = new FrameReader(limit);
    reader.push(clientFrame("whole"));
    expect(reader.pending).toBe(0);
    reader.push(clientFrame("", { final: false }));
    expect(reader.pending).toBeGreaterThan(0);
    reader.push(clientFrame("", { opcode: opcode.continuation }));
    expect(reader.pending).toBe(0);
    reader.push(clientFrame("abc").subarray(0, 3));
    expect(reader.pending).toBe(3);
  });

  test("a million empty fragments cost little and keep nothing", () => {
    const reader = new FrameReader(limit);
    reader.push(clientFrame("", { final: false }));
    const empty = clientFrame("", { final: false, opcode: opcode.continuation });
    const flood = Buffer.concat(Array.from({ length: 2_000 }, () => empty));
    const start = performance.now();
    for (let i = 0; i < 500; i++) expect(reader.push(flood)).toEqual([]);
    expect(performance.now() - start).toBeLessThan(3000);
    expect(reader.pending).toBe(1);
  });

  test("octets of any kind are read in bounded time, and never throw", () => {
    const random = seeded(3);
    const until = performance.now() + 500;
    for (let round = 0; round < 3000 && performance.now() < until; round++) {
      const reader = new FrameReader(1000);
      for (let i = 0; i < 10; i++) {
        const options: FrameOptions = {
          opcode: below(random, 16),
          final: random() < 0.7,
          reserved: below(random, 40) ? 0 : 1,
        };
        const frame = clientFrame("y".repeat(below(random, 300)), options);
        if (random() < 0.1) frame[below(random, frame.length)] = below(random, 256);
        const events = reader.push(frame);
        expect(reader.pending).toBeLessThan(2100);
        for (const event of events) if (event.type === "message") expect(event.bytes.length).toBeLessThanOrEqual(1000);
      }
    }
  });
});

describe("a message of ours", () => {
  test.each<[string, string, number, number[]]>([
    ["ASCII", "abc", 1, [3]],
    ["UTF-8", "\xe2\x82\xac", 1, [3]],
    ["latin-1", "\xe4", 2, [1]],
    ["126 octets", "x".repeat(126), 1, [126, 0, 126]],
    ["65,536 octets", "x".repeat(65_536), 1, [127, 0, 0, 0, 0, 0, 1, 0, 0]],
  ])("of %s is one frame, text where it can be", (_what, text, kind, length) => {
    const frame = messageFrame(bytes(text));
    expect([...frame.subarray(0, 1 + length.length)]).toEqual([0x80 | kind, ...length]);
    expect(Buffer.from(frame.subarray(1 + length.length)).toString("latin1")).toBe(text);
  });
});
