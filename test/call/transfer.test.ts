/** Transfer of calls, in virtual time: as transferor, transferee and target (RFC 3515, RFC 3891, RFC 4488, RFC 5589). */
import { describe, expect, test } from "bun:test";
import { invite } from "../../src/agent/index.ts";
import { Request, Response } from "../../src/sip/message.ts";
import type { ServerTransaction } from "../../src/sip/transaction/index.ts";
import { fromAlice, offer } from "../support/agent.ts";
import { CallBench as Bench, lineOf } from "../support/call-bench.ts";
import { parsed } from "../support/fake-flow.ts";

const ok = { ok: true } as const;
const why = (reason: string) => ({ ok: false, failure: { command: expect.any(String), reason } });

describe("TRANSFER, blind", () => {
  const referred = () => {
    const bench = new Bench();
    const transfer = bench.perform({ name: "TRANSFER", to: "sip:carol@example.net" });
    const refer = bench.request("REFER");
    return { bench, transfer, refer };
  };

  test("names the target and who asks (RFC 3515 §2.4.1, RFC 3892 §2.1)", () => {
    const { refer } = referred();
    expect(refer.header("refer-to")).toBe("<sip:carol@example.net>");
    expect(refer.header("referred-by")).toBe("<sip:bob@example.com>");
    expect(refer.contact).toBeDefined();
  });

  test("tells its progress, succeeds with the target's answer, and hangs up", () => {
    const { bench, transfer, refer } = referred();
    bench.answer(refer, 202);
    bench.notify("SIP/2.0 100 Trying");
    bench.notify("SIP/2.0 180 Ringing");
    expect(transfer.outcome).toBeUndefined();
    bench.notify("SIP/2.0 200 OK", "terminated;reason=noresource");
    expect(transfer.outcome).toEqual(ok);
    expect(bench.sent()).toEqual(["200 NOTIFY", "200 NOTIFY", "200 NOTIFY", "BYE"]);
    expect(bench.told()).toEqual([
      "TRANSFERRING 100 Trying",
      "TRANSFERRING 180 Ringing",
      "TRANSFERRING 200 OK",
      "ENDED local transferred 200",
    ]);
  });

  test("leaves the call up when the target does not answer", () => {
    const { bench, transfer, refer } = referred();
    bench.answer(refer, 202);
    bench.notify("SIP/2.0 486 Busy Here", "terminated;reason=noresource");
    expect(transfer.outcome).toEqual(why("the other side got 486 Busy Here"));
    expect(bench.sent()).toEqual(["200 NOTIFY"]);
    expect(bench.told()).toEqual(["TRANSFERRING 486 Busy Here"]);
    bench.notify("SIP/2.0 486 Busy Here");
    expect(bench.sent()).toEqual(["481 NOTIFY"]);
  });

  test.each([
    [
      "a refusal",
      (bench: Bench, refer: Request) => bench.answer(refer, 603),
      why("the other side answered 603 Whatever"),
    ],
    [
      "a hang-up after the 202",
      (bench: Bench, refer: Request) => {
        bench.answer(refer, 202);
        bench.alice("BYE");
      },
      ok,
    ],
    ["a hang-up before", (bench: Bench) => bench.alice("BYE"), why("the call is over")],
    [
      "a 202 without a subscription",
      (bench: Bench, refer: Request) => bench.answer(refer, 202, ["Refer-Sub: false"]),
      ok,
    ],
    [
      "the end of the subscription",
      (bench: Bench, refer: Request) => {
        bench.answer(refer, 202);
        bench.notify("SIP/2.0 100 Trying", "terminated;reason=timeout");
      },
      ok,
    ],
    [
      "a rejected subscription",
      (bench: Bench, refer: Request) => {
        bench.answer(refer, 202);
        bench.notify("SIP/2.0 100 Trying", "terminated;reason=rejected");
      },
      why("the other side refused the transfer"),
    ],
    [
      "silence",
      (bench: Bench, refer: Request) => {
        bench.answer(refer, 202);
        bench.bench.clock.advance(240_000);
      },
      why("the other side did not say what became of it"),
    ],
    ["no answer at all", (bench: Bench) => bench.bench.clock.advance(32_000), why("the other side did not answer")],
  ])("%s settles it", (_, happens, outcome) => {
    const { bench, transfer, refer } = referred();
    happens(bench, refer);
    expect(transfer.outcome as unknown).toEqual(outcome);
  });

  test("is one at a time", () => {
    const { bench } = referred();
    expect(bench.perform({ name: "TRANSFER", to: "sip:dave@example.net" }).outcome).toEqual(
      why("another transfer is under way"),
    );
  });

  test("a URI that would end the header is not sent", () => {
    const bench = new Bench();
    expect(bench.perform({ name: "TRANSFER", to: "sip:a>,<sip:b" }).outcome?.ok).toBe(false);
    expect(bench.sent()).toEqual([]);
  });
});

