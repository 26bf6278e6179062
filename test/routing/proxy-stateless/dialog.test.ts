/** Dialogs through the stateless proxy: Record-Route both ways, strict routers, Path, clients behind a NAT, rewritten Contacts. */
import { describe, expect, test } from "bun:test";
import { formatHost } from "../../../src/sip/host.ts";
import type { Request } from "../../../src/sip/message.ts";
import { requestFrom, responseTo } from "../../support/fake-flow.ts";
import { asRequest, asResponse, Bench, type BenchOptions, bob, type Sent } from "./bench.ts";

type End = Parameters<Bench["wire"]>;
const alice: End = ["udp", "192.0.2.9", 5060];
const bobs: End = ["udp", "192.0.2.2", 5060];
const status = ({ message }: Sent) => (message.type === "response" ? message.status : message.method);

/** A call from one end to the other, answered; and what each end then knows. */
function call(options: BenchOptions = {}, from = alice, to = bobs, contacts: { a?: string; b?: string } = {}) {
  const bench = new Bench({
    route: () => ({ ...bob, uri: `sip:bob@${to[1]}:${to[2]};transport=${to[0]}` }),
    ...options,
  });
  const contact = (own: string | undefined, end: End) =>
    own ?? `<sip:${formatHost(end[1])}:${end[2]};transport=${end[0]}>`;
  const via = `SIP/2.0/${from[0].toUpperCase()} 192.0.2.9:5060;rport;branch=z9hG4bK1`;
  const sent = bench.one(requestFrom({ via, headers: [`Contact: ${contact(contacts.a, from)}`] }), bench.wire(...from));
  const invite = asRequest(sent);
  const answer = responseTo(invite, 200, "b1", [
    `Contact: ${contact(contacts.b, to)}`,
    ...invite.headers("record-route").map((value) => `Record-Route: ${value}`),
  ]);
  const ok = asResponse(bench.one(answer, bench.wire(...to)));
  const uriOf = (message: typeof invite | typeof ok) => message.contact?.uriText ?? "";
  return {
    bench,
    invite,
    ok,
    /** A request within the dialog, as the caller or the callee sends it. */
    byCaller: (method: string, changes: Changes = {}) =>
      inDialog(method, { uri: uriOf(ok), routes: ok.values("record-route").toReversed(), ...changes }),
    byCallee: (method: string, changes: Changes = {}) =>
      inDialog(method, { uri: uriOf(invite), routes: invite.values("record-route"), ...changes }),
    caller: bench.wire(...from),
    callee: bench.wire(...to),
  };
}

interface Changes {
  uri?: string;
  routes?: readonly string[];
  callId?: string;
  headers?: string[];
}

function inDialog(method: string, { uri = "", routes = [], callId, headers = [] }: Changes): Request {
  return requestFrom({
    method,
    uri,
    branch: `z9hG4bK${method}`,
    to: "<sip:bob@example.com>;tag=b1",
    sequence: method === "ACK" ? 1 : 2,
    ...(callId && { callId }),
    headers: [...routes.map((route) => `Route: ${route}`), ...headers],
  });
}

