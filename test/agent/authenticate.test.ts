/** Our calls where somebody asks for a password: the INVITE, its ACK, and what follows in the dialog. */
import { describe, expect, test } from "bun:test";
import { type InviteOptions, invite, type Session } from "../../src/agent/index.ts";
import { hash } from "../../src/hash.ts";
import { formatChallenge, parseCredentials } from "../../src/sip/auth-params.ts";
import { computeHa1, computeResponse, type DigestAlgorithm } from "../../src/sip/digest.ts";
import { Request, type Response } from "../../src/sip/message.ts";
import { AgentBench } from "../support/agent.ts";
import { responseTo } from "../support/fake-flow.ts";

const alice = { user: "alice", password: "wonderland" };
const contact = "Contact: <sip:bob@192.0.2.9:5060>";
const answer = [
  ...["v=0", "o=bob 1 1 IN IP4 192.0.2.9", "s=-", "c=IN IP4 192.0.2.9", "t=0 0", "m=audio 4000 RTP/AVP 0"],
  "",
].join("\r\n");

function challenge(
  request: Request,
  parts: { nonce?: string; realm?: string; status?: 401 | 407; algorithm?: DigestAlgorithm; stale?: boolean } = {},
): Response {
  const { nonce = "n1", realm = "example.com", status = 407, algorithm = "MD5", stale = false } = parts;
  const name = status === 407 ? "Proxy-Authenticate" : "WWW-Authenticate";
  return responseTo(request, status, "c1", [
    `${name}: ${formatChallenge({ realm, nonce, algorithm, qop: "auth", stale })}`,
  ]);
}

/** Whether a request has right credentials, and with which nonce and count: "n1 1". */
function checked(request: Request, header: "authorization" | "proxy-authorization" = "proxy-authorization"): string[] {
  return request.headers(header).map((value) => {
    const found = parseCredentials(value);
    if (found === undefined) return "malformed";
    const { username, realm, nonce, uri, nc = "", cnonce = "" } = found;
    // What the ACK carries was made for its INVITE (RFC 3261 §22.1).
    const method = request.method === "ACK" ? "INVITE" : request.method;
    const ha1 = computeHa1(hash, "MD5", username, realm, "wonderland");
    const expected = computeResponse(hash, {
      algorithm: "MD5",
      ha1,
      nonce,
      method,
      uri,
      qop: "auth",
      nc,
      cnonce,
      body: request.body,
    });
    return expected === found.response && uri === request.uri ? `${nonce} ${Number.parseInt(nc, 16)}` : "wrong";
  });
}

class Call {
  readonly bench = new AgentBench();
  readonly session: Session;

  constructor(options: Partial<InviteOptions> = {}) {
    const session = invite(this.bench.context, { uri: "sip:bob@192.0.2.9", auth: alice, ...options }, (made) =>
      this.bench.adopt(made),
    );
    if ("failure" in session) throw new TypeError(session.failure);
    this.session = session;
  }

  /** The one request that was sent, but for ACKs of failures. */
  sent(): Request {
    const requests = this.bench.sent().filter((message): message is Request => message instanceof Request);
    const [request, more] = requests.filter(({ method }) => requests.length === 1 || method !== "ACK");
    if (request === undefined || more !== undefined)
      throw new TypeError(`one request was expected of ${requests.map(({ method }) => method)}`);
    return request;
  }

  answer(request: Request, parts?: Parameters<typeof challenge>[1]): Request {
    this.bench.receive(challenge(request, parts));
    return this.sent();
  }

  accept(invite: Request): Request {
    const ok = responseTo(invite, 200, "b1", [contact, "Content-Type: application/sdp"]);
    const text = Buffer.from(ok.bytes())
      .toString("latin1")
      .replace("Content-Length: 0\r\n\r\n", `Content-Length: ${answer.length}\r\n\r\n${answer}`);
    this.bench.receive(text);
    return this.sent();
  }
}

