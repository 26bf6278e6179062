/** Edits of messages in transit: what they change, and that they change nothing else. */
import { describe, expect, test } from "bun:test";
import { InvalidHeaderValue, Request, Response } from "../../src/sip/message.ts";
import { decrementMaxForwards, noteSource, Splice } from "../../src/sip/splice.ts";
import { parsed } from "../support/fake-flow.ts";
import { below, pick, seeded } from "../support/random.ts";

const wanted = Number(process.env.SIPROC_FUZZ_CASES ?? 20_000);
const seed = Number(process.env.SIPROC_FUZZ_SEED ?? 3261);
const milliseconds = 5_000;

function request(text: string): Request {
  const message = parsed(text);
  if (message instanceof Request) return message;
  throw new TypeError("a request was expected");
}

function wire(splice: Splice): string {
  return Buffer.from(splice.bytes()).toString("latin1");
}

const crlf = (...lines: string[]) => lines.map((line) => `${line}\r\n`).join("");

const invite = crlf(
  "INVITE sip:bob@example.com SIP/2.0",
  "Via: SIP/2.0/UDP 192.0.2.9;branch=z9hG4bK1",
  "From: <sip:a@example.org>;tag=1",
  "X-Odd :  spaced\t",
  "X-Folded: one",
  "\ttwo",
  "Content-Length: 3",
  "",
);

describe("an edit", () => {
  const cases: [name: string, edit: (splice: Splice<Request>) => void, expected: string][] = [
    ["none at all", () => {}, `${invite}abc`],
    [
      "of the Request-URI",
      (s) => s.setUri("sip:carol@192.0.2.3;lr"),
      `${invite.replace("bob@example.com", "carol@192.0.2.3;lr")}abc`,
    ],
    ["that inserts first", (s) => s.insert("first", "A: 1"), `${invite.replace("Via", "A: 1\r\nVia")}abc`],
    [
      "that inserts last",
      (s) => s.insert("last", "A: 1"),
      `${invite.replace("Length: 3\r\n", "Length: 3\r\nA: 1\r\n")}abc`,
    ],
    [
      "that inserts twice at one place",
      (s) => {
        s.insert(1, "A: 1");
        s.insert(1, "B: 2");
      },
      `${invite.replace("From", "A: 1\r\nB: 2\r\nFrom")}abc`,
    ],
    ["that removes a folded line", (s) => s.remove(3), `${invite.replace("X-Folded: one\r\n\ttwo\r\n", "")}abc`],
    [
      "that replaces a folded line",
      (s) => s.replace(3, "X: 3"),
      `${invite.replace("X-Folded: one\r\n\ttwo\r\n", "X: 3\r\n")}abc`,
    ],
    [
      "of the body",
      (s) => s.setBody(Buffer.from("\xff\0wxyz", "latin1")),
      `${invite.replace("Length: 3", "Length: 6")}\xff\0wxyz`,
    ],
    [
      "of one line twice: the later counts",
      (s) => {
        s.remove(1);
        s.replace(1, "From: <sip:b@example.org>");
      },
      `${invite.replace("<sip:a@example.org>;tag=1", "<sip:b@example.org>")}abc`,
    ],
    [
      "in any order",
      (s) => {
        s.insert("last", "Z: 1");
        s.remove(2);
        s.insert(0, "A: 1");
        s.setUri("tel:1");
      },
      `${invite
        .replace("sip:bob@example.com", "tel:1")
        .replace("Via", "A: 1\r\nVia")
        .replace("X-Odd :  spaced\t\r\n", "")
        .replace("Length: 3\r\n", "Length: 3\r\nZ: 1\r\n")}abc`,
    ],
  ];
  test.each(cases)("%s", (_, edit, expected) => {
    const splice = new Splice(request(`${invite}abc`));
    edit(splice);
    expect(wire(splice)).toBe(expected);
    // The edited message is what a receiver of its octets would read.
    const sent = splice.message();
    expect([...sent.fields()]).toEqual([...request(expected).fields()]);
    expect([sent.method, sent.uri]).toEqual(["INVITE", request(expected).uri]);
  });

  test("after the message was asked for is in the next one", () => {
    const splice = new Splice(request(invite.replace("Length: 3", "Length: 0")));
    splice.insert("first", "A: 1");
    const first = splice.message();
    expect(splice.message()).toBe(first);
    splice.insert("first", "B: 1");
    expect(splice.message().header("b")).toBeUndefined();
    expect(splice.message().headers("referred-by")).toEqual(["1"]);
  });

  test("keeps a response's status and reason", () => {
    const response = parsed("SIP/2.0 183 Hör zu\r\nVia: SIP/2.0/UDP a\r\nTo: <sip:x@y>\r\nContent-Length: 0\r\n\r\n");
    const splice = new Splice(response);
    splice.removeFirst("via", 1);
    expect(wire(splice)).toBe("SIP/2.0 183 H\xf6r zu\r\nTo: <sip:x@y>\r\nContent-Length: 0\r\n\r\n");
    const sent = splice.message();
    expect(sent instanceof Response && [sent.status, sent.reason]).toEqual([183, "H\xf6r zu"]);
  });

  test.each([["A: 1\r\nB: 2"], ["A: \n"], ["A: \0"], ["A: \u0141"]])(
    "with what would forge a line is refused: %j",
    (line) => {
      const splice = new Splice(request(`${invite}abc`));
      expect(() => splice.insert("first", line)).toThrow(InvalidHeaderValue);
      expect(() => splice.replace(0, line)).toThrow(InvalidHeaderValue);
      expect(() => splice.setUri(line)).toThrow(InvalidHeaderValue);
      expect(wire(splice)).toBe(`${invite}abc`);
    },
  );
});

