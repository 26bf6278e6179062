/** The server transactions, arrow by arrow of figures 7 (RFC 6026) and 8 (RFC 3261, RFC 4320), in virtual time. */
import { describe, expect, test } from "bun:test";
import { VirtualClock } from "../../src/sip/clock.ts";
import { buildResponse, Request } from "../../src/sip/message.ts";
import { seededRandom } from "../../src/sip/random.ts";
import { type ServerTransaction, TransactionLayer } from "../../src/sip/transaction/index.ts";
import { FakeFlow, type RequestParts, requestFrom } from "../support/fake-flow.ts";

/** "INVITE", "ACK"…: that request comes; "respond 180": the TU responds so; a number: so many ms pass. */
type Step = readonly [what: number | string, outcome: string, state: string];

class Bench {
  readonly clock = new VirtualClock();
  readonly flow: FakeFlow;
  readonly log: string[] = [];
  readonly layer: TransactionLayer;
  readonly parts: RequestParts;
  readonly listen: boolean;
  server: ServerTransaction | undefined;

  constructor(transport: FakeFlow["transport"], options: { listen?: boolean; parts?: RequestParts } = {}) {
    this.flow = new FakeFlow(transport);
    this.listen = options.listen ?? true;
    this.parts = options.parts ?? {};
    this.layer = new TransactionLayer({
      clock: this.clock,
      random: seededRandom(1),
      user: {
        request: (server, request) => {
          this.server = server;
          this.log.push(`TU ${request.method}`);
          if (!this.listen) return;
          server.onTimeout = () => void this.log.push("TU timeout");
          server.onTransportError = (reason) => void this.log.push(`TU ${reason}`);
          server.onAck = () => void this.log.push("TU told of ACK");
        },
        ack: () => void this.log.push("TU ACK"),
        cancel: (server) => void this.log.push(`TU CANCEL of ${server.request.method}`),
        strayResponse: () => void this.log.push("unexpected response"),
      },
    });
  }

  do(what: number | string): string {
    if (typeof what === "number") this.advance(what);
    else if (what === "flow fails") this.flow.failing = "transport error";
    else if (what === "flow works") this.flow.failing = undefined;
    else if (what.startsWith("respond ")) this.respond(Number(what.slice(8)));
    else this.layer.receive(requestFrom({ ...this.parts, ...toTagOfAck(what), method: what }), this.flow);
    this.note();
    return this.log.splice(0).join(", ");
  }

  respond(status: number): void {
    if (this.server === undefined) throw new TypeError("no request yet");
    const response = buildResponse(this.server.request, status, { ...(status > 100 && { toTag: "b1" }) });
    if (!this.server.respond(response)) this.log.push("not sent");
  }

  advance(ms: number): void {
    for (let left = ms; left > 0; left -= Math.min(left, 100)) {
      this.clock.advance(Math.min(left, 100));
      this.note();
    }
  }

  note(): void {
    for (const message of this.flow.takeMessages()) {
      if (!(message instanceof Request)) this.log.push(`sent ${message.status}`);
    }
  }
}

const toTagOfAck = (method: string): RequestParts =>
  method === "ACK" ? { to: "Bob <sip:bob@example.com>;tag=b1" } : {};

