/** Messages: how octets become requests and responses, and how messages are built. */
import { describe, expect, test } from "bun:test";
import {
  buildRequest,
  buildResponse,
  InvalidHeaderValue,
  MalformedHeader,
  parseMessage,
  Request,
  Response,
} from "../../src/sip/message.ts";
import { decodeUtf8, encodeUtf8 } from "../../src/sip/text.ts";
import { parsedRequest, verdict } from "../support/verdict.ts";

const invite = (extra: readonly string[] = [], body = "", eol = "\r\n") =>
  [
    "INVITE sip:bob@example.com SIP/2.0",
    "Via: SIP/2.0/UDP client.example.org:5070;branch=z9hG4bKa;rport",
    "From: Alice <sip:alice@example.org>;tag=1",
    "To: <sip:bob@example.com>",
    "Call-ID: c1@example.org",
    "CSeq: 7 INVITE",
    ...extra,
    "",
    body,
  ].join(eol);

const octets = (text: string) => Buffer.from(text, "latin1");
const datagram = (text: string) => parseMessage(octets(text), "datagram");

describe("parsing", () => {
  test("a request shows its parts", () => {
    const request = parsedRequest(invite(["Max-Forwards: 70", "Contact: <sip:alice@10.0.0.1>"]));
    expect(request).toMatchObject({ type: "request", method: "INVITE", uri: "sip:bob@example.com" });
    expect(request.target).toMatchObject({ scheme: "sip", user: "bob", host: "example.com" });
    expect(request.via).toMatchObject({ transport: "UDP", host: "client.example.org", port: 5070, branch: "z9hG4bKa" });
    expect(request.from).toMatchObject({ display: "Alice", uriText: "sip:alice@example.org", tag: "1" });
    expect(request.to.tag).toBeUndefined();
    expect(request.callId).toBe("c1@example.org");
    expect(request.cseq).toEqual({ number: 7, method: "INVITE" });
    expect(request.contact?.uri).toMatchObject({ host: "10.0.0.1" });
  });

  test("a response shows its parts", () => {
    const response = datagram("SIP/2.0 404 Nicht gefunden\r\nVia: SIP/2.0/UDP a\r\nl: 0\r\n\r\n");
    expect(response).toMatchObject({ type: "response", status: 404, reason: "Nicht gefunden" });
  });

  test("compact forms, any case and blanks before the colon name the same header", () => {
    const request = parsedRequest(invite(["m: <sip:a@b>", "X-BYPASS-me : 1", "x-bypass-ME\t: 2", "s:no space"]));
    expect(request.contact?.uriText).toBe("sip:a@b");
    expect(request.headers("x-bypass-me")).toEqual(["1", "2"]);
    expect(request.header("subject")).toBe("no space");
    expect([...request.fields()].map(([name]) => name).slice(-4)).toEqual(["m", "X-BYPASS-me", "x-bypass-ME", "s"]);
  });

  test("folded lines are one value", () => {
    const request = parsedRequest(invite(["Subject: one", "  two", "\tthree", "Accept:", " application/sdp"]));
    expect(request.header("subject")).toBe("one two three");
    expect(request.header("accept")).toBe("application/sdp");
  });

  test("lists are split at commas outside of quotes and brackets", () => {
    const request = parsedRequest(
      invite(['Contact: "a, \\", b" <sip:a@b;x=1,2>;q=1, <sip:c@d>', "Contact: <sip:e@f>", "Allow: INVITE,ACK , BYE"]),
    );
    expect(request.values("contact")).toEqual(['"a, \\", b" <sip:a@b;x=1,2>;q=1', "<sip:c@d>", "<sip:e@f>"]);
    expect(request.values("allow")).toEqual(["INVITE", "ACK", "BYE"]);
    expect(request.values("supported")).toEqual([]);
    expect(request.contact?.display).toBe('a, ", b');
  });

  test("UTF-8 passes as octets and reads as text", () => {
    const request = parsedRequest(
      Buffer.from(invite(['Subject: "Käse à 3 €"', "Content-Type: Text/Plain; charset=utf-8"], "grün"), "utf8"),
    );
    expect(decodeUtf8(request.header("subject") ?? "")).toBe('"Käse à 3 €"');
    expect(request.contentType).toBe("text/plain");
    expect(Buffer.from(request.body).toString()).toBe("grün");
    expect(decodeUtf8(encodeUtf8("à"))).toBe("à");
  });

  test("a value that ends in the octet 0xA0 keeps it", () => {
    expect(parsedRequest(Buffer.from(invite(["Subject: à"]), "utf8")).header("subject")).toBe("\xc3\xa0");
  });

  test("LF alone ends lines of a datagram", () => {
    const request = parsedRequest(invite(["Subject: a", " b", "Content-Length: 3"], "v=0", "\n"));
    expect(request.header("subject")).toBe("a b");
    expect(Buffer.from(request.body).toString()).toBe("v=0");
  });

  test("line ends before a message are skipped", () => {
    expect(parsedRequest(`\r\n\r\n${invite()}`).bytes()).toEqual(octets(invite()));
  });

  test("the octets that came are the octets that go", () => {
    const text = invite(["X-Odd :  \t kept ", "l: 3"], "v=0");
    expect(Buffer.from(parsedRequest(text).bytes()).toString()).toBe(text);
  });

  test("a typed getter for a missing or malformed header throws a MalformedHeader", () => {
    const message = datagram("OPTIONS sip:a SIP/2.0\r\nVia: nonsense\r\n\r\n");
    if (!(message instanceof Request)) throw new TypeError("not a request");
    expect(() => message.via).toThrow(MalformedHeader);
    expect(() => message.callId).toThrow("no call-id header");
  });
});

