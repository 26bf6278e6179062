import { describe, expect, test } from "bun:test";
import { escapeText, formatEvent, maxLineOctets, parseLine, unescapeText } from "../../src/call/line-protocol.ts";
import { type CallEvent, type Command, maxText } from "../../src/call/vocabulary.ts";
import { below, pick, seeded } from "../support/random.ts";

describe("a line is a command", () => {
  const table: [line: string, command: Command][] = [
    ["ANSWER", { name: "ANSWER" }],
    ["  ANSWER \r", { name: "ANSWER" }],
    ["RINGING\r", { name: "RINGING" }],
    ["DTMF 12#", { name: "DTMF", digits: "12#" }],
    ["PLAY my sound.wav", { name: "PLAY", file: "my sound.wav" }],
    ["PLAY  two.wav", { name: "PLAY", file: "two.wav" }],
    ["RECORD", { name: "RECORD" }],
    ["RECORD ", { name: "RECORD" }],
    ["RECORD a.wav", { name: "RECORD", file: "a.wav" }],
    ["MESSAGE one\\ntwo\\\\three\\r", { name: "MESSAGE", text: "one\ntwo\\three\r" }],
    ["MESSAGE  spaces are kept  ", { name: "MESSAGE", text: " spaces are kept  " }],
    ["MESSAGE ", { name: "MESSAGE", text: "" }],
    ["MESSAGE \\u2028", { name: "MESSAGE", text: "\u2028" }],
    ["REJECT", { name: "REJECT" }],
    ["REJECT 486", { name: "REJECT", code: 486 }],
    ["REJECT  486  Busy here ", { name: "REJECT", code: 486, reason: "Busy here" }],
    ["REDIRECT sip:bob@example.com", { name: "REDIRECT", uri: "sip:bob@example.com" }],
    ["MUTE", { name: "MUTE" }],
    ["MUTE off", { name: "MUTE", on: false }],
    ["GATHER", { name: "GATHER" }],
    ["GATHER max=4  timeout=5000 terminator=none", { name: "GATHER", max: 4, timeout: 5000, terminator: "none" }],
  ];
  for (const [line, command] of table)
    test(JSON.stringify(line), () => expect(parseLine(line)).toEqual({ ok: true, command }));

  test("or nothing", () => {
    for (const blank of ["", " ", "\r", "\t "]) expect(parseLine(blank)).toBeUndefined();
  });
});

describe("a line that is no command says why", () => {
  const table: [line: string, command: string, reason: string][] = [
    ["answer", "answer", "commands are written in capitals: ANSWER"],
    ["DANCE now", "DANCE", "there is no such command; there are RINGING"],
    ["__proto__", "__proto__", "there is no such command"],
    ["toString", "toString", "there is no such command"],
    ["ANSWER now", "ANSWER", "it takes no argument"],
    ["PLAY", "PLAY", "it needs file: a file name"],
    ["PLAY ", "PLAY", "it needs file"],
    ["DTMF x", "DTMF", "digits must be keys out of"],
    ["REJECT 200", "REJECT", "code must be a code from 400 to 699"],
    ["MUTE maybe", "MUTE", "on must be `on` or `off`"],
    ["MESSAGE a\\b", "MESSAGE", "a backslash is written \\\\"],
    ["MESSAGE ends\\", "MESSAGE", "a backslash is written \\\\"],
    ["PLAY a\\u0000b", "PLAY", "file must be a file name"],
    ["GATHER 4", "GATHER", "its arguments are written name=value; found “4”"],
    ["GATHER max=1 max=2", "GATHER", "max is given twice"],
    ["GATHER size=1", "GATHER", "it takes no argument “size”"],
    ["GATHER __proto__=1", "GATHER", "it takes no argument “__proto__”"],
    ["GATHER max=x", "GATHER", "max must be a number from 1 to 256"],
    ["\u00fcml\u001b[31m", "?ml?[31m", "there is no such command"],
    [`${"A".repeat(100)}`, `${"A".repeat(32)}...`, "there is no such command"],
    [`MESSAGE ${"x".repeat(maxText + 1)}`, "MESSAGE", "text must be text of at most"],
    [`MESSAGE ${"x".repeat(maxLineOctets)}`, "MESSAGE", "the line is too long"],
  ];
  for (const [line, command, reason] of table)
    test(JSON.stringify(line.slice(0, 40)), () =>
      expect(parseLine(line)).toEqual({ ok: false, failure: { command, reason: expect.stringContaining(reason) } }),
    );
});

