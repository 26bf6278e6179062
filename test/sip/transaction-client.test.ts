/** The client transactions, arrow by arrow of figures 5 (RFC 6026) and 6 (RFC 3261), in virtual time. */
import { describe, expect, test } from "bun:test";
import { VirtualClock } from "../../src/sip/clock.ts";
import { Request, type Response } from "../../src/sip/message.ts";
import { seededRandom } from "../../src/sip/random.ts";
import { type ClientTransaction, TransactionError, TransactionLayer } from "../../src/sip/transaction/index.ts";
import { FakeFlow, parsed, requestFrom, responseTo } from "../support/fake-flow.ts";

/** What is done, what comes of it, and the state then. A number: so many ms pass; "180": that response comes. */
type Step = readonly [what: number | string, outcome: string, state: string];

class Bench {
  readonly clock = new VirtualClock();
  readonly flow: FakeFlow;
  readonly log: string[] = [];
  readonly stray: Response[] = [];
  readonly layer: TransactionLayer;
  client: ClientTransaction | undefined;
  readonly request: Request;

  constructor(method: string, transport: FakeFlow["transport"], headers?: string[]) {
    this.flow = new FakeFlow(transport);
    this.request = requestFrom({ method, ...(headers && { headers }) });
    const unexpected = (what: string) => () => void this.log.push(`unexpected ${what}`);
    this.layer = new TransactionLayer({
      clock: this.clock,
      random: seededRandom(1),
      user: {
        request: unexpected("request"),
        ack: unexpected("ACK"),
        cancel: unexpected("CANCEL"),
        strayResponse: (response) => void this.stray.push(response),
      },
    });
  }

  start(): ClientTransaction {
    this.client = this.layer.request(this.request, this.flow, {
      response: (response) => void this.log.push(`TU ${response.status}`),
      timeout: () => void this.log.push("TU timeout"),
      transportError: (reason) => void this.log.push(`TU ${reason}`),
    });
    return this.client;
  }

  do(what: number | string): string {
    if (typeof what === "number") this.advance(what);
    else if (what === "start") this.start();
    else if (what === "cancel") this.client?.cancel();
    else if (what === "flow fails") this.flow.failing = "transport error";
    else if (what.startsWith("CANCEL ")) this.respondToCancel(Number(what.slice(7)));
    else this.layer.receive(responseTo(this.request, Number.parseInt(what, 10), what.slice(4) || "b1"), this.flow);
    this.note();
    return this.log.splice(0).join(", ");
  }

  /** Moves time in small steps, so that what is sent is logged in order with what is reported. */
  advance(ms: number): void {
    for (let left = ms; left > 0; left -= Math.min(left, 100)) {
      this.clock.advance(Math.min(left, 100));
      this.note();
    }
  }

  note(): void {
    for (const message of this.flow.takeMessages()) {
      if (message instanceof Request) this.log.push(`sent ${message.method}`);
    }
  }

  respondToCancel(status: number): void {
    const cancel = this.request.head.replace("INVITE sip:", "CANCEL sip:").replace("1 INVITE", "1 CANCEL");
    const request = parsed(`${cancel}\r\n`);
    if (request instanceof Request) this.layer.receive(responseTo(request, status), this.flow);
  }
}

