/** The headers with a grammar of their own: name-addr, Via, CSeq, parameters; and reason phrases. */
import { describe, expect, test } from "bun:test";
import { formatCSeq, parseCSeq } from "../../src/sip/cseq.ts";
import { InvalidHeaderValue } from "../../src/sip/errors.ts";
import { formatHost } from "../../src/sip/host.ts";
import { formatNameAddr, parseNameAddr } from "../../src/sip/name-addr.ts";
import { Params } from "../../src/sip/params.ts";
import { reasonPhrase } from "../../src/sip/status.ts";
import { quote, splitList } from "../../src/sip/text.ts";
import { formatVia, parseVia } from "../../src/sip/via.ts";

describe("name-addr", () => {
  const cases: [text: string, display: string, uri: string, tag: string | undefined][] = [
    ["<sip:a@b>", "", "sip:a@b", undefined],
    ["sip:a@b;tag=x", "", "sip:a@b", "x"],
    ["<sip:a@b;tag=uri>;TAG=y", "", "sip:a@b;tag=uri", "y"],
    ['"A. \\"B\\" \\\\ <C>, D" <sip:a@b>;tag=1', 'A. "B" \\ <C>, D', "sip:a@b", "1"],
    ["A B  C <sip:a@b> ; tag = 1", "A B  C", "sip:a@b", "1"],
    ["caller<sip:a@b>", "caller", "sip:a@b", undefined],
    ["+1 (555) 0100 <sip:a@b>", "+1 (555) 0100", "sip:a@b", undefined],
    ["a@b <sip:a@b>", "a@b", "sip:a@b", undefined],
    ["< sip:a@b >", "", "sip:a@b", undefined],
    ["<tel:+1>;tag=a;tag=b", "", "tel:+1", "a"],
    ["<http://a/?b>", "", "http://a/?b", undefined],
    ['<sip:a@b>;tag="quoted"', "", "sip:a@b", "quoted"],
  ];
  for (const [text, display, uriText, tag] of cases) {
    test(text, () => expect(parseNameAddr(text)).toMatchObject({ display, uriText, tag }));
  }

  const malformed = [
    "",
    "*",
    "<>",
    "<sip:a@b",
    "sip:a@b>",
    '"a <sip:a@b>',
    '"a" sip:a@b',
    'a" <sip:a@b>',
    "a, b <sip:a@b>",
  ];
  malformed.push(
    "<sip:a@b> x",
    "<sip:a@b>;;tag=x",
    "<sip:a@b>;tag=a b",
    "<sip:a@b>;tag=a, <sip:c@d>",
    "sip:a@b?c=d",
    "a@b",
  );
  malformed.push(
    '<sip:a@b>;x="open',
    '<sip:a@b>;x="a"b',
    "<sip:a@b><sip:c@d>",
    "<a>",
    "sip:a@b,c@d",
    "x\x01 <sip:a@b>",
  );
  for (const text of malformed) test(`${text} is malformed`, () => expect(parseNameAddr(text)).toBeUndefined());

  test("is formatted so that it parses to the same", () => {
    const text = formatNameAddr({ display: 'x "y" \\', uri: "sip:a@b", params: new Params().set("tag", "1").set("f") });
    expect(text).toBe('"x \\"y\\" \\\\" <sip:a@b>;tag=1;f');
    expect(parseNameAddr(text)).toMatchObject({ display: 'x "y" \\', uriText: "sip:a@b", tag: "1" });
    expect(formatNameAddr(parseNameAddr("A <sip:a@b;lr>;x") ?? { uri: "" })).toBe('"A" <sip:a@b;lr>;x');
  });

  test("refuses parts that would forge another", () => {
    expect(() => formatNameAddr({ display: "a\r\nb", uri: "sip:a@b" })).toThrow(InvalidHeaderValue);
    expect(() => formatNameAddr({ uri: "sip:a@b>;tag=evil" })).toThrow(InvalidHeaderValue);
    expect(() => new Params().set("tag", "a;b")).toThrow(InvalidHeaderValue);
    expect(() => new Params().set("tag", '"a" b"')).toThrow(InvalidHeaderValue);
    expect(() => new Params().set("ta g", "a")).toThrow(InvalidHeaderValue);
  });
});

