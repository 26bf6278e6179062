/** INVITEs of ours: forks, PRACK, early media, CANCEL and its races. RFC 3261 §13.2, §9.1, RFC 3262 §4, RFC 4028 §7. */
import { describe, expect, test } from "bun:test";
import { invite } from "../../src/agent/index.ts";
import { Request, Response } from "../../src/sip/message.ts";
import { AgentBench, offer } from "../support/agent.ts";
import { parsed } from "../support/fake-flow.ts";

const answer = offer.replace("0 8 101", "8 101");

/** A response of Bob's to a request of ours. */
function reply(request: Request, status: number, parts: { tag?: string; body?: string; headers?: string[] } = {}) {
  const body = parts.body ?? "";
  return parsed(
    [
      `SIP/2.0 ${status} Whatever`,
      `Via: ${request.header("via")}`,
      `From: ${request.header("from")}`,
      `To: ${request.header("to")}${/;tag=/.test(request.header("to") ?? "") || parts.tag === "" ? "" : `;tag=${parts.tag ?? "b1"}`}`,
      `Call-ID: ${request.callId}`,
      `CSeq: ${request.header("cseq")}`,
      `Contact: <sip:bob@192.0.2.9:5060>`,
      ...(parts.headers ?? []),
      ...(body === "" ? [] : ["Content-Type: application/sdp"]),
      `Content-Length: ${body.length}`,
      "",
      body,
    ].join("\r\n"),
  );
}

function called() {
  const bench = new AgentBench();
  const session = invite(bench.context, { uri: "sip:bob@192.0.2.9" }, (made) => bench.adopt(made));
  if ("failure" in session) throw new TypeError(session.failure);
  const request = bench.sentOne();
  if (!(request instanceof Request)) throw new TypeError("an INVITE was expected");
  return { bench, session, request };
}

const requestsOf = (bench: AgentBench) =>
  bench
    .sent()
    .map((message) =>
      message instanceof Response ? message.status : `${message.method} ${message.to.tag ?? ""}`.trim(),
    );

