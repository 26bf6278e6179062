/** What is known to be well-formed without being taken apart is so, and says the same as when it is. */
import { describe, expect, test } from "bun:test";
import { parseCSeq, readPlainCSeq } from "../../src/sip/cseq.ts";
import { formatHost } from "../../src/sip/host.ts";
import { parseMessage, type Response } from "../../src/sip/message.ts";
import { parseClosely } from "../../src/sip/name-addr.ts";
import { isPlainAddress, isPlainVia } from "../../src/sip/plain.ts";
import { Splice } from "../../src/sip/splice.ts";
import { splitList } from "../../src/sip/text.ts";
import { parseVia } from "../../src/sip/via.ts";
import { requestFrom } from "../support/fake-flow.ts";
import { below, pick, seeded } from "../support/random.ts";

const wanted = Number(process.env.SIPROC_FUZZ_CASES ?? 40_000);
const milliseconds = 5_000;
const whole = (is: (text: string, from: number, to: number) => boolean, text: string) => is(text, 0, text.length);

function responseFrom(via: string): Response {
  const text = `SIP/2.0 200 OK\r\nVia: ${via}\r\nFrom: <sip:a@b>\r\nTo: <sip:c@d>\r\nCall-ID: 1\r\nCSeq: 1 BYE\r\n\r\n`;
  const message = parseMessage(Buffer.from(text, "latin1"), "datagram");
  if (message.type !== "response") throw new TypeError(text);
  return message;
}

describe("addresses", () => {
  test.each([
    ["sip:a@b"],
    ["<sip:a@b.example:5060;transport=tcp;lr>;tag=1"],
    ["Alice <sips:alice%40x@10.0.0.1:65>;tag=abc;x"],
    ['"Alice B" <sip:example.com>'],
    ['"A"<sip:1@2:50000>'],
  ])("%s is plain", (text) => {
    expect(whole(isPlainAddress, text)).toBe(true);
    expect(isPlainAddress(`To: ${text}\r\n`, 4, 4 + text.length)).toBe(true);
  });

  test.each([
    [""],
    ["<sip:a@b"],
    ["<tel:1>"],
    ["<sip:a@[::1]>"],
    ['"a\\"b" <sip:a@b>'],
    ["<sip:a@b>, <sip:c@d>"],
    ["<sip:a@b:0>"],
    ["<sip:a@-b>"],
    [`<sip:${"a".repeat(300)}@b>`],
  ])("%s is not", (text) => {
    expect(whole(isPlainAddress, text)).toBe(false);
  });
});

/** Headers put together of pieces, most of them good. */
function* made(seed: number, pieces: readonly string[]): Iterable<string> {
  const random = seeded(seed);
  const until = performance.now() + milliseconds;
  for (let n = 0; n < wanted && performance.now() < until; n++)
    yield Array.from({ length: 1 + below(random, 9) }, () => pick(random, pieces)).join("");
}

test("every plain address is one", () => {
  const pieces = [
    "<",
    ">",
    "sip:",
    "sips:",
    "a",
    "a@",
    "b.c",
    ":5",
    ":0",
    ";",
    "=",
    "tag",
    ' "x" ',
    "x ",
    "%4",
    "-",
    ",",
    "[::1]",
  ];
  let plain = 0;
  for (const text of made(1, [...pieces, "<sip:a@b>", "<sip:a@b", ";tag=1"])) {
    if (!whole(isPlainAddress, text)) continue;
    plain++;
    expect(parseClosely(text)).toBeDefined();
  }
  expect(plain).toBeGreaterThan(50);
});

test("every plain Via is one, and its branch, sent-by and rport are read as when it is taken apart", () => {
  const pieces = [
    ";branch=z9hG4bKa",
    ";rport",
    ";Rport",
    ";RPORT=1",
    ";rport=",
    ";Branch=b",
    ";branch",
    ":5060",
    ";x=1",
    ", ",
    "B",
    " ",
  ];
  let plain = 0;
  for (const text of made(2, [...pieces, "SIP/2.0/UDP ", "SIP/2.0/UDP a", "SIP/2.0/TCP A.b:1"])) {
    const parsed = parseVia(text.trim());
    if (whole(isPlainVia, text)) {
      plain++;
      expect(parsed).toBeDefined();
    }
    if (parsed === undefined || text.includes(",")) continue;
    const request = requestFrom({ via: text });
    const port = parsed.port === undefined ? "" : `:${parsed.port}`;
    expect([request.branch, request.sentBy, request.sentByPort, request.asksForRport]).toEqual([
      parsed.branch,
      `${formatHost(parsed.host)}${port}`.toLowerCase(),
      parsed.port,
      parsed.params.has("rport"),
    ]);
  }
  expect(plain).toBeGreaterThan(50);
});

test.each([
  ["SIP/2.0/UDP a:5060;branch=z9hG4bKa, SIP/2.0/UDP b;branch=z9hG4bKb"],
  ["SIP/2.0/UDP a:5060;branch=z9hG4bKa ,SIP/2.0/UDP b;branch=z9hG4bKb"],
  ["SIP/2.0/UDP a;x=1;branch=z9hG4bKa,SIP/2.0/UDP b, SIP/2.0/UDP c"],
  ['SIP/2.0/UDP a;x="y,z";branch=z9hG4bKa, SIP/2.0/UDP b'],
  ["SIP/2.0/UDP a;branch=z9hG4bKa"],
  ["SIP/2.0/UDP a,"],
])("of a response's Vias in one line, %j, the first is read as by the grammar", (list) => {
  const response = responseFrom(list);
  const first = parseVia(splitList(list)[0] ?? "");
  const port = first?.port === undefined ? "" : `:${first.port}`;
  expect([response.branch, response.sentBy]).toEqual([first?.branch, `${first?.host}${port}`]);
  const splice = new Splice(response);
  splice.removeFirst("via", 1);
  expect(splice.message().values("via")).toEqual(
    splitList(list)
      .slice(1)
      .filter((via) => via !== ""),
  );
});

test.each([
  ["1 INVITE"],
  ["4294967295 ACK"],
  ["001 BYE"],
  ["1  BYE"],
  ["1 FOO"],
  [" 1 BYE"],
  ["1"],
  [""],
  ["1 BYE "],
  ["x BYE"],
])("CSeq %j is read as by the grammar, or not at all", (text) => {
  const plain = readPlainCSeq(text, 0, text.length);
  if (plain !== undefined) expect(plain).toEqual(parseCSeq(text) ?? { number: -1, method: "" });
});
