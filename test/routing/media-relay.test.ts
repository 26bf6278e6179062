/** Calls whose media is relayed, as the proxies tell of them: offers and answers in all their ways. */
import { describe, expect, test } from "bun:test";
import { alice, bob, carol, request, sdp, setup } from "./relayed-call.ts";

describe("offers and answers", () => {
  test("in INVITE and 200: each side is told our address, and we learn both of theirs when the answer is there", () => {
    const { backend, asks, answers } = setup();
    expect(asks({ body: sdp("198.51.100.1", 4000) }, "s1")).toBe("203.0.113.7:30002");
    const session = backend.session();
    expect(session.to("a")).toBeUndefined();
    expect(answers(200, { body: sdp("198.51.100.2", 5000) }, "s1")).toBe("203.0.113.7:30000");
    expect([session.to("a"), session.to("b")]).toEqual(["198.51.100.1:4000", "198.51.100.2:5000"]);
    expect(session.peers.get("a0")).toMatchObject({
      source: "198.51.100.1",
      anywhere: false,
      payloadTypes: [0, 13, 19],
    });
    expect(session.idle).toBe(60_000);
  });

  test("in 200 and ACK", () => {
    const { backend, asks, answers } = setup();
    expect(asks({}, "s1")).toBe("untouched");
    expect(answers(200, { body: sdp("198.51.100.2", 5000) }, "s1")).toBe("203.0.113.7:30000");
    expect(backend.session().to("b")).toBeUndefined();
    const ack = { method: "ACK", to: "b", body: sdp("198.51.100.1", 4000) };
    expect(asks(ack, "s2")).toBe("203.0.113.7:30002");
    expect(asks(ack, "s2")).toBe("203.0.113.7:30002");
    expect([backend.session().to("a"), backend.session().to("b")]).toEqual(["198.51.100.1:4000", "198.51.100.2:5000"]);
  });

  test("in a reliable 183 and PRACK, whose own 200 has none; then the 200 without any", () => {
    const { backend, asks, answers } = setup();
    asks({}, "s1");
    expect(answers(183, { body: sdp("198.51.100.2", 5000) }, "s1")).toBe("203.0.113.7:30000");
    expect(asks({ method: "PRACK", to: "b", body: sdp("198.51.100.1", 4000) }, "s2")).toBe("203.0.113.7:30002");
    expect(answers(200, { method: "PRACK" }, "s2")).toBe("untouched");
    expect(backend.session().idle).toBe(300_000);
    expect(answers(200, {}, "s1")).toBe("untouched");
    expect(backend.session().idle).toBe(60_000);
    expect(backend.session().to("b")).toBe("198.51.100.2:5000");
  });

  test("in PRACK and its 200, after an answer in 183", () => {
    const { backend, asks, answers } = setup();
    asks({ body: sdp("198.51.100.1", 4000) }, "s1");
    answers(183, { body: sdp("198.51.100.2", 5000) }, "s1");
    expect(asks({ method: "PRACK", to: "b", body: sdp("198.51.100.1", 4100) }, "s2")).toBe("203.0.113.7:30002");
    expect(backend.session().to("a")).toBe("198.51.100.1:4000");
    expect(answers(200, { method: "PRACK", body: sdp("198.51.100.2", 5100) }, "s2")).toBe("203.0.113.7:30000");
    expect([backend.session().to("a"), backend.session().to("b")]).toEqual(["198.51.100.1:4100", "198.51.100.2:5100"]);
  });

  test("early media flows before the answer, and does not end a call that rings for long", () => {
    const { backend, asks, answers } = setup();
    asks({ body: sdp("198.51.100.1", 4000) }, "s1");
    expect(answers(183, { body: sdp("198.51.100.2", 5000) }, "s1")).toBe("203.0.113.7:30000");
    expect(backend.session().to("b")).toBe("198.51.100.2:5000");
    expect(backend.session().idle).toBe(300_000);
  });

  test.each(["a", "b"] as const)("in UPDATE and re-INVITE, from side %s: the ports stay ours", (side) => {
    const { backend, call, asks, answers } = setup();
    const session = call();
    const [from, to] = side === "a" ? [alice, bob] : [bob, alice];
    const tags = side === "a" ? { from: "a", to: "b" } : { from: "b", to: "a" };
    const ports = { a: "203.0.113.7:30000", b: "203.0.113.7:30002" };
    for (const [n, method] of ["UPDATE", "INVITE"].entries()) {
      const offer = { ...tags, method, body: sdp(from.remote.host, 4100 + n) };
      expect(asks(offer, `s2${n}`, from, to)).toBe(side === "a" ? ports.b : ports.a);
      const answer = { ...tags, method, body: sdp(to.remote.host, 5100 + n) };
      expect(answers(200, answer, `s2${n}`, to, from)).toBe(side === "a" ? ports.a : ports.b);
      expect(session.to(side)).toBe(`${from.remote.host}:${4100 + n}`);
      expect(session.to(side === "a" ? "b" : "a")).toBe(`${to.remote.host}:${5100 + n}`);
    }
    expect(backend.sessions).toHaveLength(1);
  });

  test("an offer that is refused changes nothing", () => {
    const { call, asks, answers, backend } = setup();
    const session = call();
    asks({ to: "b", body: sdp("198.51.100.1", 4100) }, "s2");
    expect(answers(488, {}, "s2")).toBe("untouched");
    expect(session.to("a")).toBe("198.51.100.1:4000");
    expect(backend.open).toBe(1);
  });

  test("a late retransmission of an answer does not undo what was agreed on since", () => {
    const { call, asks, answers } = setup();
    const session = call();
    asks({ to: "b", body: sdp("198.51.100.1", 4100) }, "s2");
    answers(200, { body: sdp("198.51.100.2", 5100) }, "s2");
    expect(answers(200, { body: sdp("198.51.100.2", 5000) }, "s1")).toBe("203.0.113.7:30000");
    expect(session.to("b")).toBe("198.51.100.2:5100");
  });

  test("retransmissions get the same again, and take no more ports", () => {
    const { backend, asks, answers } = setup();
    const first = asks({ body: sdp("198.51.100.1", 4000) }, "s1");
    expect(asks({ body: sdp("198.51.100.1", 4000) }, "s1")).toBe(first);
    const answer = answers(200, { body: sdp("198.51.100.2", 5000) }, "s1");
    const { configured } = backend;
    expect(answers(200, { body: sdp("198.51.100.2", 5000) }, "s1")).toBe(answer);
    expect(asks({ body: sdp("198.51.100.1", 4000) }, "s1")).toBe(first);
    expect(backend.configured).toBe(configured);
    expect(backend.pairs).toBe(998);
  });

  test.each([
    ["a=sendonly", sdp("198.51.100.1", 4000, "a=sendonly")],
    ["a=inactive", sdp("198.51.100.1", 4000, "a=inactive")],
    ["an address of zeros", sdp("0.0.0.0", 4000)],
  ])("hold by %s: nothing may come for an hour, until it is taken back", (_name, body) => {
    const { call, asks, answers } = setup();
    const session = call();
    expect(asks({ to: "b", body }, "s2")).toBe(body.includes("0.0.0.0") ? "0.0.0.0:30002" : "203.0.113.7:30002");
    answers(200, { body: sdp("198.51.100.2", 5000, "a=recvonly") }, "s2");
    expect(session.idle).toBe(3_600_000);
    asks({ to: "b", body: sdp("198.51.100.1", 4000) }, "s3");
    answers(200, { body: sdp("198.51.100.2", 5000) }, "s3");
    expect(session.idle).toBe(60_000);
  });

  test("several m-lines, of which the answer refuses one, and later drops it", () => {
    const { backend, asks, answers } = setup();
    const video = "m=video 4002 RTP/AVP 96\r\na=rtpmap:96 H264/90000";
    asks({ body: sdp("198.51.100.1", 4000, video) }, "s1");
    answers(200, { body: sdp("198.51.100.2", 5000, video.replace("4002", "0")) }, "s1");
    const session = backend.session();
    expect([session.to("a", 1), session.to("b", 1)]).toEqual([undefined, undefined]);
    asks({ to: "b", body: sdp("198.51.100.1", 4000, video) }, "s2");
    answers(200, { body: sdp("198.51.100.2", 5000, video.replace("4002", "5002")) }, "s2");
    expect([session.to("a", 1), session.to("b", 1)]).toEqual(["198.51.100.1:4002", "198.51.100.2:5002"]);
    expect(session.peers.get("a1")?.clockRate).toBe(90_000);
  });

  test("sides of two IP versions", () => {
    const { backend, asks, answers } = setup();
    expect(asks({ body: sdp("198.51.100.1", 4000) }, "s1", alice, carol)).toBe("2001:db8::7:30002");
    expect(answers(200, { body: sdp("2001:db8::3", 5000) }, "s1", carol, alice)).toBe("203.0.113.7:30000");
    expect(backend.session().hosts).toEqual({ a: "203.0.113.7", b: "2001:db8::7" });
  });

  test("a description that is one part of several", () => {
    const { relay } = setup();
    const around = (text: string) =>
      `--x\r\nContent-Type: application/sdp\r\n\r\n${text}\r\n--x\r\nContent-Type: text/plain\r\n\r\nhello\r\n--x--\r\n`;
    const given = request({
      body: around(sdp("198.51.100.1", 4000)),
      headers: ["Content-Type: multipart/mixed; boundary=x"],
    });
    const result = relay.request(given, alice, bob, "s1");
    if (!("body" in result) || result.body === undefined) throw new TypeError("not rewritten");
    const expected = sdp("198.51.100.1", 4000)
      .replace("c=IN IP4 198.51.100.1", "c=IN IP4 203.0.113.7")
      .replace("4000", "30002");
    expect(Buffer.from(result.body).toString()).toBe(around(expected));
  });

  test("fax and what browsers encrypt are relayed without a look at the packets", () => {
    const { backend, asks, answers } = setup();
    const fax = (host: string, port: number) =>
      sdp(host, port).replace("m=audio", "m=image").replace("RTP/AVP 0", "udptl t38");
    asks({ body: fax("198.51.100.1", 4000) }, "s1");
    answers(200, { body: fax("198.51.100.2", 5000) }, "s1");
    expect(backend.session().peers.get("a0")).toMatchObject({ payloadTypes: undefined });
  });
});

