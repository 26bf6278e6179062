/** Changes of an established session: hold, re-INVITE, UPDATE, glare. RFC 3261 §14, RFC 3311, RFC 3264 §8. */
import { describe, expect, test } from "bun:test";
import { Request, type Response } from "../../src/sip/message.ts";
import { AgentBench, fromAlice, offer, offerWith } from "../support/agent.ts";
import { parsed } from "../support/fake-flow.ts";

const bodyOf = (message: Request | Response | undefined) => Buffer.from(message?.body ?? []).toString();

function connected() {
  const bench = new AgentBench();
  bench.receive(fromAlice({ method: "INVITE", sequence: 1, body: offer }));
  bench.session.accept(() => {});
  const tag = bench.sentOne().to.tag ?? "";
  bench.receive(fromAlice({ method: "ACK", sequence: 1, toTag: tag }));
  bench.user.take();
  return { bench, tag };
}

function reply(request: Request | Response | undefined, status: number, body = "") {
  if (!(request instanceof Request)) throw new TypeError("a request was expected");
  return parsed(
    [
      `SIP/2.0 ${status} Whatever`,
      `Via: ${request.header("via")}`,
      `From: ${request.header("from")}`,
      `To: ${request.header("to")}`,
      `Call-ID: ${request.callId}`,
      `CSeq: ${request.header("cseq")}`,
      "Contact: <sip:alice@192.0.2.9:5060>",
      ...(body === "" ? [] : ["Content-Type: application/sdp"]),
      `Content-Length: ${body.length}`,
      "",
      body,
    ].join("\r\n"),
  );
}

describe("the peer's re-INVITE", () => {
  test("puts us on hold, and takes us off", () => {
    const { bench, tag } = connected();
    bench.receive(fromAlice({ method: "INVITE", sequence: 2, toTag: tag, body: offerWith("sendonly") }));
    const ok = bench.sentOne();
    expect(ok).toMatchObject({ status: 200 });
    expect(bodyOf(ok)).toContain("a=recvonly");
    expect(bench.user.take()).toEqual(["media PCMU recvonly audible", "held"]);
    bench.receive(fromAlice({ method: "ACK", sequence: 2, toTag: tag }));
    bench.receive(fromAlice({ method: "INVITE", sequence: 3, toTag: tag, body: offerWith("sendrecv", 3) }));
    expect(bench.user.take()).toEqual(["media PCMU sendrecv audible", "unheld"]);
  });

  test("without an offer gets ours, and its ACK the answer", () => {
    const { bench, tag } = connected();
    bench.receive(fromAlice({ method: "INVITE", sequence: 2, toTag: tag }));
    expect(bodyOf(bench.sentOne())).toContain("m=audio");
    bench.receive(fromAlice({ method: "ACK", sequence: 2, toTag: tag, body: offer }));
    expect(bench.user.take()).toEqual(["media PCMU sendrecv audible"]);
  });

  test("that fits nothing gets 488 and changes nothing", () => {
    const { bench, tag } = connected();
    bench.receive(fromAlice({ method: "INVITE", sequence: 2, toTag: tag, body: offer.replace("0 8 101", "9") }));
    expect(bench.sentOne()).toMatchObject({ status: 488 });
    expect(bench.user.take()).toEqual([]);
    bench.receive(fromAlice({ method: "BYE", sequence: 3, toTag: tag }));
    expect(bench.user.take()).toEqual(["ended remote hangup 200"]);
  });

  test("whose 200 is never acknowledged ends the call", () => {
    const { bench, tag } = connected();
    bench.receive(fromAlice({ method: "INVITE", sequence: 2, toTag: tag, body: offerWith("sendrecv") }));
    bench.clock.advance(32_100);
    expect(bench.sent().at(-1)).toMatchObject({ method: "BYE" });
  });

  test("before the ACK of the last one gets 500 with Retry-After", () => {
    const { bench, tag } = connected();
    bench.receive(fromAlice({ method: "INVITE", sequence: 2, toTag: tag, body: offerWith("sendrecv") }));
    bench.sent();
    bench.receive(fromAlice({ method: "INVITE", sequence: 3, toTag: tag, body: offerWith("sendonly", 3) }));
    const refusal = bench.sentOne();
    expect(refusal).toMatchObject({ status: 500 });
    expect(refusal.header("retry-after")).toMatch(/^\d+$/);
  });
});

