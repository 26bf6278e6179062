/** A client transaction in virtual time, played step by step against what the figures of the RFCs say. */
import { expect, test } from "bun:test";
import { VirtualClock } from "../../src/sip/clock.ts";
import { Request, type Response } from "../../src/sip/message.ts";
import { seededRandom } from "../../src/sip/random.ts";
import { type ClientTransaction, TransactionLayer } from "../../src/sip/transaction/index.ts";
import { FakeFlow, parsed, requestFrom, responseTo } from "../support/fake-flow.ts";

/** What is done, what comes of it, and the state then. A number: so many ms pass; "180": that response comes. */
export type Step = readonly [what: number | string, outcome: string, state: string];

export class ClientBench {
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
/** Steps by what they show. */
export type Cases = Readonly<Record<string, { transport: FakeFlow["transport"]; steps: Step[] }>>;

/** A test for each case: the steps, and that nothing is left open or pending afterwards. */
export function play(method: string, cases: Cases): void {
  for (const [title, { transport, steps }] of Object.entries(cases)) {
    test(title, () => {
      const bench = new ClientBench(method, transport);
      const outcome = steps.map(([what]): Step => [what, bench.do(what), bench.client?.state ?? "none"]);
      expect(outcome).toEqual(steps);
      bench.clock.advance(64_000);
      expect({ pending: bench.clock.pending, open: bench.layer.size }).toEqual({ pending: 0, open: 0 });
    });
  }
}
