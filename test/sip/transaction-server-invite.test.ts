/** The INVITE server transaction, arrow by arrow of figure 7 (RFC 6026), in virtual time. */
import { describe, expect, test } from "bun:test";
import { buildResponse } from "../../src/sip/message.ts";
import { seededRandom } from "../../src/sip/random.ts";
import { TransactionLayer } from "../../src/sip/transaction/index.ts";
import { requestFrom } from "../support/fake-flow.ts";
import { type Cases, legacy, play, ServerBench } from "./server-bench.ts";

const inviteServer: Cases = {
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

describe("INVITE server transaction", () => play(inviteServer));
describe("INVITE server transaction of an RFC 2543 client", () => play(inviteServer, legacy));

describe("the answer to a CANCEL", () => {
  test("has the To tag of the INVITE's responses (RFC 3261 §9.2)", () => {
    const bench = new ServerBench("udp");
    bench.do("INVITE");
    bench.do("respond 180");
    bench.layer.receive(requestFrom({ method: "CANCEL" }), bench.flow);
    expect(bench.flow.takeMessages().map((message) => message.to.tag)).toEqual(["b1"]);
  });

  test("comes before what the TU then says to the INVITE", () => {
    const bench = new ServerBench("udp");
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
    const bench = new ServerBench("udp", { parts: { via: "SIP/2.0/UDP pc.example.org;rport;branch=z9hG4bK1" } });
    bench.do("INVITE");
    bench.clock.advance(200);
    const [trying] = bench.flow.takeMessages();
    expect(trying?.to.tag).toBeUndefined();
    expect(trying?.header("via")).toBe("SIP/2.0/UDP pc.example.org;rport=5060;branch=z9hG4bK1;received=192.0.2.9");
  });
});
