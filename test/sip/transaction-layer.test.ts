/** The transaction layer: matching, stateless answers, limits, and memory. */
import { describe, expect, test } from "bun:test";
import { VirtualClock } from "../../src/sip/clock.ts";
import { buildResponse, type Request } from "../../src/sip/message.ts";
import { seededRandom } from "../../src/sip/random.ts";
import { type LayerOptions, type ServerTransaction, TransactionLayer } from "../../src/sip/transaction/index.ts";
import { FakeFlow, type RequestParts, requestFrom } from "../support/fake-flow.ts";

class Bench {
  readonly clock = new VirtualClock();
  readonly flow = new FakeFlow("udp");
  readonly log: string[] = [];
  readonly servers: ServerTransaction[] = [];
  readonly layer: TransactionLayer;
  serve: (server: ServerTransaction, request: Request) => void = () => {};
  takesCancel = false;

  constructor(options: Partial<LayerOptions> = {}) {
    this.layer = new TransactionLayer({
      clock: this.clock,
      random: seededRandom(1),
      user: {
        request: (server, request) => {
          this.log.push(request.method);
          this.servers.push(server);
          this.serve(server, request);
        },
        ack: () => void this.log.push("ACK"),
        cancel: () => void this.log.push("CANCEL"),
        strayCancel: () => {
          this.log.push("stray CANCEL");
          return this.takesCancel;
        },
        strayResponse: () => void this.log.push("stray response"),
        refused: (request) => void this.log.push(`refused ${request.method}`),
      },
      ...options,
    });
  }

  receive(parts: RequestParts): void {
    this.layer.receive(requestFrom(parts), this.flow);
  }

  take(): string[] {
    return this.log.splice(0);
  }
}

describe("finding the server transaction of a request (RFC 3261 §17.2.3)", () => {
  const cookie = "SIP/2.0/UDP 192.0.2.9:5060;branch=z9hG4bK1";
  const same: [title: string, first: RequestParts, second: RequestParts, isSame: boolean][] = [
    ["the same request", {}, {}, true],
    ["another branch", {}, { branch: "z9hG4bK2" }, false],
    ["another sent-by host", {}, { via: "SIP/2.0/UDP 192.0.2.10:5060;branch=z9hG4bK1" }, false],
    ["another sent-by port", {}, { via: "SIP/2.0/UDP 192.0.2.9:5061;branch=z9hG4bK1" }, false],
    [
      "sent-by in another case",
      { via: "SIP/2.0/UDP A.b;branch=z9hG4bK1" },
      { via: "SIP/2.0/UDP a.B;branch=z9hG4bK1" },
      true,
    ],
    ["the same branch, whatever else differs", {}, { callId: "call-2", sequence: 9, uri: "sip:x@example.com" }, true],
    ["another method", { method: "OPTIONS" }, { method: "MESSAGE" }, false],
    ["INVITE and another method", {}, { method: "OPTIONS" }, false],
    ["a further Via", {}, { via: `${cookie}, SIP/2.0/UDP 192.0.2.77;branch=z9hG4bK7` }, true],
    [
      "only the cookie is no branch",
      { via: "SIP/2.0/UDP h;branch=z9hG4bK" },
      { via: "SIP/2.0/UDP h;branch=z9hG4bK", callId: "call-2" },
      false,
    ],
  ];
  const legacyVia = "SIP/2.0/UDP 192.0.2.9:5060;branch=1";
  const differs: [title: string, parts: RequestParts][] = [
    ["Request-URI", { uri: "sip:carol@example.com" }],
    ["From tag", { from: "<sip:alice@example.org>;tag=a2" }],
    ["Call-ID", { callId: "call-2" }],
    ["CSeq", { sequence: 2 }],
    ["top Via", { via: "SIP/2.0/UDP 192.0.2.9:5060;branch=2" }],
  ];
  for (const method of ["INVITE", "OPTIONS"]) {
    same.push([`RFC 2543 ${method}: all the same`, { method, via: legacyVia }, { method, via: legacyVia }, true]);
    for (const [title, parts] of differs)
      same.push([
        `RFC 2543 ${method}: another ${title}`,
        { method, via: legacyVia },
        { method, via: legacyVia, ...parts },
        false,
      ]);
    same.push([
      `RFC 2543 ${method}: no branch at all`,
      { method, via: "SIP/2.0/UDP 192.0.2.9" },
      { method, via: "SIP/2.0/UDP 192.0.2.9" },
      true,
    ]);
  }
  test.each(same)("%s", (_, first, second, isSame) => {
    const bench = new Bench();
    bench.receive(first);
    bench.receive(second);
    expect(bench.servers.length).toBe(isSame ? 1 : 2);
  });

  test("an ACK by its branch, and of RFC 2543 by the To tag of the failure besides", () => {
    const tagged = (tag: string) => ({ to: `Bob <sip:bob@example.com>;tag=${tag}` });
    for (const [via, tag, expected] of [
      [cookie, "b1", []],
      [cookie, "other", []],
      [legacyVia, "b1", []],
      [legacyVia, "other", ["ACK"]],
      ["SIP/2.0/UDP 192.0.2.9:5060;branch=z9hG4bKother", "b1", ["ACK"]],
    ] as const) {
      const bench = new Bench();
      bench.serve = (server, request) => void server.respond(buildResponse(request, 486, { toTag: "b1" }));
      bench.receive({ via: via === legacyVia ? legacyVia : cookie });
      bench.take();
      bench.receive({ method: "ACK", via, ...tagged(tag) });
      expect(bench.take()).toEqual([...expected]);
    }
  });

  test("an ACK for a 2xx with a branch of its own goes to the TU each time", () => {
    const bench = new Bench();
    bench.serve = (server, request) => void server.respond(buildResponse(request, 200, { toTag: "b1" }));
    bench.receive({});
    const ack = { method: "ACK", branch: "z9hG4bKack", to: "<sip:bob@example.com>;tag=b1" };
    bench.receive(ack);
    bench.receive(ack);
    expect(bench.take()).toEqual(["INVITE", "ACK", "ACK"]);
  });
});