const inviteServer: Record<string, { transport: FakeFlow["transport"]; listen?: boolean; steps: Step[] }> = {
  "proceeding: 100 after 200 ms, when the TU says nothing, and again for each INVITE": {
    transport: "udp",
    steps: [
      ["INVITE", "TU INVITE", "proceeding"],
      [199, "", "proceeding"],
      [1, "sent 100", "proceeding"],
      ["INVITE", "sent 100", "proceeding"],
      [300_000, "", "proceeding"],
      ["respond 486", "sent 486", "completed"],
      ["ACK", "TU told of ACK", "confirmed"],
      [5000, "", "terminated"],
    ],
  },
  "proceeding: an INVITE that comes again before the 200 ms brings the 100 forward": {
    transport: "udp",
    steps: [
      ["INVITE", "TU INVITE", "proceeding"],
      [100, "", "proceeding"],
      ["INVITE", "sent 100", "proceeding"],
      [300_000, "", "proceeding"],
      ["respond 200", "sent 200", "accepted"],
      [32_000, "", "terminated"],
    ],
  },
  "proceeding: provisional responses are sent, and the last one again; no 100 then": {
    transport: "udp",
    steps: [
      ["INVITE", "TU INVITE", "proceeding"],
      ["respond 180", "sent 180", "proceeding"],
      [1000, "", "proceeding"],
      ["INVITE", "sent 180", "proceeding"],
      ["respond 183", "sent 183", "proceeding"],
      ["INVITE", "sent 183", "proceeding"],
      ["ACK", "", "proceeding"],
      ["respond 200", "sent 200", "accepted"],
      [32_000, "", "terminated"],
    ],
  },
  "proceeding: a transport error is told, and changes nothing": {
    transport: "udp",
    steps: [
      ["INVITE", "TU INVITE", "proceeding"],
      ["flow fails", "", "proceeding"],
      ["respond 180", "TU transport error", "proceeding"],
      ["flow works", "", "proceeding"],
      ["INVITE", "sent 180", "proceeding"],
      ["respond 200", "sent 200", "accepted"],
      [32_000, "", "terminated"],
    ],
  },
  "accepted: INVITEs are absorbed, 2xx of the TU are sent, ACKs go to the TU, until timer L": {
    transport: "udp",
    steps: [
      ["INVITE", "TU INVITE", "proceeding"],
      ["respond 200", "sent 200", "accepted"],
      ["INVITE", "", "accepted"],
      ["respond 200", "sent 200", "accepted"],
      ["ACK", "TU ACK", "accepted"],
      ["ACK", "TU ACK", "accepted"],
      ["respond 180", "not sent", "accepted"],
      ["respond 486", "not sent", "accepted"],
      [31_999, "", "accepted"],
      ["respond 200", "sent 200", "accepted"],
      [1, "", "terminated"],
      ["respond 200", "not sent", "terminated"],
    ],
  },
  "accepted over TCP: timer L is the same": {
    transport: "tcp",
    steps: [
      ["INVITE", "TU INVITE", "proceeding"],
      ["respond 200", "sent 200", "accepted"],
      [31_999, "", "accepted"],
      [1, "", "terminated"],
    ],
  },
  "accepted: a transport error of the 2xx is told, and changes nothing": {
    transport: "udp",
    steps: [
      ["INVITE", "TU INVITE", "proceeding"],
      ["flow fails", "", "proceeding"],
      ["respond 200", "TU transport error", "accepted"],
      ["flow works", "", "accepted"],
      ["respond 200", "sent 200", "accepted"],
      [32_000, "", "terminated"],
    ],
  },
  "completed: timer G doubles up to T2, until timer H": {
    transport: "udp",
    steps: [
      ["INVITE", "TU INVITE", "proceeding"],
      ["respond 486", "sent 486", "completed"],
      [499, "", "completed"],
      [1, "sent 486", "completed"],
      [1000, "sent 486", "completed"],
      [2000, "sent 486", "completed"],
      [4000, "sent 486", "completed"],
      [4000, "sent 486", "completed"],
      [20_000, "sent 486, sent 486, sent 486, sent 486, sent 486", "completed"],
      [499, "", "completed"],
      [1, "TU timeout", "terminated"],
    ],
  },
  "completed over TCP: no timer G, but timer H": {
    transport: "tcp",
    steps: [
      ["INVITE", "TU INVITE", "proceeding"],
      ["respond 486", "sent 486", "completed"],
      [31_999, "", "completed"],
      [1, "TU timeout", "terminated"],
    ],
  },
  "completed → confirmed: the failure again for each INVITE, and the ACK silences all until timer I": {
    transport: "udp",
    steps: [
      ["INVITE", "TU INVITE", "proceeding"],
      ["respond 603", "sent 603", "completed"],
      ["INVITE", "sent 603", "completed"],
      ["respond 486", "not sent", "completed"],
      ["respond 200", "not sent", "completed"],
      ["ACK", "TU told of ACK", "confirmed"],
      ["ACK", "", "confirmed"],
      ["INVITE", "", "confirmed"],
      [4999, "", "confirmed"],
      [1, "", "terminated"],
    ],
  },
  "confirmed over TCP: timer I is zero": {
    transport: "tcp",
    steps: [
      ["INVITE", "TU INVITE", "proceeding"],
      ["respond 603", "sent 603", "completed"],
      ["ACK", "TU told of ACK", "terminated"],
    ],
  },
  "completed: a transport error is told, and changes nothing": {
    transport: "udp",
    steps: [
      ["INVITE", "TU INVITE", "proceeding"],
      ["respond 486", "sent 486", "completed"],
      ["flow fails", "", "completed"],
      [500, "TU transport error", "completed"],
      ["flow works", "", "completed"],
      [1000, "sent 486", "completed"],
      ["ACK", "TU told of ACK", "confirmed"],
      [5000, "", "terminated"],
    ],
  },
  "a TU that does not listen is let go of, and the machine goes on": {
    transport: "udp",
    listen: false,
    steps: [
      ["INVITE", "TU INVITE", "proceeding"],
      ["respond 486", "sent 486", "completed"],
      [500, "sent 486", "completed"],
      ["ACK", "", "confirmed"],
      [5000, "", "terminated"],
    ],
  },
  "CANCEL: answered 200 by the layer, told to the TU once, answered again when it comes again": {
    transport: "udp",
    steps: [
      ["INVITE", "TU INVITE", "proceeding"],
      ["respond 180", "sent 180", "proceeding"],
      ["CANCEL", "TU CANCEL of INVITE, sent 200", "proceeding"],
      ["CANCEL", "sent 200", "proceeding"],
      ["respond 487", "sent 487", "completed"],
      ["CANCEL", "sent 200", "completed"],
      ["ACK", "TU told of ACK", "confirmed"],
      [32_000, "", "terminated"],
    ],
  },
  "CANCEL after the final response: 200, and no effect": {
    transport: "udp",
    steps: [
      ["INVITE", "TU INVITE", "proceeding"],
      ["respond 200", "sent 200", "accepted"],
      ["CANCEL", "sent 200", "accepted"],
      [32_000, "", "terminated"],
    ],
  },
  "CANCEL of nothing: 481": {
    transport: "udp",
    steps: [
      ["CANCEL", "sent 481", "none"],
      ["CANCEL", "sent 481", "none"],
    ],
  },
};