describe("TRANSFER, attended", () => {
  test("names the other call as its peer knows it (RFC 3891 §4)", () => {
    const bench = new Bench();
    const placed = invite(bench.bench.context, { uri: "sip:carol@192.0.2.7" }, (session) => bench.bench.adopt(session));
    if ("failure" in placed) throw new TypeError(placed.failure);
    const asked = bench.request("INVITE");
    bench.answer(asked, 200, [], offer);
    bench.messages();
    bench.perform({ name: "TRANSFER", to: "c2" });
    const tags = `${asked.callId.replace("@", "%40")}%3Bto-tag%3Dt1%3Bfrom-tag%3D${asked.from.tag}`;
    expect(bench.request("REFER").header("refer-to")).toBe(`<sip:carol@192.0.2.7?Replaces=${tags}>`);
  });

  test.each([
    ["c1", "a call cannot be connected with itself"],
    ["nobody", "there is no other call “nobody”"],
  ])("%s is nobody to be connected with", (to, reason) => {
    expect(new Bench().perform({ name: "TRANSFER", to }).outcome).toEqual(why(reason));
  });
});

describe("a REFER of the other side's", () => {
  const asked = (headers: string[] = ["Refer-To: <sip:carol@192.0.2.7>"], mayDial = (_: string) => true) => {
    const bench = new Bench(mayDial);
    bench.alice("REFER", headers);
    return bench;
  };

  test("is refused where nobody says anything", () => {
    const bench = asked();
    expect(bench.told()).toEqual(["REFERRED sip:carol@192.0.2.7 Alice <sip:alice@example.org>"]);
    expect(bench.sent()).toEqual([]);
    bench.bench.clock.advance(3000);
    expect(bench.sent()).toEqual(["603 REFER"]);
    const late = why("the other side has not asked to be transferred");
    expect(bench.perform({ name: "FOLLOW" }).outcome).toEqual(late);
    expect(bench.perform({ name: "STAY" }).outcome).toEqual(late);
  });

  test("is refused by STAY", () => {
    const bench = asked();
    expect(bench.perform({ name: "STAY" }).outcome).toEqual(ok);
    expect(bench.sent()).toEqual(["603 REFER"]);
  });

  test.each([
    [[], "400 REFER"],
    [["Refer-To: <sip:a@b>", "Refer-To: <sip:c@d>"], "400 REFER"],
    [["Refer-To: <mailto:a@b>"], "603 REFER"],
    [["Refer-To: <sip:a@b?Replaces=nonsense>"], "603 REFER"],
  ])("with %j is refused at once", (headers, answer) => {
    const bench = asked(headers);
    expect(bench.sent()).toEqual([answer]);
    expect(bench.told()).toEqual([]);
  });

  test("is not followed to whom the handler may not call", () => {
    const bench = asked(undefined, () => false);
    expect(bench.perform({ name: "FOLLOW" }).outcome).toEqual(why("sip:carol@192.0.2.7 may not be called"));
    expect(bench.sent()).toEqual(["603 REFER"]);
  });

  const followed = (headers?: string[]) => {
    const bench = asked(headers);
    bench.told();
    const follow = bench.perform({ name: "FOLLOW" });
    const messages = bench.messages();
    const placed = messages.find((message) => message instanceof Request && message.method === "INVITE");
    if (!(placed instanceof Request)) throw new TypeError("no INVITE was sent");
    return { bench, follow, placed, lines: messages.map(lineOf) };
  };

  test("is followed: the call goes on with the target, sound and all, and the transferor is told", () => {
    const { bench, follow, placed, lines } = followed();
    expect(lines.toSorted()).toEqual(["202 REFER", "INVITE", "NOTIFY SIP/2.0 100 Trying (active;expires=240)"]);
    expect(placed.header("referred-by")).toBe("Alice <sip:alice@example.org>");
    expect(Buffer.from(placed.body).toString()).toContain(`m=audio ${bench.media.session.rtpPort} `);
    bench.answer(placed, 180);
    expect(bench.sent()).toEqual(["NOTIFY SIP/2.0 180 Ringing (active;expires=240)"]);
    bench.media.session.take();
    bench.answer(
      placed,
      200,
      [],
      offer.replace("192.0.2.9", "192.0.2.7").replace("c=IN IP4 192.0.2.9", "c=IN IP4 192.0.2.7"),
    );
    expect(follow.outcome).toEqual(ok);
    expect(bench.sent()).toEqual(["ACK", "NOTIFY SIP/2.0 200 OK (terminated;reason=noresource)"]);
    expect(bench.media.session.take()).toEqual(["configure PCMU"]);
    expect(bench.told()).toEqual(["TRANSFERRED sip:carol@192.0.2.7"]);
    bench.alice("BYE");
    expect(bench.sent()).toEqual(["200 BYE"]);
    expect(bench.told()).toEqual([]);
    bench.perform({ name: "HANGUP" });
    expect(bench.request("BYE").uri).toBe("sip:carol@192.0.2.7");
    expect(bench.told()).toEqual(["ENDED local hangup 200"]);
  });

  test("leaves a transferor that does not hang up", () => {
    const { bench, placed } = followed();
    bench.answer(placed, 200, [], offer);
    bench.messages();
    bench.bench.clock.advance(4000);
    expect(bench.request("BYE").uri).toBe("sip:alice@192.0.2.9:5060");
    expect(bench.told()).toEqual(["TRANSFERRED sip:carol@192.0.2.7"]);
  });

  test("goes back to the transferor when the target does not answer", () => {
    const { bench, follow, placed } = followed();
    bench.answer(placed, 486);
    expect(follow.outcome).toEqual(why("the call to sip:carol@192.0.2.7 was not answered: rejected (486)"));
    expect(bench.sent()).toContain("NOTIFY SIP/2.0 486 Busy Here (terminated;reason=noresource)");
    expect(bench.told()).toEqual([]);
    bench.alice("REFER", ["Refer-To: <sip:dave@192.0.2.8>"]);
    expect(bench.told()).toEqual(["REFERRED sip:dave@192.0.2.8 Alice <sip:alice@example.org>"]);
    bench.perform({ name: "FOLLOW" });
    expect(bench.request("NOTIFY").header("event")).toMatch(/^refer;id=\d+$/);
  });

  test("survives a transferor that leaves at once, and ends with a target that does not answer", () => {
    const { bench, follow, placed } = followed();
    bench.alice("BYE");
    expect(bench.told()).toEqual([]);
    bench.answer(placed, 486);
    expect(follow.outcome?.ok).toBe(false);
    expect(bench.told()).toEqual(["ENDED remote rejected 486"]);
  });

  test("survives a transferor that leaves at once, and goes on with a target that answers", () => {
    const { bench, follow, placed } = followed();
    bench.alice("BYE");
    bench.answer(placed, 200, [], offer);
    expect(follow.outcome).toEqual(ok);
    expect(bench.told()).toEqual(["TRANSFERRED sip:carol@192.0.2.7"]);
    expect(bench.sent()).toEqual(["200 BYE", "ACK"]);
  });

  test.each([true, false])("is given up when the handler hangs up (the transferor left before: %p)", (left) => {
    const { bench, follow, placed } = followed();
    bench.answer(placed, 180);
    if (left) bench.alice("BYE");
    bench.messages();
    const hangup = bench.perform({ name: "HANGUP" });
    const cancel = bench.request("CANCEL");
    expect(cancel.uri).toBe(placed.uri);
    bench.answer(placed, 487);
    expect(hangup.outcome).toEqual(ok);
    expect(follow.outcome).toEqual(why("the call is over"));
    expect(bench.told()).toHaveLength(1);
    expect(bench.bench.context.sessions.size).toBeLessThanOrEqual(1);
  });

  test("without a subscription is followed without a word (RFC 4488 §4)", () => {
    const { bench, placed, lines } = followed(["Refer-To: <sip:carol@192.0.2.7>", "Refer-Sub: false"]);
    expect(lines.toSorted()).toEqual(["202 REFER", "INVITE"]);
    bench.answer(placed, 200, [], offer);
    expect(bench.sent()).toEqual(["ACK"]);
  });

  test.each([
    ["<sip:boss@example.org>;ref=20398823", "<sip:boss@example.org>;ref=20398823"],
    ["nobody\u0000", "Alice <sip:alice@example.org>"],
    ["<<", "Alice <sip:alice@example.org>"],
  ])("is followed in the name of who asks: Referred-By %j is passed on as %j", (by, passed) => {
    const { placed } = followed(["Refer-To: <sip:carol@192.0.2.7>", `Referred-By: ${by}`]);
    expect(placed.header("referred-by")).toBe(passed);
  });

  test("that names a call of the target's is followed with Replaces, and without other headers (RFC 3261 §19.1.5)", () => {
    const to = "sip:carol@192.0.2.7?Replaces=a%40b%3Bto-tag%3D1%3Bfrom-tag%3D2&Route=%3Csip%3Aevil%3E";
    const { placed } = followed([`Refer-To: <${to}>`]);
    expect(placed.header("replaces")).toBe("a@b;to-tag=1;from-tag=2");
    expect(placed.header("route")).toBeUndefined();
    expect(placed.uri).toBe("sip:carol@192.0.2.7");
  });
});

