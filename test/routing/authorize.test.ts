/** The authorizer: who gets through, who is challenged how, and that nobody learns which users there are. */
import { describe, expect, test } from "bun:test";
import { Account } from "../../src/accounts/index.ts";
import { hash } from "../../src/hash.ts";
import { withoutCredentialsFor, withoutOwnCredentials } from "../../src/routing/authorize.ts";
import { formatCredentials } from "../../src/sip/auth-params.ts";
import { computeHa1, computeResponse, type DigestAlgorithm, digestAlgorithms } from "../../src/sip/digest.ts";
import { Splice } from "../../src/sip/splice.ts";
import { encodeUtf8 } from "../../src/sip/text.ts";
import { AuthorizingBench, request } from "../support/authorizing.ts";
import type { RequestParts } from "../support/fake-flow.ts";

interface Made {
  user?: string;
  password?: string;
  nonce?: string;
  realm?: string;
  uri?: string;
  /** What the digest is calculated with, where it differs. */
  calculated?: string;
  algorithm?: DigestAlgorithm;
  named?: string | undefined;
  qop?: "auth" | "auth-int" | undefined;
  nc?: string;
  method?: string;
  change?: (line: string) => string;
}

/** An Authorization line, right for Alice unless told otherwise. */
function credentials(bench: AuthorizingBench, made: Made = {}): string {
  const { user = "alice", password = "wonderland", realm = "example.com", uri = "sip:example.com" } = made;
  const { algorithm = "MD5", nc = "00000001", method = "REGISTER", change = (line) => line } = made;
  const qop = "qop" in made ? made.qop : "auth";
  const nonce = made.nonce ?? bench.challenge();
  const [username, cnonce] = [encodeUtf8(user), "c"];
  const ha1 = computeHa1(hash, algorithm, username, realm, encodeUtf8(password));
  const body = new Uint8Array(0);
  const response = computeResponse(hash, {
    algorithm,
    ha1,
    nonce,
    method,
    uri: made.calculated ?? uri,
    qop,
    nc,
    cnonce,
    body,
  });
  const named = "named" in made ? made.named : algorithm;
  const fields = { username, realm, nonce, uri, response, algorithm: named };
  return change(`Authorization: ${formatCredentials(qop === undefined ? fields : { ...fields, qop, nc, cnonce })}`);
}

function status(bench: AuthorizingBench, line: string, parts: RequestParts = {}): number {
  return bench.ask(request({ ...parts, headers: [line, ...(parts.headers ?? [])] })).status;
}

