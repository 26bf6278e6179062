/** Lines on the stdin of a running siproc: what each means, and what is said of those that mean nothing. */
import { describe, expect, test } from "bun:test";
import { readMainCommand } from "../../src/cli/main-commands.ts";
import { below, pick, seeded } from "../support/random.ts";

describe("a line", () => {
  test.each<[string, object]>([
    ["QUIT", { type: "quit" }],
    ["  QUIT\r", { type: "quit" }],
    ['{"command":"QUIT"}', { type: "quit" }],
    ["CALL sip:bob@example.com", { type: "call", uri: "sip:bob@example.com" }],
    ["CALL   sip:bob@example.com \r", { type: "call", uri: "sip:bob@example.com" }],
    [
      '{"command":"CALL","uri":"+49","trunk":"p","from":"sip:a@b","script":"x.ts","ref":"7"}',
      { type: "call", uri: "+49", trunk: "p", from: "sip:a@b", script: "x.ts", ref: "7" },
    ],
    ['{"command":"CALL","uri":"sip:a@b","exec":["./h.sh","-v"]}', { type: "call", exec: ["./h.sh", "-v"] }],
    ['{"command":"HANGUP","call":"ab"}', { type: "tell", call: "ab", command: { name: "HANGUP" } }],
    [
      '{"command":"PLAY","call":"ab","file":"x.wav"}',
      { type: "tell", call: "ab", command: { name: "PLAY", file: "x.wav" } },
    ],
  ])("%s is obeyed", (line, command) => expect(readMainCommand(line)).toMatchObject({ ok: true, command }));

  test.each(["", "  ", "\r"])("%j means nothing", (line) => expect(readMainCommand(line)).toBeUndefined());

  test.each([
    ["quit", "commands are written in capitals: QUIT"],
    ["QUIT now", "QUIT takes no argument"],
    ["CALL", "CALL needs whom to call"],
    ["DANCE", "there is no such command"],
    ["{", "this is no JSON object"],
    ['{"uri":"x"}', "“command” is missing"],
    ['{"command":"CALL"}', "CALL needs “uri”"],
    ['{"command":"CALL","uri":7}', "“uri” of CALL is text"],
    ['{"command":"CALL","uri":"x","url":"y"}', "CALL takes no “url”"],
    ['{"command":"CALL","uri":"x","exec":"ls"}', "“exec” of CALL is a list"],
    ['{"command":"CALL","uri":"x","exec":["ls"],"script":"y"}', "a call has one handler"],
    ['{"command":"HANGUP"}', "HANGUP is for a call: name its id"],
    ['{"command":"DANCE","call":"ab"}', "DANCE: there is no such command"],
    ['{"command":"PLAY","call":"ab"}', "PLAY: it needs file"],
    ['{"command":"HANGUP","call":"ab","__proto__":{"x":1}}', "HANGUP: it takes no argument “__proto__”"],
  ])("%s is told of", (line, reason) => {
    expect(readMainCommand(line)).toEqual({ ok: false, reason: expect.stringContaining(reason) });
  });

  test("of any kind is read in no time, and throws nothing", () => {
    const random = seeded(20_261_121);
    const words = [
      "CALL",
      "QUIT",
      " ",
      "{",
      "}",
      '"',
      ":",
      ",",
      "command",
      "uri",
      "call",
      "[",
      "]",
      "\\u0000",
      "\t",
      "ü",
    ];
    const begun = performance.now();
    for (let i = 0; i < 20_000; i++) {
      const line = Array.from({ length: below(random, 20) }, () => pick(random, words)).join("");
      const read = readMainCommand(line);
      if (read !== undefined && !read.ok) expect(read.reason.length).toBeLessThan(2000);
    }
    expect(performance.now() - begun).toBeLessThan(5000);
  });
});
