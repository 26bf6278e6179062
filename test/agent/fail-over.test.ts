/** Calls and requests in dialogs that find one server after the other (RFC 3263 §4.3), in virtual time. */
import { describe, expect, test } from "bun:test";
import { invite, register } from "../../src/agent/index.ts";
import { Request } from "../../src/sip/message.ts";
import type { Hop } from "../../src/transport/resolve/index.ts";
import { offer } from "../support/agent.ts";
import { first, hop, ServersOfAName, second, third } from "../support/servers-of-a-name.ts";

const answer = offer.replace("0 8 101", "8 101");

describe("a call goes on to the next server", () => {
  test("at once when one says 503, with another branch and all else the same", () => {
    const net = new ServersOfAName();
    net.call();
    const one = net.invitedAt(first);
    net.reply(first, one, 503, { headers: ["Retry-After: 30"] });
    expect(net.seen(first)).toEqual(["ACK"]);
    const two = net.invitedAt(second);
    expect(two.header("via")).not.toBe(one.header("via"));
    expect([two.callId, two.from.tag, two.cseq.number]).toEqual([one.callId, one.from.tag, one.cseq.number]);
    net.reply(second, two, 200, { body: answer });
    expect(net.seen(second)).toEqual(["ACK"]);
    expect(net.bench.user.take().at(-1)).toBe("connected");
    expect(net.told).toEqual(["192.0.2.11 failed 30000", "192.0.2.12 worked"]);
  });

  test("at once when one cannot be reached", () => {
    const net = new ServersOfAName();
    net.wire(first).failing = "connection refused";
    net.call();
    net.bench.clock.advance(0);
    net.reply(second, net.invitedAt(second), 200, { body: answer });
    expect(net.bench.user.take().at(-1)).toBe("connected");
    expect(net.told).toEqual(["192.0.2.11 failed", "192.0.2.12 worked"]);
  });

  test("after a second of silence, without giving the silent one up", () => {
    const net = new ServersOfAName();
    net.call();
    net.bench.clock.advance(999);
    expect(net.seen(second)).toEqual([]);
    net.bench.clock.advance(1);
    const two = net.invitedAt(second);
    expect(net.seen(first)).toEqual(["INVITE", "INVITE"]);
    net.reply(second, two, 180);
    net.bench.clock.advance(5000);
    expect(net.seen(third)).toEqual([]);
    net.reply(second, two, 200, { body: answer });
    expect(net.bench.user.take().at(-1)).toBe("connected");
    // The first never answers; its transaction ends in silence.
    net.bench.clock.advance(64_000);
    expect(net.bench.user.end).toBeUndefined();
  });

  test("and the silent one is cancelled when it wakes up too late", () => {
    const net = new ServersOfAName();
    net.call();
    const one = net.invitedAt(first);
    net.bench.clock.advance(1000);
    net.reply(second, net.invitedAt(second), 180);
    net.seen(first);
    net.reply(first, one, 180);
    expect(net.seen(first)).toEqual(["CANCEL"]);
    net.reply(first, one, 487);
    expect(net.seen(first)).toEqual(["ACK"]);
    expect(net.bench.user.take()).toEqual(["ringing"]);
  });

  test("and a late answer of the silent one is acknowledged and hung up", () => {
    const net = new ServersOfAName();
    net.call();
    const one = net.invitedAt(first);
    net.bench.clock.advance(1000);
    const two = net.invitedAt(second);
    net.reply(second, two, 180);
    net.seen(first);
    net.reply(first, one, 200, { body: answer });
    expect(net.seen(first)).toEqual(["ACK", "BYE"]);
    net.reply(second, two, 200, { body: answer });
    expect(net.seen(second)).toEqual(["ACK"]);
    expect(net.bench.user.take().at(-1)).toBe("connected");
  });

  test("but takes the silent one when that is the first to answer after all", () => {
    const net = new ServersOfAName();
    const session = net.call();
    const one = net.invitedAt(first);
    net.bench.clock.advance(1000);
    net.invitedAt(second);
    net.seen(first);
    net.reply(first, one, 200, { body: answer });
    expect(net.seen(first)).toEqual(["ACK"]);
    expect(session.flow.remote.host).toBe(first.host);
    expect(net.told.at(-1)).toBe("192.0.2.11 worked");
  });

  test("but not when a server refuses the call", () => {
    const net = new ServersOfAName();
    net.call();
    net.reply(first, net.invitedAt(first), 486);
    expect(net.seen(second)).toEqual([]);
    expect(net.bench.user.take()).toEqual(["ended remote rejected 486"]);
  });

  test("until there is none: the last failure is told", () => {
    const net = new ServersOfAName();
    net.call();
    for (const one of [first, second, third]) net.reply(one, net.invitedAt(one), 503);
    expect(net.bench.user.take()).toEqual(["ended remote rejected 503"]);
  });

  test("until all are silent", () => {
    const net = new ServersOfAName();
    net.call();
    net.bench.clock.advance(34_100);
    expect(net.bench.user.take()).toEqual(["ended system timeout 408"]);
    expect(new Set(net.told)).toEqual(new Set(["192.0.2.11 failed", "192.0.2.12 failed", "192.0.2.13 failed"]));
    net.bench.clock.advance(64_000);
    expect(net.bench.clock.pending).toBe(0);
  });

  test("of another address family, with its own address for the audio, and gives the first one up", () => {
    const net = new ServersOfAName();
    const six = hop("2001:db8::11");
    net.resolution = { ok: true, hops: [six, second] };
    net.call();
    const one = net.invitedAt(six);
    expect(Buffer.from(one.body).toString()).toContain("c=IN IP6 2001:db8::100");
    net.bench.clock.advance(1000);
    const two = net.invitedAt(second);
    expect(Buffer.from(two.body).toString()).toContain("c=IN IP4 192.0.2.1");
    expect(two.header("contact")).toBe("<sip:siproc@192.0.2.1:5060>");
    net.seen(six);
    net.reply(six, one, 180);
    expect(net.seen(six)).toEqual(["CANCEL"]);
    net.reply(second, two, 200, { body: answer });
    expect(net.bench.user.take().at(-1)).toBe("connected");
    expect(net.audio).toEqual(["2001:db8::100", "192.0.2.1"]);
  });

  test("and is cancelled at all of them", () => {
    const net = new ServersOfAName();
    const session = net.call();
    const one = net.invitedAt(first);
    net.bench.clock.advance(1000);
    net.invitedAt(second);
    net.seen(first);
    session.end({ by: "local", cause: "hangup", code: 480 });
    net.reply(first, one, 100);
    expect(net.seen(first)).toEqual(["CANCEL"]);
    net.reply(first, one, 487);
    expect(net.bench.user.take()).toEqual(["ended local hangup 487"]);
    net.bench.clock.advance(2000);
    expect(net.seen(third)).toEqual([]);
  });

  test("with the interval that the first one to answer asked for, at that one", () => {
    const net = new ServersOfAName();
    net.call();
    net.reply(first, net.invitedAt(first), 503);
    net.reply(second, net.invitedAt(second), 422, { headers: ["Min-SE: 3600"] });
    const [, again] = net.at(second);
    expect(again?.header("session-expires")).toBe("3600");
    expect(net.seen(first)).toEqual(["ACK"]);
  });
});