describe("within a dialog", () => {
  test.each<[string, End, End]>([
    ["UDP", alice, bobs],
    ["UDP and TCP", alice, ["tcp", "192.0.2.2", 5062]],
    ["a browser and TLS", ["wss", "192.0.2.9", 50_000], ["tls", "192.0.2.2", 5061]],
    ["IPv6 and IPv4", ["udp", "2001:db8::9", 5060], bobs],
  ])("requests go both ways between %s", (_, from, to) => {
    const dialog = call({}, from, to);
    const { bench, caller, callee } = dialog;
    for (const method of ["ACK", "INVITE", "BYE"]) {
      const down = bench.one(dialog.byCaller(method), caller);
      expect([down.to, down.message.values("route")]).toEqual([`${to[0]} ${to[1]}:${to[2]}`, []]);
      const up = bench.one(dialog.byCallee(method), callee);
      expect([up.to, up.message.values("route")]).toEqual([`${from[0]} ${from[1]}:${from[2]}`, []]);
      expect(asRequest(up).header("record-route")).toBeUndefined();
    }
  });

  test("an answer to such a request goes back", () => {
    const dialog = call();
    const bye = asRequest(dialog.bench.one(dialog.byCallee("BYE"), dialog.callee));
    expect(dialog.bench.one(responseTo(bye, 200), dialog.caller).to).toBe("udp 192.0.2.2:5060");
  });

  test.each<[string, Changes]>([
    ["of another call", { callId: "call-2" }],
    ["with a pass of nobody's", { routes: ["<sip:s.0123456789abcdef@192.0.2.1;lr>"] }],
    ["with none", { routes: ["<sip:192.0.2.1;lr>"] }],
  ])("requests %s are refused, an ACK in silence", (_, changes) => {
    const dialog = call();
    expect(status(dialog.bench.one(dialog.byCaller("BYE", changes), dialog.caller))).toBe(403);
    expect(dialog.bench.receive(dialog.byCaller("ACK", changes), dialog.caller)).toEqual([]);
  });

  test("a strict router before us is understood", () => {
    const { bench, byCaller, ok, caller } = call();
    const [pass = ""] = ok.values("record-route");
    const strict = byCaller("BYE", { uri: pass.slice(1, -1), routes: ["<sip:192.0.2.5;lr>", "<sip:bob@192.0.2.2>"] });
    const sent = bench.one(strict, caller);
    expect([sent.to, asRequest(sent).uri, sent.message.values("route")]).toEqual([
      "udp 192.0.2.5:5060",
      "sip:bob@192.0.2.2",
      ["<sip:192.0.2.5;lr>"],
    ]);
  });

  test("a strict router behind us gets what it wants", () => {
    const { bench, byCaller, ok, caller } = call();
    const sent = bench.one(
      byCaller("BYE", { uri: "sip:bob@192.0.2.2", routes: [...ok.values("record-route"), "<sip:192.0.2.5>"] }),
      caller,
    );
    expect([sent.to, asRequest(sent).uri, sent.message.values("route")]).toEqual([
      "udp 192.0.2.5:5060",
      "sip:192.0.2.5",
      ["<sip:bob@192.0.2.2>"],
    ]);
  });

  test("passes hold after a restart", () => {
    const { byCaller } = call();
    const later = new Bench();
    expect(later.one(byCaller("BYE"), later.wire(...alice)).to).toBe("udp 192.0.2.2:5060");
  });
});

describe("a client behind a NAT", () => {
  const natted: End = ["udp", "198.51.100.7", 40_000];
  const hidden = { a: "<sip:alice@10.1.1.1:5060>" };

  test("is reached by the alias of its Contact", () => {
    const dialog = call({}, natted, bobs, hidden);
    expect(dialog.invite.contact?.uriText).toBe("sip:alice@10.1.1.1:5060;alias=198.51.100.7~40000~1");
    const sent = dialog.bench.one(dialog.byCallee("BYE"), dialog.callee);
    expect([sent.to, asRequest(sent).uri]).toEqual(["udp 198.51.100.7:40000", "sip:alice@10.1.1.1:5060"]);
  });

  test("down its connection, and not at all when that is gone", () => {
    const browser: End = ["wss", "198.51.100.7", 40_000];
    const dialog = call({}, browser, bobs, { a: "<sip:x@y.invalid;transport=ws>" });
    expect(dialog.bench.one(dialog.byCallee("BYE"), dialog.callee).to).toBe("wss 198.51.100.7:40000");
    dialog.bench.hangUp(dialog.caller);
    expect(status(dialog.bench.one(dialog.byCallee("INVITE"), dialog.callee))).toBe(430);
  });

  test("as callee, too", () => {
    const dialog = call({}, alice, natted, { b: "<sip:bob@10.1.1.1>" });
    expect(dialog.bench.one(dialog.byCaller("ACK"), dialog.caller).to).toBe("udp 198.51.100.7:40000");
  });

  test("a public Contact is believed, unless the route says nat", () => {
    const wrong = { a: "<sip:alice@203.0.113.5>" };
    expect(call({}, natted, bobs, wrong).invite.contact?.uriText).toBe("sip:alice@203.0.113.5");
    const dialog = call({ forward: { nat: true } }, natted, bobs, wrong);
    expect(dialog.bench.one(dialog.byCallee("BYE"), dialog.callee).to).toBe("udp 198.51.100.7:40000");
  });

  test("an alias is for the last hop: with a further Route it stays", () => {
    const dialog = call({}, natted, bobs, hidden);
    const routes = [...dialog.invite.values("record-route"), "<sip:192.0.2.5;lr>"];
    const sent = dialog.bench.one(dialog.byCallee("BYE", { routes }), dialog.callee);
    expect([sent.to, asRequest(sent).uri.includes("alias")]).toEqual(["udp 192.0.2.5:5060", true]);
  });

  test("what came by way of another proxy is left to that one", () => {
    const bench = new Bench();
    const headers = ["Via: SIP/2.0/UDP 10.1.1.1", `Contact: ${hidden.a}`];
    expect(bench.one(requestFrom({ headers }), bench.wire(...natted)).message.contact?.uriText).not.toContain("alias");
  });
});

