/** Answers to challenges: which of several, for which realm, with which nonce, and when it is time to give up. */
import { describe, expect, test } from "bun:test";
import { hash } from "../../src/hash.ts";
import { parseCredentials } from "../../src/sip/auth-params.ts";
import { computeHa1, computeResponse, digestAlgorithm } from "../../src/sip/digest.ts";
import { type DigestAttempt, DigestClient, type DigestIdentity } from "../../src/sip/digest-client.ts";
import { seededRandom } from "../../src/sip/random.ts";
import { encodeUtf8 } from "../../src/sip/text.ts";
import { requestFrom, responseTo } from "../support/fake-flow.ts";
import { below, pick, seeded } from "../support/random.ts";

const alice: DigestIdentity = { user: "alice", password: "wonderland" };
const client = (...identities: DigestIdentity[]) =>
  new DigestClient({ hash, random: seededRandom(3), identities: identities.length === 0 ? [alice] : identities });
const refusal = (lines: string[], status = 401) => responseTo(requestFrom(), status, "t", lines);
const www = (rest: string) => `WWW-Authenticate: Digest realm="r",nonce="n",${rest}`;

function sent(attempt: DigestAttempt, body?: Uint8Array) {
  return attempt.headers("INVITE", "sip:bob@example.com", body).map(([name, value]) => {
    const found = parseCredentials(value);
    if (found === undefined) throw new TypeError(`malformed: ${value}`);
    return { name, ...found };
  });
}

describe("of several challenges of one realm", () => {
  test.each<[string, string[], string | undefined]>([
    ["the only one", [www('qop="auth",algorithm=MD5')], "MD5"],
    ["one without an algorithm", [www('qop="auth"')], "MD5"],
    [
      "the strongest, wherever it stands",
      [www('qop="auth",algorithm=MD5'), www('qop="auth",algorithm=SHA-512-256'), www('qop="auth",algorithm=SHA-256')],
      "SHA-512-256",
    ],
    [
      "one of two in a line",
      [`${www('qop="auth",algorithm=MD5')}, Digest realm="r",nonce="n",qop="auth",algorithm=SHA-256`],
      "SHA-256",
    ],
    ["the topmost of equals", [www('qop="auth",algorithm=md5'), www('qop="auth",algorithm=MD5')], "md5"],
    [
      "one that we understand",
      [
        www('qop="auth",algorithm=SHA3'),
        www('qop="auth-conf"'),
        "WWW-Authenticate: Bearer x",
        www('qop="auth-int,auth",algorithm=SHA-256-sess'),
      ],
      "SHA-256-sess",
    ],
    ["none that we understand", [www('qop="auth",algorithm=SHA3'), www('qop="auth-conf"')], undefined],
  ])("%s is answered", (_, lines, algorithm) => {
    const attempt = client().attempt();
    expect(attempt.challenged(refusal(lines))).toBe(algorithm === undefined ? "unsupported" : undefined);
    expect(sent(attempt).map((each) => each.algorithm)).toEqual(algorithm === undefined ? [] : [algorithm]);
  });
});

describe("the digest is right", () => {
  const body = Buffer.from("v=0\r\n");
  test.each<[string, "auth" | "auth-int" | undefined]>([
    ['qop="auth",algorithm=MD5', "auth"],
    ['qop="auth-int,auth",algorithm=SHA-256,opaque="o \\" p"', "auth"],
    ['qop="auth-int",algorithm=MD5', "auth-int"],
    ["algorithm=MD5", undefined],
    ['qop="auth",algorithm=MD5-sess', "auth"],
    ["algorithm=SHA-512-256-sess", undefined],
  ])("%s", (challenge, qop) => {
    const identity = { user: 'jäs "x"', password: "pä:ß" };
    const attempt = client(identity).attempt();
    attempt.challenged(refusal([www(challenge)]));
    const [found] = sent(attempt, body);
    if (found === undefined) throw new TypeError("nothing was sent");
    const [name = "", session] = [found.algorithm?.replace(/-sess$/, ""), found.algorithm?.endsWith("-sess") ?? false];
    const algorithm = digestAlgorithm(name) ?? "MD5";
    const ha1 = computeHa1(hash, algorithm, encodeUtf8(identity.user), "r", encodeUtf8(identity.password));
    const { nonce, uri, nc = "", cnonce = "" } = found;
    expect(found.response).toBe(
      computeResponse(hash, { algorithm, ha1, nonce, method: "INVITE", uri, qop, nc, cnonce, body, session }),
    );
    expect([found.username, found.qop, found.nc]).toEqual([encodeUtf8(identity.user), qop, qop && "00000001"]);
    expect(found.cnonce !== undefined).toBe(qop !== undefined || session);
    expect(found.opaque).toBe(challenge.includes("opaque") ? 'o " p' : undefined);
  });
});

