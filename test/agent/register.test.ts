/** Registering ourselves: asked for, kept alive, asked for longer, tried again after failures, taken back. In virtual time. */
import { describe, expect, test } from "bun:test";
import { type RegisterOptions, Registration, type RegistrationState, register } from "../../src/agent/index.ts";
import { formatChallenge, parseCredentials } from "../../src/sip/auth-params.ts";
import type { Request } from "../../src/sip/message.ts";
import { AgentBench } from "../support/agent.ts";
import { responseTo } from "../support/fake-flow.ts";

const minute = 60_000;

class Bench {
  readonly bench = new AgentBench();
  readonly states: RegistrationState[] = [];
  readonly registration: Registration;

  constructor(options: Partial<RegisterOptions> = {}) {
    const made = register(
      this.bench.context,
      {
        registrar: "sip:example.com",
        aor: '"Alice" <sip:alice@example.com>',
        auth: { user: "alice", password: "wonderland" },
        ...options,
      },
      (state) => this.states.push(state),
    );
    if (!(made instanceof Registration)) throw new TypeError(made.failure);
    this.registration = made;
    expect([this.states, this.bench.flow.sent]).toEqual([[], []]);
    this.bench.clock.advance(0);
  }

  /** The one REGISTER that was sent. */
  sent(): Request {
    const message = this.bench.sentOne();
    if (message.type !== "request" || message.method !== "REGISTER") throw new TypeError("a REGISTER was expected");
    return message;
  }

  answer(status: number, ...headers: string[]): Request {
    const request = this.sent();
    this.bench.receive(responseTo(request, status, "r1", headers));
    return request;
  }

  /** Answers with what the registrar keeps. */
  grant(seconds: number): Request {
    const request = this.sent();
    this.bench.receive(responseTo(request, 200, "r1", [`Contact: ${request.header("contact")};expires=${seconds}`]));
    return request;
  }

  /** Milliseconds until the next REGISTER leaves. */
  untilNext(most = 100 * minute): number {
    const begun = this.bench.clock.now();
    while (this.bench.flow.sent.length === 0 && this.bench.clock.now() - begun < most) this.bench.clock.advance(400);
    return this.bench.clock.now() - begun;
  }

  get names(): string[] {
    return this.states.map(({ name }) => name);
  }
}