const inviteClient: Record<string, { transport: FakeFlow["transport"]; steps: Step[] }> = {
  "calling: timer A doubles until timer B, then the TU hears of the timeout": {
    transport: "udp",
    steps: [
      ["start", "sent INVITE", "calling"],
      [499, "", "calling"],
      [1, "sent INVITE", "calling"],
      [1000, "sent INVITE", "calling"],
      [2000, "sent INVITE", "calling"],
      [4000, "sent INVITE", "calling"],
      [8000, "sent INVITE", "calling"],
      [16000, "sent INVITE", "calling"],
      [499, "", "calling"],
      [1, "TU timeout", "terminated"],
    ],
  },
  "calling over TCP: no timer A, but timer B": {
    transport: "tcp",
    steps: [
      ["start", "sent INVITE", "calling"],
      [31_999, "", "calling"],
      [1, "TU timeout", "terminated"],
    ],
  },
  "calling: a transport error at once is told after the request is made": {
    transport: "udp",
    steps: [
      ["flow fails", "", "none"],
      ["start", "", "calling"],
      [1, "TU transport error", "terminated"],
    ],
  },
  "calling: a transport error of a retransmission": {
    transport: "udp",
    steps: [
      ["start", "sent INVITE", "calling"],
      ["flow fails", "", "calling"],
      [500, "TU transport error", "terminated"],
    ],
  },
  "calling → proceeding → proceeding: provisional responses stop retransmissions for good": {
    transport: "udp",
    steps: [
      ["start", "sent INVITE", "calling"],
      ["100", "TU 100", "proceeding"],
      ["180", "TU 180", "proceeding"],
      ["180", "TU 180", "proceeding"],
      [180_000, "", "proceeding"],
      ["200", "TU 200", "accepted"],
      [32_000, "", "terminated"],
    ],
  },
  "calling → accepted: each 2xx goes to the TU, without an ACK of ours, until timer M": {
    transport: "udp",
    steps: [
      ["start", "sent INVITE", "calling"],
      ["200", "TU 200", "accepted"],
      ["200", "TU 200", "accepted"],
      ["200 other-fork", "TU 200", "accepted"],
      ["180", "", "accepted"],
      ["486", "", "accepted"],
      [31_999, "", "accepted"],
      [1, "", "terminated"],
      ["200", "", "terminated"],
    ],
  },
  "accepted over TCP: timer M is the same": {
    transport: "tcp",
    steps: [
      ["start", "sent INVITE", "calling"],
      ["200", "TU 200", "accepted"],
      [31_999, "", "accepted"],
      [1, "", "terminated"],
    ],
  },
  "calling → completed: the failure is acknowledged each time and told once, until timer D": {
    transport: "udp",
    steps: [
      ["start", "sent INVITE", "calling"],
      ["486", "TU 486, sent ACK", "completed"],
      ["486", "sent ACK", "completed"],
      ["603", "sent ACK", "completed"],
      ["180", "", "completed"],
      ["200", "", "completed"],
      [31_999, "", "completed"],
      [1, "", "terminated"],
    ],
  },
  "proceeding → completed over TCP: acknowledged, and timer D is zero": {
    transport: "tcp",
    steps: [
      ["start", "sent INVITE", "calling"],
      ["180", "TU 180", "proceeding"],
      ["404", "TU 404, sent ACK", "terminated"],
    ],
  },
  "completed: an ACK that cannot be sent ends it; the TU has its answer": {
    transport: "udp",
    steps: [
      ["start", "sent INVITE", "calling"],
      ["180", "TU 180", "proceeding"],
      ["404", "TU 404, sent ACK", "completed"],
      ["flow fails", "", "completed"],
      ["404", "", "terminated"],
    ],
  },
  "cancel while calling waits for a provisional response": {
    transport: "udp",
    steps: [
      ["start", "sent INVITE", "calling"],
      ["cancel", "", "calling"],
      [500, "sent INVITE", "calling"],
      ["100", "TU 100, sent CANCEL", "proceeding"],
      ["cancel", "", "proceeding"],
      ["CANCEL 200", "", "proceeding"],
      ["487", "TU 487, sent ACK", "completed"],
      [32_000, "", "terminated"],
    ],
  },
  "cancel while calling: nobody answers, and no CANCEL is ever sent": {
    transport: "tcp",
    steps: [
      ["start", "sent INVITE", "calling"],
      ["cancel", "", "calling"],
      [32_000, "TU timeout", "terminated"],
    ],
  },
  "cancel while proceeding: given up after 64*T1 without a final response": {
    transport: "udp",
    steps: [
      ["start", "sent INVITE", "calling"],
      ["180", "TU 180", "proceeding"],
      [60_000, "", "proceeding"],
      ["cancel", "sent CANCEL", "proceeding"],
      ["CANCEL 200", "", "proceeding"],
      ["180", "TU 180", "proceeding"],
      [31_999, "", "proceeding"],
      [1, "TU timeout", "terminated"],
    ],
  },
  "the CANCEL is retransmitted as a transaction of its own": {
    transport: "udp",
    steps: [
      ["start", "sent INVITE", "calling"],
      ["180", "TU 180", "proceeding"],
      ["cancel", "sent CANCEL", "proceeding"],
      [500, "sent CANCEL", "proceeding"],
      [1000, "sent CANCEL", "proceeding"],
      ["487", "TU 487, sent ACK", "completed"],
      ["CANCEL 200", "", "completed"],
      [32_000, "", "terminated"],
    ],
  },
  "cancel crosses the answer: the call is up, and the TU has to end it": {
    transport: "udp",
    steps: [
      ["start", "sent INVITE", "calling"],
      ["cancel", "", "calling"],
      ["200", "TU 200", "accepted"],
      ["cancel", "", "accepted"],
      [32_000, "", "terminated"],
    ],
  },
};