describe("while the DNS is out", () => {
  test("a call waits, and then goes where it says", () => {
    const net = new ServersOfAName();
    net.resolution = undefined;
    net.call();
    net.resolved({ ok: true, hops: [second] });
    net.reply(second, net.invitedAt(second), 200, { body: answer });
    expect(net.bench.user.take().at(-1)).toBe("connected");
  });

  test("a call that nobody wants any more is over at once, and never leaves", () => {
    const net = new ServersOfAName();
    net.resolution = undefined;
    net.call().end({ by: "local", cause: "hangup", code: 480 });
    net.bench.clock.advance(0);
    expect(net.bench.user.take()).toEqual(["ended local hangup 487"]);
    net.resolved({ ok: true, hops: [second] });
    expect(net.seen(second)).toEqual([]);
    expect(net.bench.clock.pending).toBe(0);
  });

  test("a call whose name is not known then is over with 503", () => {
    const net = new ServersOfAName();
    net.resolution = undefined;
    net.call();
    net.resolved({ ok: false, reason: "example.com has no address" });
    expect(net.bench.user.take()).toEqual(["ended system error 503"]);
  });

  test("a name that is known not to exist is no call at all", () => {
    const net = new ServersOfAName();
    net.resolution = { ok: false, reason: "example.com has no address" };
    expect(invite(net.bench.context, { uri: "sip:bob@example.com" }, (made) => net.bench.adopt(made))).toEqual({
      failure: "sip:bob@example.com cannot be called: example.com has no address",
    });
  });
});