describe("an event is a line", () => {
  const table: [event: CallEvent, line: string, classic?: string][] = [
    [{ name: "CONNECTED" }, "CONNECTED"],
    [{ name: "DTMF", digit: "5", duration: 160 }, "DTMF 5 160", "DTMF 5"],
    [{ name: "STOPPED", file: "a b.wav" }, "STOPPED a b.wav"],
    [{ name: "MESSAGE", text: "hi\r\nDTMF 1" }, "MESSAGE hi\\r\\nDTMF 1"],
    [{ name: "HOLD", on: true }, "HOLD on"],
    [{ name: "GATHERED", reason: "timeout", digits: "" }, "GATHERED timeout"],
    [{ name: "GATHERED", reason: "count", digits: "12" }, "GATHERED count 12"],
    [{ name: "ERROR", command: "two words", reason: "why not" }, "ERROR two\\u0020words why not"],
    [{ name: "ENDED", by: "remote", cause: "hangup", code: 200 }, "ENDED remote hangup 200"],
  ];
  for (const [event, line, classic = line] of table)
    test(line, () => {
      expect(formatEvent(event)).toBe(line);
      expect(formatEvent(event, { classic: true })).toBe(classic);
    });
});

describe("a peer's text", () => {
  /** What shells, Perl, Python (lines and splitlines) and Node's readline take for the end of a line. */
  const lineEnds = /\r\n|[\n\r\v\f\x1c-\x1e\x85\u2028\u2029\0]/;

  test("cannot forge an event, whatever its characters and whoever splits the lines", () => {
    const random = seeded(3);
    const letters = [
      "\n",
      "\r",
      "\r\n",
      "\\",
      "\\n",
      "\v",
      "\f",
      "\x1c",
      "\x85",
      "\u2028",
      "\u2029",
      "\0",
      "DTMF 1",
      " ",
      "é",
      "\ud83d\ude00",
      "\ud800",
      "\x1b[2J",
    ];
    for (let round = 0; round < 3000; round++) {
      const text = Array.from({ length: below(random, 12) }, () => pick(random, letters)).join("");
      const line = formatEvent({ name: "MESSAGE", text });
      expect(line.split(lineEnds)).toHaveLength(1);
      expect(line.startsWith("MESSAGE")).toBe(true);
      expect(formatEvent({ name: "ERROR", command: text, reason: text }).split(lineEnds)).toHaveLength(1);
    }
  });

  test("comes back as it was", () => {
    const random = seeded(4);
    for (let round = 0; round < 3000; round++) {
      const text = Array.from({ length: below(random, 20) }, () =>
        String.fromCharCode(below(random, round % 2 ? 256 : 65536)),
      ).join("");
      expect(unescapeText(escapeText(text))).toBe(text);
      expect(parseLine(`MESSAGE ${escapeText(text)}`)).toEqual({ ok: true, command: { name: "MESSAGE", text } });
    }
  });
});

test("whatever the line, reading it neither throws nor takes long", () => {
  const random = seeded(5);
  const words = [
    "ANSWER",
    "PLAY",
    "GATHER",
    "REJECT",
    "MESSAGE",
    " ",
    " ",
    "=",
    "max",
    "486",
    "\\",
    "\\u",
    "\\u12",
    "\0",
    "\t",
    "é",
    "\ud800",
    "constructor",
    "-1",
    "1e9",
  ];
  const started = performance.now();
  for (let round = 0; round < 20_000; round++) {
    const parsed = parseLine(Array.from({ length: below(random, 10) }, () => pick(random, words)).join(""));
    if (parsed?.ok === false) {
      expect(parsed.failure.command).not.toMatch(/[^\x21-\x7e]/);
      expect(formatEvent({ name: "ERROR", ...parsed.failure })).not.toContain("\n");
    }
  }
  for (const bomb of [
    "\\".repeat(190_000),
    " ".repeat(190_000),
    `GATHER ${"a=1 ".repeat(40_000)}`,
    `REJECT ${" ".repeat(190_000)}4`,
  ])
    parseLine(bomb);
  expect(performance.now() - started).toBeLessThan(3000);
});
