/** Passes: whose requests go where their Route says, and what a forwarded request's Record-Route and Path look like. */
import { describe, expect, test } from "bun:test";
import { linkOf, parseLink } from "../../src/routing/link.ts";
import { LoopMarks } from "../../src/routing/loop.ts";
import { courseOf, type Mark, RecordRoute, withoutPassage } from "../../src/routing/record-route.ts";
import type { Flow } from "../../src/sip/flow.ts";
import { requestFrom } from "../support/fake-flow.ts";
import { below, seeded } from "../support/random.ts";

const secret = new Uint8Array(32).fill(7);
const stateless: Mark = { mode: "stateless", nat: false };

function flow(transport: Flow["transport"] = "udp", remote = "192.0.2.9", port = 5060): Flow {
  const local = { host: remote.includes(":") ? "2001:db8::1" : "192.0.2.1", port: transport === "tls" ? 5061 : 5060 };
  return {
    transport,
    reliable: transport !== "udp",
    local,
    remote: { host: remote, port },
    id: `${transport}-${port}`,
    send() {},
  };
}

function passes(key = secret): RecordRoute {
  return new RecordRoute({
    secret: key,
    ways: { viaFor: ({ transport, local }) => ({ transport: transport.toUpperCase(), ...local }) },
    isOwn: (host, port) => host === "192.0.2.1" && (port ?? 5060) === 5060,
  });
}

function withRoutes(routes: readonly string[], parts: Parameters<typeof requestFrom>[0] = {}) {
  return requestFrom({
    to: "<sip:bob@example.com>;tag=b1",
    ...parts,
    headers: routes.map((route) => `Route: ${route}`),
  });
}

const shape = (values: readonly string[]) => values.map((value) => value.replace(/\.[0-9a-f]{16}@/, ".MAC@"));

describe("Record-Route", () => {
  test.each([
    ["one value where both sides are alike", flow(), flow("udp", "198.51.100.2"), ["<sip:s.MAC@192.0.2.1:5060;lr>"]],
    [
      "two between transports, the far side's on top",
      flow("udp"),
      flow("tcp"),
      ["<sip:s2.MAC@192.0.2.1:5060;transport=tcp;lr>", "<sip:s2.MAC@192.0.2.1:5060;lr>"],
    ],
    [
      "two between address families",
      flow("udp", "2001:db8::9"),
      flow(),
      ["<sip:s2.MAC@192.0.2.1:5060;lr>", "<sip:s2.MAC@[2001:db8::1]:5060;lr>"],
    ],
    [
      "one name for both WebSocket transports",
      flow("wss"),
      flow("tls"),
      ["<sip:s2.MAC@192.0.2.1:5061;transport=tls;lr>", "<sip:s2.MAC@192.0.2.1:5060;transport=ws;lr>"],
    ],
  ])("%s", (_, from, to, expected) => {
    expect(shape(passes().values(requestFrom(), from, to, stateless))).toEqual(expected);
  });

  test("is sips for a sips request", () => {
    const request = requestFrom({ uri: "sips:bob@example.com" });
    expect(shape(passes().values(request, flow("tls"), flow("tls"), stateless))).toEqual([
      "<sips:s.MAC@192.0.2.1:5061;lr>",
    ]);
  });

  test.each<[Mark]>([
    [{ mode: "stateless", nat: false, contact: false }],
    [{ mode: "stateful", nat: true, contact: false }],
    [{ mode: "stateless", nat: true, contact: true }],
    [{ mode: "stateless", nat: false, contact: "force" }],
  ])("tells later requests %p", (mark) => {
    const values = passes().values(requestFrom(), flow(), flow("tcp"), mark);
    // From either side, and after a restart with the same secret.
    for (const routes of [values, values.toReversed()])
      expect(passes().read(withRoutes(routes))).toEqual({
        own: true,
        genuine: true,
        values: 2,
        mark,
        flow: undefined,
        strict: false,
      });
  });

  test("of two passes that are no pair one is taken", () => {
    const values = passes().values(requestFrom(), flow(), flow(), stateless);
    expect(passes().read(withRoutes([...values, ...values]))).toMatchObject({ genuine: true, values: 1 });
  });

  test("a pair is found on one line, too", () => {
    const values = passes().values(requestFrom(), flow(), flow("tcp"), stateless);
    expect(passes().read(withRoutes([`${values.join(" , ")},<sip:other;lr>`]))).toMatchObject({ values: 2 });
  });
});

