/** What ends the media of a relayed call; forks and spirals; strangers; and what happens when ports run out. */
import { describe, expect, test } from "bun:test";
import { below, pick, seeded } from "../support/random.ts";
import { alice, bob, carol, request, response, sdp, setup } from "./relayed-call.ts";

const offer = sdp("198.51.100.1", 4000);
const answer = sdp("198.51.100.2", 5000);

describe("a call's media ends", () => {
  test.each([302, 401, 404, 486, 487, 600])("when its INVITE fails with %i", (status) => {
    const { relay, backend, asks, answers, reports } = setup();
    asks({ body: offer }, "s1");
    answers(183, { body: answer }, "s1");
    answers(status, {}, "s1");
    expect([backend.open, relay.size]).toEqual([0, 0]);
    expect(reports).toMatchObject([{ callId: "call", confirmed: false, reason: "closed" }]);
  });

  test("when the proxy says that its branch is over, but not once it was answered", () => {
    const { relay, backend, asks, answers } = setup();
    asks({ body: offer }, "s1");
    answers(200, { body: answer }, "s1");
    asks({ body: offer, from: "x" }, "s2");
    for (const branch of ["s1", "s2", "s3"]) relay.ended(request(), branch);
    expect([backend.session(0).over, backend.session(1).over]).toEqual([false, true]);
  });

  const byes: [status: number, over: boolean][] = [
    [200, true],
    [481, true],
    [408, true],
    [401, false],
    [407, false],
    [403, false],
    [100, false],
  ];
  test.each(byes)("by BYE that is answered with %i: %p", (status, over) => {
    for (const [from, to] of [
      ["a", "b"],
      ["b", "a"],
    ] as const) {
      const { call, asks, answers } = setup();
      const session = call();
      expect(asks({ method: "BYE", from, to }, "s2")).toBe("untouched");
      expect(session.over).toBe(false);
      answers(status, { method: "BYE", from, to }, "s2");
      expect(session.over).toBe(over);
    }
  });

  test("by BYE that nobody answers", () => {
    const { call, asks, relay } = setup();
    const session = call();
    asks({ method: "BYE", to: "b" }, "s2");
    relay.ended(request({ method: "BYE", to: "b" }), "s2");
    expect(session.over).toBe(true);
  });

  test("by silence, without any BYE; a later re-INVITE is relayed anew", () => {
    const { call, asks, answers, relay, reports, backend } = setup();
    call().end("timeout");
    expect(relay.size).toBe(0);
    expect(reports).toMatchObject([{ confirmed: true, reason: "timeout" }]);
    expect(asks({ from: "b", to: "a", body: answer }, "s2", bob, alice)).toBe("203.0.113.7:30006");
    expect(answers(200, { from: "b", to: "a", body: offer }, "s2", alice, bob)).toBe("203.0.113.7:30004");
    expect(backend.session(1).to("b")).toBe("198.51.100.1:4000");
    expect(asks({ from: "a", to: "b", body: offer }, "s3")).toBe("203.0.113.7:30004");
  });
});