describe("a registration", () => {
  test("asks for what it was told to", () => {
    const one = new Bench({ expires: 600, headers: [["X-Line", "7"]] });
    const request = one.grant(600);
    expect(Object.fromEntries(request.fields())).toMatchObject({
      From: expect.stringMatching(/^"Alice" <sip:alice@example.com>;tag=\w+$/),
      To: '"Alice" <sip:alice@example.com>',
      CSeq: "1 REGISTER",
      Contact: "<sip:alice@192.0.2.1:5060>",
      Expires: "600",
      "X-Line": "7",
    });
    expect(request.uri).toBe("sip:example.com");
    expect(one.states).toEqual([{ name: "registered", expires: 600, service: [] }]);
  });

  test("puts what it was told to into its Contact, and knows it again", () => {
    const one = new Bench({ contactParams: ";line=7" });
    const request = one.sent();
    expect(request.header("contact")).toBe("<sip:alice@192.0.2.1:5060;line=7>");
    one.bench.receive(
      responseTo(request, 200, "r1", [
        `Contact: <sip:alice@192.0.2.77>;expires=20, ${request.header("contact")};expires=1000`,
      ]),
    );
    expect(one.states).toEqual([{ name: "registered", expires: 1000, service: [] }]);
  });

  test.each([
    [{ proxy: "sip:edge.example.net;lr" }, "sip:example.com", "<sip:edge.example.net;lr>"],
    [{ proxy: "sip:edge.example.net", strictRoute: true }, "sip:edge.example.net", "<sip:example.com>"],
  ])("by way of a proxy: %o", (options, uri, route) => {
    const one = new Bench(options);
    const request = one.answer(
      401,
      `WWW-Authenticate: ${formatChallenge({ realm: "x", nonce: "n", algorithm: "MD5", qop: "auth" })}`,
    );
    const again = one.grant(3600);
    for (const each of [request, again]) expect([each.uri, each.header("route")]).toEqual([uri, route]);
    expect(parseCredentials(again.header("authorization") ?? "")?.uri).toBe(uri);
  });

  test("answers a challenge, and uses the nonce again when it renews", () => {
    const one = new Bench();
    const challenge = { realm: "example.com", nonce: "n1", algorithm: "SHA-256", qop: "auth" };
    one.answer(401, `WWW-Authenticate: ${formatChallenge(challenge)}`);
    const counts = [one.grant(3600)];
    one.untilNext();
    counts.push(one.grant(3600));
    expect(counts.map(({ cseq }) => cseq.number)).toEqual([2, 3]);
    expect(new Set(counts.map(({ callId }) => callId)).size).toBe(1);
    const found = counts.map((request) => parseCredentials(request.header("authorization") ?? ""));
    expect(found.map((each) => [each?.nonce, each?.nc, each?.algorithm, each?.uri])).toEqual([
      ["n1", "00000001", "SHA-256", "sip:example.com"],
      ["n1", "00000002", "SHA-256", "sip:example.com"],
    ]);
    expect(one.names).toEqual(["registered", "registered"]);
  });

  test.each<[string, (one: Bench) => void, number]>([
    ["at our Contact", (one) => void one.grant(1000), 1000],
    [
      "at our Contact among others",
      (one) => {
        const request = one.sent();
        one.bench.receive(
          responseTo(request, 200, "r1", [
            "Contact: <sip:alice@192.0.2.77>;expires=20",
            `m: ${request.header("contact")};Expires="1000"`,
          ]),
        );
      },
      1000,
    ],
    [
      "at the one Contact, which a proxy has changed",
      (one) => void one.answer(200, "Contact: <sip:alice@203.0.113.5:1024>;expires=1000"),
      1000,
    ],
    ["in Expires", (one) => void one.answer(200, "Expires: 1000"), 1000],
    ["nowhere", (one) => void one.answer(200), 3600],
    ["as nonsense", (one) => void one.answer(200, "Expires: soon"), 3600],
    ["as no time at all", (one) => void one.grant(0), 1],
  ])("is renewed at 80 to 90 %% of the time that is granted %s", (_, answer, seconds) => {
    const one = new Bench();
    answer(one);
    expect(one.states[0]).toMatchObject({ name: "registered", expires: seconds });
    expect(one.untilNext()).toBeWithin(seconds * 800 - 1, seconds * 900 + 1001);
  });

  test("is asked for longer where the registrar wants that, and stays so", () => {
    const one = new Bench({ expires: 60 });
    one.answer(423, "Min-Expires: 1800");
    expect(one.grant(1800).header("expires")).toBe("1800");
    one.untilNext();
    expect(one.sent().header("expires")).toBe("1800");
  });

  test.each<[string, string[]]>([
    ["without Min-Expires", []],
    ["with less than we asked for", ["Min-Expires: 10"]],
    ["again and again", ["Min-Expires: 7200"]],
  ])("is not asked for longer without end: 423 %s", (_, headers) => {
    const one = new Bench({ expires: 60 });
    let sent = 0;
    for (; one.bench.flow.sent.length > 0 && sent < 10; sent++) one.answer(423, ...headers);
    expect(sent).toBeLessThan(4);
    expect(one.states.at(-1)).toMatchObject({ name: "failed", status: 423 });
  });

  test("goes through the proxy that is named", () => {
    const one = new Bench({ proxy: "sip:edge.example.com;lr" });
    expect(one.sent().headers("route")).toEqual(["<sip:edge.example.com;lr>"]);
  });

  test("tells the route for our requests", () => {
    const one = new Bench();
    one.answer(200, "Service-Route: <sip:a.example.com;lr>, <sip:b.example.com;lr>");
    expect(one.states[0]).toMatchObject({ service: ["<sip:a.example.com;lr>", "<sip:b.example.com;lr>"] });
  });
});