describe("a registration on its way to another registrar", () => {
  const register = (headers: string[] = []) =>
    requestFrom({ method: "REGISTER", uri: "sip:example.com", headers: ["Contact: <sip:alice@10.1.1.1>", ...headers] });
  const from: End = ["tcp", "198.51.100.7", 40_000];

  test("gets a Path that leads back down the client's own flow", () => {
    const bench = new Bench();
    const sent = asRequest(bench.one(register(), bench.wire(...from)));
    const [path = ""] = sent.values("path");
    expect([sent.header("supported"), path.endsWith(";lr;ob>")]).toEqual(["path", true]);
    // A call for the client, by the registrar.
    const uri = "sip:alice@10.1.1.1";
    const invite = requestFrom({ uri, callId: "call-9", headers: [`Route: ${path}`] });
    const call = bench.one(invite, bench.wire(...bobs));
    expect([call.to, asRequest(call).uri, call.message.values("route")]).toEqual(["tcp 198.51.100.7:40000", uri, []]);
    expect(call.message.values("record-route")).toHaveLength(2);
    // Its CANCEL and the ACK of its failure follow it.
    const follows = ["CANCEL", "ACK"].map((method) =>
      bench.one(requestFrom({ method, uri, callId: "call-9", headers: [`Route: ${path}`] }), bench.wire(...bobs)),
    );
    expect(follows.map(({ message }) => message.via.branch)).toEqual(
      [call, call].map(({ message }) => message.via.branch),
    );
    bench.hangUp(bench.wire(...from));
    expect(status(bench.one(invite, bench.wire(...bobs)))).toBe(430);
  });

  test("says Supported: path once", () => {
    const bench = new Bench();
    const sent = bench.one(register(["Supported: outbound, Path"]), bench.wire(...from));
    expect(sent.message.headers("supported")).toEqual(["outbound, Path"]);
  });

  test("behind another proxy has no flow to keep; without `path` there is none", () => {
    const bench = new Bench();
    const second = bench.one(register(["Via: SIP/2.0/UDP 10.1.1.1"]), bench.wire(...from));
    expect(second.message.header("path")).toEndWith(";lr>");
    const without = new Bench({ forward: { path: false } });
    expect(without.one(register(), without.wire(...from)).message.header("path")).toBeUndefined();
  });
});

