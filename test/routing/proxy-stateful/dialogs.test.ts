/** Requests within a dialog: by Route, and only with a genuine one (RFC 3261 §16.4, §16.12); strict routers; NAT; Path. */
import { describe, expect, test } from "bun:test";
import { Request } from "../../../src/sip/message.ts";
import { type BenchOptions, hostOf, ProxyBench, play } from "./bench.ts";

/** A call from a to b that is up, with the Route that a's requests have. */
function upCall(options: BenchOptions = {}, contact = `<sip:b@${hostOf("b")}>`) {
  const bench = new ProxyBench(options);
  bench.do("a INVITE");
  const { octets } = bench.answered("b", "INVITE", 200);
  bench.receive(octets.replace(/Contact: <[^>]*>/, `Contact: ${contact}`), bench.phone("b"));
  const ok = bench.outcome() === "a: 200" ? bench.responses.at(-1) : undefined;
  if (ok === undefined) throw new TypeError("the call was not answered");
  const routes = ok.values("record-route").toReversed();
  return { bench, ok, routes, target: ok.contact?.uriText ?? "" };
}

type Call = ReturnType<typeof upCall>;

/** a sends a request within the dialog. */
function inDialog(
  { bench, routes, target }: Call,
  method: string,
  change: { uri?: string; routes?: readonly string[]; headers?: string[]; branch?: string } = {},
): string {
  const headers = (change.routes ?? routes).map((route) => `Route: ${route}`);
  const text = [
    `${method} ${change.uri ?? target} SIP/2.0`,
    `Via: SIP/2.0/UDP 192.0.2.9:5060;branch=z9hG4bK${change.branch ?? method}`,
    "Max-Forwards: 70",
    "From: Alice <sip:alice@example.org>;tag=a1",
    "To: Bob <sip:bob@example.com>;tag=b",
    "Call-ID: call-1",
    `CSeq: 2 ${method}`,
    ...headers,
    ...(change.headers ?? []),
    "Content-Length: 0",
    "",
    "",
  ].join("\r\n");
  bench.receive(text, bench.caller);
  return bench.outcome();
}

const sentTo = ({ bench }: Call, method: string, phone = "b") => bench.phone(phone).requests.get(method);

