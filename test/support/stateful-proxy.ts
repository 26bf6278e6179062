/** A stateful proxy on real UDP sockets, in the test's own process: for peers that are programs. */
import { createLog } from "../../src/log.ts";
import type { CallRecord } from "../../src/routing/call-record.ts";
import { Arrival } from "../../src/routing/chain.ts";
import { type ForwardOptions, StatefulProxy } from "../../src/routing/proxy-stateful/index.ts";
import { RecordRoute } from "../../src/routing/record-route.ts";
import type { ProxyTarget } from "../../src/routing/target.ts";
import { StrayTransaction } from "../../src/server/stray.ts";
import { checkRequest, checkResponse } from "../../src/sip/message.ts";
import { secureRandom } from "../../src/sip/random.ts";
import { TransactionLayer } from "../../src/sip/transaction/index.ts";
import { SystemClock, TransportLayer } from "../../src/transport/index.ts";

export interface RunningProxy {
  readonly port: number;
  readonly records: readonly CallRecord[];
  readonly proxy: StatefulProxy;
  stop(): Promise<void>;
}

/** Forwards every request outside of a dialog to `targets`. */
export async function startProxy(targets: readonly ProxyTarget[], forward: ForwardOptions = {}): Promise<RunningProxy> {
  const clock = new SystemClock();
  const log = createLog({ level: "warn", format: "pretty" });
  const secret = crypto.getRandomValues(new Uint8Array(32));
  const records: CallRecord[] = [];
  const transactions: TransactionLayer = new TransactionLayer({
    clock,
    random: secureRandom,
    user: {
      request: (tx, request) => {
        if (request.to.tag === undefined) proxy.forward(new Arrival(tx), targets, forward);
        else proxy.inDialog(new Arrival(tx));
      },
      ack: (request, flow) => proxy.inDialog(new Arrival(new StrayTransaction(request, flow, transactions))),
      cancel: (tx, cancel) => void proxy.cancel(tx, cancel),
      strayResponse() {},
    },
  });
  const ways = await TransportLayer.open({
    listen: [{ transport: "udp", host: "127.0.0.1", port: 0 }],
    log,
    clock,
    events: {
      message(message, flow) {
        const right = message.type === "request" ? checkRequest(message) === undefined : checkResponse(message);
        if (right) transactions.receive(message, flow);
      },
      failure() {},
      closed() {},
    },
  });
  const proxy: StatefulProxy = new StatefulProxy({
    transactions,
    ways,
    resolver: {
      resolve: ({ host, port = 5060 }, done) => done({ ok: true, hops: [{ transport: "udp", host, port }] }),
      failed() {},
      worked() {},
    },
    recordRoute: new RecordRoute({ secret, ways, isOwn: (host, port) => ways.isOwn(host, port) }),
    secret,
    clock,
    random: secureRandom,
    log,
    record: (record) => void records.push(record),
  });
  return {
    port: ways.listening[0]?.local.port ?? 0,
    records,
    proxy,
    async stop() {
      proxy.stop();
      await ways.close();
    },
  };
}