describe("who knows the password gets through", () => {
  test.each([...digestAlgorithms])("with %s", (algorithm) => {
    const bench = new AuthorizingBench({ algorithms: [algorithm] });
    expect(bench.exchange("alice", "wonderland")).toEqual([401, 200]);
    expect(bench.passed.map(({ authenticated }) => authenticated)).toMatchObject([
      { user: "alice", realm: "example.com" },
    ]);
  });

  test.each<[string, string, string, string]>([
    ["of one domain", "bob", "biloxi", "bob"],
    ["with a stored hash", "dave", "stored", "dave"],
    ["with letters beyond ASCII and spaces", "jäs øn", "pässword", "jäs øn"],
    ["who gives the whole address", "alice@example.com", "wonderland", "alice"],
    ["who writes the domain in capitals", "alice@EXAMPLE.com", "wonderland", "alice"],
  ])("a user %s", (_, user, password, known) => {
    const bench = new AuthorizingBench();
    expect(bench.exchange(user, password)).toEqual([401, 200]);
    expect(bench.passed[0]?.authenticated?.user).toBe(known);
  });

  test("a nonce is good for many requests, each with its count", () => {
    const bench = new AuthorizingBench();
    const client = bench.client("alice", "wonderland");
    const answers = Array.from({ length: 5 }, () => bench.exchange("alice", "wonderland", {}, client));
    expect(answers).toEqual([[401, 200], [200], [200], [200], [200]]);
  });

  test("an old nonce is renewed without asking for a password", () => {
    const bench = new AuthorizingBench();
    const client = bench.client("alice", "wonderland");
    bench.exchange("alice", "wonderland", {}, client);
    bench.clock.advance(301_000);
    expect(bench.exchange("alice", "wonderland", {}, client)).toEqual([401, 200]);
    expect(bench.told.at(-2)?.outcome).toBe("stale");
  });

  test.each<[string, Made]>([
    ["no algorithm, which means MD5", { named: undefined }],
    ["the algorithm in lower case", { change: (line) => line.replace("=MD5", "=md5") }],
    [
      "the digest in capitals",
      { change: (line) => line.replace(/response="(\w+)"/, (_, hex) => `response="${hex.toUpperCase()}"`) },
    ],
    ["escapes in the user name", { change: (line) => line.replace('"alice"', '"al\\ice"') }],
    ["auth-int", { qop: "auth-int" }],
    [
      "qop and nc in quotes",
      { change: (line) => line.replace("qop=auth", 'qop="auth"').replace("nc=00000001", 'nc="00000001"') },
    ],
    ["a uri with a parameter", { uri: "sip:example.com;transport=tcp" }],
    ["a uri with a port", { uri: "sip:EXAMPLE.com:5060" }],
  ])("also with %s", (_, made) => {
    const bench = new AuthorizingBench();
    expect(status(bench, credentials(bench, made))).toBe(200);
  });

  test("among credentials for others", () => {
    const bench = new AuthorizingBench();
    const others = ["example.org", "sip.example.com"].map((realm) => credentials(bench, { realm }));
    expect(
      status(bench, others[0] ?? "", { headers: ["Authorization: Basic YTpi", others[1] ?? "", credentials(bench)] }),
    ).toBe(200);
  });
});