describe("where a peer may be", () => {
  const places: [name: string, vias: string[], recorded: string[], latch: boolean | "private", expected: unknown[]][] =
    [
      ["both direct", ["c1"], [], "private", ["198.51.100.1", false, "198.51.100.2", false]],
      ["the caller behind a proxy", ["p1", "c1"], [], "private", [undefined, "private", "198.51.100.2", false]],
      [
        "the callee behind a proxy",
        ["c1"],
        ["<sip:edge.example;lr>", "<sip:203.0.113.7;lr>"],
        "private",
        ["198.51.100.1", false, undefined, "private"],
      ],
      [
        "only us on the way",
        ["c1"],
        ["<sip:203.0.113.7;lr>"],
        "private",
        ["198.51.100.1", false, "198.51.100.2", false],
      ],
      ["anywhere", ["c1"], [], true, ["198.51.100.1", true, "198.51.100.2", true]],
      ["only as signalled", ["c1"], [], false, [undefined, false, undefined, false]],
    ];
  test.each(places)("%s", (_name, vias, recorded, latch, expected) => {
    const { backend, asks, answers } = setup({ latch });
    asks({ vias, body: sdp("10.0.0.1", 4000) }, "s1");
    answers(200, { headers: recorded.map((uri) => `Record-Route: ${uri}`), body: sdp("10.0.0.2", 5000) }, "s1");
    const [a, b] = ["a0", "b0"].map((side) => backend.session().peers.get(side));
    const found: unknown[] = [a?.source, a?.anywhere, b?.source, b?.anywhere];
    expect(found).toEqual(expected);
  });
});