describe("an INVITE with Replaces", () => {
  const taking = (from: string, replaces: (bench: Bench) => string) => {
    const bench = new Bench();
    const invite = fromAlice({ method: "INVITE", sequence: 1, body: offer, headers: [`Replaces: ${replaces(bench)}`] })
      .replace("From: Alice <sip:alice@example.org>;tag=a1", `From: ${from};tag=x1`)
      .replace("Call-ID: call-1", "Call-ID: other")
      .replace("Contact: <sip:alice@192.0.2.9:5060>", "Contact: <sip:carol@192.0.2.7>");
    const message = parsed(invite);
    if (!(message instanceof Request)) throw new TypeError("a request was expected");
    return { bench, found: bench.bench.agent.replacedBy(message), message };
  };
  const genuine = (bench: Bench) => `call-1;to-tag=${bench.tag};from-tag=a1`;

  test.each([
    ["sip:carol@192.0.2.7", "sip:carol@192.0.2.7"],
    ['"Carol" <sip:carol@192.0.2.7;x=y>', "sip:carol@192.0.2.7;x=y"],
  ])("of %s takes the other side's place: the call goes on, and the other side is let go", (from, uri) => {
    const { bench, found, message } = taking(from, genuine);
    if (found === undefined || "status" in found) throw new TypeError("the call was not found");
    bench.messages();
    bench.bench.agent.invite(transactionOf(bench, message), message, (session) => {
      const user = found.user.replaced?.(session);
      if (user === undefined) throw new TypeError("the call cannot go on");
      bench.bench.clock.after(0, () => session.accept(() => {}));
      return user;
    });
    bench.bench.clock.advance(0);
    const answer = bench.messages()[0];
    expect(answer instanceof Response && answer.status).toBe(200);
    bench.bench.receive(ackOf(message, answer?.to.tag ?? ""));
    expect(bench.told()).toEqual([`TRANSFERRED ${uri}`]);
    expect(bench.request("BYE").uri).toBe("sip:alice@192.0.2.9:5060");
  });

  test("that is acknowledged when the call has ended is hung up", () => {
    const { bench, found, message } = taking("<sip:carol@192.0.2.7>", genuine);
    if (found === undefined || "status" in found) throw new TypeError("the call was not found");
    bench.messages();
    bench.bench.agent.invite(transactionOf(bench, message), message, (session) => {
      const user = found.user.replaced?.(session);
      if (user === undefined) throw new TypeError("the call cannot go on");
      bench.bench.clock.after(0, () => session.accept(() => {}));
      return user;
    });
    bench.bench.clock.advance(0);
    const answer = bench.messages()[0];
    bench.alice("BYE");
    bench.messages();
    bench.bench.receive(ackOf(message, answer?.to.tag ?? ""));
    expect(bench.request("BYE").uri).toBe("sip:carol@192.0.2.7");
    expect(bench.told()).toEqual(["ENDED remote hangup 200"]);
  });

  test.each([
    [() => "call-1;to-tag=1;from-tag=a1", 481],
    [() => "nonsense", 400],
    [(bench: Bench) => `${genuine(bench)};early-only`, 486],
  ])("%# that names no call of ours is refused", (replaces, status) => {
    expect(taking("<sip:x@y>", replaces).found).toMatchObject({ status });
  });
});

/** A server transaction of the bench's layer. */
function transactionOf(bench: Bench, message: Request): ServerTransaction {
  let made: ServerTransaction | undefined;
  const { agent } = bench.bench;
  const invite = agent.invite.bind(agent);
  agent.invite = (tx) => {
    made = tx;
  };
  bench.bench.onSession = () => {};
  bench.bench.receive(message);
  agent.invite = invite;
  if (made === undefined) throw new TypeError("the INVITE did not arrive");
  return made;
}

function ackOf(invite: Request, tag: string): string {
  return [
    "ACK sip:bob@192.0.2.1:5060 SIP/2.0",
    "Via: SIP/2.0/UDP 192.0.2.7:5060;branch=z9hG4bKack",
    `From: ${invite.header("from")}`,
    `To: ${invite.header("to")};tag=${tag}`,
    `Call-ID: ${invite.callId}`,
    "CSeq: 1 ACK",
    "Content-Length: 0",
    "",
    "",
  ].join("\r\n");
}
