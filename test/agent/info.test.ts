/** Keys in INFO: bodies as phones write them, and what is none. */
import { describe, expect, test } from "bun:test";
import { dtmfBody, dtmfOf } from "../../src/agent/info.ts";
import { below, seeded } from "../support/random.ts";

describe("the body of an INFO is a key", () => {
  test.each<[string, string, string, number]>([
    ["application/dtmf-relay", "Signal=5\r\nDuration=160\r\n", "5", 160],
    ["application/dtmf-relay", "Signal= 5\r\nDuration= 240", "5", 240],
    ["Application/DTMF-Relay;charset=x", "signal:#\nduration:100\n", "#", 100],
    ["application/dtmf-relay", "Signal=*\r\n", "*", 160],
    ["application/dtmf-relay", "Signal=11\r\nDuration=80", "#", 80],
    ["application/dtmf-relay", "Duration=99999\r\nSignal=d", "D", 60_000],
    ["application/dtmf", "7", "7", 160],
    ["application/dtmf", " 10 \r\n", "*", 160],
  ])("%s %p", (type, body, digit, duration) => {
    expect(dtmfOf(type, body)).toEqual({ digit, duration });
  });

  test.each([
    ["application/dtmf-relay", ""],
    ["application/dtmf-relay", "Signal=hook"],
    ["application/dtmf-relay", "Signal=16"],
    ["application/dtmf-relay", "Duration=100"],
    ["application/dtmf", "55"],
    ["application/dtmf", "x".repeat(1000)],
    ["text/plain", "5"],
    ["", "5"],
  ])("and not %s %p", (type, body) => {
    expect(dtmfOf(type, body)).toBeUndefined();
  });

  test.each([
    ["relay", "Signal=#\r\nDuration=160\r\n"],
    ["digit", "#"],
  ] as const)("as we write it: %s", (form, body) => {
    const written = dtmfBody(form, "#", 160);
    expect(written.body).toBe(body);
    expect(dtmfOf(written.contentType, written.body)).toEqual({ digit: "#", duration: 160 });
  });

  test("whatever it holds, it is read at once", () => {
    const random = seeded(5);
    const alphabet = "Signal=Duration:0123456789*#\r\n \0\xff";
    const until = performance.now() + 300;
    for (let i = 0; i < 20_000 && performance.now() < until; i++) {
      const body = Array.from({ length: below(random, 600) }, () => alphabet[below(random, alphabet.length)]).join("");
      const key = dtmfOf("application/dtmf-relay", body);
      if (key !== undefined) expect(key.digit).toMatch(/^[0-9*#A-D]$/);
    }
  });
});