describe("Content-Length", () => {
  const cases: [name: string, lines: string[], body: string, datagram: string, stream: string][] = [
    ["missing: the rest of a datagram, nothing of a stream", [], "12345", "12345", ""],
    ["exact", ["Content-Length: 5"], "12345", "12345", "12345"],
    ["smaller: the rest is ignored", ["Content-Length: 3"], "12345", "123", "123"],
    ["equal duplicates", ["Content-Length: 5", "l: 05"], "12345", "12345", "12345"],
    ["larger", ["Content-Length: 6"], "12345", "400", "400 fatal"],
    ["different duplicates", ["Content-Length: 5", "Content-Length: 3"], "12345", "400", "400 fatal"],
    ["negative", ["Content-Length: -5"], "12345", "400", "400 fatal"],
    ["no number", ["Content-Length: 5 5"], "12345", "400", "400 fatal"],
    ["empty", ["Content-Length:"], "12345", "400", "400 fatal"],
    ["huge", ["Content-Length: 99999999999999999999999"], "12345", "400", "400 fatal"],
  ];
  for (const [name, lines, body, ...expected] of cases) {
    test(name, () => {
      const results = (["datagram", "stream"] as const).map((framing) => {
        const message = parseMessage(octets(invite(lines, body)), framing);
        if (message.type !== "failure") return Buffer.from(message.body).toString();
        expect(message.request?.callId).toBe("c1@example.org");
        return `${message.status}${message.fatal ? " fatal" : ""}`;
      });
      expect(results).toEqual(expected);
    });
  }
});

