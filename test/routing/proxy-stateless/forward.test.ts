/** The stateless proxy's requests and responses (RFC 3261 §16.11): what is changed, what is refused, and where it goes. */
import { describe, expect, test } from "bun:test";
import type { Response } from "../../../src/sip/message.ts";
import { requestFrom, responseTo } from "../../support/fake-flow.ts";
import { asRequest, asResponse, Bench, bob, type Sent } from "./bench.ts";

const noBranch = (text: string) =>
  text.replace(/z9hG4bK[0-9a-f]{32}-u5060~192\.0\.2\.1~5060~192\.0\.2\.9\.lp[0-9a-f]{16}/g, "BRANCH");
const wire = ({ bytes }: Sent) => noBranch(Buffer.from(bytes).toString("latin1"));
const status = ({ message }: Sent) => (message.type === "response" ? message.status : message.method);
const branchOf = ({ message }: Sent) => message.via.branch;

describe("a request", () => {
  test("leaves as it came but for Request-URI, Via, Record-Route and Max-Forwards", () => {
    const bench = new Bench();
    const sent = bench.one(
      requestFrom({ headers: ["X:  odd ", "Contact: <sip:alice@192.0.2.9:5060>", "v: SIP/2.0/UDP a"] }),
      bench.wire("udp", "192.0.2.9"),
    );
    expect(sent.to).toBe("udp 192.0.2.2:5060");
    expect(wire(sent).replace(/s\.[0-9a-f]{16}@/, "PASS@")).toBe(
      [
        "INVITE sip:bob@192.0.2.2:5060 SIP/2.0",
        "Via: SIP/2.0/UDP 192.0.2.1:5060;branch=BRANCH",
        "Record-Route: <sip:PASS@192.0.2.1:5060;lr>",
        "Via: SIP/2.0/UDP 192.0.2.9:5060;branch=z9hG4bK1",
        "Max-Forwards: 69",
        "From: Alice <sip:alice@example.org>;tag=a1",
        "To: Bob <sip:bob@example.com>",
        "Call-ID: call-1",
        "CSeq: 1 INVITE",
        "X:  odd ",
        "Contact: <sip:alice@192.0.2.9:5060>",
        "v: SIP/2.0/UDP a",
        "Content-Length: 0",
        "",
        "",
      ].join("\r\n"),
    );
    expect([bench.layer.size, bench.clock.pending]).toEqual([0, 0]);
  });

  test("its retransmission, CANCEL and ACK go the same way with the same branch, after a restart, too", () => {
    const secret = new Uint8Array(32).fill(1);
    const [first, second] = [new Bench({ secret }), new Bench({ secret })];
    const all = [first, second].flatMap((bench) =>
      ["INVITE", "INVITE", "CANCEL", "ACK"].map((method) => {
        const to = method === "ACK" ? "<sip:bob@example.com>;tag=b1" : undefined;
        return bench.one(requestFrom({ method, ...(to && { to }) }), bench.wire("udp", "192.0.2.9"));
      }),
    );
    expect(new Set(all.map(branchOf)).size).toBe(1);
    expect(new Set(all.map(({ to }) => to))).toEqual(new Set(["udp 192.0.2.2:5060"]));
  });

  test.each([
    ["another branch", { branch: "z9hG4bK2" }],
    ["another Call-ID", { callId: "call-2" }],
    ["another CSeq", { sequence: 2 }],
    ["another Request-URI", { uri: "sip:carol@example.com" }],
    ["another sent-by", { via: "SIP/2.0/UDP 192.0.2.9:5062;branch=z9hG4bK1" }],
  ])("%s makes another branch", (_, parts) => {
    const bench = new Bench();
    const from = bench.wire("udp", "192.0.2.9");
    expect(branchOf(bench.one(requestFrom(parts), from))).not.toBe(branchOf(bench.one(requestFrom(), from)));
  });

  test.each([
    ["no hop left", ["Max-Forwards: 0"], "INVITE", 483],
    ["an extension for proxies", ["Proxy-Require: foo, bar"], "INVITE", 420],
    ["an extension for proxies, in the ACK", ["Proxy-Require: foo"], "ACK", "ACK"],
    ["an extension for proxies, in the CANCEL", ["Proxy-Require: foo"], "CANCEL", "CANCEL"],
    ["a Route that cannot be read", ["Route: <sip:"], "INVITE", 400],
    ["a Route of another scheme", ["Route: <tel:1>"], "INVITE", 400],
  ] as const)("with %s", (_, headers, method, expected) => {
    const bench = new Bench({ authenticated: true });
    const request = requestFrom({ method, headers: [...headers] });
    const text = Buffer.from(request.bytes()).toString("latin1");
    const once = headers[0].startsWith("Max") ? text.replace("Max-Forwards: 70\r\n", "") : text;
    const sent = bench.one(once, bench.wire("udp", "192.0.2.9"));
    expect(status(sent)).toBe(expected);
    if (expected === 420) expect(asResponse(sent).header("unsupported")).toBe("foo, bar");
  });

  test("an ACK that can go nowhere is not answered", () => {
    const bench = new Bench();
    const text = Buffer.from(requestFrom({ method: "ACK" }).bytes()).toString("latin1");
    expect(bench.receive(text.replace("s: 70", "s: 0"), bench.wire("udp", "192.0.2.9"))).toEqual([]);
  });

  test("its source is noted", () => {
    const bench = new Bench();
    const via = "SIP/2.0/UDP 10.1.1.1:5060;rport;branch=z9hG4bK1";
    const sent = asRequest(bench.one(requestFrom({ via }), bench.wire("udp", "198.51.100.7", 40_001)));
    expect(sent.values("via")[1]).toBe("SIP/2.0/UDP 10.1.1.1:5060;rport=40001;branch=z9hG4bK1;received=198.51.100.7");
  });

  test("credentials for our proxies go no further, those for others do", () => {
    const bench = new Bench({ ownRealm: (realm) => realm === "example.com" });
    const credentials = ["example.com", "elsewhere"].map(
      (realm) => `Digest username="a", realm="${realm}", nonce="n", uri="sip:b", response="0"`,
    );
    const headers = credentials.map((value) => `Proxy-Authorization: ${value}`);
    const sent = bench.one(requestFrom({ headers }), bench.wire("udp", "192.0.2.9"));
    expect(sent.message.headers("proxy-authorization")).toEqual(credentials.slice(1));
  });

  test("gets the Content-Length that a stream needs", () => {
    const bench = new Bench({ route: () => ({ uri: "sip:bob@192.0.2.2;transport=tcp" }) });
    const text = Buffer.from(requestFrom().bytes()).toString("latin1").replace("Content-Length: 0\r\n", "");
    const sent = bench.one(text, bench.wire("udp", "192.0.2.9"));
    expect([sent.to, sent.message.header("content-length")]).toEqual(["tcp 192.0.2.2:5060", "0"]);
    expect(asRequest(sent).values("record-route")).toHaveLength(2);
  });

  test("has no Record-Route when it makes no dialog, or nobody wants one", () => {
    for (const [method, forward] of [
      ["MESSAGE", {}],
      ["INVITE", { recordRoute: false }],
    ] as const) {
      const bench = new Bench({ forward });
      const sent = bench.one(requestFrom({ method }), bench.wire("udp", "192.0.2.9"));
      expect(sent.message.header("record-route")).toBeUndefined();
    }
  });
});

