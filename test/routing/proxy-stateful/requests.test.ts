/** What is refused, and what the octets of a forwarded request and response are (RFC 3261 §16.3, §16.6, RFC 5393, RFC 4320). */
import { describe, expect, test } from "bun:test";
import { type BenchOptions, hostOf, ProxyBench, play } from "./bench.ts";

const contact = "Contact: <sip:alice@192.0.2.9:5060>";
const withHeaders = (...headers: string[]) => ({ parts: { headers: [contact, ...headers] } });

/** The request that phone b gets; undefined when it gets none. */
function forwarded(options: BenchOptions = {}, method = "INVITE") {
  const bench = new ProxyBench(options);
  bench.do(`a ${method}`);
  return { bench, request: bench.phone("b").requests.get(method) };
}

describe("refusals (§16.3)", () => {
  play({
    "Proxy-Require: 420": { ...withHeaders("Proxy-Require: foo, bar"), steps: [["a INVITE", "a: 420"]] },
    "no Route of strangers: 403": { ...withHeaders("Route: <sip:198.51.100.9;lr>"), steps: [["a INVITE", "a: 403"]] },
    "a Route of ours alone is taken off": {
      ...withHeaders("Route: <sip:192.0.2.1;lr>"),
      steps: [["a INVITE", "a: 100, b: INVITE"]],
    },
    "a target that is no SIP URI: 416": {
      targets: [{ uri: "tel:+49301234" }],
      steps: [["a INVITE", "a: 100, a: 416"]],
    },
    "a target that could forge a header: 416": {
      targets: [{ uri: "sip:b@198.51.100.2\r\nX: y" }],
      steps: [["a INVITE", "a: 100, a: 416"]],
    },
    "a name that does not exist: 500": {
      targets: [{ uri: "sip:b@nowhere.example" }],
      steps: [["a INVITE", "a: 100, a: 500"]],
    },
    "more parallel targets than Max-Breadth: 440": {
      ...withHeaders("Max-Breadth: 2"),
      targets: ["b", "c", "d"],
      steps: [["a INVITE", "a: 100, a: 440"]],
    },
    "a Max-Breadth that is none: 440": { ...withHeaders("Max-Breadth: x"), steps: [["a INVITE", "a: 100, a: 440"]] },
    "Max-Breadth of 1 allows a search": {
      ...withHeaders("Max-Breadth: 1"),
      targets: [
        { uri: "sip:b@198.51.100.2", q: 1 },
        { uri: "sip:c@198.51.100.3", q: 0.5 },
      ],
      steps: [
        ["a INVITE", "a: 100, b: INVITE"],
        ["b 486", "b: ACK, c: INVITE"],
        ["c 486", "a: 486, c: ACK"],
      ],
    },
  });

  test("Max-Forwards of 0: 483", () => {
    const bench = new ProxyBench();
    const request = bench.fromCaller("INVITE");
    const octets = Buffer.from(request.bytes()).toString("latin1").replace("Max-Forwards: 70", "Max-Forwards: 0");
    bench.receive(octets, bench.caller);
    expect(bench.outcome()).toBe("a: 483");
  });

  test("a loop: 482; a spiral, with another Request-URI, goes on", () => {
    const back = new ProxyBench().uri(`sip:${hostOf("b")}`);
    for (const [uri, outcome] of [
      ["sip:bob@example.com", "a: 482"],
      ["sip:carol@example.com", "b: INVITE"],
    ] as const) {
      const bench = new ProxyBench({ targets: [{ uri, nextHop: back }] });
      bench.do("a INVITE");
      const out = bench.phone("b").requests.get("INVITE");
      bench.receive(Buffer.from(out?.bytes() ?? []).toString("latin1"), bench.caller);
      expect(bench.outcome()).toContain(outcome);
    }
  });

  test("draining: new calls get 503 with Retry-After, calls that are up go on", () => {
    const bench = new ProxyBench();
    bench.proxy.draining = true;
    expect(bench.do("a INVITE")).toBe("a: 503");
    expect(bench.responses.at(-1)?.header("retry-after")).toBe("10");
  });

  test.each([{ requests: 1 }, { octets: 100 }])("what waits at once has a limit: %p", (limits) => {
    const bench = new ProxyBench({ limits });
    const another = (id: string) => {
      bench.parts.callId = id;
      bench.parts.branch = `z9hG4bK${id}`;
    };
    expect(bench.do("a INVITE")).toBe("a: 100, b: INVITE");
    another("second");
    expect(bench.do("a INVITE")).toBe("a: 503");
    expect(bench.do("b 486")).toContain("a: 486");
    another("third");
    expect(bench.do("a INVITE")).toBe("a: 100, b: INVITE");
  });
});

