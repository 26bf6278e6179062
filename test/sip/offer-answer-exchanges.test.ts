/** One exchange after the other: glare, early answers, previews, forks, hold from both sides. */
import { describe, expect, test } from "bun:test";
import type { OfferAnswer } from "../../src/sip/offer-answer.ts";
import type { Direction } from "../../src/sip/sdp.ts";
import { answerTo, local, mediaLines, party, plain, sdpOf, theirs, versionOf } from "./offer-answer-parties.ts";

describe("exchanges", () => {
  test("one at a time: while ours is open, theirs meets 491 and another of ours waits", () => {
    const us = party();
    us.offer(local);
    expect(us.receiveOffer(plain)).toMatchObject({ ok: false, status: 491 });
    expect(us.offer(local)).toMatchObject({ ok: false, status: 491 });
    expect(us.repeat(local)).toMatchObject({ ok: false, status: 491 });
    expect(us.answer(local)).toBeUndefined();
    us.rollback();
    expect(us.receiveOffer(plain).ok).toBe(true);
  });

  test("one at a time: while theirs is open, another meets 500 with Retry-After, and ours waits (RFC 3311 §5.2)", () => {
    const us = party();
    us.receiveOffer(plain);
    expect(us.receiveOffer(plain)).toMatchObject({ ok: false, status: 500, retryAfter: true });
    expect(us.offer(local)).toMatchObject({ ok: false });
    expect(us.receiveAnswer(plain).ok).toBe(false);
    us.answer(local);
    expect(us.state).toBe("stable");
  });

  test("an answer in a plain 183 is repeated in the 200, and binds from then on", () => {
    const us = party();
    us.receiveOffer(plain);
    const early = us.answer(local, "unreliable");
    expect(us.state).toBe("offer-received");
    expect(us.negotiated).toBe(early?.negotiated);
    const final = us.answer({ ...local, port: 1 });
    expect(final?.sdp).toBe(early?.sdp ?? "");
    expect(us.state).toBe("stable");
    expect(us.answer(local)).toBeUndefined();
  });

  test("an answer in a reliable 183 ends the exchange: an UPDATE or PRACK may offer (RFC 6337 §3.1)", () => {
    const us = party();
    us.receiveOffer(plain);
    us.answer(local, "reliable");
    expect(us.receiveOffer(theirs("m=audio 4000 RTP/AVP 8")).ok).toBe(true);
    expect(us.answer(local)?.negotiated.codec).toBe("PCMA");
  });

  test("an answer from a plain 183 is a preview: the 200's counts", () => {
    const us = party();
    us.offer(local);
    expect(us.receiveAnswer(theirs("m=audio 4000 RTP/AVP 0"), "unreliable").ok).toBe(true);
    expect(us.state).toBe("offered");
    expect(us.negotiated?.codec).toBe("PCMU");
    expect(us.receiveOffer(plain)).toMatchObject({ status: 491 });
    us.receiveAnswer(theirs("m=audio 6000 RTP/AVP 8"));
    expect(us.negotiated).toMatchObject({ codec: "PCMA", remote: { port: 6000 } });
    expect(us.receiveAnswer(plain).ok).toBe(false);
  });

  test("a preview is forgotten when the change is refused", () => {
    const us = party();
    us.offer(local);
    us.receiveAnswer(plain, "unreliable");
    us.rollback();
    expect(us.negotiated).toBeUndefined();
  });

  test("a late offer in the 200 is answered in the ACK, or not", () => {
    const us = party();
    us.offer(local);
    expect(us.receiveAnswer(new Uint8Array()).ok).toBe(false);
    expect(us.receiveAnswer(new TextEncoder().encode(plain))).toMatchObject({ ok: true });
  });

  test("forks of an INVITE agree on their own", () => {
    const us = party();
    us.offer(local);
    us.receiveAnswer(plain, "unreliable");
    const other = us.fork();
    expect(other.negotiated).toBeUndefined();
    other.receiveAnswer(theirs("m=audio 7000 RTP/AVP 8"));
    expect(other.negotiated).toMatchObject({ codec: "PCMA", remote: { port: 7000 } });
    expect(us.state).toBe("offered");
    expect(us.negotiated?.codec).toBe("PCMU");
    expect(versionOf(sdpOf(other.offer(local, "sendonly")))).toBe(2);
  });

  test("both sides hold and resume each other without losing their own wish (RFC 6337 §5.3)", () => {
    const alice = party({ sessionId: "1" });
    const bob = party({ sessionId: "2" });
    const exchange = (from: OfferAnswer, to: OfferAnswer, wanted: Direction) => {
      const offer = sdpOf(from.offer(local, wanted));
      expect(to.receiveOffer(offer).ok).toBe(true);
      expect(from.receiveAnswer(to.answer(local)?.sdp ?? "").ok).toBe(true);
      return [
        alice.negotiated?.direction,
        alice.negotiated?.remoteHold,
        bob.negotiated?.direction,
        bob.negotiated?.remoteHold,
      ];
    };
    expect(exchange(alice, bob, "sendrecv")).toEqual(["sendrecv", false, "sendrecv", false]);
    expect(exchange(alice, bob, "sendonly")).toEqual(["sendonly", false, "recvonly", true]);
    expect(exchange(bob, alice, "sendonly")).toEqual(["inactive", true, "inactive", true]);
    expect(exchange(alice, bob, "sendrecv")).toEqual(["recvonly", true, "sendonly", false]);
    expect(exchange(bob, alice, "sendrecv")).toEqual(["sendrecv", false, "sendrecv", false]);
  });

  test("our own hold with silence leaves the peer's hold as it was known", () => {
    const us = party();
    us.offer(local);
    us.receiveAnswer(theirs("m=audio 4000 RTP/AVP 0", "a=sendonly"));
    us.offer(local, "inactive");
    expect(us.receiveAnswer(theirs("m=audio 4000 RTP/AVP 0", "a=inactive"))).toMatchObject({
      ok: true,
      negotiated: { remoteHold: true, direction: "inactive" },
    });
  });

  test("a change of the peer's stays on the m-line in use", () => {
    const { us } = answerTo(theirs("m=audio 4000 RTP/AVP 18", "m=audio 4002 RTP/AVP 0"));
    us.receiveOffer(theirs("m=audio 4000 RTP/AVP 0", "m=audio 4002 RTP/AVP 8"));
    expect(mediaLines(us.answer(local)?.sdp)).toEqual(["m=audio 0 RTP/AVP 0", "m=audio 10000 RTP/AVP 8"]);
  });
});