describe("what is no message", () => {
  const quiet = ["hello", "\r\n\r\n", "", "\0\0\0\0", "GET / HTTP/1.1\r\nVia: 1.1 x\r\n\r\n", "SIP/2.0 99 x\r\n\r\n"];
  quiet.push(
    "SIP/2.0 2000 x\r\nVia: SIP/2.0/UDP a\r\n\r\n",
    "SIP/3.0 200 OK\r\nVia: SIP/2.0/UDP a\r\n\r\n",
    ":\r\n\r\n",
  );
  for (const text of quiet) {
    test(`${JSON.stringify(text.slice(0, 20))} gets no answer`, () => {
      const failure = datagram(text);
      if (failure.type !== "failure") throw new TypeError("parsed");
      expect(failure.status).toBeUndefined();
      expect(failure.request).toBeUndefined();
    });
  }

  const refused: [name: string, text: string, status: string][] = [
    ["another version", invite().replace("SIP/2.0", "SIP/7.0"), "505"],
    ["white space in the Request-URI", invite().replace("sip:bob", "sip: bob"), "400"],
    ["a line without a colon", invite(["nonsense"]), "400"],
    ["a header without a name", invite([": value"]), "400"],
    ["a header name that is no token", invite(["a b: value"]), "400"],
    ["a fold after the start line", invite().replace("\r\n", "\r\n Folded: x\r\n"), "400"],
    ["a bare LF among CRLFs", invite(["Subject: x\nRoute: <sip:evil>"]), "400"],
    ["a bare CR among CRLFs", invite(["Subject: x\rRoute: <sip:evil>"]), "400"],
    ["a bare CR among LFs", invite(["Subject: x\rRoute: <sip:evil>"], "", "\n"), "400"],
    ["no empty line", invite().slice(0, -2), "400"],
    ["513 header lines", invite(Array.from({ length: 508 }, (_, at) => `X-${at}: y`)), "400"],
    ["a missing Call-ID", invite().replace("Call-ID", "X-Call-ID"), "400"],
    ["an empty Call-ID", invite().replace("c1@example.org", ""), "400"],
    ["two From", invite(["f: <sip:a@b>"]), "400"],
    ["two Max-Forwards", invite(["Max-Forwards: 1", "Max-Forwards: 1"]), "400"],
    ["a Max-Forwards that is no number", invite(["Max-Forwards: many"]), "400"],
    ["a CSeq beyond 2^32-1", invite().replace("CSeq: 7", "CSeq: 4294967296"), "400"],
    ["a CSeq without a method", invite().replace("7 INVITE", "7"), "400"],
    ["the CSeq method of another request", invite().replace("7 INVITE", "7 ACK"), "400"],
    ["a malformed Contact", invite(["Contact: <sip:a@b>, <sip:c@d"]), "400"],
    ["101 Contacts", invite([`Contact: ${Array.from({ length: 101 }, () => "<sip:a@b>").join(",")}`]), "400"],
    ["headers in the Request-URI", invite().replace("example.com SIP", "example.com?Route=%3Csip:x%3E SIP"), "400"],
  ];
  for (const [name, text, status] of refused) {
    test(`${name} is answered with ${status}`, () => expect(verdict(octets(text))).toBe(status));
  }

  const accepted: [name: string, text: string][] = [
    ["512 header lines", invite(Array.from({ length: 507 }, (_, at) => `X-${at}: y`))],
    ["the largest CSeq", invite().replace("CSeq: 7", "CSeq: 4294967295")],
    ["a version in lower case", invite().replace("INVITE sip:bob@example.com SIP", "INVITE sip:bob@example.com sip")],
    ["an unknown scheme", invite().replace("sip:bob@example.com SIP", "unheard:of SIP")],
    ["a REGISTER's star", invite(["Contact: *"])],
    ["a semicolon too many at the end", invite().replace(";tag=1", ";tag=1;")],
  ];
  for (const [name, text] of accepted) test(`${name} is accepted`, () => expect(verdict(octets(text))).toBe("accept"));
});