describe("stateless answers", () => {
  test("keep nothing, have the same To tag each time, and their ACK is swallowed", () => {
    const bench = new Bench();
    bench.serve = (server) => server.respondStateless(407, { headers: [["Proxy-Authenticate", 'Digest realm="r"']] });
    bench.receive({});
    bench.receive({});
    const [first, second] = bench.flow.takeMessages();
    expect(first?.head).toBe(second?.head ?? "");
    expect(first?.header("proxy-authenticate")).toBe('Digest realm="r"');
    expect([bench.layer.size, bench.clock.pending]).toEqual([0, 0]);
    expect(bench.take()).toEqual(["INVITE", "INVITE"]);
    bench.receive({ method: "ACK", to: first?.header("to") ?? "" });
    expect(bench.take()).toEqual([]);
    bench.clock.advance(64_000);
    expect(bench.flow.take()).toEqual([]);
  });

  test("after a provisional response are sent with state, since the client does not send its INVITE again", () => {
    const bench = new Bench();
    bench.receive({});
    bench.clock.advance(200);
    bench.servers[0]?.respondStateless(486);
    bench.clock.advance(500);
    expect([bench.flow.take(), bench.servers[0]?.state]).toEqual([
      ["100 Trying", "486 Busy Here", "486 Busy Here"],
      "completed",
    ]);
  });

  test("an ACK with a tag like ours, but of another call, is not swallowed", () => {
    const bench = new Bench();
    bench.serve = (server) => server.respondStateless(486);
    bench.receive({});
    const to = bench.flow.takeMessages()[0]?.header("to") ?? "";
    bench.take();
    bench.receive({ method: "ACK", to, callId: "call-2" });
    expect(bench.take()).toEqual(["ACK"]);
  });

  test("another layer has other tags", () => {
    const tags = [1, 2].map((seed) => {
      const bench = new Bench({ random: seededRandom(seed) });
      bench.layer.replyStateless(requestFrom(), bench.flow, 400, { reason: "Missing Contact" });
      return bench.flow.takeMessages()[0]?.to.tag;
    });
    expect(tags[0]).not.toBe(tags[1]);
  });

  test("an ACK is never answered", () => {
    const bench = new Bench();
    bench.layer.replyStateless(requestFrom({ method: "ACK" }), bench.flow, 400);
    expect(bench.flow.take()).toEqual([]);
  });

  test("after a response there is no way back to statelessness", () => {
    const bench = new Bench();
    bench.receive({ method: "OPTIONS" });
    const [server] = bench.servers;
    server?.respond(buildResponse(server.request, 200));
    server?.respondStateless(500);
    server?.forget();
    expect([bench.flow.take(), bench.layer.size]).toEqual([["200 OK"], 1]);
  });

  test("a forgotten request comes as a new one again, and its CANCEL is for the TU to send on", () => {
    const bench = new Bench();
    bench.serve = (server) => server.forget();
    bench.takesCancel = true;
    bench.receive({});
    bench.receive({});
    bench.receive({ method: "CANCEL" });
    expect(bench.take()).toEqual(["INVITE", "INVITE", "stray CANCEL"]);
    expect([bench.flow.take(), bench.layer.size, bench.clock.pending]).toEqual([[], 0, 0]);
  });

  test("a response after forgetting is not sent", () => {
    const bench = new Bench();
    bench.receive({});
    const [server] = bench.servers;
    server?.forget();
    expect([server?.finalSent, server?.respond(buildResponse(requestFrom(), 200))]).toEqual([true, false]);
    expect(bench.flow.take()).toEqual([]);
  });
});

