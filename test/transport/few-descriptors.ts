/** A server with few file descriptors: prints its port, answers each request. Run by tcp-limits.test.ts under `ulimit -n`. */
import { createLog } from "../../src/log.ts";
import { buildResponse } from "../../src/sip/message.ts";
import { SystemClock, TransportLayer } from "../../src/transport/index.ts";

const layer = await TransportLayer.open({
  listen: [{ transport: "tcp", host: "127.0.0.1", port: 0 }],
  clock: new SystemClock(),
  log: createLog({ level: "warn", format: "pretty" }),
  events: {
    message: (message, flow) => {
      if (message.type === "request") flow.send(buildResponse(message, 200).bytes());
    },
    failure: () => {},
    closed: () => {},
  },
});
console.log(layer.listening[0]?.local.port);