describe("Via", () => {
  const cases: [text: string, parts: Record<string, unknown>][] = [
    ["SIP/2.0/UDP a.b;branch=z9hG4bKx", { transport: "UDP", host: "a.b", port: undefined, branch: "z9hG4bKx" }],
    ["SIP/2.0/tcp 10.0.0.1:5070", { transport: "TCP", port: 5070, branch: undefined, rport: undefined }],
    ["SIP  / 2.0 / UDP   a : 5070 ; branch = x ;y", { transport: "UDP", host: "a", port: 5070, branch: "x" }],
    ["SIP/2.0/WSS a.invalid;rport=4711;received=10.0.0.2", { rport: 4711, received: "10.0.0.2" }],
    ["SIP/2.0/UDP a;rport;received=[::1]", { rport: undefined, received: "::1" }],
    ["SIP/2.0/UDP a;rport=99999", { rport: undefined }],
    ["SIP/2.0/UDP [2001:db8::1]:5070", { host: "2001:db8::1", port: 5070 }],
    ["SIP/2.0/NEW-ONE a", { transport: "NEW-ONE" }],
    ["SIP/2.0/UDP a;ttl=1 (Acme server)", { host: "a" }],
  ];
  for (const [text, parts] of cases) test(text, () => expect(parseVia(text)).toMatchObject(parts));

  for (const text of [
    "",
    "SIP/2.0/UDP",
    "SIP/2.0/UDP ",
    "SIP/2.0 a",
    "SIP/3.0/UDP a",
    "SIP/2.0/U,P a",
    "SIP/2.0/UDP a b",
  ]) {
    test(`${text} is malformed`, () => expect(parseVia(text)).toBeUndefined());
  }
  for (const text of [
    "SIP/2.0/UDP 2001:db8::1",
    "SIP/2.0/UDP a;;b",
    "SIP/2.0/UDP a;b, c",
    "SIP/2.0/UDP a:0",
    "HTTP/2.0/UDP a",
  ]) {
    test(`${text} is malformed`, () => expect(parseVia(text)).toBeUndefined());
  }

  test("is formatted with an IPv6 host in brackets", () => {
    const params = new Params().set("branch", "z9hG4bKx").set("rport");
    expect(formatVia({ transport: "UDP", host: "::1", port: 5060, params })).toBe(
      "SIP/2.0/UDP [::1]:5060;branch=z9hG4bKx;rport",
    );
    expect(formatHost("10.0.0.1")).toBe("10.0.0.1");
  });
});

describe("CSeq", () => {
  const cases: [text: string, number: number | undefined][] = [
    ["1 INVITE", 1],
    ["0009\t INVITE", 9],
    ["4294967295 INVITE", 4294967295],
    ["4294967296 INVITE", undefined],
    ["99999999999999999999 INVITE", undefined],
    ["-1 INVITE", undefined],
    ["1", undefined],
    ["1INVITE", undefined],
    ["INVITE", undefined],
    ["1 IN VITE", undefined],
    ["1 ", undefined],
  ];
  for (const [text, number] of cases) test(`${text}: ${number}`, () => expect(parseCSeq(text)?.number).toBe(number));
  test("is formatted", () => expect(formatCSeq({ number: 7, method: "ACK" })).toBe("7 ACK"));
});

test("parameters can be changed and removed", () => {
  const params = Params.parse(";a=1;B;a=2", 0, 10, "header") ?? new Params();
  expect(params.clone().delete("A").set("b", quote("x;y")).toString()).toBe(';B="x;y"');
  expect(params.toString()).toBe(";a=1;B;a=2");
  expect([params.size, params.get("a")]).toEqual([3, "1"]);
});

test("a list with broken quotes or brackets is one element from there on", () => {
  expect(splitList('a, "b, c')).toEqual(["a", '"b, c']);
  expect(splitList("a, <b, c")).toEqual(["a", "<b, c"]);
  expect(splitList("a,,b,")).toEqual(["a", "", "b", ""]);
});

test("a status code without a phrase of its own has that of its class", () => {
  expect([486, 499, 599, 699, 199, 187, 298].map(reasonPhrase)).toEqual([
    "Busy Here",
    "Bad Request",
    "Server Internal Error",
    "Busy Everywhere",
    "Early Dialog Terminated",
    "Session Progress",
    "OK",
  ]);
});