describe("the first elements of a list", () => {
  const cases: [name: string, lines: string[], count: number, left: string[]][] = [
    ["one of one", ["Route: <sip:a;lr>"], 1, []],
    ["one of two lines", ["Route: <sip:a;lr>", "Route: <sip:b;lr>"], 1, ["Route: <sip:b;lr>"]],
    ["one of two on a line", ["Route: <sip:a;lr>, <sip:b;lr>"], 1, ["Route: <sip:b;lr>"]],
    ["two over lines", ["route:<sip:a>", "A: 1", "RoutE: <sip:b>,<sip:c>"], 2, ["A: 1", "RoutE: <sip:c>"]],
    ["two of a line", ["Route: <sip:a>,<sip:b>", "Route: <sip:c>"], 2, ["Route: <sip:c>"]],
    ["commas in quotes and brackets", ['Route: "a, b" <sip:a,b>, <sip:c>'], 1, ["Route: <sip:c>"]],
    ["an open quote", ['Route: "a, <sip:b>', 'A: ", 1'], 1, ['A: ", 1']],
    ["white space around", ["Route :  <sip:a> ,  <sip:b> "], 1, ["Route: <sip:b>"]],
    ["over a fold", ["Route: <sip:a>,", "  <sip:b>"], 1, ["Route: <sip:b>"]],
    ["none", ["Route: <sip:a>"], 0, ["Route: <sip:a>"]],
    ["more than there are", ["Route: <sip:a>"], 3, []],
  ];
  test.each(cases)("%s", (_, lines, count, left) => {
    const splice = new Splice(request(crlf("OPTIONS sip:x SIP/2.0", ...lines, "Z: 1", "")));
    splice.removeFirst("route", count);
    expect(wire(splice)).toBe(crlf("OPTIONS sip:x SIP/2.0", ...left, "Z: 1", ""));
  });

  test("a compact name stays one", () => {
    const splice = new Splice(parsed("SIP/2.0 200 OK\r\nv: SIP/2.0/UDP a, SIP/2.0/UDP b\r\nl:0\r\n\r\n"));
    splice.removeFirst("via", 1);
    expect(wire(splice)).toBe("SIP/2.0 200 OK\r\nv: SIP/2.0/UDP b\r\nl:0\r\n\r\n");
  });
});