describe("too many transactions", () => {
  const inDialog = { to: "<sip:bob@example.com>;tag=b1" };

  test("new calls get 503 with Retry-After, established dialogs go on, up to twice the limit", () => {
    const bench = new Bench({ maxTransactions: 2, retryAfter: () => "7" });
    bench.receive({ branch: "z9hG4bK1" });
    bench.receive({ branch: "z9hG4bK2" });
    bench.receive({ branch: "z9hG4bK3" });
    const [refusal] = bench.flow.takeMessages();
    expect([refusal?.header("retry-after"), refusal?.head.slice(0, 11)]).toEqual(["7", "SIP/2.0 503"]);
    bench.receive({ method: "BYE", branch: "z9hG4bK4", ...inDialog });
    bench.receive({ method: "BYE", branch: "z9hG4bK5", ...inDialog });
    bench.receive({ method: "BYE", branch: "z9hG4bK6", ...inDialog });
    expect(bench.take()).toEqual(["INVITE", "INVITE", "refused INVITE", "BYE", "BYE", "refused BYE"]);
    expect(bench.layer.size).toBe(4);
  });

  test("who is one too many for the user gets the same, once for each time that it comes, and leaves nothing behind", () => {
    let asked = 0;
    let overloaded = false;
    const bench = new Bench({
      retryAfter: () => "7",
      overloaded: () => {
        asked++;
        return overloaded;
      },
    });
    bench.receive({ branch: "z9hG4bK1" });
    overloaded = true;
    bench.receive({ branch: "z9hG4bK1" });
    bench.receive({ branch: "z9hG4bK1", method: "CANCEL" });
    expect(asked).toBe(1);
    bench.flow.take();
    bench.receive({ branch: "z9hG4bK2" });
    bench.receive({ branch: "z9hG4bK2" });
    const refusals = bench.flow.takeMessages();
    expect(refusals.map((each) => each.header("retry-after"))).toEqual(["7", "7"]);
    expect(new Set(refusals.map((each) => each.header("to"))).size).toBe(1);
    bench.receive({ branch: "z9hG4bK2", method: "ACK", to: refusals[0]?.header("to") ?? "" });
    expect([bench.take(), asked, bench.layer.size]).toEqual([
      ["INVITE", "CANCEL", "refused INVITE", "refused INVITE"],
      3,
      2,
    ]);
  });

  test("retransmissions, ACKs and CANCELs of what is open are served all the same", () => {
    const bench = new Bench({ maxTransactions: 1 });
    bench.receive({});
    bench.receive({});
    bench.receive({ method: "CANCEL" });
    expect(bench.flow.take()).toEqual(["100 Trying", "200 OK"]);
    const [server] = bench.servers;
    server?.respond(buildResponse(server.request, 487, { toTag: "b1" }));
    bench.receive({ method: "ACK", ...inDialog });
    expect([bench.take(), server?.state]).toEqual([["INVITE", "CANCEL"], "confirmed"]);
  });

  test("the user may know better what is established", () => {
    const bench = new Bench({ maxTransactions: 0, established: (request) => request.callId === "call-1" });
    bench.layer.receive(requestFrom({ callId: "call-2", ...inDialog }), bench.flow);
    expect(bench.take()).toEqual(["refused INVITE"]);
  });

  test("there is room again when transactions have ended", () => {
    const bench = new Bench({ maxTransactions: 1 });
    bench.serve = (server, request) => void server.respond(buildResponse(request, 200, { toTag: "b1" }));
    bench.receive({ method: "OPTIONS", branch: "z9hG4bK1" });
    bench.clock.advance(32_000);
    bench.receive({ method: "OPTIONS", branch: "z9hG4bK2" });
    expect(bench.take()).toEqual(["OPTIONS", "OPTIONS"]);
  });
});

describe("responses go where the user says (RFC 3261 §18.2.2)", () => {
  test("with state and without", () => {
    const back = new FakeFlow("udp", "back");
    const bench = new Bench({ responseFlow: () => back });
    bench.serve = (server, request) => void server.respond(buildResponse(request, 200));
    bench.receive({ method: "OPTIONS" });
    bench.layer.replyStateless(requestFrom(), bench.flow, 400);
    expect([back.take(), bench.flow.take(), bench.servers[0]?.flow]).toEqual([
      ["200 OK", "400 Bad Request"],
      [],
      bench.flow,
    ]);
  });
});

describe("a user that throws", () => {
  test("leaves a transaction that ends like any other", () => {
    const bench = new Bench();
    bench.serve = () => {
      throw new RangeError("the user's own mistake");
    };
    expect(() => bench.receive({ method: "OPTIONS" })).toThrow(RangeError);
    bench.clock.advance(64_000);
    expect([bench.layer.size, bench.clock.pending]).toEqual([0, 0]);
  });
});

describe("memory", () => {
  test("over TCP a request is gone with its final response", () => {
    const bench = new Bench();
    const flow = new FakeFlow("tcp");
    const request = requestFrom({ method: "OPTIONS" });
    bench.serve = (server) => void server.respond(buildResponse(request, 200));
    bench.layer.receive(request, flow);
    expect([bench.layer.size, bench.clock.pending]).toEqual([0, 0]);
  });
});
