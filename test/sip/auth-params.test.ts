/** The grammar of challenges and credentials, and what is found where it stands: by example, and for any octets in bounded time. */
import { describe, expect, test } from "bun:test";
import { formatChallenge, formatCredentials, parseChallenges, parseCredentials } from "../../src/sip/auth-params.ts";
import { below, pick, seeded } from "../support/random.ts";

const least = 'username="alice",realm="example.com",nonce="n",uri="sip:example.com",response="r"';

describe("credentials", () => {
  test.each<[string, string, Record<string, unknown>]>([
    ["as RFC 3261 writes them", `Digest ${least}`, { username: "alice", realm: "example.com", qop: undefined }],
    ["in odd case", `dIGEST ${least.replace("username", "UserName")}`, { username: "alice" }],
    [
      "with odd spaces",
      `Digest  \t${least.replaceAll(",", " ,\t ").replaceAll("=", " = ")}  `,
      { uri: "sip:example.com" },
    ],
    ["without commas", `Digest ${least.replaceAll(",", " ")}`, { response: "r" }],
    ["with empty elements", `Digest ,,${least},,qop=auth,`, { qop: "auth" }],
    [
      "with quotes where none belong",
      `Digest ${least},qop="auth",nc="00000001",algorithm="MD5"`,
      { nc: "00000001", algorithm: "MD5" },
    ],
    ["without quotes where they belong", `Digest ${least.replaceAll('"', "")}`, { uri: "sip:example.com" }],
    ["with escapes", `Digest ${least.replace("alice", 'a\\"l\\\\i\\c,e=')}`, { username: 'a"l\\ic,e=' }],
    ["with what nobody knows", `Digest ${least},__proto__="x",auth-param=3,constructor=y`, { username: "alice" }],
    ["with UTF-8", `Digest ${least.replace("alice", "J\xc3\xa4s")}`, { username: "J\xc3\xa4s" }],
    [
      "with username*",
      `Digest ${least.replace('username="alice"', "username*=UTF-8''J%C3%A4s%C3%B8n%20Doe")}`,
      { username: "J\xc3\xa4s\xc3\xb8n Doe" },
    ],
    ["with a hash for a name", `Digest ${least},userhash=true`, { userhash: true }],
    [
      "before there was a challenge",
      `Digest ${least.replace('"n"', '""').replace('"r"', '""')}`,
      { nonce: "", response: "" },
    ],
  ])("%s", (_, value, expected) => {
    expect(parseCredentials(value)).toMatchObject(expected);
  });

  test.each<[string, string]>([
    ["nothing", ""],
    ["another scheme", `Basic ${least}`],
    ["a scheme alone", "Digest"],
    ["no scheme", least],
    ["a missing parameter", `Digest ${least.replace(/nonce="n",/, "")}`],
    ["a parameter twice", `Digest ${least},username="bob"`],
    ["two kinds of user name", `Digest ${least},username*=UTF-8''bob`],
    ["a user name in another charset", `Digest ${least.replace('username="alice"', "username*=latin1''bob")}`],
    ["a broken escape", `Digest ${least.replace('username="alice"', "username*=UTF-8''bo%b")}`],
    ["an open quote", `Digest ${least.slice(0, -1)}`],
    ["a value without a name", `Digest ${least},="x"`],
    ["two schemes", `Digest ${least}, Digest realm="x"`],
    ["many parameters", `Digest ${least}${",x=1".repeat(100)}`],
  ])("not with %s", (_, value) => {
    expect(parseCredentials(value)).toBeUndefined();
  });
});