const nonInviteServer: Record<string, { transport: FakeFlow["transport"]; listen?: boolean; steps: Step[] }> = {
  "trying → completed: the final response again for each request, until timer J": {
    transport: "udp",
    steps: [
      ["OPTIONS", "TU OPTIONS", "trying"],
      ["OPTIONS", "", "trying"],
      ["respond 200", "sent 200", "completed"],
      ["OPTIONS", "sent 200", "completed"],
      ["respond 404", "not sent", "completed"],
      ["respond 100", "not sent", "completed"],
      [31_999, "", "completed"],
      ["OPTIONS", "sent 200", "completed"],
      [1, "", "terminated"],
    ],
  },
  "trying → completed over TCP: timer J is zero": {
    transport: "tcp",
    steps: [
      ["OPTIONS", "TU OPTIONS", "trying"],
      ["respond 404", "sent 404", "terminated"],
    ],
  },
  "trying: 100 when the client's timer E reaches T2, not before, though the TU may want it (RFC 4320)": {
    transport: "udp",
    steps: [
      ["OPTIONS", "TU OPTIONS", "trying"],
      ["respond 100", "not sent", "trying"],
      [3499, "", "trying"],
      ["OPTIONS", "", "trying"],
      [1, "sent 100", "proceeding"],
      ["OPTIONS", "sent 100", "proceeding"],
      ["respond 100", "sent 100", "proceeding"],
      ["respond 200", "sent 200", "completed"],
      [32_000, "", "terminated"],
    ],
  },
  "trying over TCP: 100 whenever the TU likes, or at 3.5 s": {
    transport: "tcp",
    steps: [
      ["OPTIONS", "TU OPTIONS", "trying"],
      ["respond 100", "sent 100", "proceeding"],
      [3500, "", "proceeding"],
      ["respond 200", "sent 200", "terminated"],
      ["OPTIONS", "TU OPTIONS", "trying"],
      [3500, "sent 100", "proceeding"],
      ["respond 200", "sent 200", "terminated"],
    ],
  },
  "never a provisional response but 100 (RFC 4320 §4.1)": {
    transport: "tcp",
    steps: [
      ["OPTIONS", "TU OPTIONS", "trying"],
      ["respond 180", "not sent", "trying"],
      ["respond 183", "not sent", "trying"],
      ["respond 200", "sent 200", "terminated"],
    ],
  },
  "never a 408, nor another final response after one (RFC 4320 §4.2)": {
    transport: "udp",
    steps: [
      ["OPTIONS", "TU OPTIONS", "trying"],
      ["respond 408", "not sent", "completed"],
      ["OPTIONS", "", "completed"],
      ["respond 200", "not sent", "completed"],
      [32_000, "", "terminated"],
    ],
  },
  "never a late response: after 64*T1 the transaction is over": {
    transport: "udp",
    steps: [
      ["OPTIONS", "TU OPTIONS", "trying"],
      [31_999, "sent 100", "proceeding"],
      [1, "TU timeout", "terminated"],
      ["respond 200", "not sent", "terminated"],
    ],
  },
  "proceeding and completed: a transport error is told, and changes nothing": {
    transport: "udp",
    steps: [
      ["OPTIONS", "TU OPTIONS", "trying"],
      ["flow fails", "", "trying"],
      [3500, "TU transport error", "proceeding"],
      ["OPTIONS", "TU transport error", "proceeding"],
      ["respond 200", "TU transport error", "completed"],
      ["flow works", "", "completed"],
      ["OPTIONS", "sent 200", "completed"],
      [32_000, "", "terminated"],
    ],
  },
  "CANCEL of a non-INVITE: 200, and no effect": {
    transport: "udp",
    steps: [
      ["OPTIONS", "TU OPTIONS", "trying"],
      ["CANCEL", "sent 200", "trying"],
      ["respond 200", "sent 200", "completed"],
      [32_000, "", "terminated"],
    ],
  },
};