describe("realms", () => {
  const two = [
    'WWW-Authenticate: Digest realm="a",nonce="1",qop="auth"',
    'Proxy-Authenticate: Digest realm="b",nonce="2",qop="auth"',
  ];
  test("each is answered in its header with its password", () => {
    const attempt = client(alice, { user: "bob", password: "x", realm: "b" }).attempt();
    expect(attempt.challenged(refusal(two))).toBeUndefined();
    expect(sent(attempt).map(({ name, realm, username }) => [name, realm, username])).toEqual([
      ["Authorization", "a", "alice"],
      ["Proxy-Authorization", "b", "bob"],
    ]);
  });
  test("those that we know are answered, the others left", () => {
    const attempt = client({ ...alice, realm: "a" }).attempt();
    expect(attempt.challenged(refusal(two))).toBeUndefined();
    expect(sent(attempt).map(({ realm }) => realm)).toEqual(["a"]);
  });
  test("without a password for any it is over", () => {
    expect(
      client({ ...alice, realm: "c" })
        .attempt()
        .challenged(refusal(two)),
    ).toBe("no password");
  });
  test("are not remembered without end", () => {
    const one = client();
    for (let i = 0; i < 100; i++)
      one.attempt().challenged(refusal([`WWW-Authenticate: Digest realm="r${i}",nonce="n",qop="auth"`]));
    expect(sent(one.attempt()).length).toBeLessThan(32);
  });
});

describe("requests one after the other", () => {
  const challenge = (nonce: string, stale = false) =>
    refusal([`WWW-Authenticate: Digest realm="r",nonce="${nonce}",qop="auth",stale=${stale}`]);
  test("count with one nonce, without being challenged", () => {
    const one = client();
    const first = one.attempt();
    expect(sent(first)).toEqual([]);
    first.challenged(challenge("1"));
    const counts = [first, one.attempt(), one.attempt()].map((attempt) =>
      sent(attempt).map(({ nonce, nc }) => `${nonce} ${nc}`),
    );
    expect(counts).toEqual([["1 00000001"], ["1 00000002"], ["1 00000003"]]);
  });
  test("that meet a new nonce begin to count anew", () => {
    const one = client();
    one.attempt().challenged(challenge("1"));
    const attempt = one.attempt();
    sent(attempt);
    expect(attempt.challenged(challenge("2", true))).toBeUndefined();
    expect(sent(attempt)).toMatchObject([{ nonce: "2", nc: "00000001" }]);
  });
  test("are given up when a fresh answer is refused; the next begins without credentials", () => {
    const one = client();
    const attempt = one.attempt();
    attempt.challenged(challenge("1"));
    sent(attempt);
    expect(attempt.challenged(challenge("2"))).toBe("wrong password");
    expect(sent(one.attempt())).toEqual([]);
  });
  test("are given up when the very nonce comes again that was answered", () => {
    const one = client();
    one.attempt().challenged(challenge("1"));
    const attempt = one.attempt();
    sent(attempt);
    expect(attempt.challenged(challenge("1"))).toBe("wrong password");
  });
  test.each<[string, string[], string]>([
    ["holds no challenge", [], "no challenge"],
    ["holds one that is broken", ['WWW-Authenticate: Digest realm="r'], "no challenge"],
  ])("are given up when the response %s", (_, lines, failure) => {
    expect(client().attempt().challenged(refusal(lines)) as string).toBe(failure);
  });
});

test("whatever a server sends, a request is sent again a few times at most, and what is sent is a header", () => {
  const random = seeded(401);
  const pieces = [
    'realm="r"',
    'realm="q"',
    'nonce="n"',
    'nonce="m"',
    "stale=true",
    'qop="auth"',
    'qop="auth-int"',
    "algorithm=MD5",
    "algorithm=SHA-256-sess",
    'opaque="x\\"y"',
    'nonce="\\\\"',
    ",",
    " Digest ",
    "é",
    '"',
    "=",
  ];
  for (let i = 0; i < 3000; i++) {
    const attempt = client().attempt();
    let times = 0;
    for (; times < 20; times++) {
      const line = () =>
        `${pick(random, ["WWW", "Proxy"])}-Authenticate: Digest ${Array.from({ length: below(random, 8) }, () => pick(random, pieces)).join(",")}`;
      if (
        attempt.challenged(refusal(Array.from({ length: 1 + below(random, 3) }, line), pick(random, [401, 407]))) !==
        undefined
      )
        break;
      for (const { uri } of sent(attempt)) expect(uri).toBe("sip:bob@example.com");
    }
    expect(times).toBeLessThan(8);
  }
});
