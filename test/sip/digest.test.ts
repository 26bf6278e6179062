/** The digest calculation against the examples of the RFCs; see the notes beside the vectors for the one that is wrong there. */
import { describe, expect, test } from "bun:test";
import { createHash } from "node:crypto";
import { hash } from "../../src/hash.ts";
import {
  computeHa1,
  computeResponse,
  type DigestAlgorithm,
  digestAlgorithm,
  equalInConstantTime,
} from "../../src/sip/digest.ts";
import { encodeUtf8 } from "../../src/sip/text.ts";
import { dataJson } from "../support/data.ts";

interface Vector {
  id: string;
  algorithm: DigestAlgorithm;
  username: string;
  realm: string;
  password: string;
  method: string;
  uri: string;
  nonce: string;
  nc: string;
  cnonce: string;
  response: string;
  computed_here?: string;
  userhash_computed?: string;
}
// The file's shape is told beside it; a wrong one fails each test.
const vectors = dataJson("digest", "rfc-digest-vectors.json") as Vector[];
const nothing = new Uint8Array(0);

describe("examples of the RFCs", () => {
  for (const vector of vectors)
    test(`${vector.id}, ${vector.algorithm}`, () => {
      const { algorithm, username, realm, password, method, uri, nonce, nc, cnonce } = vector;
      const ha1 = computeHa1(hash, algorithm, encodeUtf8(username), realm, encodeUtf8(password));
      const input = { algorithm, ha1, nonce, method, uri, qop: "auth", nc, cnonce, body: nothing } as const;
      expect(computeResponse(hash, input)).toBe(vector.computed_here ?? vector.response);
      if (vector.userhash_computed !== undefined)
        expect(hash(algorithm, `${encodeUtf8(username)}:${realm}`)).toBe(vector.userhash_computed);
    });

  test("there are some for each algorithm", () => {
    expect(new Set(vectors.map(({ algorithm }) => algorithm))).toEqual(new Set(["MD5", "SHA-256", "SHA-512-256"]));
  });
});

describe("the other ways to calculate", () => {
  const md5 = (text: string) => createHash("md5").update(text).digest("hex");
  const ha1 = md5("bob:biloxi.com:zanzibar");
  const common = {
    algorithm: "MD5",
    ha1,
    nonce: "dcd98b7102dd2f0e8b11d0f600bfb0c093",
    method: "INVITE",
    uri: "sip:bob@biloxi.com",
    nc: "00000001",
    cnonce: "0a4f113b",
    body: Buffer.from("v=0\r\n"),
  } as const;
  const ha2 = md5("INVITE:sip:bob@biloxi.com");

  test("RFC 2069 has neither nc nor cnonce", () => {
    expect(computeResponse(hash, { ...common, qop: undefined })).toBe(md5(`${ha1}:${common.nonce}:${ha2}`));
  });
  test("auth-int covers the body", () => {
    const withBody = md5(`INVITE:sip:bob@biloxi.com:${md5("v=0\r\n")}`);
    expect(computeResponse(hash, { ...common, qop: "auth-int" })).toBe(
      md5(`${ha1}:${common.nonce}:00000001:0a4f113b:auth-int:${withBody}`),
    );
  });
  test("the digest of no body is that of the empty string (RFC 8760 §2.6)", () => {
    expect(hash("SHA-256", "")).toBe("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  });
  test("a session's HA1 holds both nonces", () => {
    const session = md5(`${ha1}:${common.nonce}:0a4f113b`);
    expect(computeResponse(hash, { ...common, qop: "auth", session: true })).toBe(
      md5(`${session}:${common.nonce}:00000001:0a4f113b:auth:${ha2}`),
    );
  });
  test("octets beyond ASCII count one by one", () => {
    expect(hash("MD5", "\xe9\xff")).toBe(
      createHash("md5")
        .update(Buffer.from([0xe9, 0xff]))
        .digest("hex"),
    );
  });
});

test.each<[string | undefined, DigestAlgorithm | undefined]>([
  [undefined, "MD5"],
  ["MD5", "MD5"],
  ["md5", "MD5"],
  ["sha-256", "SHA-256"],
  ["SHA-512-256", "SHA-512-256"],
  ["SHA256", undefined],
  ["MD5-sess", undefined],
  ["constructor", undefined],
  ["", undefined],
])("the algorithm %p is %p", (name, algorithm) => {
  expect(digestAlgorithm(name)).toBe(algorithm);
});

test.each<[string, string, boolean]>([
  ["", "", true],
  ["abc", "abc", true],
  ["abc", "abd", false],
  ["abc", "ab", false],
  ["abc", "ABC", false],
])("%p and %p are equal: %p", (a, b, equal) => {
  expect(equalInConstantTime(a, b)).toBe(equal);
});