test("more lines than most messages have are found, each in its place", () => {
  const lines = Array.from({ length: 100 }, (_, n) => `X-${n}${n % 3 === 0 ? " " : ""}: ${"v".repeat(n % 7)}`);
  const message = request(crlf("OPTIONS sip:x SIP/2.0", ...lines, ""));
  expect(lines.map((_, n) => message.lines.raw(n))).toEqual(lines);
  const splice = new Splice(message);
  for (const n of lines.keys()) splice.insert(n, `Y: ${n}`);
  expect(wire(splice)).toBe(crlf("OPTIONS sip:x SIP/2.0", ...lines.flatMap((line, n) => [`Y: ${n}`, line]), ""));
});

describe("tolerated messages", () => {
  test("leave with CRLF where they came with LF", () => {
    const splice = new Splice(request("OPTIONS sip:x SIP/2.0\nVia: SIP/2.0/UDP a\nA: 1\n 2\r\nl: 2\n\nb\n"));
    splice.insert(1, "B: 1");
    expect(wire(splice)).toBe("OPTIONS sip:x SIP/2.0\r\nVia: SIP/2.0/UDP a\r\nB: 1\r\nA: 1\r\n 2\r\nl: 2\r\n\r\nb\n");
  });

  test("leave with a proper start line where it was odd", () => {
    const splice = new Splice(request("OPTIONS   sip:x  sip/2.0\r\nVia: SIP/2.0/UDP a\r\n\r\n"));
    splice.insert(1, "B: 1");
    expect(wire(splice)).toBe("OPTIONS sip:x SIP/2.0\r\nVia: SIP/2.0/UDP a\r\nB: 1\r\n\r\n");
  });

  test("get the Content-Length that a stream needs, once", () => {
    const splice = new Splice(request("OPTIONS sip:x SIP/2.0\r\nA: 1\r\n\r\nabc"));
    splice.ensureContentLength();
    splice.insert("last", "B: 1");
    expect(wire(splice)).toBe("OPTIONS sip:x SIP/2.0\r\nA: 1\r\nB: 1\r\nContent-Length: 3\r\n\r\nabc");
    const length = new Splice(request("OPTIONS sip:x SIP/2.0\r\nl: 0\r\n\r\n"));
    length.ensureContentLength();
    expect(wire(length)).toBe("OPTIONS sip:x SIP/2.0\r\nl: 0\r\n\r\n");
  });

  test("keep one Content-Length when the body changes", () => {
    const splice = new Splice(request("OPTIONS sip:x SIP/2.0\r\nl: 0\r\nA: 1\r\nContent-Length: 0\r\n\r\n"));
    splice.setBody(Buffer.from("ab"));
    expect(wire(splice)).toBe("OPTIONS sip:x SIP/2.0\r\nContent-Length: 2\r\nA: 1\r\n\r\nab");
  });
});

describe("noting the source", () => {
  const source = { remote: { host: "192.0.2.9", port: 4444 } };
  test.each([
    ["Via: SIP/2.0/UDP 192.0.2.9:5060;branch=z", undefined],
    ["Via: SIP/2.0/UDP host.example;branch=z", "Via: SIP/2.0/UDP host.example;branch=z;received=192.0.2.9"],
    ["v: SIP/2.0/UDP 10.0.0.1;rport;x", "Via: SIP/2.0/UDP 10.0.0.1;rport=4444;x;received=192.0.2.9"],
    [
      "Via: SIP/2.0/UDP 192.0.2.9;rport;branch=z, SIP/2.0/TCP b",
      "Via: SIP/2.0/UDP 192.0.2.9;rport=4444;branch=z;received=192.0.2.9, SIP/2.0/TCP b",
    ],
    ["Via: SIP/2.0/UDP 192.0.2.9;received=192.0.2.77", "Via: SIP/2.0/UDP 192.0.2.9"],
  ])("%s", (via, noted) => {
    const text = (line: string) => crlf("OPTIONS sip:x SIP/2.0", "A: 1", line, "Via: SIP/2.0/UDP b", "");
    const message = request(text(via));
    const splice = new Splice(message);
    noteSource(splice, message, source);
    expect(wire(splice)).toBe(text(noted ?? via));
  });
});

