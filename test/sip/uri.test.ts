/** URIs: their grammar, their equality (RFC 3261 §19.1.4), and the cases of other projects. */
import { describe, expect, test } from "bun:test";
import { InvalidHeaderValue } from "../../src/sip/errors.ts";
import { parseNameAddr } from "../../src/sip/name-addr.ts";
import { Params } from "../../src/sip/params.ts";
import {
  escapeUser,
  formatUri,
  isSipUri,
  isTelUri,
  parseUri,
  unescapeUri,
  uriEquals,
  withoutPassword,
} from "../../src/sip/uri.ts";
import { dataJson } from "../support/data.ts";
import { isRow, rows, text } from "../support/verdict.ts";

describe("parseUri", () => {
  const cases: [uri: string, parts: Record<string, unknown>][] = [
    ["sip:host", { scheme: "sip", user: undefined, host: "host", port: undefined }],
    ["SIPS:Host:5061", { scheme: "sips", host: "Host", port: 5061 }],
    ["sip:alice:secret@a.example:5070", { user: "alice", password: "secret", host: "a.example", port: 5070 }],
    ["sip:alice;day=tuesday@a.example", { user: "alice;day=tuesday", host: "a.example" }],
    ["sip:a?b=c/d@e", { user: "a?b=c/d", host: "e", headers: undefined }],
    ["sip:+1-212@gw;user=phone?subject=x&to=y", { user: "+1-212", host: "gw", headers: "subject=x&to=y" }],
    ["sip:[2001:db8::10]:5070", { host: "2001:db8::10", port: 5070 }],
    ["sip:a@[::ffff:192.0.2.1]", { host: "::ffff:192.0.2.1" }],
    ["sip:*21#@10.0.0.1", { user: "*21#", host: "10.0.0.1" }],
    ["sip:under_score.example", { host: "under_score.example" }],
    ["tel:+1-201-555-0123;ext=1", { scheme: "tel", number: "+1-201-555-0123" }],
    ["urn:service:sos", { scheme: "urn", rest: "service:sos" }],
  ];
  for (const [uri, parts] of cases) {
    test(uri, () => {
      const parsed = parseUri(uri);
      expect(parsed).toMatchObject(parts);
      if (parsed !== undefined) expect(formatUri(parsed).toLowerCase()).toBe(uri.toLowerCase());
    });
  }

  const malformed = ["", "sip", "sip:", "host", "@b", "sip:@host", "sip:user@", "sip:a@b@c", "sip:a b@c", "sip:a@b c"];
  malformed.push(
    "sip:a@b:",
    "sip:a@b:x",
    "sip:a@b:0",
    "sip:a@b:65536",
    "sip:2001:db8::10",
    "sip:[::1",
    "sip:[]",
    "sip:[1]",
  );
  malformed.push(
    "sip:[1:2:3:4:5:6:7:8:9]",
    "sip:[::1::]",
    "sip:[g::]",
    "sip:a@-b",
    "sip:a@.b",
    "sip:a@b;",
    "sip:a@b;;x",
  );
  malformed.push(
    "sip:a@b;=x",
    "<sip:a@b>",
    'sip:"a"@b',
    "sip:a\r\n@b",
    "sip:a\0@b",
    "tel:",
    "tel:a b",
    ":x",
    "1x:y",
    "x y:z",
  );
  malformed.push(`sip:a@b${";x".repeat(257)}`, `sip:a@${"b".repeat(256)}`, "sip:[1.2.3.4]", "sip:[::1.2.3.256]");
  for (const uri of malformed) {
    test(`${JSON.stringify(uri.slice(0, 30))} is none`, () => expect(parseUri(uri)).toBeUndefined());
  }

  test("parameters are found without regard to case, flags are empty", () => {
    const uri = parseUri("sip:a@b;Transport=TCP;lr;x=");
    if (uri === undefined || !isSipUri(uri)) throw new TypeError("not sip");
    expect(uri.params.get("transport")).toBe("TCP");
    expect([uri.params.get("LR"), uri.params.get("x"), uri.params.get("y")]).toEqual(["", "", undefined]);
    expect([...uri.params.entries()]).toEqual([
      ["Transport", "TCP"],
      ["lr", ""],
      ["x", ""],
    ]);
    expect(uri.params.toString()).toBe(";Transport=TCP;lr;x=");
  });
});

test.each([
  ["sip:alice:secret@example.com:5060;a=b", "sip:alice@example.com:5060;a=b"],
  ["SIPS:alice:@example.com", "SIPS:alice@example.com"],
  ["sip:alice:se:cr%40et@example.com", "sip:alice@example.com"],
  ["sip:alice@example.com:5060", "sip:alice@example.com:5060"],
  ["sip:example.com:5060", "sip:example.com:5060"],
  ["tel:+1-201:5@x", "tel:+1-201:5@x"],
])("%s is shown as %s", (uri, shown) => {
  expect(withoutPassword(uri)).toBe(shown);
});

describe("formatUri", () => {
  const host = "b";
  const params = new Params();
  for (const user of ["a@evil", "a:b", "a b", "a>", "a\r\nb", "\u0141"]) {
    test(`refuses the user ${JSON.stringify(user)}`, () => {
      expect(() => formatUri({ scheme: "sip", user, host, params })).toThrow(InvalidHeaderValue);
    });
  }
  test("takes any user once escaped", () => {
    const user = escapeUser('a@b:c "d" <e>\r\n%\0');
    const uri = parseUri(formatUri({ scheme: "sip", user, host, params }));
    expect(uri).toMatchObject({ user, host });
    expect(unescapeUri(user)).toBe('a@b:c "d" <e>\r\n%\0');
  });
});