describe("a forked INVITE", () => {
  test("has ports of its own for each branch, and those of the branch that wins stay", () => {
    const { backend, asks, answers } = setup();
    const offered = ["s1", "s2", "s3"].map((branch) => asks({ body: offer }, branch));
    expect(offered).toEqual(["203.0.113.7:30002", "203.0.113.7:30006", "203.0.113.7:30010"]);
    expect(answers(183, { to: "b1", body: answer }, "s1")).toBe("203.0.113.7:30000");
    expect(answers(183, { to: "b2", body: sdp("198.51.100.3", 6000) }, "s2")).toBe("203.0.113.7:30004");
    expect(backend.session(1).to("b")).toBe("198.51.100.3:6000");
    answers(200, { to: "b2", body: sdp("198.51.100.3", 6000) }, "s2");
    answers(487, { to: "b1" }, "s1");
    answers(486, { to: "b3" }, "s3");
    expect(backend.sessions.map(({ over }) => over)).toEqual([true, false, true]);
    // What follows in the dialog finds the winner's.
    expect(asks({ to: "b2", body: offer }, "s4")).toBe("203.0.113.7:30006");
    expect(asks({ to: "b1", body: offer, method: "UPDATE" }, "s5")).toBe("untouched");
  });

  test("by another proxy behind us: who answers last is heard; one callee's BYE leaves the other's call", () => {
    const { backend, asks, answers } = setup();
    asks({ body: offer }, "s1");
    answers(183, { to: "b1", body: answer }, "s1");
    answers(183, { to: "b2", body: sdp("198.51.100.3", 6000) }, "s1");
    expect(backend.session().to("b")).toBe("198.51.100.3:6000");
    answers(200, { to: "b1", body: answer }, "s1");
    expect(backend.session().to("b")).toBe("198.51.100.2:5000");
    answers(200, { to: "b2", body: sdp("198.51.100.3", 6000) }, "s1");
    asks({ method: "BYE", to: "b1" }, "s2");
    answers(200, { method: "BYE", to: "b1" }, "s2");
    expect(backend.open).toBe(1);
    asks({ method: "BYE", to: "b2" }, "s3");
    answers(200, { method: "BYE", to: "b2" }, "s3");
    expect(backend.open).toBe(0);
  });

  test("has a limit", () => {
    const { asks } = setup({ maxBranches: 2 });
    expect(["s1", "s2", "s3"].map((branch) => asks({ body: offer }, branch))).toEqual([
      "203.0.113.7:30002",
      "203.0.113.7:30006",
      "503",
    ]);
  });
});

describe("a call that comes past us twice", () => {
  test("is relayed once", () => {
    const { backend, asks, answers, relay } = setup();
    expect(asks({ body: offer }, "s1")).toBe("203.0.113.7:30002");
    expect(asks({ body: sdp("203.0.113.7", 30_002) }, "s2")).toBe("untouched");
    expect(answers(200, { body: answer }, "s2")).toBe("untouched");
    expect(answers(200, { body: answer }, "s1")).toBe("203.0.113.7:30000");
    expect(backend.sessions).toHaveLength(1);
    expect(asks({ to: "b", body: sdp("203.0.113.7", 30_002) }, "s3")).toBe("untouched");
    expect(relay.size).toBe(1);
  });

  test("is relayed once with the offer in the 200, too", () => {
    const { backend, asks, answers } = setup();
    asks({}, "s1");
    asks({}, "s2");
    expect(answers(200, { body: answer }, "s2")).toBe("203.0.113.7:30004");
    expect(answers(200, { body: sdp("203.0.113.7", 30_004) }, "s1")).toBe("untouched");
    expect(asks({ method: "ACK", to: "b", body: offer }, "s3")).toBe("203.0.113.7:30006");
    expect(asks({ method: "ACK", to: "b", body: sdp("203.0.113.7", 30_006) }, "s4")).toBe("untouched");
    expect([backend.session(1).to("a"), backend.session(1).to("b")]).toEqual([
      "198.51.100.1:4000",
      "198.51.100.2:5000",
    ]);
  });
});

describe("a stranger", () => {
  const guesses: [name: string, parts: Parameters<typeof request>[0]][] = [
    ["another From tag", { from: "x", to: "b" }],
    ["another To tag", { from: "a", to: "x" }],
    ["no To tag", { method: "UPDATE", from: "a" }],
    ["both tags the same", { from: "a", to: "a" }],
    ["another call", { callId: "other", from: "a", to: "b" }],
  ];
  test.each(guesses)("with %s re-aims nobody's media and ends nobody's call", (_name, parts) => {
    const { call, relay, backend } = setup();
    const session = call();
    for (const method of ["INVITE", "UPDATE", "PRACK", "ACK", "BYE"]) {
      if (parts?.to === undefined && method === "INVITE") continue;
      const branch = `x${method}`;
      relay.request(request({ method, ...parts, body: sdp("192.0.2.66", 6666) }), carol, bob, branch);
      relay.response(response(200, { method, ...parts, body: sdp("192.0.2.66", 6666) }), carol, alice, branch);
    }
    expect([session.to("a"), session.to("b")]).toEqual(["198.51.100.1:4000", "198.51.100.2:5000"]);
    expect(session.over).toBe(false);
    expect(backend.session().over).toBe(false);
  });

  test("who answers on a branch that we never made is not heard", () => {
    const { call, answers } = setup();
    const session = call();
    expect(answers(200, { body: sdp("192.0.2.66", 6666) }, "guessed")).toBe("untouched");
    expect(answers(200, { method: "BYE" }, "guessed")).toBe("untouched");
    expect(session.to("b")).toBe("198.51.100.2:5000");
    expect(session.over).toBe(false);
  });
});

