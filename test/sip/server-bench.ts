/** A server transaction in virtual time, played step by step against what the figures of the RFCs say. */
import { expect, test } from "bun:test";
import { VirtualClock } from "../../src/sip/clock.ts";
import { buildResponse, Request } from "../../src/sip/message.ts";
import { seededRandom } from "../../src/sip/random.ts";
import { type ServerTransaction, TransactionLayer } from "../../src/sip/transaction/index.ts";
import { FakeFlow, type RequestParts, requestFrom } from "../support/fake-flow.ts";

/** "INVITE", "ACK"…: that request comes; "respond 180": the TU responds so; a number: so many ms pass. */
export type Step = readonly [what: number | string, outcome: string, state: string];

export class ServerBench {
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

/** Steps by what they show. */
export type Cases = Readonly<Record<string, { transport: FakeFlow["transport"]; listen?: boolean; steps: Step[] }>>;

/** A client of RFC 2543: no magic cookie, so more than the branch has to match. */
export const legacy: RequestParts = { via: "SIP/2.0/UDP 192.0.2.9:5060;branch=1" };

/** A test for each case: the steps, and that nothing is left open or pending afterwards. */
export function play(cases: Cases, parts: RequestParts = {}): void {
  for (const [title, { transport, steps, listen = true }] of Object.entries(cases)) {
    test(title, () => {
      const bench = new ServerBench(transport, { listen, parts });
      const outcome = steps.map(([what]): Step => [what, bench.do(what), bench.server?.state ?? "none"]);
      expect(outcome).toEqual(steps);
      bench.clock.advance(64_000);
      expect({ pending: bench.clock.pending, open: bench.layer.size }).toEqual({ pending: 0, open: 0 });
    });
  }
}