describe("the way", () => {
  const alice = { host: "192.0.2.9" };
  test.each([
    ["by Request-URI", bob, [], "udp 192.0.2.2:5060", bob.uri, []],
    ["by Route", bob, ["<sip:192.0.2.3;lr>"], "udp 192.0.2.3:5060", bob.uri, ["<sip:192.0.2.3;lr>"]],
    ["to a strict router", bob, ["<sip:192.0.2.3>"], "udp 192.0.2.3:5060", "sip:192.0.2.3", [`<${bob.uri}>`]],
    [
      "by the target's Route",
      { ...bob, route: ["<sip:192.0.2.4;lr>"] },
      ["<sip:192.0.2.3;lr>"],
      "udp 192.0.2.4:5060",
      bob.uri,
      ["<sip:192.0.2.4;lr>", "<sip:192.0.2.3;lr>"],
    ],
    ["past our own Route without a pass", bob, ["<sip:192.0.2.1;lr>"], "udp 192.0.2.2:5060", bob.uri, []],
  ])("%s", (_, target, routes, to, uri, left) => {
    const bench = new Bench({ route: () => target, authenticated: true });
    const request = requestFrom({ headers: routes.map((route) => `Route: ${route}`) });
    const sent = bench.one(request, bench.wire("udp", alice.host));
    expect([sent.to, asRequest(sent).uri, asRequest(sent).values("route")]).toEqual([to, uri, left]);
  });

  test("by Route is not for who has not said who he is", () => {
    const request = requestFrom({ headers: ["Route: <sip:192.0.2.3;lr>"] });
    const bench = new Bench();
    expect(status(bench.one(request, bench.wire("udp", alice.host)))).toBe(403);
  });

  test("by the next hop, with nothing added", () => {
    const nextHop = requestFrom({ uri: "sip:192.0.2.5:5070;transport=tcp" }).target;
    if (nextHop === undefined || !("host" in nextHop)) throw new TypeError("no SIP URI");
    const bench = new Bench({ route: ({ uri }) => ({ uri, nextHop }) });
    const sent = bench.one(requestFrom(), bench.wire("udp", alice.host));
    expect([sent.to, asRequest(sent).uri, sent.message.values("route")]).toEqual([
      "tcp 192.0.2.5:5070",
      "sip:bob@example.com",
      [],
    ]);
  });

  test("down a flow, and nowhere else", () => {
    const bench = new Bench({ route: () => ({ uri: "sip:bob@x.invalid", flow: bench.wire("ws", "192.0.2.6", 4000) }) });
    expect(bench.one(requestFrom(), bench.wire("udp", alice.host)).to).toBe("ws 192.0.2.6:4000");
    bench.wire("ws", "192.0.2.6", 4000).failing = "gone";
    expect(status(bench.one(requestFrom(), bench.wire("udp", alice.host)))).toBe(430);
  });

  test.each([
    ["a flow that is known to be gone", { ...bob, lost: 480 as const }, 480],
    ["a name that nobody knows", { uri: "sip:bob@nowhere.example" }, 503],
    ["a scheme that is not ours", { uri: "tel:+123" }, 416],
    ["what is no URI", { uri: "sip:bob@192.0.2.2 x" }, 416],
  ])("%s is answered", (_, target, expected) => {
    const bench = new Bench({ route: () => target });
    expect(status(bench.one(requestFrom(), bench.wire("udp", alice.host)))).toBe(expected);
    expect(bench.receive(requestFrom({ method: "ACK" }), bench.wire("udp", alice.host))).toEqual([]);
  });

  test("another flow of the client, where the first is gone", () => {
    const bench = new Bench({ route: () => ({ uri: "sip:x@x", lost: 430, failover: [{ ...bob, lost: 430 }, bob] }) });
    expect(bench.one(requestFrom(), bench.wire("udp", alice.host)).to).toBe("udp 192.0.2.2:5060");
  });

  test("what cannot be delivered is answered with 503, and its ACK stays here", () => {
    const bench = new Bench();
    bench.wire("udp", "192.0.2.2").failing = "no route";
    const refused = asResponse(bench.one(requestFrom(), bench.wire("udp", alice.host)));
    expect(refused.status).toBe(503);
    const ack = requestFrom({ method: "ACK", to: refused.header("to") ?? "" });
    expect(bench.receive(ack, bench.wire("udp", alice.host))).toEqual([]);
  });

  test("a name that takes its time keeps nothing but the request", () => {
    const names = { "example.net": [{ transport: "udp" as const, host: "192.0.2.8", port: 5060 }] };
    const bench = new Bench({ names, route: () => ({ uri: "sip:bob@example.net" }) });
    bench.slow = true;
    expect(bench.receive(requestFrom(), bench.wire("udp", alice.host))).toEqual([]);
    expect(bench.layer.size).toBe(0);
    for (const resolved of bench.resolving) resolved();
    expect(bench.sent.map(({ to }) => to)).toEqual(["udp 192.0.2.8:5060"]);
  });

  test("of several hops a retransmission chooses the same, and requests spread over all (RFC 3263 §4.4)", () => {
    const hops = [1, 2, 3, 4].map((n) => ({ transport: "udp" as const, host: `192.0.2.3${n}`, port: 5060 }));
    const bench = new Bench({ names: { "example.net": hops }, route: () => ({ uri: "sip:bob@example.net" }) });
    const chosen = new Set<string>();
    for (let call = 0; call < 40; call++) {
      const request = requestFrom({ callId: `call-${call}` });
      const ways = [1, 2, 3].map(() => bench.one(request, bench.wire("udp", alice.host)).to);
      expect(new Set(ways).size).toBe(1);
      chosen.add(ways[0] ?? "");
    }
    expect(chosen.size).toBe(4);
  });
});