describe("the peer's UPDATE", () => {
  test("changes the media", () => {
    const { bench, tag } = connected();
    bench.receive(fromAlice({ method: "UPDATE", sequence: 2, toTag: tag, body: offerWith("inactive") }));
    expect(bodyOf(bench.sentOne())).toContain("a=inactive");
    expect(bench.user.take()).toEqual(["media PCMU inactive audible", "held"]);
  });

  test("without a description refreshes the target only", () => {
    const { bench, tag } = connected();
    const moved = fromAlice({ method: "UPDATE", sequence: 2, toTag: tag }).replace(
      "Contact: <sip:alice@192.0.2.9:5060>",
      "Contact: <sip:alice@192.0.2.9:5090>",
    );
    bench.receive(moved);
    expect(bench.sentOne()).toMatchObject({ status: 200 });
    bench.session.end({ by: "local", cause: "hangup", code: 480 });
    expect(bench.sentOne()).toMatchObject({ method: "BYE", uri: "sip:alice@192.0.2.9:5090" });
  });

  test("in early media is answered before the call is", () => {
    const bench = new AgentBench();
    bench.receive(fromAlice({ method: "INVITE", sequence: 1, body: offer, headers: ["Require: 100rel"] }));
    bench.session.early(() => {});
    const progress = bench.sentOne();
    const rack = `RAck: ${progress.header("rseq")} 1 INVITE`;
    bench.receive(fromAlice({ method: "PRACK", sequence: 2, toTag: progress.to.tag, headers: [rack] }));
    bench.sent();
    bench.receive(fromAlice({ method: "UPDATE", sequence: 3, toTag: progress.to.tag, body: offerWith("sendonly") }));
    expect(bench.sentOne()).toMatchObject({ status: 200 });
  });
});

describe("our hold", () => {
  test("offers sendonly, is acknowledged, and resumes with sendrecv", () => {
    const { bench } = connected();
    const done: (string | undefined)[] = [];
    bench.session.hold(true, (reason) => done.push(reason));
    const invite = bench.sentOne();
    expect(bodyOf(invite)).toContain("a=sendonly");
    bench.receive(reply(invite, 200, offerWith("recvonly")));
    expect(bench.sentOne()).toMatchObject({ method: "ACK" });
    bench.session.hold(false, (reason) => done.push(reason));
    const again = bench.sentOne();
    expect(bodyOf(again)).not.toContain("a=sendonly");
    bench.receive(reply(again, 200, offerWith("sendrecv", 3)));
    expect(done).toEqual([undefined, undefined]);
  });

  test("that meets the peer's own change is tried again after the wait of RFC 3261 §14.1", () => {
    const { bench, tag } = connected();
    let done = "waiting";
    bench.session.hold(true, (reason) => {
      done = reason ?? "done";
    });
    const invite = bench.sentOne();
    bench.receive(fromAlice({ method: "INVITE", sequence: 2, toTag: tag, body: offerWith("sendonly") }));
    expect(bench.sentOne()).toMatchObject({ status: 491 });
    bench.receive(reply(invite, 491));
    expect(bench.sentOne()).toMatchObject({ method: "ACK" });
    bench.clock.advance(2_000);
    const again = bench.sent().find((message) => message instanceof Request);
    expect(again).toMatchObject({ method: "INVITE" });
    bench.receive(reply(again, 200, offerWith("recvonly")));
    expect(done).toBe("done");
  });

  test("that is refused leaves the session as it was", () => {
    const { bench } = connected();
    let reason: string | undefined;
    bench.session.hold(true, (why) => {
      reason = why;
    });
    bench.receive(reply(bench.sentOne(), 488));
    expect(reason).toBe("the other side answered 488");
    expect(bench.session.holding).toBe(false);
    expect(bench.user.end).toBeUndefined();
  });

  test("that the peer knows nothing of any more ends the call", () => {
    const { bench } = connected();
    bench.session.hold(true, () => {});
    bench.receive(reply(bench.sentOne(), 481));
    expect(bench.user.end).toEqual({ by: "remote", cause: "hangup", code: 481 });
  });

  test("asked for again while it is under way is refused, not mixed up", () => {
    const { bench } = connected();
    bench.session.hold(true, () => {});
    let reason: string | undefined;
    bench.session.hold(true, (why) => {
      reason = why;
    });
    expect(reason).toBe("another change of the call is under way");
  });
});
