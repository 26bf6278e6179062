import { describe, expect, test } from "bun:test";
import { compilePattern, expandGroups, highestGroup, type Pattern } from "../../src/routing/pattern.ts";
import { compileRegex, maxRegexText, type Regex } from "../../src/routing/regex.ts";
import { below, pick, seeded } from "../support/random.ts";

function pattern(text: string): Pattern {
  const compiled = compilePattern(text);
  if (!compiled.ok) throw new TypeError(`${text}: ${compiled.reason}`);
  return compiled.pattern;
}

function regex(source: string, ignoreCase = false): Regex {
  const compiled = compileRegex(source, ignoreCase);
  if (!compiled.ok) throw new TypeError(`${source}: ${compiled.reason}`);
  return compiled.regex;
}

describe("a glob", () => {
  const table: [glob: string, address: string, matches: boolean][] = [
    ["echo@*", "echo@example.com", true],
    ["echo@*", "echo2@example.com", false],
    ["echo", "echo@example.com", true],
    ["echo", "Echo@example.com", false],
    ["echo", "echo", true],
    ["echo@*", "echo", false],
    ["*", "", true],
    ["*@example.com", "alice@EXAMPLE.com", true],
    ["*@Example.COM", "alice@example.com", true],
    ["*@example.com", "alice@sub.example.com", false],
    ["*@*.example.com", "alice@sub.example.com", true],
    ["*@example.com", "alice@evil.com@example.com", true],
    ["alice@*", "alice@evil@example.com", false],
    ["1??", "100", true],
    ["1??", "1000", false],
    ["00*", "0049301234@gw", true],
    ["\\*97", "*97@pbx", true],
    ["\\*97", "1197@pbx", false],
    ["*97", "1197@pbx", true],
    ["a*b*c", "aXbYc", true],
    ["a*b*c", "aXbY", false],
    ["a\\?b", "a?b", true],
    ["*@[2001:db8::1]", "bob@2001:DB8::1", true],
    ["*@2001:db8::1", "bob@[2001:db8::1]", true],
    ["a.c", "abc", false],
  ];
  for (const [glob, address, matches] of table)
    test(`${glob} ${matches ? "matches" : "does not match"} ${address}`, () =>
      expect(pattern(glob).match(address) !== undefined).toBe(matches));

  test("takes linear time on text that makes naive matchers explode", () => {
    const started = performance.now();
    expect(pattern(`${"a*".repeat(40)}b`).match("a".repeat(20_000))).toBeUndefined();
    expect(performance.now() - started).toBeLessThan(200);
  });
});