/** A client of RFC 2543: no magic cookie, so more than the branch has to match. */
const legacy: RequestParts = { via: "SIP/2.0/UDP 192.0.2.9:5060;branch=1" };

function play(cases: typeof inviteServer, parts: RequestParts = {}): void {
  for (const [title, { transport, steps, listen = true }] of Object.entries(cases)) {
    test(title, () => {
      const bench = new Bench(transport, { listen, parts });
      const outcome = steps.map(([what]): Step => [what, bench.do(what), bench.server?.state ?? "none"]);
      expect(outcome).toEqual(steps);
      bench.clock.advance(64_000);
      expect({ pending: bench.clock.pending, open: bench.layer.size }).toEqual({ pending: 0, open: 0 });
    });
  }
}

describe("INVITE server transaction", () => play(inviteServer));
describe("INVITE server transaction of an RFC 2543 client", () => play(inviteServer, legacy));
describe("non-INVITE server transaction", () => play(nonInviteServer));
describe("non-INVITE server transaction of an RFC 2543 client", () => play(nonInviteServer, legacy));

describe("the answer to a CANCEL", () => {
  test("has the To tag of the INVITE's responses (RFC 3261 §9.2)", () => {
    const bench = new Bench("udp");
    bench.do("INVITE");
    bench.do("respond 180");
    bench.layer.receive(requestFrom({ method: "CANCEL" }), bench.flow);
    expect(bench.flow.takeMessages().map((message) => message.to.tag)).toEqual(["b1"]);
  });

  test("comes before what the TU then says to the INVITE", () => {
    const bench = new Bench("udp");
    const { flow } = bench;
    const layer: TransactionLayer = new TransactionLayer({
      clock: bench.clock,
      random: seededRandom(1),
      user: {
        request: () => {},
        ack: () => {},
        cancel: (server) => void server.respond(buildResponse(server.request, 487, { toTag: "b1" })),
        strayResponse: () => {},
      },
    });
    layer.receive(requestFrom(), flow);
    layer.receive(requestFrom({ method: "CANCEL" }), flow);
    expect(flow.takeMessages().map((message) => message.header("cseq"))).toEqual(["1 CANCEL", "1 INVITE"]);
  });
});

describe("the 100 of the layer", () => {
  test("has no To tag, and notes where the request came from", () => {
    const bench = new Bench("udp", { parts: { via: "SIP/2.0/UDP pc.example.org;rport;branch=z9hG4bK1" } });
    bench.do("INVITE");
    bench.clock.advance(200);
    const [trying] = bench.flow.takeMessages();
    expect(trying?.to.tag).toBeUndefined();
    expect(trying?.header("via")).toBe("SIP/2.0/UDP pc.example.org;rport=5060;branch=z9hG4bK1;received=192.0.2.9");
  });
});
