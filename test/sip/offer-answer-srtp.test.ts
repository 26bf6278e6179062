/** Keys in offers and answers: who encrypts when, and that nobody can talk two sides out of it. */
import { describe, expect, test } from "bun:test";
import { parseCrypto } from "../../src/sip/crypto-attribute.ts";
import type { OfferAnswer, SrtpPolicy } from "../../src/sip/offer-answer.ts";
import { lines, local, mediaLines, party, plain, sdpOf, theirs } from "./offer-answer-parties.ts";

let made = 0;
const key = (octets: number) => Buffer.alloc(octets, ++made).toString("base64");
const using = (policy: SrtpPolicy) => party({ srtp: { policy, key } });
const crypto = (sdp: string) => lines(sdp).filter((line) => line.startsWith("a=crypto:"));
const lineOf = (suite: string, octets = 30, tag = 1) =>
  `a=crypto:${tag} ${suite} inline:${Buffer.alloc(octets, 99).toString("base64")}`;
const aes = lineOf("AES_CM_128_HMAC_SHA1_80");
const secure = theirs("m=audio 4000 RTP/SAVP 0 8", aes);
const opportunistic = theirs("m=audio 4000 RTP/AVP 0 8", aes);

/** What we answer to an offer, or the status that refuses it. */
function answerOf(us: OfferAnswer, offer: string) {
  const received = us.receiveOffer(offer);
  if (!received.ok) return received.status;
  const answer = us.answer(local);
  if (answer === undefined) throw new TypeError("no answer");
  return { protocol: mediaLines(answer.sdp)[0]?.split(" ")[2], keys: crypto(answer.sdp).length, ...answer };
}

const encrypted = (protocol: string) => ({ protocol, keys: 1, negotiated: { protocol, security: {} } });
const clear = { protocol: "RTP/AVP", keys: 0, negotiated: { protocol: "RTP/AVP", security: undefined } };

describe("offers to us", () => {
  const keyless = theirs("m=audio 4000 RTP/SAVP 0 8");
  const rows: [SrtpPolicy, string, string, { refused: number } | object][] = [
    ["required", "RTP/SAVP with a key", secure, encrypted("RTP/SAVP")],
    ["required", "RTP/AVP with a key (RFC 8643)", opportunistic, encrypted("RTP/AVP")],
    ["required", "RTP/AVP", plain, { refused: 488 }],
    ["required", "RTP/SAVP without a key", keyless, { refused: 488 }],
    ["optional", "RTP/SAVP with a key", secure, encrypted("RTP/SAVP")],
    ["optional", "RTP/AVP with a key", opportunistic, encrypted("RTP/AVP")],
    ["optional", "RTP/AVP", plain, clear],
    ["optional", "RTP/SAVP without a key", keyless, { refused: 488 }],
    ["off", "RTP/SAVP with a key", secure, { refused: 488 }],
    ["off", "RTP/AVP with a key", opportunistic, clear],
    ["off", "RTP/AVP", plain, clear],
  ];
  test.each(rows)("%s: %s", (policy, _, offer, expected) => {
    const answer = answerOf(using(policy), offer);
    expect(typeof answer === "number" ? { refused: answer } : answer).toMatchObject(expected);
  });

  test("the refusal says what is required", () => {
    expect(using("required").receiveOffer(plain)).toMatchObject({
      status: 488,
      warning: { code: 302, text: "Incompatible transport protocol: RTP/SAVP with a usable a=crypto is required" },
    });
  });

  test("are answered with their tag, their suite and a key of our own", () => {
    const answer = answerOf(using("required"), theirs("m=audio 4000 RTP/SAVP 0", lineOf("AEAD_AES_256_GCM", 44, 7)));
    if (typeof answer === "number") throw new TypeError("refused");
    const [ours] = crypto(answer.sdp);
    expect(ours).toStartWith("a=crypto:7 AEAD_AES_256_GCM inline:");
    const { security } = answer.negotiated;
    expect(security?.profile).toBe("AEAD_AES_256_GCM");
    expect(ours).toEndWith(security?.localKey ?? "-");
    expect(security?.remoteKey).toBe(Buffer.alloc(44, 99).toString("base64"));
    expect(security?.localKey).not.toBe(security?.remoteKey);
  });

  test.each([
    ["their first that is known", ["F8_128_HMAC_SHA1_80", "AES_CM_128_HMAC_SHA1_80"], "AES_CM_128_HMAC_SHA1_80"],
    [
      "a long tag before a short one",
      ["AES_CM_128_HMAC_SHA1_32", "AES_CM_128_HMAC_SHA1_80"],
      "AES_CM_128_HMAC_SHA1_80",
    ],
    ["a short tag where that is all", ["AES_CM_128_HMAC_SHA1_32", "F8_128_HMAC_SHA1_80"], "AES_CM_128_HMAC_SHA1_32"],
  ])("of several keys we take %s", (_, suites, chosen) => {
    const offer = theirs("m=audio 4000 RTP/SAVP 0", ...suites.map((suite, at) => lineOf(suite, 30, at + 1)));
    expect(answerOf(using("required"), offer)).toMatchObject({ negotiated: { security: { profile: chosen } } });
  });
});

