/** What is shown of a captured message, and what is not. */
import { describe, expect, test } from "bun:test";
import { masked } from "../../src/control/capture/mask.ts";
import { summarize } from "../../src/control/capture/summary.ts";
import { below, pick, seeded } from "../support/random.ts";

const message = (lines: readonly string[], body = "") => `${lines.join("\r\n")}\r\n\r\n${body}`;
const invite = ["INVITE sip:bob@example.com SIP/2.0", "Call-ID: a1", "CSeq: 1 INVITE"];

describe("secrets are masked", () => {
  test.each<[string, string, readonly string[]]>([
    [
      "a digest response and its nonces",
      message([
        ...invite,
        'Authorization: Digest username="alice", realm="r", nonce="SECRET1", uri="sip:x", response="SECRET2", cnonce="SECRET3", opaque="SECRET4"',
      ]),
      ["alice", 'realm="r"', "uri="],
    ],
    [
      "without quotes and in capitals",
      message([...invite, "PROXY-AUTHORIZATION: DIGEST RESPONSE = SECRET1, NONCE=SECRET2"]),
      ["DIGEST"],
    ],
    [
      "a challenge",
      message(["SIP/2.0 401 Unauthorized", 'WWW-Authenticate: Digest realm="r", nonce="SECRET1"']),
      ['realm="r"'],
    ],
    [
      "a folded line",
      message([...invite, 'Authorization: Digest username="a",\r\n nonce="SECRET1",\r\n\tresponse="SECRET2"']),
      ["username"],
    ],
    ["a blank before the colon", message([...invite, 'Authorization : Digest response="SECRET1"']), ["Digest"]],
    [
      "what proves the server",
      message(["SIP/2.0 200 OK", 'Authentication-Info: nextnonce="SECRET1", rspauth="SECRET2"']),
      ["nextnonce"],
    ],
    ["Basic", message([...invite, "Authorization: Basic SECRET1=="]), ["Basic"]],
    ["Bearer", message([...invite, "Authorization: Bearer SECRET1.SECRET2"]), ["Bearer"]],
    [
      "a URI's password",
      message(["INVITE sip:bob:SECRET1@example.com SIP/2.0", "To: <sips:bob:SECRET2@example.com:5061>"]),
      ["bob", "example.com:5061"],
    ],
    [
      "keys of SRTP and ICE",
      message(
        [...invite, "Content-Type: application/sdp"],
        "v=0\r\na=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:SECRET1|2^31|1:1 ;inline:SECRET2\r\nA=ICE-PWD:SECRET3\r\nk=base64:SECRET4\r\na=ice-ufrag:abcd\r\n",
      ),
      ["AES_CM_128_HMAC_SHA1_80", "|2^31|1:1", "a=ice-ufrag:abcd"],
    ],
    [
      "keys pressed",
      message([...invite, "Content-Type: application/dtmf-relay"], "Signal= SECRET1\r\nDuration= 160\r\n"),
      ["Duration= 160"],
    ],
    ["a key pressed", message([...invite, "c: application/dtmf"], "SECRET1"), []],
    ["a quoted string that never ends", message([...invite, 'Authorization: Digest response="SECRET1']), ["Digest"]],
    [
      "lines that end in LF alone",
      `INVITE sip:b@x SIP/2.0\nAuthorization: Digest response="SECRET1"\n\na=crypto:1 X inline:SECRET2\n`,
      ["Digest"],
    ],
  ])("%s", (_, text, stays) => {
    const shown = masked(text);
    expect(shown).not.toMatch(/SECRET/);
    for (const part of stays) expect(shown).toContain(part);
    expect(shown.length).toBe(text.length);
  });

  test("a message without secrets stays as it is", () => {
    const text = message(
      [...invite, "From: <sip:alice@example.com:5060>;tag=1", "Contact: <sip:a@1.2.3.4:5060;transport=tcp>"],
      "v=0\r\n",
    );
    expect(masked(text)).toBe(text);
  });
});

describe("a message at a glance", () => {
  test.each<[string, string, ReturnType<typeof summarize>]>([
    [
      "a request",
      message([...invite, "f: Alice <sip:alice@a.example>", "To: <sip:b%6fb@example.com>"]),
      {
        callId: "a1",
        summary: "INVITE sip:bob@example.com",
        method: "INVITE",
        status: undefined,
        users: ["alice", "bob"],
      },
    ],
    [
      "a response",
      message(["SIP/2.0 180 Ringing", "i: x", "CSeq: 7 INVITE", "From: <sip:a@b>", "t: <tel:+4912>"]),
      { callId: "x", summary: "180 Ringing", method: "INVITE", status: 180, users: ["a", "+4912"] },
    ],
    [
      "no message",
      "\0\xff",
      { callId: "", summary: "\0\xff", method: "\0\xff".toUpperCase(), status: undefined, users: [] },
    ],
  ])("%s", (_, text, expected) => {
    const { summary, ...others } = summarize(text);
    expect({ ...others, summary: summary.trim() }).toEqual({ ...expected, summary: expected.summary.trim() });
  });
});

test("any octets are masked and summed up in bounded time, and keep their length", () => {
  const random = seeded(6);
  const words = [
    "Authorization:",
    "Digest ",
    'response="',
    "\\",
    '"',
    "sip:",
    ":",
    "@",
    "\r\n",
    " ",
    "\n",
    "a=crypto:",
    "inline:",
    "nonce=",
    ",",
    "x",
    "Basic ",
    "%",
  ];
  const started = performance.now();
  for (let round = 0; round < 2000; round++) {
    const length = below(random, 200);
    const text = Array.from({ length }, () => pick(random, words)).join("");
    expect(masked(text).length).toBe(text.length);
    summarize(text);
  }
  for (const word of words) {
    const flood = word.repeat(Math.floor(60_000 / word.length));
    expect(masked(flood).length).toBe(flood.length);
    expect(masked(`Authorization: Digest ${flood}`).length).toBe(flood.length + 22);
    summarize(flood);
  }
  expect(performance.now() - started).toBeLessThan(5000);
});