describe("the forwarded request (§16.6)", () => {
  test("Via, Record-Route, Max-Forwards, Max-Breadth and Request-URI; all else as it came", () => {
    const { request } = forwarded({
      parts: { headers: [contact, "X-Odd  : a,b"], via: "SIP/2.0/UDP 10.0.0.1:5060;rport;branch=z9hG4bK1" },
    });
    const text = Buffer.from(request?.bytes() ?? []).toString("latin1");
    const [top = "", ...vias] = request?.values("via") ?? [];
    expect(request?.uri).toBe("sip:b@198.51.100.2");
    expect(top).toMatch(/^SIP\/2\.0\/UDP 192\.0\.2\.1:5060;branch=z9hG4bK[0-9a-f]{16}\.lp[0-9a-f]{16};rport$/);
    expect(vias).toEqual(["SIP/2.0/UDP 10.0.0.1:5060;rport=5060;branch=z9hG4bK1;received=192.0.2.9"]);
    expect(request?.header("max-forwards")).toBe("69");
    expect(request?.header("max-breadth")).toBe("60");
    expect(request?.headers("record-route").length).toBe(1);
    expect(text).toContain("\r\nX-Odd  : a,b\r\n");
    expect(text).toContain("\r\nFrom: Alice <sip:alice@example.org>;tag=a1\r\n");
  });

  test.each([
    [["b"], "Max-Breadth: 7", "7", undefined],
    [["b"], "Max-Breadth: 600", "60", undefined],
    [["b", "c"], "Max-Breadth: 7", "4", "3"],
    [["b", "c"], "X: y", "30", "30"],
  ])("to %j with %s: shares of %s and %s", (targets, header, b, c) => {
    const { bench, request } = forwarded({ targets, ...withHeaders(header) });
    expect(request?.headers("max-breadth")).toEqual([b]);
    expect(bench.phone("c").requests.get("INVITE")?.header("max-breadth")).toBe(c);
  });

  test("no Record-Route where none is wanted, and none in what makes no dialog", () => {
    expect(forwarded({ forward: { recordRoute: false } }).request?.headers("record-route")).toEqual([]);
    expect(forwarded({}, "MESSAGE").request?.headers("record-route")).toEqual([]);
    expect(forwarded({}, "SUBSCRIBE").request?.headers("record-route").length).toBe(1);
  });

  test("two Record-Routes between transports (RFC 5658)", () => {
    const { request } = forwarded({ transport: "tcp", parts: { via: "SIP/2.0/TCP 192.0.2.9:5060;branch=z9hG4bK1" } });
    const values = request?.values("record-route") ?? [];
    expect(values.map((value) => /;transport=(\w+)/.exec(value)?.[1])).toEqual([undefined, "tcp"]);
  });

  test("a Path for a REGISTER that goes through (RFC 3327)", () => {
    expect(forwarded({}, "REGISTER").request?.header("path")).toMatch(/^<sip:p[^@]+@192\.0\.2\.1:5060;lr;ob>$/);
  });

  test("a target's Route goes on top, a strict one into the Request-URI (§16.6 step 6)", () => {
    const loose = forwarded({
      targets: [{ uri: "sip:bob@10.0.0.7", route: [`<sip:${hostOf("b")};lr>`, "<sip:x;lr>"] }],
    });
    expect(loose.request?.uri).toBe("sip:bob@10.0.0.7");
    expect(loose.request?.values("route")).toEqual([`<sip:${hostOf("b")};lr>`, "<sip:x;lr>"]);
    const strict = forwarded({ targets: [{ uri: "sip:bob@10.0.0.7", route: [`<sip:${hostOf("b")}>`, "<sip:x;lr>"] }] });
    expect(strict.request?.uri).toBe(`sip:${hostOf("b")}`);
    expect(strict.request?.values("route")).toEqual(["<sip:x;lr>", "<sip:bob@10.0.0.7>"]);
  });

  test("a next hop adds nothing to the message", () => {
    const { bench, request } = forwarded({
      targets: [{ uri: "sip:bob@example.com", nextHop: new ProxyBench().uri("sip:198.51.100.2") }],
    });
    expect(request?.uri).toBe("sip:bob@example.com");
    expect(request?.headers("route")).toEqual([]);
    bench.do("b 200");
    expect(bench.responses.at(-1)?.status).toBe(200);
  });

  test("credentials for a realm of ours do not go on, others do", () => {
    const credentials = (realm: string) =>
      `Proxy-Authorization: Digest username="a", realm="${realm}", nonce="1", uri="sip:x", response="0"`;
    const { request } = forwarded({
      ...withHeaders(credentials("ours"), credentials("theirs")),
      ownRealm: (realm) => realm === "ours",
    });
    expect(request?.headers("proxy-authorization").map((value) => /realm="(.*?)"/.exec(value)?.[1])).toEqual([
      "theirs",
    ]);
  });

  test("to a sips URI every hop is found as one (§16.6 step 7)", () => {
    const { bench } = forwarded({ targets: [{ uri: "sips:bob@10.0.0.7", route: [`<sip:${hostOf("b")};lr>`] }] });
    expect(bench.resolved).toEqual([`sips:${hostOf("b")};lr`]);
  });

  test("each branch is a transaction of its own", () => {
    const { bench, request } = forwarded({ targets: ["b", "c"] });
    expect(request?.via.branch).not.toBe(bench.phone("c").requests.get("INVITE")?.via.branch);
  });
});

