/** SRTP against the examples of RFC 3711, RFC 7714 and, where those show no whole packet, of libsrtp's self-test. */
import { describe, expect, test } from "bun:test";
import { AesCm } from "../../../src/media/srtp/aes-cm.ts";
import { AesGcm } from "../../../src/media/srtp/aes-gcm.ts";
import { masterLength, Srtp, type SrtpProfile } from "../../../src/media/srtp/index.ts";
import { derive } from "../../../src/media/srtp/key-derivation.ts";
import { dataJson } from "../../support/data.ts";
import { hex, roomy, toHex } from "./packets.ts";

// The file's shape is told beside it; a wrong one fails each test.
const vectors = dataJson("srtp", "rfc-srtp-vectors.json") as Record<string, Record<string, string>>;
const field = (vector: string, name: string) => vectors[vector]?.[name] ?? "";
const none = new Uint8Array();

describe("RFC 3711", () => {
  test("B.2: the key stream of AES-CM, from its first octet to its last before the counter is used up", () => {
    const salt = hex(field("rfc3711_B2_aes_cm", "offset")).subarray(0, 14);
    const keys = { cipher: hex(field("rfc3711_B2_aes_cm", "session_key")), auth: none, salt };
    const cipher = new AesCm(keys, keys, { rtpTag: 0, rtcpTag: 0 });
    const length = Number(field("rfc3711_B2_aes_cm", "length"));
    const packet = new Uint8Array(length + 4);
    cipher.sealRtp(packet, length, 0, 0, 0);
    const first = toHex(packet.subarray(0, 48)).toUpperCase();
    const last = toHex(packet.subarray(length - 48, length)).toUpperCase();
    expect([first, last]).toEqual([
      field("rfc3711_B2_aes_cm", "keystream_first48"),
      field("rfc3711_B2_aes_cm", "keystream_last48"),
    ]);
  });

  test.each([
    ["cipher_key", 0, 16],
    ["auth_key_94", 1, 94],
    ["cipher_salt", 2, 14],
  ])("B.3: the derivation of %s", (name, label, length) => {
    const key = hex(field("rfc3711_B3_kdf", "master_key"));
    const salt = hex(field("rfc3711_B3_kdf", "master_salt"));
    expect(toHex(derive(key, salt, label, length)).toUpperCase()).toBe(field("rfc3711_B3_kdf", name));
  });
});

describe("RFC 7714", () => {
  test.each([["rfc7714_16.1_srtp_aes128gcm"], ["rfc7714_16.2_srtp_aes256gcm"]])("a packet of %s, both ways", (name) => {
    const keys = { cipher: hex(field(name, "session_key")), auth: none, salt: hex(field(name, "salt")) };
    const gcm = new AesGcm(keys, keys);
    const plain = field(name, "plain_packet");
    const packet = roomy(plain);
    const length = gcm.sealRtp(packet, plain.length / 2, 12, 0x5501a0b2, 0xf17b);
    expect(toHex(packet.subarray(0, length))).toBe(field(name, "srtp_packet"));
    expect(gcm.openRtp(packet, length, 12, 0x5501a0b2, 0xf17b)).toBe(plain.length / 2);
    expect(toHex(packet.subarray(0, plain.length / 2))).toBe(plain);
  });

  const salt = hex("517569642070726f2071756f");
  const report =
    "81c8000d4d6172734e5450314e545032525450200000042a0000e9304c756e61deadbeefdeadbeefdeadbeefdeadbeefdeadbeef";
  test.each([
    [
      "17.1 with 128 bits",
      "000102030405060708090a0b0c0d0e0f",
      "81c8000d4d61727363e94885dcdab67ca727d7662f6b7e997ff5c0f76c06f32dc676a5f1730d6fda4ce09b4686303ded0bb9275bc84aa45896cf4d2fc5abf87245d9eade800005d4",
    ],
    [
      "17.2 with 256 bits",
      "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f",
      "81c8000d4d617273d50ae4d1f5ce5d304ba297e47d470c282c3ece5dbffe0a50a2eaa5c1110555be8415f658c61de0476f1b6fad1d1eb30c4446839f57ff6f6cb26ac3be800005d4",
    ],
  ])("an RTCP packet of %s, both ways", (_, key, protectedPacket) => {
    const keys = { cipher: hex(key), auth: none, salt };
    const gcm = new AesGcm(keys, keys);
    const packet = roomy(report);
    const length = gcm.sealRtcp(packet, report.length / 2, 0x4d617273, 0x5d4);
    expect(toHex(packet.subarray(0, length))).toBe(protectedPacket);
    expect(gcm.openRtcp(packet, length, 0x4d617273, 0x5d4)).toBe(report.length / 2);
    expect(toHex(packet.subarray(0, report.length / 2))).toBe(report);
  });
});

