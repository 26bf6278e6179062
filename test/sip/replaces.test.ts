/** Replaces and Refer-To (RFC 3891 §6.1, RFC 3515 §2.1), Event, Subscription-State and sipfrag (RFC 6665 §8, RFC 3420). */
import { describe, expect, test } from "bun:test";
import { parseEvent, parseStatusLine, parseSubscriptionState } from "../../src/sip/event-notification.ts";
import { parseNameAddr } from "../../src/sip/name-addr.ts";
import { formatReferTo, formatReplaces, parseReplaces, referredTo } from "../../src/sip/replaces.ts";
import { below, seeded } from "../support/random.ts";

const dialog = { callId: "98732@sip.example.com", toTag: "r33th4x0r", fromTag: "ff87ff", earlyOnly: false };

describe("Replaces", () => {
  test.each([
    ["98732@sip.example.com;from-tag=r33th4x0r;to-tag=ff87ff", "98732@sip.example.com ff87ff r33th4x0r"],
    ["12adf2f34456gs5;to-tag=12345;from-tag=54321;early-only", "12adf2f34456gs5 12345 54321 early"],
    ["87134@171.161.34.23 ; to-tag=24796 ;from-tag=0", "87134@171.161.34.23 24796 0"],
    ["callid", undefined],
    ["callid;to-tag=1", undefined],
    ["callid;from-tag=1", undefined],
    [";to-tag=1;from-tag=2", undefined],
    ["a b;to-tag=1;from-tag=2", undefined],
    ['callid;to-tag="\n";from-tag=2', undefined],
    ["callid;to-tag=1;from-tag=<2>", undefined],
  ])("%j is read as %j", (value, expected) => {
    const read = parseReplaces(value);
    const shown = read && `${read.callId} ${read.toTag} ${read.fromTag}${read.earlyOnly ? " early" : ""}`;
    expect(shown).toBe(expected as string);
  });

  test("written and read is the same", () => {
    expect(parseReplaces(formatReplaces({ ...dialog, earlyOnly: true }))).toEqual({ ...dialog, earlyOnly: true });
  });

  test.each(["a\r\nX: y", "a;b", "", "a>b"])("is not written for the tag or Call-ID %j", (text) => {
    expect(() => formatReplaces({ ...dialog, callId: text })).toThrow();
    expect(() => formatReplaces({ ...dialog, toTag: text })).toThrow();
  });
});

describe("Refer-To", () => {
  test.each([
    ["<sip:alice@atlanta.example.com>", "sip:alice@atlanta.example.com", undefined],
    ["<sip:bob@biloxi.example.net;method=INVITE;transport=tcp>", "sip:bob@biloxi.example.net;transport=tcp", undefined],
    ["<sip:bob@biloxi.example.net;method=SUBSCRIBE>", undefined, undefined],
    ["<tel:+15551234>", "tel:+15551234", undefined],
    ["<http://www.ietf.org>", undefined, undefined],
    ["<sip:carol@example.com?Replaces=a%40b%3Bto-tag%3D1%3Bfrom-tag%3D2>", "sip:carol@example.com", "a@b 1 2"],
    [
      "<sip:carol@example.com?Subject=x&replaces=a%3Bfrom-tag%3D2%3Bto-tag%3D1&Route=%3Csip:evil%3E>",
      "sip:carol@example.com",
      "a 1 2",
    ],
    ["<sip:carol@example.com?Replaces=nonsense>", undefined, undefined],
    ["<sip:carol@example.com?Route=%3Csip:evil%3E>", "sip:carol@example.com", undefined],
  ])("%s leads to %j, replacing %j", (value, uri, replaces) => {
    const target = parseNameAddr(value);
    const read = target && referredTo(target);
    expect(read?.uri).toBe(uri as string);
    const { callId, toTag, fromTag } = read?.replaces ?? {};
    expect(callId && `${callId} ${toTag} ${fromTag}`).toBe(replaces as string);
  });

  test.each(["a@b", "a+b/c=d&e$f?h%41", "1-2.3_4!5~6*7'8(9)0"])(
    "with the Call-ID %s is read as it was written",
    (callId) => {
      const referred = { uri: "sip:carol@[2001:db8::1]:5070;transport=tcp", replaces: { ...dialog, callId } };
      const read = parseNameAddr(formatReferTo(referred));
      expect(read && referredTo(read)).toEqual(referred);
    },
  );

  test.each(["sip:a@b>\r\nX: y", "sip:a b", "sip:<a>"])("is not written for %j", (uri) => {
    expect(() => formatReferTo({ uri, replaces: undefined })).toThrow();
  });
});

describe("notifications", () => {
  test.each([
    ["refer;id=93809824", { package: "refer", id: "93809824" }],
    ["Message-Summary", { package: "message-summary", id: undefined }],
    ["", undefined],
    ["two words", undefined],
  ])("Event %j", (value, expected) => expect(parseEvent(value)).toEqual(expected));

  test.each([
    ["active;expires=3600", { state: "active", reason: undefined, expires: 3600, retryAfter: undefined }],
    [
      "terminated;reason=noresource",
      { state: "terminated", reason: "noresource", expires: undefined, retryAfter: undefined },
    ],
    [
      "Terminated ; reason=Probation;retry-after=30",
      { state: "terminated", reason: "probation", expires: undefined, retryAfter: 30 },
    ],
    [
      "active;expires=99999999999999",
      { state: "active", reason: undefined, expires: undefined, retryAfter: undefined },
    ],
    ["", undefined],
  ])("Subscription-State %j", (value, expected) => expect(parseSubscriptionState(value)).toEqual(expected));

  test.each([
    ["SIP/2.0 100 Trying\r\n", { status: 100, reason: "Trying" }],
    ["SIP/2.0 603 Declined", { status: 603, reason: "Declined" }],
    ["\r\nSIP/2.0 200\r\nTo: x", { status: 200, reason: "" }],
    ["INVITE sip:a SIP/2.0", undefined],
    ["SIP/2.0 999 No", undefined],
    ["", undefined],
  ])("sipfrag %j", (body, expected) => expect(parseStatusLine(Buffer.from(body))).toEqual(expected));

  test("whatever comes is read without an error and soon", () => {
    const started = performance.now();
    const random = seeded(3891);
    for (let round = 0; round < 2000; round++) {
      const octets = Uint8Array.from({ length: below(random, 80) }, () => below(random, 256));
      const text = Buffer.from(octets).toString("latin1");
      for (const value of [text, `a;to-tag=${text}`, `<sip:a@b?Replaces=${text}>`, `active;${text}`]) {
        parseReplaces(value);
        parseEvent(value);
        parseSubscriptionState(value);
        const target = parseNameAddr(value);
        if (target !== undefined) referredTo(target);
      }
      parseStatusLine(octets);
    }
    expect(performance.now() - started).toBeLessThan(2000);
  });
});