describe("what fails is tried again", () => {
  test("with growing pauses, when nobody answers", () => {
    const one = new Bench();
    const waits: number[] = [];
    for (let i = 0; i < 9; i++) {
      one.bench.clock.advance(32_000);
      one.bench.sent();
      waits.push(one.untilNext());
    }
    for (const [i, wait] of waits.entries()) {
      const longest = Math.min(30_000 * 2 ** i, 1_800_000);
      expect(wait).toBeWithin(longest / 2 - 1001, longest + 1001);
    }
    expect(one.states[0]).toMatchObject({ name: "failed", status: 408 });
    expect(one.names.slice(0, 4)).toEqual(["failed", "registering", "failed", "registering"]);
  });

  test("later, when the password is wrong; and not at once, though there is a new nonce", () => {
    const one = new Bench();
    for (const nonce of ["n1", "n2"])
      one.answer(401, `WWW-Authenticate: ${formatChallenge({ realm: "r", nonce, algorithm: "MD5", qop: "auth" })}`);
    expect(one.states).toMatchObject([
      { name: "failed", status: 401, reason: "the password is not accepted: 401 Whatever" },
    ]);
    expect(one.untilNext()).toBeWithin(149_999, 301_001);
    expect(one.sent().header("authorization")).toBeUndefined();
  });

  test("not before the registrar wants it", () => {
    const one = new Bench();
    one.answer(503, "Retry-After: 900 (maintenance)");
    expect(one.untilNext()).toBeWithin(899_000, 902_000);
  });

  test("and the pauses are short again after a success", () => {
    const one = new Bench();
    for (let i = 0; i < 5; i++) {
      one.answer(500);
      one.untilNext();
    }
    one.grant(3600);
    one.untilNext();
    one.answer(500);
    expect(one.untilNext()).toBeWithin(14_000, 31_001);
  });

  test("and the pauses are as long as was asked for", () => {
    const one = new Bench({ retry: { first: 2000, longest: 5000 } });
    const pauses = [500, 500, 500, 500, 403].map((status) => {
      one.answer(status);
      return one.untilNext();
    });
    // Each is drawn between half of it and all; a clock of 400 ms looks.
    const longest = [2000, 4000, 5000, 5000, 5000];
    for (const [i, most] of longest.entries()) expect(pauses[i]).toBeWithin(most / 2 - 1, most + 401);
  });

  test("at once, when the connection is gone that we would be called on", () => {
    const one = new Bench();
    one.grant(3600);
    const { flow } = one.bench;
    one.registration.closed(flow);
    expect(one.names).toEqual(["registered", "registering"]);
    one.grant(3600);
    expect(one.names.at(-1)).toBe("registered");
  });
});

describe("taking it back", () => {
  test("expires 0 is the last word, whatever the answer", () => {
    const one = new Bench();
    one.grant(3600);
    one.registration.stop();
    one.registration.stop();
    expect(one.answer(403).header("expires")).toBe("0");
    expect(one.names).toEqual(["registered", "ended"]);
    one.bench.clock.advance(200 * minute);
    expect([one.bench.sent(), one.bench.clock.pending]).toEqual([[], 0]);
  });

  test("also when the last renewal failed, as long as the registrar may hold us", () => {
    const one = new Bench();
    one.grant(3600);
    one.untilNext();
    one.answer(500);
    one.registration.stop();
    expect(one.grant(0).header("expires")).toBe("0");
    expect(one.names.at(-1)).toBe("ended");
  });

  test("there is nothing to take back where nobody holds us", () => {
    const one = new Bench();
    one.answer(403);
    one.registration.stop();
    one.bench.clock.advance(200 * minute);
    expect([one.bench.sent(), one.names, one.bench.clock.pending]).toEqual([[], ["failed", "ended"], 0]);
  });

  test("an answer that comes late to what was asked before changes nothing", () => {
    const one = new Bench();
    const first = one.sent();
    one.registration.stop();
    one.bench.receive(responseTo(first, 200, "r1", ["Expires: 3600"]));
    expect(one.names).toEqual([]);
    one.answer(200);
    expect(one.names).toEqual(["ended"]);
  });

  test("without an answer it ends all the same", () => {
    const one = new Bench();
    one.grant(3600);
    one.registration.stop();
    one.bench.clock.advance(33_000);
    expect(one.names.at(-1)).toBe("ended");
  });
});

test.each<[Partial<RegisterOptions>, RegExp]>([
  [{ registrar: "example.com" }, /no sip: URI of a registrar/],
  [{ registrar: "tel:+1" }, /no sip: URI of a registrar/],
  [{ aor: "alice\r\nX: y" }, /nobody who can register/],
  [{ contact: "sip:a\r\nb" }, /no URI of a contact/],
  [{ proxy: "edge" }, /no sip: URI of a proxy/],
  [{ expires: 0 }, /from 1 to 604800 seconds/],
  [{ expires: Number.NaN }, /from 1 to 604800 seconds/],
])("%j is refused", (options, failure) => {
  const { context } = new AgentBench();
  const made = register(
    context,
    { registrar: "sip:example.com", aor: "<sip:alice@example.com>", ...options },
    () => {},
  );
  expect(made).toEqual({ failure: expect.stringMatching(failure) });
});
