/** RFC 4475 and RFC 5118: the torture messages, byte exact, with the verdicts of the RFCs. */
import { describe, expect, test } from "bun:test";
import { dataBytes, dataJson } from "../support/data.ts";
import { parsedRequest, rows, text, verdict } from "../support/verdict.ts";

const torture = rows(dataJson("rfc4475", "manifest.json"), "messages");

/** Where the RFC leaves a choice ("either"), what this parser does, and why. */
const choices: Readonly<Record<string, readonly [verdict: string, why: string]>> = {
  quotbal: ["400", "where the quote was meant to end decides what is a header parameter: guessing would be dangerous"],
  ltgtruri: ["400", "brackets must not be passed on, and nobody honest sends them"],
  lwsstart: ["accept", "the extra spaces are dropped while parsing, and so are never passed on"],
  trws: ["accept", "the trailing spaces are dropped while parsing, and so are never passed on"],
  escruri: ["400", "headers in a Request-URI would let a stranger choose our Route"],
  baddate: ["accept", "the Date does not matter for processing"],
  regbadct: ["400", "without brackets it is open whether ?Route= is the URI's: a binding must not depend on a guess"],
  badaspec: ["accept", "spaces inside the brackets cannot be taken for anything else"],
  baddn: ["400", "no empty line, and an unquoted comma in From, which a proxy must not pass on"],
  badbranch: ["accept", "matched by the rules of RFC 2543, like a request without the cookie"],
};

describe("RFC 4475", () => {
  test("all 49 messages are there", () => expect(torture.length).toBe(49));

  for (const row of torture) {
    const name = text(row, "name");
    const choice = choices[name];
    const parse = text(row, "parse");
    const rejection = Array.isArray(row.uas) ? row.uas.map(String) : [];
    const expected =
      choice !== undefined ? [choice[0]] : parse === "accept" ? ["accept"] : parse === "discard" ? ["drop"] : rejection;
    test(`${text(row, "section")} ${name}: ${expected.join(" or ")}`, () => {
      if (parse === "either") expect(choice).toBeDefined();
      expect(expected).toContain(verdict(dataBytes("rfc4475", text(row, "file"))));
    });
  }

  const request = (name: string) => parsedRequest(dataBytes("rfc4475", "messages", `${name}.dat`));

  test("3.1.1.1: folding, compact forms, odd spacing and leading zeros are understood", () => {
    const wsinv = request("wsinv");
    expect(wsinv.cseq).toEqual({ number: 9, method: "INVITE" });
    expect(wsinv.to.tag).toBe("1918181833n");
    expect(wsinv.from).toMatchObject({ display: 'J Rosenberg \\"', tag: "98asjd8" });
    expect(wsinv.header("max-forwards")).toBe("0068");
    expect(wsinv.values("via").length).toBe(3);
    expect(wsinv.via).toMatchObject({ transport: "UDP", host: "192.0.2.2", branch: "390skdjuw" });
    expect(wsinv.contact?.display).toBe('Quoted string ""');
    expect(wsinv.contact?.params.get("newparam")).toBe("newvalue");
    expect(wsinv.contact?.params.get("q")).toBe("0.33");
    expect(wsinv.header("newfangledheader")).toBe("newfangled value continued newfangled value");
  });

  test("3.1.1.3: a user part is unescaped once", () => {
    const target = request("esc01").target;
    expect(target).toMatchObject({ scheme: "sip", user: "sips%3Auser%40example.com", host: "example.net" });
  });

  test("3.1.1.5: an escaped letter makes another name", () => {
    const esc02 = request("esc02");
    expect(esc02.method).toBe("RE%47IST%45R");
    expect(esc02.to.display).toBe("%Z%45");
    expect(esc02.headers("contact").length).toBe(2);
  });

  test("3.1.1.8: octets after the body are not passed on", () => {
    const dblreq = request("dblreq");
    expect(dblreq.body.length).toBe(0);
    expect(Buffer.from(dblreq.bytes()).includes("INVITE")).toBe(false);
  });

  test("3.1.1.9: semicolons before the @ belong to the user", () => {
    expect(request("semiuri").target).toMatchObject({ user: "user;par=u%40example.net", host: "example.com" });
  });

  test("3.1.1.11: a binary body comes through octet for octet", () => {
    const octets = dataBytes("rfc4475", "messages", "mpart01.dat");
    const body = request("mpart01").body;
    expect(body.length).toBe(553);
    expect(Buffer.from(body).equals(Buffer.from(octets).subarray(octets.length - 553))).toBe(true);
  });

  test("3.1.2.9 and 3.1.2.10: the extra spaces of a start line are gone", () => {
    expect(request("lwsstart").head.split("\r\n")[0]).toBe("INVITE sip:user@example.com SIP/2.0");
    expect(Buffer.from(request("trws").bytes()).toString().split("\r\n")[0]).toBe(
      "OPTIONS sip:remote-target@example.com SIP/2.0",
    );
  });

  test("3.3.12 and 3.3.13: a parameter belongs to the contact or to its URI", () => {
    expect(request("cparam01").contact?.params.has("unknownparam")).toBe(true);
    expect(request("cparam02").contact?.uriText).toContain("unknownparam");
    expect(request("cparam02").contact?.params.has("unknownparam")).toBe(false);
  });
});

describe("RFC 5118", () => {
  for (const row of rows(dataJson("rfc5118", "manifest.json"), "messages")) {
    const expected = text(row, "class") === "invalid" ? "400" : "accept";
    test(`${text(row, "section")} ${text(row, "name")}: ${expected}`, () => {
      expect(verdict(dataBytes("rfc5118", text(row, "repaired")))).toBe(expected);
    });
  }

  const request = (name: string) => parsedRequest(dataBytes("rfc5118", "crlf_fixed", `${name}.sip`));

  test("4.3 and 4.4: a port stands outside of the brackets only", () => {
    expect(request("port-ambiguous").target).toMatchObject({ host: "2001:db8::10:5070", port: undefined });
    expect(request("port-unambiguous").target).toMatchObject({ host: "2001:db8::10", port: 5070 });
  });

  test("4.5: received is understood with and without brackets", () => {
    expect(request("via-received-param-with-delim").via.received).toBe("2001:db8::9:255");
    expect(request("via-received-param-no-delim").via.received).toBe("2001:db8::9:255");
  });
});