describe("uriEquals", () => {
  const equal: [string, string][] = [
    // The examples of §19.1.4.
    ["sip:%61lice@atlanta.com;transport=TCP", "sip:alice@AtLanTa.CoM;Transport=tcp"],
    ["sip:carol@chicago.com", "sip:carol@chicago.com;newparam=5"],
    ["sip:carol@chicago.com", "sip:carol@chicago.com;security=on"],
    [
      "sip:biloxi.com;transport=tcp;method=REGISTER?to=sip:bob%40biloxi.com",
      "sip:biloxi.com;method=REGISTER;transport=tcp?to=sip:bob%40biloxi.com",
    ],
    [
      "sip:alice@atlanta.com?subject=project%20x&priority=urgent",
      "sip:alice@atlanta.com?priority=urgent&subject=project%20x",
    ],
    ["sip:a@b;x=1;x=2", "sip:a@b;x=1;x=2"],
    ["sip:a@[2001:db8::1]", "sip:a@[2001:0DB8:0:0:0:0:0:1]"],
    ["sip:a@[::ffff:192.0.2.1]", "sip:a@[::FFFF:c000:201]"],
    ["tel:+1-201-555-0123", "tel:+1(201)5550123"],
    ["tel:7042;a=1;b=2", "TEL:7042;b=2;a=1"],
    ["urn:service:sos", "URN:service:sos"],
  ];
  const different: [string, string][] = [
    ["SIP:ALICE@AtLanTa.CoM;Transport=udp", "sip:alice@AtLanTa.CoM;Transport=UDP"],
    ["sip:bob@biloxi.com", "sip:bob@biloxi.com:5060"],
    ["sip:bob@biloxi.com", "sip:bob@biloxi.com;transport=udp"],
    ["sip:bob@biloxi.com", "sip:bob@biloxi.com:6000;transport=tcp"],
    ["sip:carol@chicago.com", "sip:carol@chicago.com?Subject=next%20meeting"],
    ["sip:bob@phone21.boxesbybob.com", "sip:bob@192.0.2.4"],
    ["sip:carol@chicago.com;security=on", "sip:carol@chicago.com;security=off"],
    ["sip:a@b", "sips:a@b"],
    ["sip:a@b", "sip:a:@b"],
    ["sip:a@b", "sip:b"],
    ["sip:a@b;user=phone", "sip:a@b"],
    ["sip:a@b", "sip:a@b;maddr=1.2.3.4"],
    ["sip:a%40b@c", "sip:a@c"],
    ["tel:+1201", "tel:1201"],
    ["tel:911;p=1", "tel:911"],
    ["urn:a", "urn:b"],
    ["tel:1", "urn:1"],
  ];
  for (const [expected, pairs] of [[true, equal] as const, [false, different] as const]) {
    for (const [left, right] of pairs) {
      test(`${left} ${expected ? "=" : "≠"} ${right}`, () => {
        const [a, b] = [parseUri(left), parseUri(right)];
        if (a === undefined || b === undefined) throw new TypeError("malformed");
        expect(uriEquals(a, b)).toBe(expected);
        expect(uriEquals(b, a)).toBe(expected);
        expect(uriEquals(a, a)).toBe(true);
      });
    }
  }
});

describe("the cases of pjproject", () => {
  /** Where we differ, and why. */
  const exceptions: Readonly<Record<string, string>> = {
    'Strange User" <sip:localhost>': "a dangling quote may have been meant to open anywhere (RFC 4475 §3.1.2.6)",
  };
  for (const row of rows(dataJson("pjproject", "uri-cases.json"), "items")) {
    const input = text(row, "input");
    const parses = text(row, "result") !== "syntax-error" && !(input in exceptions);
    test(`${JSON.stringify(input)} ${parses ? "parses" : "does not"}`, () => {
      expect((parseUri(input) ?? parseNameAddr(input)) !== undefined).toBe(parses);
    });
  }
});

describe("the cases of re", () => {
  const json = dataJson("re", "uri-cases.json");
  if (!isRow(json)) throw new TypeError("no object");
  const strings = (key: string) => (Array.isArray(json[key]) ? json[key].filter((one) => typeof one === "string") : []);
  for (const uri of strings("roundtrip_identical")) {
    // A path in a SIP URI is an extension of theirs, beyond RFC 3261.
    const ours = !uri.includes("/wss/");
    test(`${uri} ${ours ? "comes out as it went in" : "is malformed"}`, () => {
      const parsed = parseUri(uri);
      expect(parsed === undefined ? undefined : formatUri(parsed)).toBe(ours ? uri : undefined);
    });
  }
  test("escapes are undone once, broken ones stay", () => {
    for (const pair of Array.isArray(json.user_escape) ? json.user_escape : []) {
      expect(unescapeUri(String(pair[0]))).toBe(String(pair[1]));
    }
    for (const bad of strings("bad_escapes")) expect(unescapeUri(bad)).toBe(bad);
  });
  test("a tel URI is no SIP URI", () => {
    const uri = parseUri("tel:1");
    expect(uri !== undefined && isTelUri(uri) && !isSipUri(uri)).toBe(true);
  });
});