describe("an outgoing INVITE", () => {
  test("offers our audio and is connected by its 200, which is acknowledged", () => {
    const { bench, request } = called();
    expect(Buffer.from(request.body).toString()).toContain("m=audio 10000 RTP/AVP 0 8 101");
    expect(request.header("supported")).toBe("100rel, timer, replaces, norefersub");
    bench.receive(reply(request, 180));
    bench.receive(reply(request, 200, { body: answer }));
    expect(requestsOf(bench)).toEqual(["ACK b1"]);
    expect(bench.user.take()).toEqual(["ringing", "media PCMA sendrecv audible", "connected"]);
  });

  test("offers first what is preferred, if it is ours", () => {
    for (const [prefer, line] of [
      ["PCMA", "m=audio 10000 RTP/AVP 8 0 101"],
      ["G722", "m=audio 10000 RTP/AVP 0 8 101"],
    ] as const) {
      const bench = new AgentBench();
      invite(bench.context, { uri: "sip:bob@192.0.2.9", prefer }, (made) => bench.adopt(made));
      expect(Buffer.from(bench.sentOne().body).toString()).toContain(line);
    }
  });

  test("names who calls in UTF-8 (RFC 3261 §7)", () => {
    const bench = new AgentBench();
    const from = '"Jürgen 後" <sip:juergen@example.com>';
    invite(bench.context, { uri: "sip:bob@192.0.2.9", from }, (made) => bench.adopt(made));
    expect(Buffer.from(bench.sentOne().bytes()).toString("utf8")).toContain(`\r\nFrom: ${from};tag=`);
  });

  test.each(["garbage", "", "<sip:a@example.com", "<sip:a@example.com>\r\nX: y"])("is not sent from %j", (from) => {
    const bench = new AgentBench();
    const made = invite(bench.context, { uri: "sip:bob@192.0.2.9", from }, (session) => bench.adopt(session));
    expect(made).toEqual({ failure: expect.stringContaining("is nobody who can call") });
    expect(bench.sent()).toEqual([]);
  });

  test("acknowledges each repetition of the 200", () => {
    const { bench, request } = called();
    bench.receive(reply(request, 200, { body: answer }));
    bench.receive(reply(request, 200, { body: answer }));
    expect(requestsOf(bench)).toEqual(["ACK b1", "ACK b1"]);
    expect(bench.user.take().filter((told) => told === "connected")).toHaveLength(1);
  });

  test("is answered by a peer that has no tag, as RFC 2543 allowed (RFC 3261 §12.1.2)", () => {
    const { bench, session, request } = called();
    bench.receive(reply(request, 180, { tag: "" }));
    bench.receive(reply(request, 200, { body: answer, tag: "" }));
    expect(requestsOf(bench)).toEqual(["ACK"]);
    expect(bench.user.take()).toEqual(["ringing", "media PCMA sendrecv audible", "connected"]);
    session.end({ by: "local", cause: "hangup", code: 480 });
    expect(requestsOf(bench)).toEqual(["BYE"]);
  });

  test("hangs up on a second fork that answers as well", () => {
    const { bench, request } = called();
    bench.receive(reply(request, 200, { body: answer, tag: "b1" }));
    bench.receive(reply(request, 200, { body: answer, tag: "b2" }));
    expect(requestsOf(bench)).toEqual(["ACK b1", "ACK b2", "BYE b2"]);
    expect(bench.user.end).toBeUndefined();
  });

  test("takes early media, and the answer of the fork that wins", () => {
    const { bench, request } = called();
    bench.receive(reply(request, 183, { tag: "early", body: answer }));
    bench.receive(reply(request, 200, { tag: "late", body: offer }));
    expect(bench.user.take()).toEqual(["media PCMA sendrecv audible", "media PCMU sendrecv audible", "connected"]);
  });

  test("acknowledges reliable provisional responses by PRACK, once each", () => {
    const { bench, request } = called();
    const reliable = { body: answer, headers: ["Require: 100rel", "RSeq: 7"] };
    bench.receive(reply(request, 183, reliable));
    const prack = bench.sentOne();
    expect(prack).toMatchObject({ method: "PRACK" });
    expect(prack.header("rack")).toBe("7 1 INVITE");
    bench.receive(reply(request, 183, reliable));
    expect(bench.sent()).toEqual([]);
  });

  test.each([
    [486, "ended remote rejected 486"],
    [302, "ended remote redirected 302"],
    [480, "ended remote unanswered 480"],
  ])("that gets %d is over", (status, told) => {
    const { bench, request } = called();
    bench.receive(reply(request, status));
    expect(requestsOf(bench)).toEqual(["ACK b1"]);
    expect(bench.user.take()).toEqual([told]);
    expect(bench.agent.dialogs).toBe(0);
  });

  test("is cancelled once something provisional has come, and over with the 487", () => {
    const { bench, session, request } = called();
    session.end({ by: "local", cause: "hangup", code: 480 });
    expect(bench.sent()).toEqual([]);
    bench.receive(reply(request, 180));
    const cancel = bench.sentOne();
    expect(cancel).toMatchObject({ method: "CANCEL" });
    bench.receive(reply(request, 487));
    expect(bench.user.take()).toContain("ended local hangup 487");
  });

  test("whose 200 crosses the CANCEL is acknowledged and hung up", () => {
    const { bench, session, request } = called();
    bench.receive(reply(request, 180));
    session.end({ by: "local", cause: "hangup", code: 480 });
    bench.sent();
    bench.receive(reply(request, 200, { body: answer }));
    expect(requestsOf(bench)).toEqual(["ACK b1", "BYE b1"]);
    expect(bench.user.take().at(-1)).toBe("ended local hangup 200");
  });

  test("that nobody answers times out", () => {
    const { bench } = called();
    bench.clock.advance(32_100);
    expect(bench.user.take()).toEqual(["ended system timeout 408"]);
  });

  test("that rings for too long is cancelled", () => {
    const { bench, request } = called();
    bench.receive(reply(request, 180));
    bench.sent();
    bench.clock.advance(180_000);
    expect(bench.sentOne()).toMatchObject({ method: "CANCEL" });
  });

  test("that asks for too short a session is sent again with the interval that the peer wants", () => {
    const { bench, request } = called();
    bench.receive(reply(request, 422, { headers: ["Min-SE: 3600"] }));
    const [ack, again] = bench.sent();
    expect(ack).toMatchObject({ method: "ACK" });
    expect(again).toMatchObject({ method: "INVITE" });
    expect(again?.header("session-expires")).toBe("3600");
    expect(again?.cseq.number).toBe(2);
  });

  test("whose answer fits nothing is acknowledged and hung up", () => {
    const { bench, request } = called();
    bench.receive(reply(request, 200, { body: offer.replace("0 8 101", "9") }));
    expect(requestsOf(bench)).toEqual(["ACK b1", "BYE b1"]);
    expect(bench.user.take().at(-1)).toBe("ended system error 488");
  });

  test("leaves no timer and no dialog behind", () => {
    const { bench, session, request } = called();
    bench.receive(reply(request, 200, { body: answer }));
    session.end({ by: "local", cause: "hangup", code: 480 });
    const bye = bench.sent().at(-1);
    if (!(bye instanceof Request)) throw new TypeError("a BYE was expected");
    bench.receive(reply(bye, 200));
    bench.clock.advance(64_000);
    expect(bench.agent.dialogs).toBe(0);
    expect(bench.clock.pending).toBe(0);
  });

  test("to what cannot be called is a failure with its reason", () => {
    const bench = new AgentBench();
    expect(invite(bench.context, { uri: "mailto:bob@example.com" }, (made) => bench.adopt(made))).toMatchObject({
      failure: expect.stringContaining("mailto:bob@example.com"),
    });
  });
});
