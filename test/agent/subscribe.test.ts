/** Subscriptions of ours, in virtual time (RFC 6665 §4.1), and the requests of any method that they begin with. */
import { describe, expect, test } from "bun:test";
import { requestOutside } from "../../src/agent/outside.ts";
import { type SubscribeOptions, type Subscription, Subscriptions } from "../../src/agent/subscribe.ts";
import { Request, Response } from "../../src/sip/message.ts";
import { AgentBench } from "../support/agent.ts";
import { parsed } from "../support/fake-flow.ts";

function answer(request: Request, status: number, headers: string[] = []) {
  const to = request.header("to") ?? "";
  const lines = [
    `SIP/2.0 ${status} Whatever`,
    `Via: ${request.header("via")}`,
    `From: ${request.header("from")}`,
    `To: ${to}${to.includes(";tag=") ? "" : ";tag=n1"}`,
    `Call-ID: ${request.callId}`,
    `CSeq: ${request.header("cseq")}`,
    "Contact: <sip:vmail@192.0.2.9>",
    ...headers,
    "Content-Length: 0",
    "",
    "",
  ];
  return parsed(lines.join("\r\n"));
}

class Bench {
  readonly bench = new AgentBench();
  readonly told: string[] = [];
  readonly subscriptions = new Subscriptions(this.bench.agent);
  readonly subscription: Subscription;
  first: Request;
  #sequence = 1;

  constructor(options: Partial<SubscribeOptions> = {}) {
    const made = this.subscriptions.subscribe(
      {
        uri: "sip:alice@192.0.2.9",
        from: "<sip:alice@example.com>",
        event: "message-summary",
        expires: 1000,
        ...options,
      },
      {
        notified: ({ state, body }) => this.told.push(`${state} ${Buffer.from(body)}`.trim()),
        failed: (status, reason, retry) => this.told.push(`failed ${status} ${reason} ${retry}`),
        ended: (reason) => this.told.push(`ended ${reason}`),
      },
    );
    if ("failure" in made) throw new TypeError(made.failure);
    this.subscription = made;
    this.first = this.request();
  }

  request(): Request {
    const message = this.bench.sentOne();
    if (!(message instanceof Request)) throw new TypeError("a request was expected");
    return message;
  }

  /** Lets time pass until we send a request, and gives it and the seconds that went by. */
  next(atMost: number): { seconds: number; request: Request } {
    for (let seconds = 0; seconds <= atMost; seconds += 0.25) {
      const [message] = this.bench.sent();
      if (message instanceof Request) return { seconds, request: message };
      this.bench.clock.advance(250);
    }
    throw new TypeError(`nothing was sent in ${atMost} s`);
  }

  answer(request: Request, status: number, headers: string[] = ["Expires: 1000"]): void {
    this.bench.receive(answer(request, status, headers));
  }

  up(): this {
    this.answer(this.first, 200);
    return this;
  }

  /** Gives the status that it is answered with. */
  notify(state: string, body = "", parts: { tag?: string; event?: string; callId?: string } = {}): number {
    const lines = [
      "NOTIFY sip:alice@192.0.2.1:5060 SIP/2.0",
      `Via: SIP/2.0/UDP 192.0.2.9:5060;branch=z9hG4bKn${this.#sequence}${Math.floor(this.bench.clock.now())}`,
      "Max-Forwards: 70",
      `From: <sip:alice@192.0.2.9>;tag=${parts.tag ?? "n1"}`,
      `To: <sip:alice@example.com>;tag=${this.first.from.tag}`,
      `Call-ID: ${parts.callId ?? this.first.callId}`,
      `CSeq: ${this.#sequence++} NOTIFY`,
      "Contact: <sip:vmail@192.0.2.9>",
      `Event: ${parts.event ?? "message-summary"}`,
      `Subscription-State: ${state}`,
      "Content-Type: application/simple-message-summary",
      `Content-Length: ${body.length}`,
      "",
      body,
    ];
    this.bench.receive(lines.join("\r\n"));
    const sent = this.bench.sentOne();
    this.bench.clock.advance(0);
    return sent instanceof Response ? sent.status : 0;
  }

  take(): string[] {
    return this.told.splice(0);
  }
}