describe("by our Record-Route", () => {
  test("ACK, re-INVITE and BYE go to the remote target, without our Route", () => {
    const call = upCall();
    expect(inDialog(call, "ACK")).toBe("b: ACK");
    expect(inDialog(call, "INVITE")).toBe("a: 100, b: INVITE");
    expect(call.bench.do("b 200")).toBe("a: 200");
    expect(inDialog(call, "BYE")).toBe("b: BYE");
    const bye = sentTo(call, "BYE");
    expect([bye?.uri, bye?.headers("route"), bye?.headers("record-route")]).toEqual([`sip:b@${hostOf("b")}`, [], []]);
    expect(call.bench.do("b BYE 200")).toBe("a: 200 BYE");
    call.bench.expectEmpty();
  });

  test("an ACK makes no transaction, and each one that comes again goes on", () => {
    const call = upCall();
    const before = call.bench.layer.size;
    expect(inDialog(call, "ACK")).toBe("b: ACK");
    expect(inDialog(call, "ACK")).toBe("b: ACK");
    expect(call.bench.layer.size).toBe(before);
    const [first, second] = call.bench.phone("b").requests.get("ACK")?.values("via") ?? [];
    expect([first === undefined, second]).toEqual([false, "SIP/2.0/UDP 192.0.2.9:5060;branch=z9hG4bKACK"]);
  });

  test("what no Route of ours allows gets 403, an ACK nothing", () => {
    const call = upCall();
    const forged = call.routes.map((route) => route.replace(/sip:[^@]+@/, "sip:f.0123456789abcdef@"));
    expect(inDialog(call, "BYE", { routes: forged })).toBe("a: 403 BYE");
    expect(inDialog(call, "BYE", { routes: ["<sip:192.0.2.1;lr>"], branch: "2" })).toBe("a: 403 BYE");
    expect(inDialog(call, "BYE", { routes: [], branch: "3" })).toBe("a: 403 BYE");
    expect(inDialog(call, "ACK", { routes: forged })).toBe("");
  });

  test("Max-Forwards of 0 ends the way", () => {
    const call = upCall();
    const octets = (method: string) =>
      `${method} ${call.target} SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.9:5060;branch=z9hG4bK${method}\r\nMax-Forwards: 0\r\nFrom: <sip:a@b>;tag=a1\r\nTo: <sip:b@b>;tag=b\r\nCall-ID: call-1\r\nCSeq: 2 ${method}\r\nRoute: ${call.routes.join(", ")}\r\nContent-Length: 0\r\n\r\n`;
    call.bench.receive(octets("BYE"), call.bench.caller);
    call.bench.receive(octets("ACK"), call.bench.caller);
    expect(call.bench.outcome()).toBe("a: 483 BYE");
  });

  test("further Routes lead to the next proxy", () => {
    const call = upCall();
    const routes = [...call.routes, `<sip:${hostOf("c")};lr>`, "<sip:x;lr>"];
    expect(inDialog(call, "BYE", { routes })).toBe("c: BYE");
    expect(sentTo(call, "BYE", "c")?.values("route")).toEqual([`<sip:${hostOf("c")};lr>`, "<sip:x;lr>"]);
    expect(sentTo(call, "BYE", "c")?.uri).toBe(call.target);
  });

  test("a strict router behind us gets its URI as Request-URI", () => {
    const call = upCall();
    expect(inDialog(call, "BYE", { routes: [...call.routes, `<sip:${hostOf("c")}>`] })).toBe("c: BYE");
    const bye = sentTo(call, "BYE", "c");
    expect([bye?.uri, bye?.values("route")]).toEqual([`sip:${hostOf("c")}`, [`<${call.target}>`]]);
  });

  test("a strict router before us makes our Route the Request-URI", () => {
    const call = upCall();
    const ours = /<(.*)>/.exec(call.routes[0] ?? "")?.[1] ?? "";
    expect(inDialog(call, "BYE", { uri: ours, routes: [`<${call.target}>`] })).toBe("b: BYE");
    const bye = sentTo(call, "BYE");
    expect([bye?.uri, bye?.values("route")]).toEqual([call.target, []]);
  });

  test("a strict router before us and one behind us", () => {
    const call = upCall();
    const ours = /<(.*)>/.exec(call.routes[0] ?? "")?.[1] ?? "";
    expect(inDialog(call, "BYE", { uri: ours, routes: [`<sip:${hostOf("c")}>`, `<${call.target}>`] })).toBe("c: BYE");
    const bye = sentTo(call, "BYE", "c");
    expect([bye?.uri, bye?.values("route")]).toEqual([`sip:${hostOf("c")}`, [`<${call.target}>`]]);
  });

  test("both of two Routes between transports are taken off", () => {
    const call = upCall({ transport: "tcp", parts: { via: "SIP/2.0/TCP 192.0.2.9:5060;branch=z9hG4bK1" } });
    expect(call.routes.length).toBe(2);
    expect(inDialog(call, "BYE")).toBe("b: BYE");
    expect(sentTo(call, "BYE")?.headers("route")).toEqual([]);
  });

  test("a CANCEL of a re-INVITE", () => {
    const call = upCall();
    expect(inDialog(call, "INVITE")).toBe("a: 100, b: INVITE");
    expect(call.bench.do("b 100")).toBe("");
    const cancel = inDialog(call, "CANCEL", { branch: "INVITE" });
    expect(cancel).toBe("a: 200 CANCEL, b: CANCEL");
    expect(call.bench.do("b CANCEL 200")).toBe("");
    expect(call.bench.do("b 487")).toBe("a: 487, b: ACK");
  });
});

describe("behind a NAT", () => {
  const privateContact = "<sip:b@10.0.0.2:5070>";

  test("a private Contact comes back to where it came from", () => {
    const call = upCall({}, privateContact);
    expect(call.target).toBe(`sip:b@10.0.0.2:5070;alias=${hostOf("b")}~5060~1`);
    expect(inDialog(call, "BYE")).toBe("b: BYE");
    expect(sentTo(call, "BYE")?.uri).toBe("sip:b@10.0.0.2:5070");
  });

  test("the caller's own, too", () => {
    const bench = new ProxyBench({ parts: { headers: ["Contact: <sip:alice@192.168.1.9>"] } });
    bench.do("a INVITE");
    const invite = bench.phone("b").requests.get("INVITE");
    expect(invite?.contact?.uriText).toBe("sip:alice@192.168.1.9;alias=192.0.2.9~5060~1");
  });

  test("what another proxy hands on is left to that proxy: two that read aliases would contradict each other", () => {
    const headers = ["Via: SIP/2.0/UDP 192.168.1.9;branch=z9hG4bKinner", "Contact: <sip:alice@192.168.1.9>"];
    const bench = new ProxyBench({ parts: { headers } });
    bench.do("a INVITE");
    expect(bench.phone("b").requests.get("INVITE")?.contact?.uriText).toBe("sip:alice@192.168.1.9");
  });

  test("a stream that is gone: 480 at once", () => {
    const call = upCall();
    expect(inDialog(call, "BYE", { uri: "sip:b@10.0.0.2;transport=tcp;alias=198.51.100.8~5061~2" })).toBe("a: 480 BYE");
  });

  test("an alias without a genuine Route is nothing", () => {
    const call = upCall();
    expect(inDialog(call, "BYE", { uri: "sip:b@10.0.0.2;alias=198.51.100.8~5061~1", routes: [] })).toBe("a: 403 BYE");
  });
});