type From = [transport: "udp" | "tcp" | "wss", host: string, port: number];

describe("a response", () => {
  function answered(via?: string, from: From = ["udp", "192.0.2.9", 5060], restart = false) {
    const bench = new Bench();
    const flow = bench.wire(...from);
    const request = asRequest(bench.one(requestFrom(via === undefined ? {} : { via }), flow));
    const later = restart ? new Bench() : bench;
    return { bench: later, flow, request, to: later.wire("udp", "192.0.2.2") };
  }
  const plain = (response: Response) => Buffer.from(response.bytes()).toString("latin1");

  test.each([100, 180, 200, 404, 603])("%d goes back, without our Via", (code) => {
    const { bench, request, to } = answered();
    const sent = bench.one(responseTo(request, code), to);
    expect(sent.to).toBe("udp 192.0.2.9:5060");
    expect(sent.message.values("via")).toEqual(["SIP/2.0/UDP 192.0.2.9:5060;branch=z9hG4bK1"]);
  });

  test.each([
    ["to the port of sent-by", "SIP/2.0/UDP 192.0.2.9:5066;branch=z9hG4bK1", 4444, "udp 192.0.2.9:5066"],
    ["to the default port", "SIP/2.0/UDP 192.0.2.9;branch=z9hG4bK1", 4444, "udp 192.0.2.9:5060"],
    ["to rport", "SIP/2.0/UDP 10.0.0.9:5066;rport;branch=z9hG4bK1", 4444, "udp 192.0.2.9:4444"],
    [
      "to where it came from, whatever its name",
      "SIP/2.0/UDP evil.example;branch=z9hG4bK1",
      4444,
      "udp 192.0.2.9:5060",
    ],
    ["not to a maddr", "SIP/2.0/UDP 192.0.2.9;maddr=192.0.2.66;branch=z9hG4bK1", 4444, "udp 192.0.2.9:5060"],
    ["not to a forged received", "SIP/2.0/UDP 192.0.2.9;received=192.0.2.66;branch=z9hG4bK1", 5, "udp 192.0.2.9:5060"],
    ["not to a forged rport", "SIP/2.0/UDP 10.0.0.9;rport=66;branch=z9hG4bK1", 4444, "udp 192.0.2.9:4444"],
    ["of RFC 2543", "SIP/2.0/UDP 192.0.2.9:5068", 4444, "udp 192.0.2.9:5068"],
  ])("goes %s, after a restart, too", (_, via, port, expected) => {
    for (const restart of [false, true]) {
      const { bench, request, to } = answered(via, ["udp", "192.0.2.9", port], restart);
      expect(bench.one(responseTo(request, 200), to).to).toBe(expected);
    }
  });

  test("comes back with its Vias on one line and in another spelling", () => {
    const { bench, request, to } = answered("SIP/2.0/UDP 10.0.0.9:5066;rport;branch=z9hG4bK1");
    const [ours = "", theirs = ""] = request.values("via");
    const respelled = theirs.replace("SIP/2.0/UDP", "SIP / 2.0 / udp").replaceAll(";", " ; ");
    const text = plain(responseTo(request, 200)).replace(/(Via: [^\r]*\r\n)+/, `v: ${ours} ,${respelled}\r\n`);
    expect(bench.one(text, to).to).toBe("udp 192.0.2.9:5060");
  });

  test("goes down the connection of its request, or to where the client listens when that is gone", () => {
    const via = "SIP/2.0/TCP 192.0.2.9:5066;branch=z9hG4bK1";
    const { bench, request, to, flow } = answered(via, ["tcp", "192.0.2.9", 33_000]);
    const response = plain(responseTo(request, 200)).replace("Content-Length: 0\r\n", "");
    const sent = bench.one(response, to);
    expect([sent.to, sent.message.header("content-length")]).toEqual(["tcp 192.0.2.9:33000", "0"]);
    bench.hangUp(flow);
    expect(bench.one(response, to).to).toBe("tcp 192.0.2.9:5066");
  });

  test("to a browser that is gone is dropped", () => {
    const { bench, request, to, flow } = answered("SIP/2.0/WSS x.invalid;branch=z9hG4bK1", [
      "wss",
      "192.0.2.9",
      33_000,
    ]);
    bench.hangUp(flow);
    expect(bench.receive(responseTo(request, 200), to)).toEqual([]);
    expect(bench.untaken).toEqual([]);
  });

  test.each<[string, (text: string) => string]>([
    ["another address of ours in the branch", (text) => text.replace("~192.0.2.1~", "~192.0.2.7~")],
    ["another client in the branch", (text) => text.replace("~192.0.2.9.", "~192.0.2.66.")],
    ["another port in the branch", (text) => text.replace("~5060~", "~53~")],
    ["another manner in the branch", (text) => text.replace("-u5060", "n-u5060")],
    ["another mark in the branch", (text) => text.replace(/.(?=\r\nVia: SIP.2.0.UDP 192.0.2.9)/, "")],
    ["another MAC", (text) => text.replace(/z9hG4bK[0-9a-f]{4}/, "z9hG4bK0000")],
    ["another transaction", (text) => text.replace(/(z9hG4bK[0-9a-f]{16})[0-9a-f]{4}/, "$10000")],
    ["a short branch", (text) => text.replace(/branch=z9hG4bK[^;\r]*-u/, "branch=z9hG4bK-u")],
    ["our Via alone", (text) => text.replace("Via: SIP/2.0/UDP 192.0.2.9:5060;branch=z9hG4bK1\r\n", "")],
    ["somebody else's Via", (text) => text.replace(/Via: SIP\/2.0\/UDP 192.0.2.1[^\r]*\r\n/, "")],
  ])("with %s goes nowhere: we send nobody's responses to others", (_, edit) => {
    const { bench, request, to } = answered();
    const text = plain(responseTo(request, 200));
    expect(edit(text)).not.toBe(text);
    expect(bench.receive(edit(text), to)).toEqual([]);
    expect(bench.untaken).toHaveLength(1);
  });

  test("with another Via below ours goes to our client and to nobody else", () => {
    const { bench, request, to } = answered();
    const text = plain(responseTo(request, 200)).replace("192.0.2.9:5060;", "192.0.2.66:53;received=192.0.2.67;");
    expect(bench.one(text, to).to).toBe("udp 192.0.2.9:5060");
  });

  test("of another secret goes nowhere", () => {
    const { request } = answered();
    const other = new Bench({ secret: new Uint8Array(32) });
    expect(other.receive(responseTo(request, 200), other.wire("udp", "192.0.2.2"))).toEqual([]);
  });
});