describe("a Route", () => {
  const pass = passes().values(requestFrom(), flow(), flow(), stateless)[0] ?? "";
  const own = { own: true, genuine: false, values: 1 };
  test.each([
    ["without one", [], {}, { own: false }],
    ["of another proxy", ["<sip:192.0.2.7;lr>"], {}, { own: false }],
    ["that cannot be read", ["<sip:"], {}, { own: false }],
    ["of ours without a pass", ["<sip:192.0.2.1;lr>"], {}, own],
    ["of ours with a user", ["<sip:s@192.0.2.1;lr>"], {}, own],
    ["with the pass of another call", [pass], { callId: "call-2" }, own],
    ["with a pass, outside of a dialog", [pass], { to: "<sip:bob@example.com>" }, own],
    ["with a pass that was changed", [pass.replace("sip:s", "sip:f")], {}, own],
    ["with a pass that was cut", [pass.replace(/.@/, "@")], {}, own],
    [
      "with a pass of another secret",
      passes(new Uint8Array(32)).values(requestFrom(), flow(), flow(), stateless),
      {},
      own,
    ],
    // Its address may have changed since; the MAC tells.
    ["with a pass at another address", [pass.replace("192.0.2.1", "192.0.2.2")], {}, { own: true, genuine: true }],
  ])("%s", (_, routes, parts, expected) => {
    expect(passes().read(withRoutes(routes, parts))).toMatchObject(expected);
  });

  test("random users are never genuine, and never throw", () => {
    const random = seeded(5626);
    const chars = "sfnC2cp.0123456789abcdef_-%41;=u";
    for (let i = 0; i < 5000; i++) {
      const user = Array.from({ length: 1 + below(random, 40) }, () => chars[below(random, chars.length)]).join("");
      const found = passes().read(withRoutes([`<sip:${user}@192.0.2.1;lr>`], { uri: `sip:${user}@192.0.2.1` }));
      expect(found.own && found.genuine).toBe(false);
    }
  });
});

describe("strict routing", () => {
  const pair = passes().values(requestFrom(), flow(), flow("tcp"), stateless);
  const uriOf = (value = "") => value.slice(1, -1);
  const [pass = ""] = passes().values(requestFrom(), flow(), flow(), stateless);

  test.each([
    ["one", uriOf(pass), ["<sip:p2;lr>", "<sip:bob@192.0.2.3>"], ["<sip:p2;lr>"]],
    ["a pair", uriOf(pair[0]), [pair[1] ?? "", "<sip:p2;lr>", "<sip:bob@192.0.2.3>"], ["<sip:p2;lr>"]],
    ["the last hop", uriOf(pass), ["Bob <sip:bob@192.0.2.3>"], []],
  ])("before us: our URI became the Request-URI (%s)", (_, uri, routes, left) => {
    const request = withRoutes(routes, { uri });
    const passage = passes().read(request);
    expect(passage).toMatchObject({ own: true, genuine: true, strict: true });
    expect(withoutPassage(request, passage)).toEqual({ uri: "sip:bob@192.0.2.3", routes: left });
  });

  test.each([
    ["no Route", [], { uri: "sip:bob@b", routes: [], hop: "sip:bob@b" }],
    [
      "a loose router",
      ["<sip:p;lr>", "<sip:q>"],
      { uri: "sip:bob@b", routes: ["<sip:p;lr>", "<sip:q>"], hop: "sip:p;lr" },
    ],
    [
      "a strict one",
      ["<sip:p;x>", "<sip:q;lr>"],
      { uri: "sip:p;x", routes: ["<sip:q;lr>", "<sip:bob@b>"], hop: "sip:p;x" },
    ],
  ])("behind us: %s", (_, routes, expected) => {
    expect(courseOf("sip:bob@b", routes)).toEqual(expected);
  });

  test.each([["tel:1"], ["<sip:"], [""]])("behind us: what is no SIP URI leads nowhere (%j)", (route) => {
    expect(courseOf("sip:bob@b", [route])).toBeUndefined();
  });
});