describe("an INVITE that is challenged", () => {
  test("is sent again with credentials and the next number, in the same call", () => {
    const call = new Call();
    const first = call.sent();
    expect(first.header("proxy-authorization")).toBeUndefined();
    const second = call.answer(first);
    expect([second.cseq.number, second.callId, second.from.tag]).toEqual([2, first.callId, first.from.tag]);
    expect(second.to.tag).toBeUndefined();
    expect(second.via.branch).not.toBe(first.via.branch);
    expect(checked(second)).toEqual(["n1 1"]);
  });

  test("has an ACK with the same credentials", () => {
    const call = new Call();
    const invited = call.answer(call.sent());
    const ack = call.accept(invited);
    expect([ack.method, ack.cseq.number]).toEqual(["ACK", 2]);
    expect(ack.headers("proxy-authorization")).toEqual(invited.headers("proxy-authorization"));
    expect(call.bench.user.take()).toContain("connected");
  });

  test("by one proxy behind the other answers both", () => {
    const call = new Call();
    const second = call.answer(call.sent());
    const third = call.answer(second, { realm: "example.org", nonce: "n2" });
    expect(checked(third).sort()).toEqual(["n1 2", "n2 1"]);
  });

  test("by a proxy and by the called party answers each in its header", () => {
    const call = new Call();
    const third = call.answer(call.answer(call.sent()), { status: 401, realm: "bob", nonce: "n2" });
    expect([checked(third), checked(third, "authorization")]).toEqual([["n1 2"], ["n2 1"]]);
  });

  test("is over when the password is wrong: no second try", () => {
    const call = new Call();
    const second = call.answer(call.sent());
    call.bench.receive(challenge(second, { nonce: "n2" }));
    expect(call.bench.sent().map((message) => (message instanceof Request ? message.method : ""))).toEqual(["ACK"]);
    expect(call.bench.user.end).toEqual({ by: "remote", cause: "rejected", code: 407 });
  });

  test("is over when every nonce is stale", () => {
    const call = new Call();
    let request = call.answer(call.sent());
    for (let i = 2; i < 7; i++) request = call.answer(request, { nonce: `n${i}`, stale: true });
    call.bench.receive(challenge(request, { nonce: "n9", stale: true }));
    expect(call.bench.user.end?.code).toBe(407);
  });

  test.each<[string, Partial<InviteOptions>]>([
    ["nobody gave a password", { auth: undefined }],
    ["the list of passwords is empty", { auth: [] }],
    ["the password is for another realm", { auth: { ...alice, realm: "example.org" } }],
  ])("is over when %s", (_, options) => {
    const call = new Call(options);
    call.bench.receive(challenge(call.sent()));
    expect(call.bench.user.end?.code).toBe(407);
  });

  test("is not sent again when it was cancelled meanwhile", () => {
    const call = new Call();
    const first = call.sent();
    call.bench.receive(responseTo(first, 180));
    call.session.end({ by: "local", cause: "hangup", code: 200 });
    expect(call.sent().method).toBe("CANCEL");
    call.bench.receive(challenge(first));
    expect(call.sent().method).toBe("ACK");
    expect(call.bench.user.end?.cause).toBe("hangup");
  });
});

describe("within the dialog", () => {
  function connected(): Call {
    const call = new Call();
    call.accept(call.answer(call.sent()));
    return call;
  }

  test("the nonce is used again, with its count", () => {
    const call = connected();
    call.session.end({ by: "local", cause: "hangup", code: 200 });
    const bye = call.sent();
    expect([bye.method, ...checked(bye)]).toEqual(["BYE", "n1 2"]);
  });

  test("a stale nonce is renewed", () => {
    const call = connected();
    call.session.end({ by: "local", cause: "hangup", code: 200 });
    const bye = call.answer(call.sent(), { nonce: "n2", stale: true });
    expect([bye.method, bye.cseq.number, ...checked(bye)]).toEqual(["BYE", 4, "n2 1"]);
    call.bench.receive(responseTo(bye, 200));
    expect(call.bench.context.sessions.size).toBe(0);
  });

  test("an old nonce that is refused without a word is renewed as well, once", () => {
    const call = connected();
    call.session.end({ by: "local", cause: "hangup", code: 200 });
    const bye = call.answer(call.sent(), { nonce: "n2" });
    expect(checked(bye)).toEqual(["n2 1"]);
    call.bench.receive(challenge(bye, { nonce: "n3" }));
    expect(call.bench.sent()).toEqual([]);
  });

  test("a re-INVITE that is challenged is acknowledged by its own number, with its credentials", () => {
    const call = connected();
    let held: string | undefined = "waiting";
    call.session.hold(true, (reason) => {
      held = reason;
    });
    const reinvite = call.answer(call.sent(), { nonce: "n2", stale: true });
    expect([reinvite.method, reinvite.cseq.number, ...checked(reinvite)]).toEqual(["INVITE", 4, "n2 1"]);
    const ack = call.accept(reinvite);
    expect([ack.method, ack.cseq.number, ...checked(ack)]).toEqual(["ACK", 4, "n2 1"]);
    expect(held).toBeUndefined();
  });
});