const nonInviteClient: Record<string, { transport: FakeFlow["transport"]; steps: Step[] }> = {
  "trying: timer E doubles up to T2, until timer F": {
    transport: "udp",
    steps: [
      ["start", "sent OPTIONS", "trying"],
      [500, "sent OPTIONS", "trying"],
      [1000, "sent OPTIONS", "trying"],
      [2000, "sent OPTIONS", "trying"],
      [4000, "sent OPTIONS", "trying"],
      [4000, "sent OPTIONS", "trying"],
      [16_000, "sent OPTIONS, sent OPTIONS, sent OPTIONS, sent OPTIONS", "trying"],
      [4000, "sent OPTIONS", "trying"],
      [499, "", "trying"],
      [1, "TU timeout", "terminated"],
    ],
  },
  "trying over TCP: timer F alone": {
    transport: "tcp",
    steps: [
      ["start", "sent OPTIONS", "trying"],
      [31_999, "", "trying"],
      [1, "TU timeout", "terminated"],
    ],
  },
  "trying: a transport error": {
    transport: "udp",
    steps: [
      ["flow fails", "", "none"],
      ["start", "", "trying"],
      [1, "TU transport error", "terminated"],
    ],
  },
  "trying → proceeding: timer E runs on, and is T2 from then on, until timer F": {
    transport: "udp",
    steps: [
      ["start", "sent OPTIONS", "trying"],
      [200, "", "trying"],
      ["100", "TU 100", "proceeding"],
      [300, "sent OPTIONS", "proceeding"],
      [3999, "", "proceeding"],
      [1, "sent OPTIONS", "proceeding"],
      ["100", "TU 100", "proceeding"],
      [27_499, "sent OPTIONS, sent OPTIONS, sent OPTIONS, sent OPTIONS, sent OPTIONS, sent OPTIONS", "proceeding"],
      [1, "TU timeout", "terminated"],
    ],
  },
  "proceeding: a transport error": {
    transport: "udp",
    steps: [
      ["start", "sent OPTIONS", "trying"],
      ["100", "TU 100", "proceeding"],
      ["flow fails", "", "proceeding"],
      [500, "TU transport error", "terminated"],
    ],
  },
  "trying → completed: one final response to the TU, until timer K": {
    transport: "udp",
    steps: [
      ["start", "sent OPTIONS", "trying"],
      ["200", "TU 200", "completed"],
      ["200", "", "completed"],
      ["404", "", "completed"],
      ["100", "", "completed"],
      [4999, "", "completed"],
      [1, "", "terminated"],
      ["200", "", "terminated"],
    ],
  },
  "proceeding → completed over TCP: timer K is zero": {
    transport: "tcp",
    steps: [
      ["start", "sent OPTIONS", "trying"],
      ["100", "TU 100", "proceeding"],
      ["404", "TU 404", "terminated"],
    ],
  },
  "cancel does nothing": {
    transport: "udp",
    steps: [
      ["start", "sent OPTIONS", "trying"],
      ["100", "TU 100", "proceeding"],
      ["cancel", "", "proceeding"],
      ["200", "TU 200", "completed"],
      [5000, "", "terminated"],
    ],
  },
};

function play(method: string, cases: typeof inviteClient): void {
  for (const [title, { transport, steps }] of Object.entries(cases)) {
    test(title, () => {
      const bench = new Bench(method, transport);
      const outcome = steps.map(([what]): Step => [what, bench.do(what), bench.client?.state ?? "none"]);
      expect(outcome).toEqual(steps);
      bench.clock.advance(64_000);
      expect({ pending: bench.clock.pending, open: bench.layer.size }).toEqual({ pending: 0, open: 0 });
    });
  }
}