describe("building", () => {
  const parts = { method: "OPTIONS", uri: "sip:a@b", headers: [["Via", "SIP/2.0/UDP c"]] as [string, string][] };

  test("a request has its headers in order and the length of its body", () => {
    const request = buildRequest({
      ...parts,
      headers: [...parts.headers, ["content-LENGTH", "9"]],
      body: octets("\xff\0"),
    });
    expect(Buffer.from(request.bytes()).toString("latin1")).toBe(
      "OPTIONS sip:a@b SIP/2.0\r\nVia: SIP/2.0/UDP c\r\nContent-Length: 2\r\n\r\n\xff\0",
    );
    expect(request.via.host).toBe("c");
    expect(request.header("content-length")).toBe("2");
  });

  for (const evil of ["a\r\nRoute: <sip:evil>", "a\nb", "a\rb", "a\0b", "a\u010ab", "a\u{1f600}"]) {
    test(`${JSON.stringify(evil)} gets into no message`, () => {
      const request = buildRequest(parts);
      const attempts = [
        () => buildRequest({ ...parts, headers: [["Subject", evil]] }),
        () => buildRequest({ ...parts, headers: [[evil, "x"]] }),
        () => buildRequest({ ...parts, method: evil }),
        () => buildRequest({ ...parts, uri: `sip:${evil}` }),
        () => buildResponse(request, 200, { reason: evil }),
        () => buildResponse(request, 200, { headers: [["Subject", evil]] }),
        () => buildResponse(parsedRequest(invite()), 200, { toTag: evil }),
      ];
      for (const attempt of attempts) expect(attempt).toThrow(InvalidHeaderValue);
    });
  }

  test("a response has the request's Via, From, To with the tag, Call-ID and CSeq", () => {
    const request = parsedRequest(invite(["v: SIP/2.0/TCP second;branch=z9hG4bKb", "Record-Route: <sip:p;lr>"]));
    const response = buildResponse(request, 486, { toTag: "t2" });
    expect(response).toMatchObject({ status: 486, reason: "Busy Here" });
    expect(Buffer.from(response.bytes()).toString()).toBe(
      [
        "SIP/2.0 486 Busy Here",
        "Via: SIP/2.0/UDP client.example.org:5070;branch=z9hG4bKa;rport",
        "v: SIP/2.0/TCP second;branch=z9hG4bKb",
        "From: Alice <sip:alice@example.org>;tag=1",
        "To: <sip:bob@example.com>;tag=t2",
        "Call-ID: c1@example.org",
        "CSeq: 7 INVITE",
        "Content-Length: 0",
        "",
        "",
      ].join("\r\n"),
    );
    expect(buildResponse(request, 200, { copyRecordRoute: true }).headers("record-route")).toEqual(["<sip:p;lr>"]);
  });

  test("a To that has a tag keeps it", () => {
    const request = parsedRequest(invite().replace("bob@example.com>", "bob@example.com>;tag=old"));
    expect(buildResponse(request, 200, { toTag: "new" }).to.tag).toBe("old");
  });

  test("only a 100 repeats the Timestamp", () => {
    const request = parsedRequest(invite(["Timestamp: 54"]));
    expect(buildResponse(request, 100).header("timestamp")).toBe("54");
    expect(buildResponse(request, 200).header("timestamp")).toBeUndefined();
  });

  test("folded and LF lines of the request are sent as plain ones", () => {
    const request = parsedRequest(invite([], "", "\n").replace("From: Alice", "From: Alice\n "));
    const text = Buffer.from(buildResponse(request, 200).bytes()).toString();
    expect(text).toContain("\r\nFrom: Alice <sip:alice@example.org>;tag=1\r\n");
    expect(text.replaceAll("\r\n", "")).not.toContain("\n");
  });

  const vias: [sentBy: string, host: string, expected: string][] = [
    ["10.0.0.1:5062;branch=b", "10.0.0.1", "10.0.0.1:5062;branch=b"],
    ["10.0.0.1:5062;branch=b", "10.0.0.2", "10.0.0.1:5062;branch=b;received=10.0.0.2"],
    ["10.0.0.1;rport;branch=b", "10.0.0.1", "10.0.0.1;rport=4711;branch=b;received=10.0.0.1"],
    ["a.example;rport=1;received=6.6.6.6", "10.0.0.1", "a.example;rport=4711;received=10.0.0.1"],
    ["[::1];branch=b", "::2", "[::1];branch=b;received=::2"],
    ["10.0.0.1, SIP/2.0/UDP b", "10.0.0.2", "10.0.0.1;received=10.0.0.2, SIP/2.0/UDP b"],
  ];
  for (const [sentBy, host, expected] of vias) {
    test(`a response to ${sentBy} from ${host} notes the source`, () => {
      const request = parsedRequest(invite().replace(/SIP\/2.0\/UDP .*/, `SIP/2.0/UDP ${sentBy}`));
      const response = buildResponse(request, 200, { source: { host, port: 4711 } });
      expect(response.header("via")).toBe(`SIP/2.0/UDP ${expected}`);
    });
  }

  test("what could not be parsed is answered with what it has", () => {
    const failure = datagram('INVITE sip:a SIP/9.0\r\nVia: SIP/2.0/UDP a\r\nTo: "open <sip:b>\r\n\r\n');
    if (failure.type !== "failure" || failure.request === undefined) throw new TypeError("no failure to answer");
    const response = buildResponse(failure.request, failure.status ?? 0, { toTag: "t" });
    expect(response).toBeInstanceOf(Response);
    expect(response.head).toBe(
      'SIP/2.0 505 Version Not Supported\r\nVia: SIP/2.0/UDP a\r\nTo: "open <sip:b>\r\nContent-Length: 0\r\n',
    );
  });
});
