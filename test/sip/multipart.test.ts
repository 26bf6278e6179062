import { describe, expect, test } from "bun:test";
import { sessionDescription } from "../../src/sip/multipart.ts";
import { below, seeded } from "../support/random.ts";
import { parsedRequest } from "../support/verdict.ts";

const sdp = "v=0\r\ns=-";

function described(type: string | undefined, body: string): string {
  const request = parsedRequest(
    `INVITE sip:a SIP/2.0\r\n${type === undefined ? "" : `Content-Type: ${type}\r\n`}Via: SIP/2.0/UDP h\r\n\r\n${body}`,
  );
  return Buffer.from(sessionDescription(request)).toString("latin1");
}

const part = (type: string, content: string) => `Content-Type: ${type}\r\n\r\n${content}`;
const parts = (...each: string[]) => `${each.map((one) => `--b1\r\n${one}\r\n`).join("")}--b1--\r\n`;

describe("the session description of a message", () => {
  test.each<[string, string | undefined, string, string]>([
    ["the whole body", "application/sdp", sdp, sdp],
    ["parameters and case aside", "Application/SDP; charset=utf-8", sdp, sdp],
    ["a body without a type", undefined, sdp, sdp],
    ["no body", "application/sdp", "", ""],
    ["another type", "text/plain", sdp, ""],
    [
      "the first part",
      "multipart/mixed;boundary=b1",
      parts(part("application/sdp", sdp), part("text/plain", "x")),
      sdp,
    ],
    ["a later part", "multipart/mixed; boundary=b1", parts(part("text/plain", "x"), part("application/sdp", sdp)), sdp],
    ["a quoted boundary", 'multipart/mixed; boundary="b1"', parts(part("application/sdp", sdp)), sdp],
    ["a preamble", "multipart/mixed;boundary=b1", `to old readers\r\n${parts(part("application/sdp", sdp))}`, sdp],
    ["a compact header", "multipart/mixed;boundary=b1", parts(`c: application/sdp\r\n\r\n${sdp}`), sdp],
    [
      "more headers, one folded",
      "multipart/related;boundary=b1",
      parts(`Content-Id: <1@x>\r\nContent-Type:\r\n application/sdp\r\n\r\n${sdp}`),
      sdp,
    ],
    [
      "line feeds alone",
      "multipart/mixed;boundary=b1",
      parts(part("application/sdp", sdp)).replaceAll("\r\n", "\n"),
      "v=0\ns=-",
    ],
    ["no closing delimiter", "multipart/mixed;boundary=b1", `--b1\r\n${part("application/sdp", sdp)}`, sdp],
    [
      "a longer boundary inside",
      "multipart/mixed;boundary=b",
      `--b\r\n${part("application/sdp", `${sdp}\r\n--b1`)}\r\n--b--`,
      `${sdp}\r\n--b1`,
    ],
    [
      "a multipart within",
      "multipart/mixed;boundary=b1",
      parts(part("multipart/alternative;boundary=c", `--c\r\n${part("application/sdp", sdp)}\r\n--c--`)),
      sdp,
    ],
    ["a part without a type", "multipart/mixed;boundary=b1", parts(`\r\n${sdp}`), ""],
    ["no such part", "multipart/mixed;boundary=b1", parts(part("text/plain", sdp)), ""],
    ["no boundary", "multipart/mixed", parts(part("application/sdp", sdp)), ""],
    [
      "a part without an empty line",
      "multipart/mixed;boundary=b1",
      "--b1\r\nContent-Type: application/sdp\r\n--b1--",
      "",
    ],
  ])("%s", (_, type, body, expected) => {
    expect(described(type, body)).toBe(expected);
  });

  test("nested too deep is not looked for", () => {
    const nest = (depth: number): string =>
      depth === 0
        ? part("application/sdp", sdp)
        : part(`multipart/mixed;boundary=n${depth}`, `--n${depth}\r\n${nest(depth - 1)}\r\n--n${depth}--`);
    const body = (depth: number) => described("multipart/mixed;boundary=b1", parts(nest(depth)));
    expect([body(2), body(3)]).toEqual([sdp, ""]);
  });

  test("any octets give octets of the body, and soon", () => {
    const next = seeded(5621);
    const pieces = [
      "--b1",
      "--b1--",
      "\r\n",
      "\n",
      "\r\n\r\n",
      "Content-Type: application/sdp",
      "c:",
      "v=0",
      "-",
      " ",
      "\0",
    ];
    for (let round = 0; round < 2000; round++) {
      let body = "x";
      for (let i = below(next, 40); i > 0; i--) body += pieces[below(next, pieces.length)];
      expect(body).toContain(described("multipart/mixed;boundary=b1", body));
    }
    const started = performance.now();
    described("multipart/mixed;boundary=b1", "\r\n--b1".repeat(10_000));
    described("multipart/mixed;boundary=b1", "\r\n--b1x".repeat(9_000));
    expect(performance.now() - started).toBeLessThan(1000);
  });
});
