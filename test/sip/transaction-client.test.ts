/** The non-INVITE client transaction, arrow by arrow of figure 6 (RFC 3261), in virtual time; which transaction a response is for. */
import { describe, expect, test } from "bun:test";
import { TransactionError } from "../../src/sip/transaction/index.ts";
import { requestFrom, responseTo } from "../support/fake-flow.ts";
import { type Cases, ClientBench, play } from "./client-bench.ts";

const nonInviteClient: Cases = {
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

describe("non-INVITE client transaction", () => {
  play("OPTIONS", nonInviteClient);
});

describe("finding the client transaction of a response", () => {
  test("the branch alone is not enough: the CSeq method counts", () => {
    const bench = new ClientBench("INVITE", "udp");
    bench.start();
    bench.respondToCancel(200);
    expect([bench.client?.state, bench.log, bench.stray.length]).toEqual(["calling", [], 1]);
  });

  test("a response of another branch is stray", () => {
    const bench = new ClientBench("OPTIONS", "udp");
    bench.start();
    bench.layer.receive(responseTo(requestFrom({ method: "OPTIONS", branch: "z9hG4bKother" }), 200), bench.flow);
    expect([bench.client?.state, bench.stray.map((response) => response.status)]).toEqual(["trying", [200]]);
  });

  test.each([
    ["no branch", requestFrom({ via: "SIP/2.0/UDP 192.0.2.1" }), "no-branch"],
    ["an ACK", requestFrom({ method: "ACK" }), "ack"],
    ["a branch in use", requestFrom(), "branch-in-use"],
  ])("a request with %s is refused as a mistake", (_, request, code) => {
    const bench = new ClientBench("INVITE", "udp");
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
