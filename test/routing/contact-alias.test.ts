/** The alias of a Contact: who gets one, what it looks like, and what is believed of one that comes back. */
import { describe, expect, test } from "bun:test";
import { aliasContact, needsAlias, takeAlias } from "../../src/routing/contact-alias.ts";
import { Splice } from "../../src/sip/splice.ts";
import { requestFrom } from "../support/fake-flow.ts";
import { below, pick, seeded } from "../support/random.ts";

const source = { transport: "udp" as const, remote: { host: "203.0.113.5", port: 40000 } };

function aliased(contact: string, force = false, from: Parameters<typeof needsAlias>[1] = source): string | undefined {
  const request = requestFrom({ headers: [`Contact: ${contact}`] });
  if (!needsAlias(request, from, force)) return undefined;
  const splice = new Splice(request);
  aliasContact(splice, request, from);
  return splice.message().header("contact");
}

describe("adding", () => {
  test.each([
    ["<sip:al@10.0.0.2:5070>", "<sip:al@10.0.0.2:5070;alias=203.0.113.5~40000~1>"],
    [
      '"Al, x" <sip:al@192.168.1.2;ob>;expires=60',
      '"Al, x" <sip:al@192.168.1.2;ob;alias=203.0.113.5~40000~1>;expires=60',
    ],
    ["sip:al@10.0.0.2;expires=5", "<sip:al@10.0.0.2;alias=203.0.113.5~40000~1>;expires=5"],
    [
      "<sip:x@df7jal23ls0d.invalid;transport=ws>",
      "<sip:x@df7jal23ls0d.invalid;transport=ws;alias=203.0.113.5~40000~1>",
    ],
    ["<sip:al@10.0.0.2>, <sip:al@10.0.0.3>", "<sip:al@10.0.0.2;alias=203.0.113.5~40000~1>, <sip:al@10.0.0.3>"],
    ["<sip:al@198.51.100.1:5060>", undefined],
    ["<sip:al@203.0.113.5:40000>", undefined],
    ["<sip:al@10.0.0.2;alias=10.0.0.2~5060~1>", undefined],
    ["<tel:+4930123>", undefined],
    ["*", undefined],
  ])("%s", (contact, expected) => expect(aliased(contact)).toBe(expected));

  test.each([
    [
      "tls",
      "<sip:al@203.0.113.5:5061;transport=tls>",
      "<sip:al@203.0.113.5:5061;transport=tls;alias=203.0.113.5~40000~3>",
    ],
    ["tcp", "<sip:al@203.0.113.5;transport=tcp>", "<sip:al@203.0.113.5;transport=tcp;alias=203.0.113.5~40000~2>"],
    ["tcp", "<sip:al@203.0.113.5:40000;transport=tcp>", undefined],
    ["tcp", "<sip:al@198.51.100.1;transport=tcp>", undefined],
    ["udp", "<sip:al@203.0.113.5:5070>", undefined],
  ] as const)("over %s, %s: who is connected is reached by that connection", (transport, contact, expected) =>
    expect(aliased(contact, false, { ...source, transport })).toBe(expected),
  );

  test("asked for: wherever it is not where it came from", () => {
    expect(aliased("<sip:al@198.51.100.1:5060>", true)).toBe("<sip:al@198.51.100.1:5060;alias=203.0.113.5~40000~1>");
    expect(aliased("<sip:al@203.0.113.5:40000>", true)).toBeUndefined();
  });

  test("the source's address as a part of another is another", () => {
    const from = { transport: "udp" as const, remote: { host: "10.0.0.1", port: 5060 } };
    expect(aliased("<sip:al@10.0.0.10>", false, from)).toBe("<sip:al@10.0.0.10;alias=10.0.0.1~5060~1>");
    expect(aliased("<sip:al@10.0.0.1>", false, from)).toBeUndefined();
  });

  test("the transport is Kamailio's number, IPv6 stands in brackets", () => {
    const from = { transport: "wss" as const, remote: { host: "2001:db8::5", port: 443 } };
    expect(aliased("<sip:al@10.0.0.2>", false, from)).toBe("<sip:al@10.0.0.2;alias=[2001:db8::5]~443~6>");
  });
});

describe("taking", () => {
  test.each([
    ["sip:al@10.0.0.2:5070;alias=203.0.113.5~40000~1", "sip:al@10.0.0.2:5070", "udp", "203.0.113.5", 40000],
    ["sip:al@10.0.0.2;alias=203.0.113.5~40000~2;ob", "sip:al@10.0.0.2;ob", "tcp", "203.0.113.5", 40000],
    ["sip:al@10.0.0.2;alias=203.0.113.5~1~wss", "sip:al@10.0.0.2", "wss", "203.0.113.5", 1],
    ["sip:al@10.0.0.2;alias=[2001:db8::5]~443~6", "sip:al@10.0.0.2", "wss", "2001:db8::5", 443],
    ["sip:al@10.0.0.2;alias=2001:db8::5~443~3", "sip:al@10.0.0.2", "tls", "2001:db8::5", 443],
  ])("%s", (uri, bare, transport, host, port) =>
    expect(takeAlias(uri)).toEqual({ uri: bare, transport, address: { host, port } } as ReturnType<typeof takeAlias>),
  );

  test("where a connection is gone, another may be made to who named that host", () => {
    expect(takeAlias("sip:al@203.0.113.5:5061;alias=203.0.113.5~40000~3")?.direct).toBeTrue();
    expect(takeAlias("sip:al@10.0.0.2:5061;alias=203.0.113.5~40000~3")?.direct).toBeUndefined();
    expect(takeAlias("sip:al@203.0.113.5:5061;alias=203.0.113.5~40000~5")?.direct).toBeUndefined();
  });

  test.each([
    ["sip:al@10.0.0.2"],
    ["sip:al@10.0.0.2;alias=evil.example~5060~1"],
    ["sip:al@10.0.0.2;alias=203.0.113.5~0~1"],
    ["sip:al@10.0.0.2;alias=203.0.113.5~65536~1"],
    ["sip:al@10.0.0.2;alias=203.0.113.5~5060~9"],
    ["sip:al@10.0.0.2;alias=203.0.113.5~5060"],
    ["sip:al@10.0.0.2;alias="],
  ])("%s is no alias", (uri) => expect(takeAlias(uri)).toBeUndefined());

  test("random texts do no harm", () => {
    const random = seeded(3);
    const pieces = ["sip:a@h", ";alias=", "~", "203.0.113.5", "::1", "[", "]", "5060", "1", ";", "x", "?", "tcp"];
    const deadline = performance.now() + 500;
    for (let round = 0; round < 50_000 && performance.now() < deadline; round++) {
      let text = "";
      for (let count = below(random, 12); count > 0; count--) text += pick(random, pieces);
      const alias = takeAlias(text);
      if (alias !== undefined) expect(text.length).toBeGreaterThan(alias.uri.length);
    }
  });
});