describe("a subscription", () => {
  test("asks for an event, and is told of it", () => {
    const bench = new Bench({ accept: "application/simple-message-summary" });
    const { first } = bench;
    expect([first.method, first.uri]).toEqual(["SUBSCRIBE", "sip:alice@192.0.2.9"]);
    expect(["event", "expires", "accept"].map((name) => first.header(name))).toEqual([
      "message-summary",
      "1000",
      "application/simple-message-summary",
    ]);
    bench.up();
    expect(bench.notify("active;expires=1000", "Messages-Waiting: yes")).toBe(200);
    expect(bench.take()).toEqual(["active Messages-Waiting: yes"]);
  });

  test("takes news that come before its answer (§4.4.1)", () => {
    const bench = new Bench();
    expect(bench.notify("active;expires=1000", "early")).toBe(200);
    bench.up();
    expect(bench.take()).toEqual(["active early"]);
  });

  test.each([
    [{ tag: "other" }, 481],
    [{ event: "presence" }, 489],
    [{ callId: "other" }, 481],
  ])("takes none of a stranger's: %j gets %d", (parts, status) => {
    const bench = new Bench().up();
    expect(bench.notify("active", "forged", parts)).toBe(status);
    expect(bench.take()).toEqual([]);
  });

  test("is refreshed within its dialog before it expires, again and again", () => {
    const bench = new Bench().up();
    for (let round = 0; round < 3; round++) {
      const { seconds, request: refresh } = bench.next(1000);
      expect(seconds).toBeWithin(800, 901);
      expect([refresh.method, refresh.uri, refresh.to.tag]).toEqual(["SUBSCRIBE", "sip:vmail@192.0.2.9", "n1"]);
      bench.answer(refresh, 200);
    }
    expect(bench.take()).toEqual([]);
  });

  test("lasts as long as the notifier says", () => {
    const bench = new Bench().up();
    bench.notify("active;expires=60");
    expect(bench.next(60).request.method).toBe("SUBSCRIBE");
  });

  test("begins anew where its dialog is gone (481), and where the notifier lets it go", () => {
    const bench = new Bench().up();
    bench.answer(bench.next(1000).request, 481);
    bench.bench.clock.advance(0);
    const second = bench.request();
    expect([second.to.tag, second.callId === bench.first.callId]).toEqual([undefined, false]);
    bench.first = second;
    bench.up();
    expect(bench.notify("terminated;reason=deactivated")).toBe(200);
    expect(bench.request().to.tag).toBeUndefined();
  });

  test.each(["rejected", "noresource"])("ends where the notifier says %s", (reason) => {
    const bench = new Bench().up();
    bench.notify(`terminated;reason=${reason}`);
    expect(bench.take()).toEqual(["terminated", `ended ${reason}`]);
    bench.bench.clock.advance(10_000_000);
    expect(bench.bench.sent()).toEqual([]);
    expect(bench.subscriptions.size).toBe(0);
  });

  test("comes again as late as it is asked to", () => {
    const bench = new Bench().up();
    bench.notify("terminated;reason=probation;retry-after=100");
    bench.bench.clock.advance(99_000);
    expect(bench.bench.sent()).toEqual([]);
    bench.bench.clock.advance(1_000);
    expect(bench.request().method).toBe("SUBSCRIBE");
  });

  test.each([
    [403, "failed 403 Whatever undefined", 0],
    [489, "failed 489 Whatever undefined", 0],
    [603, "failed 603 Whatever undefined", 0],
    [503, "failed 503 the other side cannot be reached 10000", 1],
    [500, "failed 500 Whatever 10000", 1],
  ])("that gets %d: %s", (status, told, again) => {
    const bench = new Bench();
    bench.answer(bench.first, status);
    expect(bench.take()[0]).toMatch(new RegExp(`^${told.replace("the other side cannot be reached", ".*")}$`));
    bench.bench.clock.advance(10_000);
    expect(bench.bench.sent().length).toBe(again);
  });

  test("is taken back", () => {
    const bench = new Bench().up();
    bench.subscription.stop();
    const last = bench.request();
    expect(last.header("expires")).toBe("0");
    bench.answer(last, 200, ["Expires: 0"]);
    bench.notify("terminated;reason=timeout", "bye");
    expect(bench.take()).toEqual(["terminated bye", "ended undefined"]);
    bench.bench.clock.advance(10_000_000);
    expect([bench.bench.sent(), bench.subscriptions.size]).toEqual([[], 0]);
  });

  test("is taken back though nobody answers", () => {
    const bench = new Bench().up();
    bench.subscription.stop();
    bench.bench.clock.advance(4000);
    expect(bench.take()).toEqual(["ended undefined"]);
  });

  test.each([{ event: "two words" }, { uri: "tel:1" }, { expires: 0 }, { from: "nobody\r\n" }])(
    "cannot be with %j",
    (parts) => {
      expect(() => new Bench(parts)).toThrow();
    },
  );
});

describe("a request outside of a dialog", () => {
  const sent = (options: Partial<Parameters<typeof requestOutside>[1]>) => {
    const bench = new AgentBench();
    const told: string[] = [];
    const made = requestOutside(
      bench.context,
      { method: "PUBLISH", uri: "sip:bob@192.0.2.9", ...options },
      { response: ({ status }) => told.push(String(status)), failed: (status) => told.push(`failed ${status}`) },
    );
    return { bench, told, made };
  };

  test("has any method, header fields and a body", () => {
    const { bench, told } = sent({ headers: [["Event", "presence"]], body: new TextEncoder().encode("hello") });
    const request = bench.sentOne();
    expect(request instanceof Request && request.method).toBe("PUBLISH");
    expect([request.header("event"), Buffer.from(request.body).toString()]).toEqual(["presence", "hello"]);
    if (request instanceof Request) bench.receive(answer(request, 200));
    expect(told).toEqual(["200"]);
  });

  test("answers a challenge with the next number and the same Call-ID", () => {
    const { bench, told } = sent({ auth: { user: "a", password: "b" } });
    const first = bench.sentOne();
    if (first instanceof Request) bench.receive(answer(first, 401, ['WWW-Authenticate: Digest realm="r", nonce="n"']));
    const second = bench.sentOne();
    expect([second.cseq.number, second.callId]).toEqual([2, first.callId]);
    expect(second.header("authorization")).toContain('username="a"');
    if (second instanceof Request) bench.receive(answer(second, 403));
    expect(told).toEqual(["403"]);
  });

  test("that nobody answers fails with 408", () => {
    const { bench, told } = sent({});
    bench.clock.advance(32_000);
    expect(told).toEqual(["failed 408"]);
  });

  test.each([
    { method: "ACK" },
    { method: "A B" },
    { uri: "mailto:x" },
    { from: "a\r\nb" },
    { to: "<" },
    { proxy: "nowhere" },
  ])("is not sent with %j", (options) => {
    const { bench, made } = sent(options);
    expect(made).toEqual({ failure: expect.any(String) });
    expect(bench.sent()).toEqual([]);
  });
});