describe("INVITE client transaction", () => {
  play("INVITE", inviteClient);

  test("the ACK for a failure is made by §17.1.1.3: Route, single Via, To of the response, same number", () => {
    const bench = new Bench("INVITE", "udp", [
      "Via: SIP/2.0/UDP 198.51.100.7;branch=z9hG4bKfurther",
      "Route: <sip:p1.example.com;lr>,<sip:p2.example.com;lr>",
      "Route: <sip:p3.example.com;lr>",
      "Contact: <sip:alice@192.0.2.9>",
      "Require: 100rel",
    ]);
    bench.start();
    bench.flow.take();
    bench.layer.receive(responseTo(bench.request, 486, "b7"), bench.flow);
    const [ack] = bench.flow.takeMessages();
    expect(ack?.head).toBe(
      [
        "ACK sip:bob@example.com SIP/2.0",
        "Via: SIP/2.0/UDP 192.0.2.9:5060;branch=z9hG4bK1",
        "Route: <sip:p1.example.com;lr>,<sip:p2.example.com;lr>",
        "Route: <sip:p3.example.com;lr>",
        "Max-Forwards: 70",
        "From: Alice <sip:alice@example.org>;tag=a1",
        "To: Bob <sip:bob@example.com>;tag=b7",
        "Call-ID: call-1",
        "CSeq: 1 ACK",
        "Content-Length: 0",
        "",
      ].join("\r\n"),
    );
  });

  test("the CANCEL is made by §9.1: Route, single Via, To of the INVITE, no Require", () => {
    const bench = new Bench("INVITE", "udp", [
      "Route: <sip:p1.example.com;lr>",
      "Proxy-Require: foo",
      "Require: 100rel",
    ]);
    bench.start();
    bench.layer.receive(responseTo(bench.request, 180), bench.flow);
    bench.flow.take();
    bench.client?.cancel();
    const [cancel] = bench.flow.takeMessages();
    expect(cancel?.head).toBe(
      [
        "CANCEL sip:bob@example.com SIP/2.0",
        "Via: SIP/2.0/UDP 192.0.2.9:5060;branch=z9hG4bK1",
        "Route: <sip:p1.example.com;lr>",
        "Max-Forwards: 70",
        "From: Alice <sip:alice@example.org>;tag=a1",
        "To: Bob <sip:bob@example.com>",
        "Call-ID: call-1",
        "CSeq: 1 CANCEL",
        "Content-Length: 0",
        "",
      ].join("\r\n"),
    );
  });

  test("a CANCEL asked for within the response callback is sent", () => {
    const bench = new Bench("INVITE", "udp");
    bench.layer.request(bench.request, bench.flow, {
      response: (_, transaction) => transaction.cancel(),
      timeout() {},
      transportError() {},
    });
    bench.flow.take();
    bench.layer.receive(responseTo(bench.request, 180), bench.flow);
    expect(bench.flow.take()).toEqual(["CANCEL sip:bob@example.com"]);
  });

  test("lets go of the request with the final response, after the TU has seen it", () => {
    for (const status of [200, 486]) {
      const bench = new Bench("INVITE", "udp");
      let seen: Request | undefined;
      const client = bench.layer.request(bench.request, bench.flow, {
        response: (_, transaction) => {
          seen = transaction.request;
        },
        timeout() {},
        transportError() {},
      });
      bench.layer.receive(responseTo(bench.request, status), bench.flow);
      expect([seen, client.request]).toEqual([bench.request, undefined]);
    }
  });
});

describe("non-INVITE client transaction", () => {
  play("OPTIONS", nonInviteClient);
});

describe("finding the client transaction of a response", () => {
  test("the branch alone is not enough: the CSeq method counts", () => {
    const bench = new Bench("INVITE", "udp");
    bench.start();
    bench.respondToCancel(200);
    expect([bench.client?.state, bench.log, bench.stray.length]).toEqual(["calling", [], 1]);
  });

  test("a response of another branch is stray", () => {
    const bench = new Bench("OPTIONS", "udp");
    bench.start();
    bench.layer.receive(responseTo(requestFrom({ method: "OPTIONS", branch: "z9hG4bKother" }), 200), bench.flow);
    expect([bench.client?.state, bench.stray.map((response) => response.status)]).toEqual(["trying", [200]]);
  });

  test.each([
    ["no branch", requestFrom({ via: "SIP/2.0/UDP 192.0.2.1" }), "no-branch"],
    ["an ACK", requestFrom({ method: "ACK" }), "ack"],
    ["a branch in use", requestFrom(), "branch-in-use"],
  ])("a request with %s is refused as a mistake", (_, request, code) => {
    const bench = new Bench("INVITE", "udp");
    bench.start();
    const open = bench.layer.size;
    let thrown: unknown;
    try {
      bench.layer.request(request, bench.flow, { response() {}, timeout() {}, transportError() {} });
    } catch (error) {
      thrown = error;
    }
    expect<unknown>(thrown instanceof TransactionError && thrown.code).toBe(code);
    expect(bench.layer.size).toBe(open);
  });
});