describe("requests in a dialog with a proxy that has a name", () => {
  function connected() {
    const net = new ServersOfAName();
    const session = net.call("sip:bob@192.0.2.11");
    const request = net.invitedAt(first);
    net.reply(first, request, 200, { body: answer, headers: ["Record-Route: <sip:edge.example.com;lr>"] });
    net.bench.user.take();
    return { net, session };
  }

  test("go to its first server, and to the next one when that cannot be reached", () => {
    const { net, session } = connected();
    expect(net.seen(first)).toEqual(["ACK"]);
    net.wire(first).failing = "unreachable";
    session.end({ by: "local", cause: "hangup", code: 480 });
    net.bench.clock.advance(0);
    const [bye] = net.at(second);
    if (!(bye instanceof Request)) throw new TypeError("a BYE was expected");
    expect([bye.method, bye.cseq.number, bye.header("route")]).toEqual(["BYE", 2, "<sip:edge.example.com;lr>"]);
    net.reply(second, bye, 200);
    expect(net.bench.agent.dialogs).toBe(0);
  });

  test("leave in their order when the name has to be asked for first (R2)", () => {
    const net = new ServersOfAName();
    net.resolution = undefined;
    const session = net.call("sip:bob@192.0.2.11");
    const request = net.invitedAt(first);
    net.reply(first, request, 200, { body: answer, headers: ["Record-Route: <sip:edge.example.com;lr>"] });
    session.message("hello", () => {});
    session.end({ by: "local", cause: "hangup", code: 480 });
    expect(net.seen(second)).toEqual([]);
    net.resolved({ ok: true, hops: [second] });
    const sent = net.at(second);
    expect(sent.map((message) => message.cseq)).toEqual([
      { number: 1, method: "ACK" },
      { number: 2, method: "MESSAGE" },
      { number: 3, method: "BYE" },
    ]);
    expect(new Set(sent.map((message) => message.header("via"))).size).toBe(3);
  });

  test("fail with their reason when nobody knows the name", () => {
    const { net, session } = connected();
    net.resolution = { ok: false, reason: "edge.example.com has no address" };
    const reasons: (string | undefined)[] = [];
    session.message("hello", (reason) => reasons.push(reason));
    expect(reasons).toEqual([]);
    net.bench.clock.advance(0);
    expect(reasons).toEqual(["the other side cannot be reached"]);
  });
});

describe("a registration goes on to the next server", () => {
  /** Registers at a name with three servers; `dead` are those that do not serve. */
  function registering(dead: (net: ServersOfAName, one: Hop) => void) {
    const net = new ServersOfAName();
    const states: string[] = [];
    const options = { registrar: "sip:example.com", aor: "<sip:alice@example.com>" };
    register(net.bench.context, options, ({ name }) => states.push(name));
    net.bench.clock.advance(0);
    dead(net, first);
    return { net, states };
  }

  const unavailable = (net: ServersOfAName, one: Hop) => {
    const [sent] = net.at(one);
    if (!(sent instanceof Request)) throw new TypeError("a REGISTER was expected");
    net.reply(one, sent, 503);
  };
  const silent = (net: ServersOfAName) => net.bench.clock.advance(32_000);

  test.each([
    ["that says 503", unavailable],
    ["that is silent", silent],
  ])("from one %s", (_, dead) => {
    const { net, states } = registering(dead);
    const [sent] = net.at(second);
    if (!(sent instanceof Request)) throw new TypeError("a REGISTER was expected");
    expect(states).toEqual([]);
    net.reply(second, sent, 200, { headers: ["Expires: 600"] });
    expect(states).toEqual(["registered"]);
    expect(net.told).toEqual(["192.0.2.11 failed", "192.0.2.12 worked"]);
  });
});

describe("a sips URI", () => {
  test("is called with a sips Contact (RFC 5630 §5.1)", () => {
    const net = new ServersOfAName();
    const tls: Hop = { transport: "tls", host: "192.0.2.11", port: 5061, serverName: "example.com" };
    net.resolution = { ok: true, hops: [tls] };
    net.call("sips:bob@example.com");
    expect(net.invitedAt(tls).header("contact")).toBe("<sips:siproc@192.0.2.1:5060>");
  });
});
