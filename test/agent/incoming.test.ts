/** An INVITE that comes to us: what goes over the wire and what its owner is told. RFC 3261 §13.3, RFC 3262, RFC 4028. */
import { describe, expect, test } from "bun:test";
import { type Request, Response } from "../../src/sip/message.ts";
import { AgentBench, fromAlice, offer } from "../support/agent.ts";

const bodyOf = (message: Request | Response | undefined) => Buffer.from(message?.body ?? []).toString();

function statuses(bench: AgentBench): string[] {
  return bench
    .sent()
    .map((message) => (message instanceof Response ? `${message.status} ${message.cseq.method}` : message.method));
}

/** An INVITE that is answered and acknowledged. */
function connected(bench = new AgentBench(), parts: { body?: string; headers?: string[] } = {}) {
  bench.receive(fromAlice({ method: "INVITE", sequence: 1, body: offer, ...parts }));
  bench.session.accept(() => {});
  const ok = bench.sent().at(-1);
  const tag = ok?.to.tag ?? "";
  bench.receive(fromAlice({ method: "ACK", sequence: 1, toTag: tag }));
  bench.user.take();
  return { bench, tag, ok };
}

describe("an incoming INVITE", () => {
  test("is answered with an SDP answer, and connected by the ACK", () => {
    const bench = new AgentBench();
    bench.receive(fromAlice({ method: "INVITE", sequence: 1, body: offer }));
    let done: string | undefined = "not yet";
    bench.session.ring(() => {});
    bench.session.accept((reason) => {
      done = reason;
    });
    const [ringing, ok] = bench.sent();
    expect(ringing).toMatchObject({ status: 180 });
    expect(ok).toMatchObject({ status: 200, contentType: "application/sdp" });
    expect(bodyOf(ok)).toContain("m=audio 10000 RTP/AVP 0 101");
    expect(ok?.header("contact")).toBe("<sip:bob@192.0.2.1:5060>");
    expect(done).toBe("not yet");
    bench.receive(fromAlice({ method: "ACK", sequence: 1, toTag: ok?.to.tag }));
    expect(done).toBeUndefined();
    expect(bench.user.take()).toEqual(["media PCMU sendrecv", "connected"]);
  });

  test("has its 200 repeated until the ACK comes, then no more", () => {
    const bench = new AgentBench();
    bench.receive(fromAlice({ method: "INVITE", sequence: 1, body: offer }));
    bench.session.accept(() => {});
    const tag = bench.sentOne().to.tag;
    bench.clock.advance(500);
    expect(statuses(bench)).toEqual(["200 INVITE"]);
    bench.clock.advance(1000);
    expect(statuses(bench)).toEqual(["200 INVITE"]);
    bench.receive(fromAlice({ method: "ACK", sequence: 1, toTag: tag }));
    bench.clock.advance(60_000);
    expect(statuses(bench)).toEqual([]);
  });

  test("that is never acknowledged ends with BYE after 64*T1", () => {
    const bench = new AgentBench();
    bench.receive(fromAlice({ method: "INVITE", sequence: 1, body: offer }));
    bench.session.accept(() => {});
    bench.clock.advance(31_900);
    bench.sent();
    bench.clock.advance(200);
    expect(bench.sent().at(-1)).toMatchObject({ method: "BYE" });
    expect(bench.user.take().at(-1)).toBe("ended remote timeout 408");
  });

  test("without an offer gets ours in the 200, and the answer comes in the ACK", () => {
    const bench = new AgentBench();
    bench.receive(fromAlice({ method: "INVITE", sequence: 1 }));
    bench.session.accept(() => {});
    const ok = bench.sentOne();
    expect(bodyOf(ok)).toContain("m=audio 10000 RTP/AVP 0 8 101");
    bench.receive(fromAlice({ method: "ACK", sequence: 1, toTag: ok.to.tag, body: offer }));
    expect(bench.user.take()).toEqual(["media PCMU sendrecv audible", "connected"]);
  });

  test.each([
    ["no answer", ""],
    ["an answer without our codecs", offer.replace("RTP/AVP 0 8 101", "RTP/AVP 9")],
  ])("without an offer, whose ACK has %s, ends with BYE", (_, body) => {
    const bench = new AgentBench();
    bench.receive(fromAlice({ method: "INVITE", sequence: 1 }));
    bench.session.accept(() => {});
    const ok = bench.sentOne();
    bench.receive(fromAlice({ method: "ACK", sequence: 1, toTag: ok.to.tag, body }));
    expect(bench.sentOne()).toMatchObject({ method: "BYE" });
    expect(bench.user.take().at(-1)).toBe("ended system error 488");
  });

  describe("that names an IPv6 address for its audio and comes over IPv4", () => {
    const dualStack = offer.replaceAll("IN IP4 192.0.2.9", "IN IP6 2001:db8::9");

    test("is answered over IPv4, and its audio sought where it came from", () => {
      const bench = new AgentBench();
      bench.receive(fromAlice({ method: "INVITE", sequence: 1, body: dualStack }));
      bench.session.accept(() => {});
      expect(bodyOf(bench.sentOne())).toContain("c=IN IP4 192.0.2.1");
      expect(bench.user.negotiated?.remote).toMatchObject({ host: "192.0.2.9", port: 4000, family: "ipv4" });
    });

    test("gets 488 when it came by a proxy, which is not where its audio is", () => {
      const bench = new AgentBench();
      const hop = "Via: SIP/2.0/UDP 198.51.100.1;branch=z9hG4bKhop";
      bench.receive(fromAlice({ method: "INVITE", sequence: 1, body: dualStack, headers: [hop] }));
      expect(bench.sentOne()).toMatchObject({ status: 488 });
    });
  });

  test("that is cancelled gets 487", () => {
    const bench = new AgentBench();
    bench.receive(fromAlice({ method: "INVITE", sequence: 1, branch: "z9hG4bKc", body: offer }));
    bench.receive(fromAlice({ method: "CANCEL", sequence: 1, branch: "z9hG4bKc" }));
    expect(statuses(bench)).toEqual(["200 CANCEL", "487 INVITE"]);
    expect(bench.user.take()).toEqual(["ended remote cancelled 487"]);
    expect(bench.agent.dialogs).toBe(0);
  });

  test("whose offer has nothing for us gets 488 before anyone hears of it", () => {
    const bench = new AgentBench();
    bench.receive(fromAlice({ method: "INVITE", sequence: 1, body: offer.replace("0 8 101", "9") }));
    const refusal = bench.sentOne();
    expect(refusal).toMatchObject({ status: 488 });
    expect(refusal.header("warning")).toMatch(/^30\d siproc "/);
    expect(bench.sessions).toEqual([]);
  });

  test.each([
    [486, undefined, "486 Busy Here"],
    [603, "Not today", "603 Not today"],
  ])("can be rejected with %d %p", (code, reason, line) => {
    const bench = new AgentBench();
    bench.receive(fromAlice({ method: "INVITE", sequence: 1, body: offer }));
    bench.session.reject(code, reason, () => {});
    expect(bench.sentOne()).toMatchObject({ status: code, reason: line.slice(4) });
    expect(bench.user.take()).toEqual([`ended local rejected ${code}`]);
  });

  test("can be redirected", () => {
    const bench = new AgentBench();
    bench.receive(fromAlice({ method: "INVITE", sequence: 1, body: offer }));
    bench.session.redirect("sip:carol@example.net", () => {});
    const moved = bench.sentOne();
    expect(moved).toMatchObject({ status: 302 });
    expect(moved.header("contact")).toBe("<sip:carol@example.net>");
  });

  test("whose BYE comes before its answer is over, with 487", () => {
    const bench = new AgentBench();
    bench.receive(fromAlice({ method: "INVITE", sequence: 1, body: offer }));
    bench.session.ring(() => {});
    const tag = bench.sentOne().to.tag;
    bench.receive(fromAlice({ method: "BYE", sequence: 2, toTag: tag }));
    expect(statuses(bench)).toEqual(["200 BYE", "487 INVITE"]);
    expect(bench.agent.dialogs).toBe(0);
  });

  test("answers a second time is an error of the caller's, not of the call", () => {
    const { bench } = connected();
    let reason: string | undefined;
    bench.session.accept((why) => {
      reason = why;
    });
    expect(reason).toBe("the call is not waiting for an answer");
  });
});

describe("reliable provisional responses", () => {
  const required = ["Require: 100rel"];

  test("early media waits for its PRACK, and the 200 for both", () => {
    const bench = new AgentBench();
    bench.receive(fromAlice({ method: "INVITE", sequence: 1, body: offer, headers: required }));
    let early = "waiting";
    bench.session.early((reason) => {
      early = reason ?? "done";
    });
    bench.session.accept(() => {});
    const progress = bench.sentOne();
    expect(progress).toMatchObject({ status: 183 });
    expect(progress.header("require")).toBe("100rel");
    bench.clock.advance(500);
    expect(statuses(bench)).toEqual(["183 INVITE"]);
    const rack = `RAck: ${progress.header("rseq")} 1 INVITE`;
    bench.receive(fromAlice({ method: "PRACK", sequence: 2, toTag: progress.to.tag, headers: [rack] }));
    expect(early).toBe("done");
    expect(statuses(bench)).toEqual(["200 PRACK", "200 INVITE"]);
  });

  test("a PRACK for nothing gets 481", () => {
    const bench = new AgentBench();
    bench.receive(fromAlice({ method: "INVITE", sequence: 1, body: offer, headers: required }));
    bench.session.early(() => {});
    const tag = bench.sentOne().to.tag;
    bench.receive(fromAlice({ method: "PRACK", sequence: 2, toTag: tag, headers: ["RAck: 1 1 INVITE"] }));
    expect(statuses(bench)).toEqual(["481 PRACK"]);
  });

  test("without a PRACK the call ends with 504 after 64*T1", () => {
    const bench = new AgentBench();
    bench.receive(fromAlice({ method: "INVITE", sequence: 1, body: offer, headers: required }));
    bench.session.early(() => {});
    bench.clock.advance(32_100);
    expect(bench.sent().at(-1)).toMatchObject({ status: 504 });
    expect(bench.user.take().at(-1)).toBe("ended system timeout 504");
  });

  test("a plain 183 leaves its answer to be repeated in the 200", () => {
    const bench = new AgentBench();
    bench.receive(fromAlice({ method: "INVITE", sequence: 1, body: offer }));
    bench.session.early(() => {});
    bench.session.accept(() => {});
    const [progress, ok] = bench.sent();
    expect(progress).toMatchObject({ status: 183 });
    expect(progress?.header("rseq")).toBeUndefined();
    expect(bodyOf(ok)).toBe(bodyOf(progress));
  });
});

describe("a connected session", () => {
  test("is ended by the peer's BYE", () => {
    const { bench, tag } = connected();
    bench.receive(fromAlice({ method: "BYE", sequence: 2, toTag: tag }));
    expect(statuses(bench)).toEqual(["200 BYE"]);
    expect(bench.user.take()).toEqual(["ended remote hangup 200"]);
    bench.clock.advance(64_000);
    expect(bench.agent.dialogs).toBe(0);
  });

  test("ends with BYE from us, and still answers one that crosses", () => {
    const { bench, tag } = connected();
    bench.session.end({ by: "local", cause: "hangup", code: 480 });
    const bye = bench.sentOne();
    expect(bye).toMatchObject({ method: "BYE", uri: "sip:alice@192.0.2.9:5060" });
    expect(bench.user.take()).toEqual(["ended local hangup 200"]);
    bench.receive(fromAlice({ method: "BYE", sequence: 2, toTag: tag }));
    expect(statuses(bench)).toEqual(["200 BYE"]);
  });

  test("hung up before its ACK sends BYE only after it", () => {
    const bench = new AgentBench();
    bench.receive(fromAlice({ method: "INVITE", sequence: 1, body: offer }));
    bench.session.accept(() => {});
    const tag = bench.sentOne().to.tag;
    bench.session.end({ by: "local", cause: "hangup", code: 480 });
    expect(bench.sent()).toEqual([]);
    bench.receive(fromAlice({ method: "ACK", sequence: 1, toTag: tag }));
    expect(bench.sentOne()).toMatchObject({ method: "BYE" });
  });

  test("answers what is out of order with 500, and what is unknown with 481", () => {
    const { bench, tag } = connected();
    bench.receive(fromAlice({ method: "MESSAGE", sequence: 5, toTag: tag, body: "hi", contentType: "text/plain" }));
    bench.receive(fromAlice({ method: "MESSAGE", sequence: 4, toTag: tag, body: "old", contentType: "text/plain" }));
    bench.receive(fromAlice({ method: "BYE", sequence: 6, toTag: "nobody" }));
    expect(statuses(bench)).toEqual(["200 MESSAGE", "500 MESSAGE", "481 BYE"]);
    expect(bench.user.take()).toEqual(["message hi"]);
  });

  test("takes texts, and refuses what is none", () => {
    const { bench, tag } = connected();
    bench.receive(
      fromAlice({ method: "MESSAGE", sequence: 2, toTag: tag, body: "{}", contentType: "application/json" }),
    );
    expect(bench.sentOne().header("accept")).toBe("text/plain");
    bench.session.message("grüße", () => {});
    const message = bench.sentOne();
    expect(message).toMatchObject({ method: "MESSAGE" });
    expect(bodyOf(message)).toBe("grüße");
  });

  test("answers OPTIONS within the dialog with what we can do", () => {
    const { bench, tag } = connected();
    bench.receive(fromAlice({ method: "OPTIONS", sequence: 2, toTag: tag }));
    const ok = bench.sentOne();
    for (const name of ["allow", "accept", "accept-encoding", "accept-language", "supported"])
      expect(ok.header(name)).toBeDefined();
  });
});

describe("the session timer", () => {
  test("refreshes at half the interval when that is ours to do", () => {
    const headers = ["Supported: timer", "Session-Expires: 90;refresher=uas", "Allow: INVITE, UPDATE"];
    const { bench, ok } = connected(new AgentBench(), { headers });
    expect(ok?.header("session-expires")).toBe("90;refresher=uas");
    bench.clock.advance(45_000);
    const refresh = bench.sent().at(-1);
    expect(refresh).toMatchObject({ method: "UPDATE" });
    expect(bodyOf(refresh)).toBe("");
  });

  test("hangs up on a peer that should refresh and does not", () => {
    const { bench } = connected(new AgentBench(), {
      headers: ["Supported: timer", "Session-Expires: 90;refresher=uac"],
    });
    bench.clock.advance(61_000);
    expect(bench.sent().at(-1)).toMatchObject({ method: "BYE" });
    expect(bench.user.take()).toEqual(["ended system expired 408"]);
  });

  test("refuses an interval that is too short with 422", () => {
    const bench = new AgentBench();
    bench.receive(
      fromAlice({ method: "INVITE", sequence: 1, body: offer, headers: ["Supported: timer", "Session-Expires: 30"] }),
    );
    const refusal = bench.sentOne();
    expect(refusal).toMatchObject({ status: 422 });
    expect(refusal.header("min-se")).toBe("90");
    expect(bench.agent.dialogs).toBe(0);
  });
});