describe("a Path", () => {
  const register = requestFrom({ method: "REGISTER", uri: "sip:example.com" });
  const client = flow("tcp", "198.51.100.4", 40_000);
  const path = passes().path(register, client, flow(), { ...stateless, nat: true }, true);

  test("names the client's flow", () => {
    expect(path).toMatch(/^<sip:psn\.t[-\w]+\.[0-9a-f]{16}@192\.0\.2\.1:5060;lr;ob>$/);
    // Of whatever Call-ID.
    expect(passes().read(withRoutes([path], { callId: "another" }), flow())).toEqual({
      own: true,
      genuine: true,
      values: 1,
      mark: { ...stateless, nat: true, contact: false },
      flow: { id: client.id, transport: "tcp", local: client.local, remote: client.remote },
      strict: false,
    });
  });

  test("is no way out for the client itself", () => {
    expect(passes().read(withRoutes([path]), client)).toMatchObject({ own: true, genuine: false });
  });

  test("behind another hop does not offer to keep the flow", () => {
    expect(passes().path(register, client, flow(), stateless, false)).toEndWith(";lr>");
  });

  test.each([
    ["changed", path.replace("psn", "ps")],
    ["of another secret", passes(new Uint8Array(32)).path(register, client, flow(), stateless, true)],
  ])("that is %s is none", (_, route) => {
    expect(passes().read(withRoutes([route]))).toMatchObject({ own: true, genuine: false, flow: undefined });
  });
});

test.each([
  ["udp", "192.0.2.9"],
  ["wss", "2001:db8::9"],
  ["tls", "192.0.2.9"],
] as const)("a %s flow is written down and read again", (transport, host) => {
  const way = flow(transport, host);
  const link = linkOf(way);
  expect(link).toMatch(/^[-\w]+$/);
  const id = transport === "udp" ? "" : way.id;
  expect(parseLink(link)).toEqual({ id, transport, local: way.local, remote: way.remote });
});

test.each([[""], ["u"], ["uAAAA"], ["z"], ["t%"]])("%j is no flow", (link) => {
  expect(parseLink(link)).toBeUndefined();
});

describe("a loop", () => {
  const marks = new LoopMarks(secret);
  const source = { host: "192.0.2.9", port: 5060 };
  const mark = marks.of(requestFrom({ headers: ["Route: <sip:p>"] }), source);
  const back = (parts: Parameters<typeof requestFrom>[0]) =>
    requestFrom({ via: "SIP/2.0/UDP 192.0.2.7;branch=z9hG4bK9", ...parts });
  const ours = `Via: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKx${mark}`;

  test("is seen when nothing changed", () => {
    const request = back({ headers: [ours, "Route: <sip:p>"] });
    expect(marks.isLoop(request, marks.of(request, source))).toBe(true);
  });

  test.each([
    ["another Request-URI", { uri: "sip:carol@example.com", headers: [ours, "Route: <sip:p>"] }, source],
    ["another Route", { headers: [ours] }, source],
    ["another side", { headers: [ours, "Route: <sip:p>"] }, { host: "192.0.2.8", port: 5060 }],
    ["the mark elsewhere", { headers: [`Subject: ${mark}`, "Route: <sip:p>"] }, source],
  ])("is none with %s", (_, parts, from) => {
    const request = back(parts);
    expect(marks.isLoop(request, marks.of(request, from))).toBe(false);
  });

  test("INVITE, CANCEL and ACK have one mark", () => {
    const [invite, cancel, ack] = ["INVITE", "CANCEL", "ACK"].map((method) =>
      marks.of(requestFrom({ method }), source),
    );
    expect([cancel, ack]).toEqual([invite, invite]);
  });
});
