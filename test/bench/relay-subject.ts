/** The relay alone, for `relay.ts`: opens sessions between two ports of somebody's and prints where they are. */
import { createLog } from "../../src/log.ts";
import { startRelay } from "../../src/media/index.ts";

const [sessions = 0, callerPort = 0, calleePort = 0, first = 0, last = 0] = process.argv.slice(2, 7).map(Number);
const sockets = process.argv[7] === "bun" ? "bun" : "libc";
const log = createLog({ level: "warn", format: "pretty" });
const relay = await startRelay({ ports: [first, last], log, freePairs: 2 * sessions, sockets });
while (relay.totals.free < 2 * sessions) await Bun.sleep(10);
const peer = (port: number) => ({
  remote: { host: "127.0.0.1", port, rtcpPort: port + 1 },
  source: "127.0.0.1",
  anywhere: false,
  rtcpMux: false,
  payloadTypes: [0],
  clockRate: 8000,
});
const ports = Array.from({ length: sessions }, () => {
  const session = relay.relay({ a: { host: "127.0.0.1" }, b: { host: "127.0.0.1" } });
  session?.open(0);
  session?.configure(0, "a", peer(callerPort));
  session?.configure(0, "b", peer(calleePort));
  const line = session?.lines[0];
  return [line?.a.rtpPort ?? 0, line?.b.rtpPort ?? 0];
});
console.log(JSON.stringify(ports));