describe("a rewritten Contact", () => {
  const inner: End = ["udp", "10.0.0.9", 5060];
  const hides = { forward: { rewriteContact: true } };

  test.each<[string, BenchOptions]>([
    ["with Record-Route", hides],
    ["without", { forward: { rewriteContact: true, recordRoute: false } }],
    ["by force", { forward: { rewriteContact: "force" } }],
  ])("hides the address of either side, and brings requests there (%s)", (_, options) => {
    const dialog = call(options, inner, bobs);
    const [a, b] = [dialog.invite.contact?.uriText ?? "", dialog.ok.contact?.uriText ?? ""];
    expect([a, b].map((uri) => uri.replace(/c-[-\w]+@/, "HIDDEN@"))).toEqual([
      "sip:HIDDEN@192.0.2.1:5060",
      "sip:HIDDEN@10.0.0.1:5060",
    ]);
    const down = dialog.bench.one(dialog.byCaller("BYE"), dialog.caller);
    expect([down.to, asRequest(down).uri]).toEqual(["udp 192.0.2.2:5060", "sip:192.0.2.2:5060;transport=udp"]);
    const up = dialog.bench.one(dialog.byCallee("BYE"), dialog.callee);
    expect([up.to, asRequest(up).uri]).toEqual(["udp 10.0.0.9:5060", "sip:10.0.0.9:5060;transport=udp"]);
    // A new target within the dialog is hidden as well, and the same Contact always the same.
    const headers = ["Contact: <sip:10.0.0.9:5060;transport=udp>"];
    expect(dialog.bench.one(dialog.byCaller("INVITE", { headers }), dialog.caller).message.contact?.uriText).toBe(a);
  });

  test("is left alone on its way between two peers on one side, except by force", () => {
    const bench = new Bench(hides);
    const sent = (each: Bench) => each.one(requestFrom(), each.wire(...alice)).message.contact?.uriText;
    expect(sent(bench)).toBe("sip:alice@192.0.2.9:5060");
    expect(sent(new Bench({ forward: { rewriteContact: "force" } }))).toStartWith("sip:c-");
  });

  test("that comes back in a Contact is turned back, so that it never grows", () => {
    const bench = new Bench({ forward: { rewriteContact: "force" } });
    const uri = (contact: string) =>
      bench.one(requestFrom({ headers: [`Contact: ${contact}`] }), bench.wire(...inner)).message.header("contact");
    const once = uri('"A, B" <sip:alice@10.0.0.9>;+sip.instance="<urn:x>", <sips:b@10.0.0.9>, <tel:1>, *') ?? "";
    expect(once).toMatch(/^"A, B" <sip:c-[-\w]+@[^>]+>;\+sip\.instance="<urn:x>", <sips:c-[-\w]+@[^>]+>, <tel:1>, \*$/);
    expect(uri(once)).toBe('"A, B" <sip:alice@10.0.0.9>;+sip.instance="<urn:x>", <sips:b@10.0.0.9>, <tel:1>, *');
  });

  test("of a registration leads back to the client, down its own flow, after a restart, too", () => {
    const bench = new Bench(hides);
    const client = bench.wire("tcp", "10.0.0.9", 40_000);
    const headers = ["Contact: <sip:alice@10.0.0.77:5060>"];
    const sent = bench.one(requestFrom({ method: "REGISTER", uri: "sip:example.com", headers }), client);
    expect(sent.message.header("path")).toBeUndefined();
    const uri = sent.message.contact?.uriText ?? "";
    const down = bench.one(requestFrom({ uri }), bench.wire(...bobs));
    expect([down.to, asRequest(down).uri]).toEqual(["tcp 10.0.0.9:40000", "sip:alice@10.0.0.77:5060"]);
    bench.hangUp(client);
    expect(status(bench.one(requestFrom({ uri }), bench.wire(...bobs)))).toBe(430);
    // The registrar's answer names the Contact as it was sent.
    const ok = bench.one(responseTo(asRequest(sent), 200, "r", [`Contact: <${uri}>;expires=60`]), bench.wire(...bobs));
    expect(ok.message.header("contact")).toBe("<sip:alice@10.0.0.77:5060>;expires=60");
  });

  test.each<[string, (uri: string) => string]>([
    ["changed", (uri) => uri.replace(/c-(.)/, (_, first) => `c-${first === "A" ? "B" : "A"}`)],
    ["cut", (uri) => uri.replace(/.@/, "@")],
    ["empty", (uri) => uri.replace(/c-[-\w]+/, "c-")],
  ])("that was %s is nothing special", (_, edit) => {
    const bench = new Bench(hides);
    const uri = bench.one(requestFrom(), bench.wire(...inner)).message.contact?.uriText ?? "";
    expect(bench.one(requestFrom({ uri: edit(uri) }), bench.wire(...alice)).to).toBe("udp 192.0.2.2:5060");
  });
});

describe("media", () => {
  const sdp = Buffer.from("v=0\r\n");
  function relayed(refuses = false) {
    const asked: string[] = [];
    const note = (what: string, branch: string) => asked.push(`${what} ${branch.startsWith("z9hG4bK")}`);
    const relay: NonNullable<BenchOptions["relay"]> = {
      request(request, from, to, branch) {
        note(`${request.method} ${from.remote.host}>${to.remote.host}`, branch);
        return refuses ? { status: 488, reason: "No Media Here" } : { body: sdp };
      },
      response(response, from, to, branch) {
        note(`${response.status} ${from.remote.host}>${to.remote.host}`, branch);
        return { body: sdp };
      },
      ended() {},
    };
    return { asked, dialog: (nat: boolean) => call({ relay, forward: { nat } }), relay };
  }

  test("is relayed where the route says so: offer, answer, and what follows in the dialog", () => {
    const { asked, dialog } = relayed();
    const { bench, invite, ok, byCallee, callee } = dialog(true);
    bench.one(byCallee("INVITE"), callee);
    expect(asked).toEqual([
      "INVITE 192.0.2.9>192.0.2.2 true",
      "200 192.0.2.2>192.0.2.9 true",
      "INVITE 192.0.2.2>192.0.2.9 true",
    ]);
    for (const message of [invite, ok])
      expect([message.header("content-length"), message.body.length]).toEqual([String(sdp.length), sdp.length]);
  });

  test("is let be elsewhere", () => {
    const { asked, dialog } = relayed();
    dialog(false);
    expect(asked).toEqual([]);
  });

  test("that cannot be relayed is refused", () => {
    const { relay } = relayed(true);
    const bench = new Bench({ relay, forward: { nat: true } });
    const sent = asResponse(bench.one(requestFrom(), bench.wire(...alice)));
    expect([sent.status, sent.reason]).toEqual([488, "No Media Here"]);
  });
});