describe("what cannot be relayed", () => {
  test("no session or no port is to be had: 503; within a call 488, and the call goes on", () => {
    const { backend, asks, call, answers } = setup();
    const session = call();
    backend.pairs = 1;
    expect(asks({ callId: "2", body: offer }, "s2")).toBe("503");
    expect(asks({ callId: "3" }, "s3")).toBe("503");
    const video = `${offer}m=video 4002 RTP/AVP 96\r\n`;
    // What there are no ports for is refused, the rest goes on.
    expect(asks({ to: "b", body: video }, "s4")).toBe("203.0.113.7:30002");
    answers(200, { body: answer }, "s4");
    const onlyVideo = video.replace("m=audio 4000", "m=audio 0");
    expect(asks({ to: "b", body: onlyVideo }, "s5")).toBe("488");
    expect(session.over).toBe(false);
    backend.pairs = 100;
    backend.left = 0;
    expect(asks({ callId: "4", body: offer }, "s6")).toBe("503");
    expect(backend.open).toBe(1);
  });

  test("an offer in a 200 for which there are no ports is refused in it", () => {
    const { backend, asks, answers, relay } = setup();
    asks({}, "s1");
    backend.pairs = 0;
    const video = "m=video 5002 RTP/AVP 96\r\n";
    const result = relay.response(response(200, { body: answer + video }), bob, alice, "s1");
    expect(Buffer.from(result.body ?? []).toString()).toContain("m=video 0 RTP/AVP 96");
    expect(answers(200, { body: answer + video }, "s1")).toBe("203.0.113.7:30000");
  });

  test("a description that cannot be read is refused", () => {
    const { asks, relay } = setup();
    expect(asks({ body: "v=0\r\nm=nonsense\r\n" }, "s1")).toBe("488");
    expect(relay.size).toBe(0);
  });

  test.each(["MESSAGE", "OPTIONS", "INFO", "REGISTER", "CANCEL"])("%s is let be", (method) => {
    const { asks, backend } = setup();
    expect(asks({ method, body: offer }, "s1")).toBe("untouched");
    expect(backend.sessions).toHaveLength(0);
  });

  test("a body that is no description is let be", () => {
    const { asks, call } = setup();
    call();
    expect(asks({ method: "UPDATE", to: "b", body: "hello", headers: ["Content-Type: text/plain"] }, "s2")).toBe(
      "untouched",
    );
  });
});

test("whatever comes in whatever order, sessions stay bounded and all of them end (20,000 messages)", () => {
  const { relay, backend } = setup({ maxBranches: 4 });
  backend.left = 60;
  const random = seeded(5);
  const methods = ["INVITE", "INVITE", "ACK", "PRACK", "UPDATE", "BYE"];
  const bodies = ["", offer, answer, sdp("203.0.113.7", 30_002), "v=0\r\nm=x\r\n", sdp("0.0.0.0", 4000)];
  const began = performance.now();
  for (let i = 0; i < 20_000; i++) {
    const method = pick(random, methods);
    const callId = `call-${below(random, 30)}`;
    const to = pick(random, ["", "b", "a", "c"]);
    const parts = { method, callId, from: pick(random, ["a", "b"]), body: pick(random, bodies) };
    const branch = `s${below(random, 40)}`;
    const dice = random();
    if (dice < 0.5) relay.request(request(to === "" ? parts : { ...parts, to }), alice, bob, branch);
    else if (dice < 0.95)
      relay.response(
        response(pick(random, [180, 183, 200, 401, 486]), { ...parts, to: to || "b" }),
        bob,
        alice,
        branch,
      );
    else relay.ended(request(parts), branch);
    backend.left = 60 - backend.open;
    expect(relay.size).toBe(backend.open);
  }
  expect(backend.open).toBeLessThanOrEqual(60);
  for (const session of backend.sessions) session.end("timeout");
  expect(relay.size).toBe(0);
  expect(performance.now() - began).toBeLessThan(20_000);
});