describe("the forwarded response (§16.7 step 3)", () => {
  test("loses our Via and nothing else", () => {
    const bench = new ProxyBench({
      parts: { via: "SIP/2.0/UDP 192.0.2.9:5060;branch=z9hG4bK1, SIP/2.0/UDP 10.9.9.9;branch=z9hG4bK0" },
    });
    bench.do("a INVITE");
    bench.do("b 183 X-Odd  : a,b");
    const response = bench.responses.at(-1);
    expect(response?.values("via")).toEqual([
      "SIP/2.0/UDP 192.0.2.9:5060;branch=z9hG4bK1",
      "SIP/2.0/UDP 10.9.9.9;branch=z9hG4bK0",
    ]);
    expect(Buffer.from(response?.bytes() ?? []).toString("latin1")).toContain("\r\nX-Odd  : a,b\r\n");
    expect(response?.to.tag).toBe("b");
  });

  test("Via values in one line lose the first", () => {
    const bench = new ProxyBench();
    bench.do("a INVITE");
    const { request, octets } = bench.answered("b", "INVITE", 180);
    bench.receive(octets.replace(/\r\nVia: ([^\r]*)\r\nVia: /, "\r\nv: $1 , "), bench.phone("b"));
    expect(bench.outcome()).toBe("a: 180");
    expect(bench.responses.at(-1)?.values("via")).toEqual(request.values("via").slice(1));
  });

  test("one with our Via alone was meant for us; its status counts", () => {
    const bench = new ProxyBench();
    bench.do("a INVITE");
    const only = (status: number) =>
      bench.answered("b", "INVITE", status).octets.replace(/\r\nVia: SIP\/2\.0\/UDP 192\.0\.2\.9[^\r]*/, "");
    bench.receive(only(180), bench.phone("b"));
    expect(bench.outcome()).toBe("");
    bench.receive(only(486), bench.phone("b"));
    expect(bench.outcome()).toBe("a: 486, b: ACK");
    expect(bench.responses.at(-1)?.values("via").length).toBe(1);
  });
});

describe("requests that are no INVITE (RFC 4320)", () => {
  play({
    "the answer goes on": {
      steps: [
        ["a MESSAGE", "b: MESSAGE"],
        ["b MESSAGE 200", "a: 200 MESSAGE"],
        ["a MESSAGE", "a: 200 MESSAGE"],
      ],
    },
    "no provisional response goes on, but a 100 when the client needs one": {
      steps: [
        ["a MESSAGE", "b: MESSAGE"],
        ["b MESSAGE 100", ""],
        ["b MESSAGE 183", ""],
        [3400, "b: MESSAGE"],
        [200, "a: 100 MESSAGE"],
        ["b MESSAGE 202", "a: 202 MESSAGE"],
      ],
    },
    "no answer in time: nothing is said, since it would come too late": {
      steps: [
        ["a MESSAGE", "b: MESSAGE"],
        [3600, "b: MESSAGE, b: MESSAGE, a: 100 MESSAGE, b: MESSAGE"],
        [60_000, "b: MESSAGE, b: MESSAGE, b: MESSAGE, b: MESSAGE, b: MESSAGE, b: MESSAGE, b: MESSAGE"],
      ],
    },
    "a 408 does not go on": {
      steps: [
        ["a MESSAGE", "b: MESSAGE"],
        ["b MESSAGE 408", ""],
      ],
    },
    "the first 2xx of several goes on": {
      targets: ["b", "c"],
      steps: [
        ["a MESSAGE", "b: MESSAGE, c: MESSAGE"],
        ["b MESSAGE 404", ""],
        ["c MESSAGE 200", "a: 200 MESSAGE"],
      ],
    },
    "a second 2xx does not": {
      targets: ["b", "c"],
      steps: [
        ["a MESSAGE", "b: MESSAGE, c: MESSAGE"],
        ["b MESSAGE 200", "a: 200 MESSAGE"],
        ["c MESSAGE 200", ""],
      ],
    },
  });
});