describe("nobody else does", () => {
  test.each<[string, Made]>([
    ["a wrong password", { password: "Wonderland" }],
    ["an unknown user", { user: "mallory" }],
    ["a user in other case", { user: "Alice" }],
    ["what stands for no password", { user: "mallory", password: "no such password" }],
    ["a disabled account", { user: "carol", password: "hidden" }],
    ["a stored hash's account and what stands for no password", { user: "dave", password: "no such password" }],
    ["another method's digest", { method: "INVITE" }],
    ["a uri changed on the way", { uri: "sip:example.com;x=y", calculated: "sip:example.com" }],
    ["the uri of somebody else's request", { uri: "sip:example.org" }],
    ["a uri that is none", { uri: "nonsense" }],
    ["an algorithm that was not offered", { algorithm: "SHA-512-256" }],
    ["no qop", { qop: undefined }],
    ["another qop", { change: (line) => line.replace("qop=auth", "qop=auth-conf") }],
    ["a count of 0", { nc: "00000000" }],
    ["a count that is none", { nc: "0000001" }],
    ["a count with odd digits", { nc: "\x100000001" }],
    ["no cnonce", { change: (line) => line.replace(/, cnonce="c"/, "") }],
    ["a hashed user name", { change: (line) => `${line}, userhash=true` }],
    ["a cut digest", { change: (line) => line.replace(/response="\w/, 'response="') }],
    ["two digests", { change: (line) => `${line}, response="x"` }],
  ])("not with %s", (_, made) => {
    const bench = new AuthorizingBench();
    expect(status(bench, credentials(bench, made))).toBe(401);
    expect(bench.passed).toEqual([]);
    expect(bench.told.at(-1)?.outcome).toMatch(/wrong|challenged/);
  });

  test("a wrong password is told as such, a missing one is not", () => {
    const bench = new AuthorizingBench();
    bench.exchange("alice", "wrong");
    expect(bench.told).toEqual([
      { source: "192.0.2.9", user: undefined, outcome: "challenged", proved: false },
      // Who knows the challenge has received it.
      { source: "192.0.2.9", user: "alice", outcome: "wrong", proved: true },
    ]);
  });

  test("a wrong password with a challenge that somebody else got proves nothing of its source", () => {
    const bench = new AuthorizingBench();
    const line = credentials(bench, { password: "wrong" });
    expect(bench.nonces.wasSentTo(/nonce="([^"]+)"/.exec(line)?.[1] ?? "", "192.0.2.10")).toBe(false);
  });

  test("an empty digest asks for a challenge, and is no wrong password", () => {
    const bench = new AuthorizingBench();
    const line =
      'Authorization: Digest username="alice",realm="example.com",nonce="",uri="sip:example.com",response=""';
    expect(status(bench, line)).toBe(401);
    expect(bench.told.at(-1)?.outcome).toBe("challenged");
  });

  test("a request is let through once: what is overheard cannot be used again", () => {
    const bench = new AuthorizingBench();
    const line = credentials(bench);
    expect(status(bench, line)).toBe(200);
    expect(status(bench, line, { headers: ["Contact: <sip:mallory@192.0.2.66>"] })).toBe(401);
    expect(bench.told.at(-1)?.outcome).toBe("stale");
  });

  test("only a few credentials of one request are looked at", () => {
    const bench = new AuthorizingBench();
    const wrong = Array.from({ length: 100 }, () => credentials(bench, { password: "x" }));
    bench.hashes = 0;
    expect(status(bench, wrong[0] ?? "", { headers: wrong })).toBe(401);
    expect(bench.hashes).toBeLessThan(20);
  });
});

describe("challenges", () => {
  test("name the algorithms in order of preference, a nonce, and auth", () => {
    const bench = new AuthorizingBench();
    const values = bench.ask(request()).headers("www-authenticate");
    expect(values.map((value) => value.replace(/nonce="[^"]+"/, "nonce"))).toEqual([
      'Digest realm="example.com",nonce,qop="auth",algorithm=SHA-256',
      'Digest realm="example.com",nonce,qop="auth",algorithm=MD5',
    ]);
  });

  test("say that a nonce is stale to those alone who knew the password", () => {
    const bench = new AuthorizingBench();
    const nonce = bench.challenge();
    bench.clock.advance(400_000);
    const ask = (password: string) => bench.ask(request({ headers: [credentials(bench, { nonce, password })] }));
    expect(ask("wonderland").header("www-authenticate")).toContain("stale=true");
    expect(ask("wrong").header("www-authenticate")).not.toContain("stale");
  });

  test("say that a nonce is stale to everybody where it is none of ours, and count nothing", () => {
    const bench = new AuthorizingBench();
    const nonce = bench.challenge().replace(/.$/, (digit) => (digit === "0" ? "1" : "0"));
    for (const [user, password] of [
      ["alice", "wonderland"],
      ["alice", "wrong"],
      ["nobody", "wrong"],
    ] as const) {
      const response = bench.ask(request({ headers: [credentials(bench, { nonce, user, password })] }));
      expect([response.status, response.header("www-authenticate")?.includes("stale=true")]).toEqual([401, true]);
      expect(bench.told.at(-1)).toMatchObject({ outcome: "stale", proved: false });
    }
  });

  test.each<["www" | "proxy" | "by-method", string, number, string]>([
    ["by-method", "REGISTER", 401, "www-authenticate"],
    ["by-method", "INVITE", 407, "proxy-authenticate"],
    ["by-method", "OPTIONS", 407, "proxy-authenticate"],
    ["www", "INVITE", 401, "www-authenticate"],
    ["proxy", "REGISTER", 407, "proxy-authenticate"],
  ])("%s: %s gets %i, and answers it", (kind, method, code, header) => {
    const bench = new AuthorizingBench({ kind });
    expect(bench.ask(request({ method })).headers(header).length).toBe(2);
    expect(bench.exchange("alice", "wonderland", { method })).toEqual([code, 200]);
  });

  test("are sent to nobody at more than three octets for one", () => {
    const bench = new AuthorizingBench();
    const sizes = new Map<number, number>();
    for (let padding = 0; padding < 400; padding++) {
      const least = [
        "REGISTER sip:a SIP/2.0",
        "v:SIP/2.0/UDP h;rport",
        "f:a:b",
        "t:a:b",
        `i:${padding}`,
        "CSeq:1 REGISTER",
      ];
      const message = `${[...least, ...(padding > 5 ? [`s:${"x".repeat(padding - 6)}`] : [])].join("\r\n")}\r\n\r\n`;
      const response = bench.ask(message);
      expect(response.bytes().length).toBeLessThanOrEqual(3 * message.length);
      const count = response.headers("www-authenticate").length;
      expect(response.status).toBe(count === 0 ? 403 : 401);
      sizes.set(count, message.length);
    }
    expect([...sizes.keys()]).toEqual([0, 1, 2]);
  });

  test("are whole on connections, whose other end is known", () => {
    const bench = new AuthorizingBench({ transport: "tcp" });
    const tiny =
      "REGISTER sip:a SIP/2.0\r\nv:SIP/2.0/TCP h;rport\r\nf:a:b\r\nt:a:b\r\ni:1\r\nCSeq:1 REGISTER\r\nl:0\r\n\r\n";
    expect(bench.ask(tiny).headers("www-authenticate").length).toBe(2);
  });
});

describe("nobody learns which users there are (R9)", () => {
  const users: [string, Made][] = [
    ["known", { password: "wrong-password" }],
    ["unknown", { user: "nobod", password: "wrong-password" }],
    ["of one domain", { user: "bob", password: "wrong-password" }],
    ["with a stored hash", { user: "dave", password: "wrong-password" }],
    ["disabled, wrong password", { user: "carol", password: "wrong-password" }],
    ["disabled, right password", { user: "carol", password: "hidden" }],
  ];
  const branch = "z9hG4bKsame";
  /** The answer to the first request of a server, without what differs in each request. */
  const answer = (made: Made) => {
    const bench = new AuthorizingBench();
    const line = credentials(bench, made);
    bench.hashes = 0;
    const response = bench.ask(request({ headers: [line], branch, sequence: 1 }));
    return {
      octets: Buffer.from(response.bytes()).toString("latin1"),
      hashes: bench.hashes,
      outcome: bench.told.at(-1)?.outcome,
    };
  };

  test.each(users)("%s: the same octets", (_, made) => {
    expect(answer(made).octets).toBe(answer({ password: "wrong" }).octets);
  });
  test.each(users)("%s: the same number of hash operations, and the same told", (_, made) => {
    // HA1, HA2 and the response.
    expect(answer(made)).toMatchObject({ hashes: 3, outcome: "wrong" });
  });
});

describe("filters", () => {
  const filters = ["from-is-auth-user", "from-is-realm", "to-is-from"] as const;
  test.each<[string, RequestParts, number]>([
    ["oneself", {}, 200],
    [
      "oneself in other words",
      { from: "<sip:%61lice@EXAMPLE.COM:5060;x=y>;tag=1", to: '"Alice" <sips:alice@example.com>' },
      200,
    ],
    ["oneself in a domain below", { from: "<sip:alice@a.example.com>;tag=1", to: "<sip:alice@a.example.com>" }, 200],
    ["somebody else", { from: "<sip:bob@example.com>;tag=1", to: "<sip:bob@example.com>" }, 403],
    ["for somebody else", { to: "<sip:bob@example.com>" }, 403],
    ["in another case", { from: "<sip:Alice@example.com>;tag=1", to: "<sip:Alice@example.com>" }, 403],
    ["in another domain", { from: "<sip:alice@example.org>;tag=1", to: "<sip:alice@example.org>" }, 403],
    [
      "in a domain that ends alike",
      { from: "<sip:alice@badexample.com>;tag=1", to: "<sip:alice@badexample.com>" },
      403,
    ],
    ["with a number", { from: "<tel:+15551234>;tag=1", to: "<tel:+15551234>" }, 403],
  ])("%s: %i", (_, parts, code) => {
    const bench = new AuthorizingBench({ filters });
    expect(bench.exchange("alice", "wonderland", parts)).toEqual([401, code]);
    expect(bench.told.at(-1)?.outcome).toBe(code === 200 ? "accepted" : "forbidden");
  });

  test("can be functions", () => {
    const asked: unknown[] = [];
    const bench = new AuthorizingBench({
      filters: [(incoming, user, realm) => asked.push([incoming.request.method, user, realm]) > 1],
    });
    expect(bench.exchange("alice", "wonderland")).toEqual([401, 403]);
    expect(bench.exchange("alice", "wonderland")).toEqual([401, 200]);
    expect(asked[0]).toEqual(["REGISTER", "alice", "example.com"]);
  });
});

describe("the uri of credentials", () => {
  const parts = { method: "INVITE", uri: "sip:bob@192.0.2.1:5060" };
  test.each<[string, number]>([
    ["sip:bob@192.0.2.1:5060", 200],
    ["sip:bob@example.com", 200],
    ["sip:%62ob@example.com;user=phone", 200],
    ["sip:example.com", 200],
    ["sip:+15559001@example.com", 401],
    ["sip:bob@example.org", 401],
  ])("%s: %i", (uri, code) => {
    const bench = new AuthorizingBench({ kind: "www", isOwn: (host) => host === "example.com" });
    expect(status(bench, credentials(bench, { uri, method: "INVITE" }), parts)).toBe(code);
  });
});

test("digests without qop count where they are wanted, once for each nonce", () => {
  const bench = new AuthorizingBench({ withoutQop: true });
  const nonce = bench.challenge();
  const line = credentials(bench, { nonce, qop: undefined });
  expect([status(bench, line), status(bench, line)]).toEqual([200, 401]);
});

describe("sent on, a request carries our credentials no more", () => {
  test("but those for others", () => {
    const bench = new AuthorizingBench();
    const other = credentials(bench, { realm: "example.org" });
    bench.ask(request({ headers: [other, credentials(bench), credentials(bench, { password: "x" })] }));
    const [incoming] = bench.passed;
    if (incoming === undefined) throw new TypeError("it did not get through");
    const splice = new Splice(incoming.request);
    withoutOwnCredentials(splice, incoming);
    const sent = Buffer.from(splice.bytes()).toString("latin1");
    expect(sent.match(/^Authorization:.*$/gm)).toEqual([other]);
  });
});

test("what is for our proxies is taken out of requests that were asked for no password", () => {
  const bench = new AuthorizingBench();
  const line = (realm: string) => credentials(bench, { realm, change: (text) => `Proxy-${text}` });
  const ack = request({ method: "ACK", headers: [line("example.org"), line("example.com"), credentials(bench)] });
  const splice = new Splice(ack);
  withoutCredentialsFor((realm) => realm === "example.com", splice, ack);
  const names = Buffer.from(splice.bytes())
    .toString("latin1")
    .match(/^(?:Proxy-)?Authorization:.*realm="[^"]+"/gm);
  expect(names?.map((text) => text.replace(/:.*realm=/, " "))).toEqual([
    'Proxy-Authorization "example.org"',
    'Authorization "example.com"',
  ]);
});

test("an account that is put in later, or taken out, counts at once", () => {
  const bench = new AuthorizingBench();
  expect(bench.exchange("eve", "new")).toEqual([401, 401]);
  bench.table.put(new Account({ user: "eve", password: "new" }));
  expect(bench.exchange("eve", "new")).toEqual([401, 200]);
  bench.table.remove("eve", undefined);
  expect(bench.exchange("eve", "new")).toEqual([401, 401]);
});
