/** The INVITE client transaction, arrow by arrow of figure 5 (RFC 6026), in virtual time. */
import { describe, expect, test } from "bun:test";
import type { Request } from "../../src/sip/message.ts";
import { responseTo } from "../support/fake-flow.ts";
import { type Cases, ClientBench, play } from "./client-bench.ts";

const inviteClient: Cases = {
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

describe("INVITE client transaction", () => {
  play("INVITE", inviteClient);

  test("the ACK for a failure is made by §17.1.1.3: Route, single Via, To of the response, same number", () => {
    const bench = new ClientBench("INVITE", "udp", [
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
    const bench = new ClientBench("INVITE", "udp", [
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
    const bench = new ClientBench("INVITE", "udp");
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
      const bench = new ClientBench("INVITE", "udp");
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