describe("Max-Forwards", () => {
  test.each([
    ["Max-Forwards: 70", "ok", "Max-Forwards: 69"],
    ["max-forwards:1", "ok", "Max-Forwards: 0"],
    ["Max-Forwards: 0", "zero", "Max-Forwards: 0"],
    ["Max-Forwards: 000", "zero", "Max-Forwards: 000"],
    ["Max-Forwards: 99999999999999999999999999", "ok", "Max-Forwards: 254"],
    ["A: 1", "ok", "A: 1\r\nMax-Forwards: 70"],
  ] as const)("%s", (line, result, expected) => {
    const message = request(crlf("OPTIONS sip:x SIP/2.0", line, ""));
    const splice = new Splice(message);
    expect(decrementMaxForwards(splice, message)).toBe(result);
    expect(wire(splice)).toBe(crlf("OPTIONS sip:x SIP/2.0", expected, ""));
  });
});

/** The same edits on a list of lines, as slowly and plainly as can be. */
class Reference {
  readonly #lines: { before: string[]; line: string | undefined }[];
  readonly #body: string;
  #start: string;

  constructor(text: string) {
    const end = text.indexOf("\r\n\r\n");
    const [start = "", ...lines] = text.slice(0, end).split(/\r\n(?![ \t])/);
    this.#start = start;
    this.#lines = lines.map((line) => ({ before: [], line }));
    this.#lines.push({ before: [], line: undefined });
    this.#body = text.slice(end + 4);
  }
  setUri(uri: string): void {
    this.#start = `INVITE ${uri} SIP/2.0`;
  }
  insert(at: number, line: string): void {
    this.#lines[at]?.before.push(line);
  }
  replace(at: number, line: string | undefined): void {
    const own = this.#lines[at];
    if (own !== undefined) own.line = line;
  }
  text(): string {
    const lines = this.#lines.flatMap(({ before, line }) => [...before, ...(line === undefined ? [] : [line])]);
    return crlf(this.#start, ...lines, "") + this.#body;
  }
}

test("random edits do what a naive editor does", () => {
  const random = seeded(seed);
  const names = ["Via", "v", "X", "Route", "Content-Type", "Subject", "s"];
  const fillers = ["a", " ", "\t", "\r\n ", "\xff", ";", ",", '"', "<", ">", ":", "x=1", "\r\n\t"];
  const value = () => Array.from({ length: below(random, 8) }, () => pick(random, fillers)).join("");
  const line = () => `${pick(random, names)}: ${value().replace(/\r\n/g, "")}`;
  const until = performance.now() + milliseconds;
  let cases = 0;
  for (; cases < wanted && performance.now() < until; cases++) {
    const count = below(random, 8);
    const lines = Array.from({ length: count }, () => `${pick(random, names)}:${value()}`);
    const body = pick(random, ["", "abc", "\r\n\r\n\0\xff", "\n"]);
    const text = crlf("INVITE sip:a@b SIP/2.0", ...lines, `l: ${body.length}`, "") + body;
    const splice = new Splice(request(text));
    const reference = new Reference(text);
    for (let edits = below(random, 6); edits > 0; edits--) {
      const at = below(random, count + 1);
      const inserted = line();
      switch (below(random, 4)) {
        case 0:
          splice.setUri("sip:c@d");
          reference.setUri("sip:c@d");
          break;
        case 1:
          splice.insert(at, inserted);
          reference.insert(at, inserted);
          break;
        case 2:
          splice.insert("last", inserted);
          reference.insert(count + 1, inserted);
          break;
        default:
          if (at === count) break; // Content-Length stays.
          if (random() < 0.5) {
            splice.remove(at);
            reference.replace(at, undefined);
          } else {
            splice.replace(at, inserted);
            reference.replace(at, inserted);
          }
      }
      if (random() < 0.1) splice.bytes();
    }
    expect(wire(splice)).toBe(reference.text());
  }
  expect(cases).toBeGreaterThan(100);
});
