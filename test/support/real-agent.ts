/** A user agent on real sockets, without a server around it. */
import { type AgentContext, defaultSettings } from "../../src/agent/index.ts";
import { createLog } from "../../src/log.ts";
import { secureRandom } from "../../src/sip/random.ts";
import { TransactionLayer } from "../../src/sip/transaction/index.ts";
import { TransportLayer } from "../../src/transport/index.ts";
import { SystemClock } from "../../src/transport/system-clock.ts";
import { freePort } from "./peers/ports.ts";

export async function realAgent(host: string): Promise<{ context: AgentContext; close(): Promise<void> }> {
  const clock = new SystemClock();
  const log = createLog({ level: "error", format: "pretty" });
  const port = await freePort();
  const transactions = new TransactionLayer({
    clock,
    random: secureRandom,
    user: {
      request: (tx) => tx.respondStateless(501),
      ack: () => {},
      cancel: () => {},
      strayResponse: () => {},
    },
  });
  const ways = await TransportLayer.open({
    listen: [
      { transport: "udp", host, port },
      { transport: "tcp", host, port },
    ],
    clock,
    log,
    events: { message: (message, flow) => transactions.receive(message, flow), failure: () => {}, closed: () => {} },
  });
  return {
    context: {
      clock,
      log,
      random: secureRandom,
      settings: defaultSettings,
      // It is asked for ways by UDP and TCP alone, whatever else an agent's could do.
      ways: ways as AgentContext["ways"],
      transactions,
      sessions: new Map(),
    },
    close: () => ways.close(),
  };
}