describe("a regular expression", () => {
  test("gives its groups", () => {
    expect(pattern("/^00(\\d+)@(.*)$/").match("0049301@GW.example")).toEqual([
      "0049301@gw.example",
      "49301",
      "gw.example",
    ]);
  });

  test("compares without case only when told", () => {
    expect(pattern("/^bob@/").match("BOB@x")).toBeUndefined();
    expect(pattern("/^bob@/i").match("BOB@x")).toEqual(["BOB@"]);
  });

  test("sees the host in lower case", () => expect(pattern("/@example/").match("a@EXAMPLE.com")).toEqual(["@example"]));

  for (const bomb of [
    "(a+)+$",
    "(a|a)*$",
    "(a|aa)+$",
    "^(([a-z])+.)+[A-Z]([a-z])+$",
    "(.*)*(.*)*(.*)*x",
    "((a{0,5}){0,5}){0,5}$",
  ])
    test(`${bomb} cannot be made slow`, () => {
      const hostile = regex(bomb);
      const started = performance.now();
      hostile.match(`${"a".repeat(maxRegexText - 1)}!`);
      expect(performance.now() - started).toBeLessThan(150);
    });

  test("matches nothing longer than an address can be", () => {
    expect(regex("a").match("a".repeat(maxRegexText))).toEqual(["a"]);
    expect(regex("a").match("a".repeat(maxRegexText + 1))).toBeUndefined();
  });

  const refused: [source: string, reason: string][] = [
    ["(?=a)", "lookahead"],
    ["(?<!a)b", "lookahead"],
    ["(a)\\1", "references back"],
    ["(a", "has no `)`"],
    ["a)", "without its `(`"],
    ["[a", "has no `]`"],
    ["*a", "nothing to repeat"],
    ["a**", "follows a quantifier"],
    ["a{3,2}", "wrong order"],
    ["a{1001}", "above 1000"],
    ["(a{100}){100}", "too large"],
    ["[z-a]", "wrong order"],
    ["\\q", "no escape"],
    ["\\x4", "hexadecimal"],
    ["a\\", "backslash"],
    ["(".repeat(60) + ")".repeat(60), "nested"],
    ["x".repeat(1001), "longer than"],
  ];
  for (const [source, reason] of refused)
    test(`${source.slice(0, 20)} is refused: ${reason}`, () => {
      const compiled = compileRegex(source, false);
      expect(compiled.ok ? "accepted" : compiled.reason).toContain(reason);
    });

  test("agrees with the engine's own RegExp on whatever can be written here", () => {
    const random = seeded(11);
    const atom = (depth: number): string =>
      pick(random, [
        () => pick(random, ["a", "b", "c", ".", "\\d", "\\w", "[ab]", "[^a]", "[a-c\\d]", "\\.", "^", "$", "\\b", "1"]),
        () => pick(random, ["a", "b", "1"]),
        () => (depth > 0 ? `(${alternatives(depth - 1)})` : "a"),
        () => (depth > 0 ? `(?:${alternatives(depth - 1)})` : "b"),
      ] as const)();
    const term = (depth: number): string => {
      const body = atom(depth);
      const repeats = /^[\^$]$|^\\b$/.test(body)
        ? [""]
        : ["", "", "", "*", "+", "?", "*?", "+?", "??", "{2}", "{1,3}", "{0,2}?"];
      return body + pick(random, repeats);
    };
    const alternatives = (depth: number): string =>
      Array.from(
        { length: 1 + below(random, 2) },
        () => (neverEmpty ? "[abc]" : "") + Array.from({ length: 1 + below(random, 3) }, () => term(depth)).join(""),
      ).join("|");
    let neverEmpty = false;
    let matched = 0;
    for (let round = 0; round < 4000; round++) {
      neverEmpty = round % 2 === 0;
      const source = alternatives(2);
      const ours = regex(source, round % 4 === 0);
      const theirs = new RegExp(source, round % 4 === 0 ? "i" : "");
      for (let i = 0; i < 4; i++) {
        const text = Array.from({ length: below(random, 8) }, () =>
          pick(random, ["a", "b", "c", "A", "1", ".", "\n"]),
        ).join("");
        const expected = theirs.exec(text);
        const found = ours.match(text);
        if (expected !== null) matched++;
        expect([source, text, found !== undefined]).toEqual([source, text, expected !== null]);
        // Loops over what may be empty: which groups, and how much, an empty turn may take is where engines differ.
        if (neverEmpty || !/[)][*+?{]/.test(source))
          expect([source, text, found]).toEqual([source, text, expected === null ? undefined : [...expected]]);
      }
    }
    expect(matched).toBeGreaterThan(1000);
  });

  test("survives arbitrary sources and texts in bounded time", () => {
    const random = seeded(12);
    const started = performance.now();
    for (let round = 0; round < 3000; round++) {
      const source = Array.from({ length: below(random, 30) }, () =>
        pick(random, [..."ab()[]{}*+?|\\^$.,-:<=!10dwsbxu\u00e9\ud83d"]),
      ).join("");
      const compiled = compileRegex(source, random() < 0.5);
      if (compiled.ok)
        compiled.regex.match(Array.from({ length: below(random, 60) }, () => pick(random, [..."ab01-.é"])).join(""));
      compilePattern(random() < 0.5 ? source : `/${source}/`);
    }
    expect(performance.now() - started).toBeLessThan(5000);
  });
});

describe("what a pattern cannot be", () => {
  const table: [text: string, reason: string][] = [
    ["", "empty"],
    ["/abc", "second `/`"],
    ["/abc/g", "only flag"],
    ["abc\\", "backslash"],
    ["abc@", "host after `@`"],
  ];
  for (const [text, reason] of table)
    test(text === "" ? "nothing" : text, () => {
      const compiled = compilePattern(text);
      expect(compiled.ok ? "accepted" : compiled.reason).toContain(reason);
    });
});

describe("groups in a redirect", () => {
  test("stand where the template names them", () => {
    expect(expandGroups("sip:$1@gw.example", ["0049", "49"])).toBe("sip:49@gw.example");
    expect(expandGroups("sip:$2@gw.example", ["0049", "49"])).toBe("sip:@gw.example");
  });
  test("cannot leave their place in the URI", () => {
    expect(expandGroups("sip:$1@gw", ["", "a@evil;x?y\r\nContact: z é"])).toBe(
      "sip:a%40evil%3Bx%3Fy%0D%0AContact%3A%20z%20%C3%A9@gw",
    );
  });
  test("are counted", () => expect(highestGroup("sip:$1$3@$2")).toBe(3));
});