describe("by a Path of ours (RFC 3327, RFC 5626)", () => {
  function registered() {
    const bench = new ProxyBench();
    bench.do("a REGISTER");
    const path = bench.phone("b").requests.get("REGISTER")?.header("path") ?? "";
    return { bench, path };
  }

  const invite = (path: string, vias = 1) =>
    [
      "INVITE sip:alice@192.0.2.9 SIP/2.0",
      ...Array.from({ length: vias }, (_, at) => `Via: SIP/2.0/UDP 198.51.100.2:5060;branch=z9hG4bKp${at}`),
      "Max-Forwards: 70",
      "From: <sip:c@example.com>;tag=c1",
      "To: <sip:alice@example.com>",
      "Call-ID: call-2",
      "CSeq: 1 INVITE",
      `Route: ${path}`,
      "Contact: <sip:c@198.51.100.3>",
      "Content-Length: 0",
      "",
      "",
    ].join("\r\n");

  test("a request comes back down the client's flow", () => {
    const { bench, path } = registered();
    const request = parsedRequest(bench, invite(path));
    bench.proxy.inDialog(bench.arrival(request, bench.phone("b")));
    expect(bench.outcome()).toBe("a: INVITE, b: 100");
    expect(bench.caller.requests.get("INVITE")?.headers("record-route").length).toBe(1);
  });

  test("the flow is gone: 430 for the proxy before us", () => {
    const { bench, path } = registered();
    bench.flows.delete("udp:192.0.2.9:5060");
    bench.proxy.inDialog(bench.arrival(parsedRequest(bench, invite(path)), bench.phone("b")));
    expect(bench.outcome()).toBe("b: 100, b: 430");
  });

  test("the client itself cannot use it", () => {
    const { bench, path } = registered();
    bench.proxy.inDialog(bench.arrival(parsedRequest(bench, invite(path)), bench.caller));
    expect(bench.outcome()).toBe("a: 403");
  });
});

function parsedRequest(bench: ProxyBench, octets: string): Request {
  const message = bench.parse(octets);
  if (!(message instanceof Request)) throw new TypeError("a request was expected");
  return message;
}

describe("redirections", () => {
  const contacts = (...uris: string[]) => `Contact: ${uris.join(", ")}`;
  play({
    "go on as they are": {
      steps: [
        ["a INVITE", "a: 100, b: INVITE"],
        [`b 302 ${contacts(`<sip:c@${hostOf("c")}>`)}`, "a: 302, b: ACK"],
      ],
    },
    "are followed where that is asked for, by q": {
      forward: { recurse3xx: true },
      steps: [
        ["a INVITE", "a: 100, b: INVITE"],
        [`b 302 ${contacts(`<sip:d@${hostOf("d")}>;q=0.2`, `<sip:c@${hostOf("c")}>;q=0.9`)}`, "b: ACK, c: INVITE"],
        ["c 486", "c: ACK, d: INVITE"],
        ["d 200", "a: 200"],
      ],
    },
    "never to where the request was before": {
      forward: { recurse3xx: true },
      steps: [
        ["a INVITE", "a: 100, b: INVITE"],
        [`b 302 ${contacts(`<sip:b@${hostOf("b")}>`, `<sip:c@${hostOf("c")}>`)}`, "b: ACK, c: INVITE"],
        [`c 302 ${contacts(`<sip:b@${hostOf("b")}>`, `<sip:c@${hostOf("c")}>`)}`, "a: 302, c: ACK"],
      ],
    },
    "from a sips URI to no sip URI": {
      parts: { uri: "sips:bob@example.com" },
      forward: { recurse3xx: true },
      steps: [
        ["a INVITE", "a: 100, b: INVITE"],
        [`b 302 ${contacts(`<sip:c@${hostOf("c")}>`)}`, "a: 302, b: ACK"],
      ],
    },
    "have an end": {
      forward: { recurse3xx: true },
      limits: { branches: 2 },
      steps: [
        ["a INVITE", "a: 100, b: INVITE"],
        [`b 302 ${contacts(`<sip:c@${hostOf("c")}>`, `<sip:d@${hostOf("d")}>`)}`, "b: ACK, c: INVITE"],
        [`c 302 ${contacts(`<sip:e@${hostOf("e")}>`)}`, "a: 302, c: ACK"],
      ],
    },
  });
});