describe("whole packets, as libsrtp writes them", () => {
  const master = hex("e1f97a0d3e018be0d64fa32c06de41390ec675ad498afeebb6960b3aabe6");
  const rtp = `800f1234decafbadcafebabe${"ab".repeat(16)}`;
  const rtcp = `81c8000bcafebabe${"ab".repeat(16)}`;

  test("AES_CM_128_HMAC_SHA1_80, RTP", () => {
    const packet = roomy(rtp);
    const length = new Srtp("AES_CM_128_HMAC_SHA1_80", master, master).protect(packet, rtp.length / 2);
    expect(toHex(packet.subarray(0, length))).toBe(
      "800f1234decafbadcafebabe4e55dc4ce79978d88ca4d215949d2402b78d6acc99ea179b8dbb",
    );
  });

  test("AES_CM_128_HMAC_SHA1_80, RTCP", () => {
    const packet = hex("81c8000bcafebabe7128035be487b9bdbef89041f977a5a880000001993e08cd54d6c1230798");
    const length = new Srtp("AES_CM_128_HMAC_SHA1_80", master, master).unprotectRtcp(packet, packet.length);
    expect(toHex(packet.subarray(0, length))).toBe(rtcp);
  });

  // Master keys and salts of 00 01 02 …: what the examples of RFC 7714, which begin with session keys, leave out.
  test.each<[SrtpProfile, string, string]>([
    [
      "AEAD_AES_128_GCM",
      "800f1234decafbadcafebabe4ad7d8a55fb3fd902db557c94b415ecd17ea3bd1754d1f2808104e868c1cf597",
      "81c8000bcafebabe60b68cb97100e4206ca1c1b44a69f017d387a55d3b720ebc6a4f31cd9316b96180000001",
    ],
    [
      "AEAD_AES_256_GCM",
      "800f1234decafbadcafebabed54ed632a76bff3fa2efbb5597a5d5e87c07497c6b89729d1291317aeef11ba7",
      "81c8000bcafebabe12d596ce61c485e7bae16103356375e982b1916f80021399f9b4c28101aaa9af80000001",
    ],
    [
      "AES_CM_128_HMAC_SHA1_32",
      "800f1234decafbadcafebabec8f5e0214236e5fde9cbd62d47b0a0914abc4786",
      "81c8000bcafebabe2dcbd1a0f763810879d398df743f4f7d8000000177c289fde7d4cbca4e39",
    ],
  ])("%s, from the master key on", (profile, srtp, srtcp) => {
    const counting = Uint8Array.from({ length: masterLength(profile) }, (_, at) => at);
    const packet = roomy(rtp);
    const length = new Srtp(profile, counting, counting).protect(packet, rtp.length / 2);
    expect(toHex(packet.subarray(0, length))).toBe(srtp);
    const report = hex(srtcp);
    const plain = new Srtp(profile, counting, counting).unprotectRtcp(report, report.length);
    expect(toHex(report.subarray(0, plain))).toBe(rtcp);
  });
});