describe("loops", () => {
  const via = (request: ReturnType<typeof asRequest>) => request.headers("via").map((value) => `Via: ${value}`);
  const back = (request: ReturnType<typeof asRequest>, uri: string) =>
    requestFrom({ uri, via: "SIP/2.0/UDP 192.0.2.2;branch=z9hG4bKother", headers: via(request) });

  test("a request that comes back as it was, from where it was sent, is a loop", () => {
    const bench = new Bench({ route: ({ uri }) => ({ uri, flow: bench.wire("udp", "192.0.2.2") }) });
    const first = asRequest(bench.one(requestFrom(), bench.wire("udp", "192.0.2.9")));
    const second = asRequest(bench.one(back(first, first.uri), bench.wire("udp", "192.0.2.2")));
    const third = bench.one(back(second, second.uri), bench.wire("udp", "192.0.2.2"));
    expect(status(third)).toBe(482);
  });

  test("one that comes back with another Request-URI is a spiral and passes", () => {
    const bench = new Bench({ route: ({ uri }) => ({ uri, flow: bench.wire("udp", "192.0.2.2") }) });
    let request = asRequest(bench.one(requestFrom(), bench.wire("udp", "192.0.2.9")));
    for (const user of ["b", "c", "d"]) {
      const sent = bench.one(back(request, `sip:${user}@example.com`), bench.wire("udp", "192.0.2.2"));
      request = asRequest(sent);
    }
    expect(request.uri).toBe("sip:d@example.com");
  });
});