describe("our offers", () => {
  test.each<[SrtpPolicy, string, number]>([
    ["required", "RTP/SAVP", 3],
    ["optional", "RTP/AVP", 3],
    ["off", "RTP/AVP", 0],
  ])("%s: %s with %d keys, each another", (policy, protocol, count) => {
    const sdp = sdpOf(using(policy).offer(local));
    expect(mediaLines(sdp)[0]).toStartWith(`m=audio 10000 ${protocol} `);
    expect(crypto(sdp)).toHaveLength(count);
    expect(new Set(crypto(sdp).map((line) => line.split("inline:")[1])).size).toBe(count);
  });

  const rows: [SrtpPolicy, string, string, object][] = [
    ["required", "with a key", secure, { ok: true, negotiated: { security: { profile: "AES_CM_128_HMAC_SHA1_80" } } }],
    ["required", "in clear", plain, { ok: false }],
    ["required", "RTP/SAVP without a key", theirs("m=audio 4000 RTP/SAVP 0"), { ok: false }],
    ["required", "RTP/AVP with a key", opportunistic, { ok: false }],
    [
      "required",
      "with a suite that was not offered",
      theirs("m=audio 4000 RTP/SAVP 0", lineOf("AES_CM_128_HMAC_SHA1_32")),
      { ok: false },
    ],
    [
      "required",
      "with a tag that was not offered",
      theirs("m=audio 4000 RTP/SAVP 0", lineOf("AES_CM_128_HMAC_SHA1_80", 30, 9)),
      { ok: false },
    ],
    [
      "required",
      "with two keys",
      theirs("m=audio 4000 RTP/SAVP 0", aes, lineOf("AEAD_AES_128_GCM", 28, 2)),
      { ok: false },
    ],
    ["optional", "in clear", plain, { ok: true, negotiated: { security: undefined } }],
    [
      "optional",
      "with a key",
      opportunistic,
      { ok: true, negotiated: { security: { profile: "AES_CM_128_HMAC_SHA1_80" } } },
    ],
    ["off", "with a key that nobody asked for", opportunistic, { ok: true, negotiated: { security: undefined } }],
  ];
  test.each(rows)("%s, answered %s", (policy, _, answer, expected) => {
    const us = using(policy);
    us.offer(local);
    expect(us.receiveAnswer(answer)).toMatchObject(expected);
  });

  test("that come back with our own key are not answered", () => {
    const us = using("required");
    const [first = ""] = crypto(sdpOf(us.offer(local)));
    expect(us.receiveAnswer(theirs("m=audio 4000 RTP/SAVP 0", first))).toMatchObject({ ok: false });
  });

  test("are the same in each try and each branch of a forked call", () => {
    const us = using("required");
    const first = crypto(sdpOf(us.offer(local)));
    const branch = us.fork();
    us.rollback();
    expect(crypto(sdpOf(us.offer(local)))).toEqual(first);
    expect(branch.receiveAnswer(secure)).toMatchObject({ ok: true });
    expect(branch.negotiated?.security?.localKey).toBe(parseCrypto(first[0]?.slice(9) ?? "")?.key ?? "-");
  });
});

describe("what is encrypted stays so", () => {
  const both = ["required", "optional"] as const;
  test.each([...both])("%s: a later offer in clear is refused, and changes nothing", (policy) => {
    const us = using(policy);
    answerOf(us, secure);
    const before = us.negotiated?.security;
    expect(answerOf(us, plain)).toBe(488);
    expect(us.negotiated?.security).toEqual(before);
  });

  test.each([...both])("%s: so is an answer in clear to a later offer of ours, which has keys", (policy) => {
    const us = using(policy);
    answerOf(us, opportunistic);
    expect(crypto(sdpOf(us.offer(local, "sendonly")))).toHaveLength(1);
    expect(us.receiveAnswer(plain)).toMatchObject({ ok: false });
  });

  test("our key stays as long as theirs does, and a new one of theirs brings a new one of ours", () => {
    const us = using("required");
    answerOf(us, secure);
    const first = us.negotiated?.security?.localKey;
    answerOf(us, secure);
    expect(us.negotiated?.security?.localKey).toBe(first);
    const other = `a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:${Buffer.alloc(30, 98).toString("base64")}`;
    answerOf(us, theirs("m=audio 4002 RTP/SAVP 0", other));
    expect(us.negotiated?.security?.localKey).not.toBe(first);
  });

  test("two of us agree, and hold and go on with the keys they have", () => {
    const caller = using("required");
    const callee = using("required");
    const exchange = (from: OfferAnswer, to: OfferAnswer, direction: "sendrecv" | "sendonly") => {
      to.receiveOffer(sdpOf(from.offer(local, direction)));
      expect(from.receiveAnswer(to.answer(local)?.sdp ?? "")).toMatchObject({ ok: true });
    };
    exchange(caller, callee, "sendrecv");
    const { localKey, remoteKey, profile } = caller.negotiated?.security ?? {};
    expect(callee.negotiated?.security).toMatchObject({ profile, localKey: remoteKey, remoteKey: localKey });
    exchange(caller, callee, "sendonly");
    exchange(callee, caller, "sendrecv");
    expect(caller.negotiated?.security).toMatchObject({ profile, localKey, remoteKey });
  });
});
