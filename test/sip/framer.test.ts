/** The stream framer: messages and keep-alives out of any chunking, in linear time. */
import { describe, expect, test } from "bun:test";
import { type Framed, StreamFramer } from "../../src/sip/framer.ts";
import { below, seeded } from "../support/random.ts";

const limits = { maxHead: 2000, maxBody: 5000 };
const message = (id: number, body: string, length: number | undefined = body.length) =>
  `OPTIONS sip:a SIP/2.0\r\nVia: SIP/2.0/TCP a\r\nCall-ID: ${id}\r\n${length === undefined ? "" : `l: ${length}\r\n`}\r\n${body}`;

/** One word for each thing framed. */
function say(framed: Framed): string {
  if (typeof framed === "string") return framed;
  if (framed.type === "failure") return `${framed.status}${framed.fatal ? " fatal" : ""}`;
  return `${framed.header("call-id")}:${Buffer.from(framed.body).toString()}`;
}

const frame = (...chunks: string[]) => {
  const framer = new StreamFramer(limits);
  return chunks.flatMap((chunk) => framer.push(Buffer.from(chunk)).map(say));
};

describe("StreamFramer", () => {
  const cases: [name: string, chunks: string[], framed: string[]][] = [
    ["one message", [message(1, "abc")], ["1:abc"]],
    ["several messages in one chunk", [message(1, "") + message(2, "xy") + message(3, "")], ["1:", "2:xy", "3:"]],
    [
      "a message without Content-Length has no body",
      ["", message(1, "").replace("l: 0\r\n", "") + message(2, "")],
      ["1:", "2:"],
    ],
    ["a double CRLF is a ping", ["\r\n\r\n", message(1, "")], ["ping", "1:"]],
    ["a single CRLF is a pong", ["\r\n", message(1, "")], ["pong", "1:"]],
    [
      "line ends before a message do it no harm",
      [`\r\n\r\n\r\n${message(1, "")}\r\n\r\n`],
      ["ping", "pong", "1:", "ping"],
    ],
    ["a ping cut in the middle is still one", ["\r\n", "\r\n"], ["pong", "ping"]],
    ["a ping in four chunks is still one", ["\r", "\n", "\r", "\n"], ["pong", "ping"]],
    ["a ping cut after its third octet waits", ["\r\n\r", "\n"], ["ping"]],
    ["nothing", [""], []],
    [
      "a bad Content-Length is answered and fatal",
      [message(1, "").replace("l: 0", "l: x") + message(2, "")],
      ["400 fatal"],
    ],
    ["a negative Content-Length too", [message(1, "").replace("l: 0", "l: -1")], ["400 fatal"]],
    ["and two different ones", [message(1, "").replace("l: 0", "l: 0\r\nl: 1")], ["400 fatal"]],
    ["a body over the limit", [message(1, "", 5001)], ["513 fatal"]],
    ["a head over the limit", [message(1, "").replace("l: 0", `X: ${"x".repeat(2000)}`)], ["513 fatal"]],
    ["a head over the limit without an end", [message(1, "").split("l:")[0] ?? "", "x".repeat(2000)], ["513 fatal"]],
    ["garbage without an end", ["x".repeat(1999), "xx"], ["undefined fatal"]],
    ["garbage with an end", ["hello\r\n\r\n"], ["undefined fatal"]],
    ["LF for CRLF is no head on a stream", [message(1, "").replaceAll("\r", "").padEnd(2001)], ["undefined fatal"]],
    [
      "another version keeps the framing",
      [message(1, "ab").replace("SIP/2.0", "SIP/3.0") + message(2, "")],
      ["505", "2:"],
    ],
  ];
  for (const [name, chunks, framed] of cases) test(name, () => expect(frame(...chunks)).toEqual(framed));

  test("takes nothing after a fatal failure", () => {
    const framer = new StreamFramer(limits);
    expect(framer.push(Buffer.from("x\r\n\r\n")).length).toBe(1);
    expect(framer.push(Buffer.from(message(1, "")))).toEqual([]);
    expect(framer.pending).toBe(0);
  });

  test("tells how many octets wait", () => {
    const framer = new StreamFramer(limits);
    framer.push(Buffer.from(message(1, "abc").slice(0, -1)));
    expect(framer.pending).toBe(message(1, "abc").length - 1);
    framer.push(Buffer.from("c"));
    expect(framer.pending).toBe(0);
  });

  test("keeps its messages when a chunk's memory is used again", () => {
    const framer = new StreamFramer(limits);
    const chunk = Buffer.from(message(1, "abc"));
    const [framed] = framer.push(chunk);
    chunk.fill(0);
    framer.push(Buffer.from(message(2, "xyz")));
    expect(framed === undefined ? "" : say(framed)).toBe("1:abc");
  });

  test("gives the same messages for 300 random chunkings", () => {
    const random = seeded(20);
    for (let round = 0; round < 300; round++) {
      let stream = "";
      const expected: string[] = [];
      for (let id = 0; id < 8; id++) {
        const body = "b\r\n".repeat(below(random, 3) === 0 ? below(random, 1500) : below(random, 4));
        stream += `${"\r\n".repeat(below(random, 4))}${message(id, body)}`;
        expected.push(`${id}:${body}`);
      }
      const framer = new StreamFramer(limits);
      const got: string[] = [];
      for (let at = 0; at < stream.length; ) {
        const size = 1 + below(random, round % 3 === 0 ? 3 : 3000);
        got.push(...framer.push(Buffer.from(stream.slice(at, at + size))).map(say));
        at += size;
      }
      expect(got.filter((one) => one !== "ping" && one !== "pong")).toEqual(expected);
      expect(framer.pending).toBe(0);
    }
  });

  test("needs linear time for octets that come one by one", () => {
    const time = (size: number) => {
      const framer = new StreamFramer({ maxHead: 1e6, maxBody: 1e6 });
      const octets = Buffer.from(`OPTIONS sip:a SIP/2.0\r\nX: ${"\r".repeat(size)}`);
      const start = Bun.nanoseconds();
      for (let at = 0; at < octets.length; at++) framer.push(octets.subarray(at, at + 1));
      return Bun.nanoseconds() - start;
    };
    time(20_000);
    const best = (size: number) => Math.min(time(size), time(size), time(size));
    // Quadratic would be 16 times as long.
    expect(best(80_000)).toBeLessThan(10 * best(20_000));
  });
});