describe("challenges", () => {
  const one = { realm: "a", nonce: "n", algorithm: "MD5", stale: false, opaque: undefined };
  test.each<[string, string[], unknown[]]>([
    ["one", ['Digest realm="a",nonce="n"'], [{ ...one, qop: undefined }]],
    [
      "with all",
      ['Digest realm="a", domain="sip:b", qop="auth, AUTH-int", nonce="n", opaque="o", stale=TRUE, algorithm=SHA-256'],
      [{ ...one, qop: ["auth", "auth-int"], opaque: "o", stale: true, algorithm: "SHA-256" }],
    ],
    [
      "two lines",
      ['Digest realm="a",nonce="n",algorithm=SHA-256', 'Digest realm="a",nonce="m"'],
      [
        { ...one, algorithm: "SHA-256", qop: undefined },
        { ...one, nonce: "m", qop: undefined },
      ],
    ],
    [
      "two in a line",
      ['Digest realm="a",nonce="n", Digest realm="b, Digest realm=",nonce="m"'],
      [
        { ...one, qop: undefined },
        { ...one, realm: "b, Digest realm=", nonce: "m", qop: undefined },
      ],
    ],
    [
      "of other schemes",
      ["Negotiate", 'Basic realm="x"', 'NTLM a=b, Digest realm="a",nonce="n"'],
      [{ ...one, qop: undefined }],
    ],
    ["without realm or nonce", ['Digest nonce="n"', 'Digest realm="a"', "Digest"], []],
    ["broken", ['Digest realm="a",nonce="n', 'Digest realm="a",nonce="n",=', "", ",", '"'], []],
  ])("%s", (_, values, expected) => {
    expect(parseChallenges(values)).toEqual(expected as never);
  });

  test("no more than a few of a flood", () => {
    expect(parseChallenges(Array.from({ length: 1000 }, () => 'Digest realm="a",nonce="n"')).length).toBe(32);
    expect(parseChallenges(['Digest realm="a",nonce="n",'.repeat(1000)]).length).toBeLessThanOrEqual(32);
  });
});

describe("what is written is read", () => {
  const random = seeded(8760);
  const text = () =>
    Array.from({ length: below(random, 12) }, () =>
      String.fromCharCode(pick(random, [0x22, 0x5c, 0x2c, 0x3d, 0x20, 0x41, 0x61, 0xe4, 0x3a])),
    ).join("");
  test("credentials and challenges with any texts", () => {
    for (let i = 0; i < 3000; i++) {
      const credentials = {
        username: text(),
        realm: text(),
        nonce: text(),
        uri: text(),
        response: "0af",
        opaque: text(),
        algorithm: "MD5",
        qop: "auth",
        nc: "00000001",
        cnonce: text(),
      };
      expect(parseCredentials(formatCredentials(credentials))).toEqual({ ...credentials, userhash: false });
      const challenge = {
        realm: text(),
        nonce: "n.1",
        algorithm: "SHA-256",
        qop: "auth",
        stale: i % 2 === 0,
        opaque: text(),
      };
      expect(parseChallenges([formatChallenge(challenge)])).toEqual([{ ...challenge, qop: ["auth"] }]);
    }
  });
});

describe("hostile octets", () => {
  const pieces = [
    "Digest ",
    "Basic ",
    'realm="a"',
    "nonce=",
    '"',
    "\\",
    ",",
    "=",
    " ",
    "\t",
    'username="x"',
    "uri=",
    "response=",
    "a",
    "\0",
    "\xff",
    "é",
    "qop=auth",
    "stale=true",
    "*''%41",
    "\r\n ",
  ];
  test("never throw, and take time in proportion to their length", () => {
    const random = seeded(7616);
    const started = performance.now();
    for (let i = 0; i < 20_000; i++) {
      const value = Array.from({ length: below(random, 30) }, () => pick(random, pieces)).join("");
      const credentials = parseCredentials(value);
      if (credentials !== undefined)
        for (const one of ["username", "realm", "nonce", "uri", "response"] as const)
          expect(typeof credentials[one]).toBe("string");
      for (const challenge of parseChallenges([value])) expect(typeof challenge.realm).toBe("string");
    }
    for (const piece of [...pieces, 'Digest realm="a",', 'x="\\', '"\\"', ", ,", "a =", "Digest a=b "]) {
      const long = `Digest ${piece.repeat(Math.ceil(200_000 / piece.length))}`;
      parseCredentials(long);
      parseChallenges([long]);
    }
    expect(performance.now() - started).toBeLessThan(3000);
  });
});
