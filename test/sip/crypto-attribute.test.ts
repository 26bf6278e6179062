/** a=crypto: what is read, what is left alone, and that whatever comes does no harm. */
import { describe, expect, test } from "bun:test";
import { formatCrypto, parseCrypto } from "../../src/sip/crypto-attribute.ts";
import { below, pick, seeded } from "../support/random.ts";

const key30 = Buffer.alloc(30, 7).toString("base64");
const key28 = Buffer.alloc(28, 7).toString("base64");
const key44 = Buffer.alloc(44, 7).toString("base64");

describe("is read", () => {
  test.each([
    [
      "RFC 4568 §9.2's first example",
      "1 AES_CM_128_HMAC_SHA1_80 inline:PS1uQCVeeCFCanVmcjkpPywjNWhcYD0mXXtxaVBR|2^20",
      1,
    ],
    ["a lifetime in packets", `12 AES_CM_128_HMAC_SHA1_32 inline:${key30}|1048576`, 12],
    ["AES-GCM of RFC 7714", `3 AEAD_AES_128_GCM inline:${key28}`, 3],
    ["a key without padding", `3 AEAD_AES_128_GCM inline:${key28.replace(/=/g, "")}`, 3],
    ["256 bits", `4 AEAD_AES_256_GCM inline:${key44}`, 4],
    ["a window size, which changes nothing here", `1 AES_CM_128_HMAC_SHA1_80 inline:${key30} WSH=128`, 1],
    ["a parameter that may be ignored", `1 AES_CM_128_HMAC_SHA1_80 inline:${key30} -note=1`, 1],
  ])("%s", (_, value, tag) => expect(parseCrypto(value)?.tag).toBe(tag));

  test("and written as it was read", () => {
    for (const value of [`1 AES_CM_128_HMAC_SHA1_80 inline:${key30}`, `9 AEAD_AES_256_GCM inline:${key44}`]) {
      const line = parseCrypto(value);
      expect(line && formatCrypto(line)).toBe(value);
    }
  });
});

describe("is not used", () => {
  test.each([
    ["an unknown suite", `1 F8_128_HMAC_SHA1_80 inline:${key30}`],
    ["a suite named as an object's property is", `1 constructor inline:${key30}`],
    ["a short key", `1 AES_CM_128_HMAC_SHA1_80 inline:${key28}`],
    ["a long key", `1 AES_CM_128_HMAC_SHA1_80 inline:${key44}`],
    ["a key with an identifier, which packets would carry", `1 AES_CM_128_HMAC_SHA1_80 inline:${key30}|2^20|1:4`],
    ["two keys", `1 AES_CM_128_HMAC_SHA1_80 inline:${key30}|1:4;inline:${key30}|2:4`],
    ["no encryption of RTP", `1 AES_CM_128_HMAC_SHA1_80 inline:${key30} UNENCRYPTED_SRTP`],
    ["no encryption of RTCP", `1 AES_CM_128_HMAC_SHA1_80 inline:${key30} UNENCRYPTED_SRTCP`],
    ["no authentication", `1 AES_CM_128_HMAC_SHA1_80 inline:${key30} UNAUTHENTICATED_SRTP`],
    ["a key derivation rate", `1 AES_CM_128_HMAC_SHA1_80 inline:${key30} KDR=1`],
    ["a tag of zero", `0 AES_CM_128_HMAC_SHA1_80 inline:${key30}`],
    ["no tag", `AES_CM_128_HMAC_SHA1_80 inline:${key30}`],
    ["another way to say a key", `1 AES_CM_128_HMAC_SHA1_80 uri:${key30}`],
    ["nothing", ""],
  ])("%s", (_, value) => expect(parseCrypto(value)).toBeUndefined());
});

test("any text is read or left alone, in little time", () => {
  const random = seeded(4568);
  const parts = [
    "1",
    " ",
    "AES_CM_128_HMAC_SHA1_80",
    "inline:",
    key30,
    "|",
    "2^20",
    "|1:4",
    ";",
    "WSH=64",
    "=",
    "-",
    "\t",
  ];
  const began = performance.now();
  for (let round = 0; round < 20_000; round++) {
    let text = "";
    for (let count = below(random, 14); count > 0; count--) text += pick(random, parts);
    const line = parseCrypto(text);
    if (line !== undefined) expect(parseCrypto(formatCrypto(line))).toEqual(line);
  }
  for (const piece of [" ", "|2^", "A", "=", " -"])
    parseCrypto(`1 AES_CM_128_HMAC_SHA1_80 inline:${piece.repeat(30_000)}`);
  expect(performance.now() - began).toBeLessThan(2000);
});
