/**
 * `npm run bench`: what the binary costs, each measurement beside its yardstick. Needs SIPp and two cores: the server gets
 * core 0 and the load core 1, so nothing else should run meanwhile.
 *
 *     npm run bench                    everything, about four minutes
 *     npm run bench -- answer startup  only these
 *
 * The `*.bench.ts` files beside this one measure single parts; run them with `bun test/bench/NAME.bench.ts`.
 */
import { buildHere, isStale } from "../../tools/build.ts";
import { missing } from "../support/peers/available.ts";
import { answerBench } from "./answer.ts";
import { bridgeBench } from "./bridge.ts";
import { gatewayBench } from "./gateway.ts";
import type { Row } from "./load.ts";
import { heldBench, leakBench } from "./memory.ts";
import { proxyBench } from "./proxy.ts";
import { registrationBench } from "./registration.ts";
import { relayBench } from "./relay.ts";
import { startupBench } from "./startup.ts";
import { streamsBench } from "./streams.ts";
import { webRtcBench } from "./webrtc.ts";

const benches: Readonly<Record<string, () => AsyncIterable<Row>>> = {
  startup: startupBench,
  answer: answerBench,
  proxy: proxyBench,
  registration: registrationBench,
  streams: streamsBench,
  relay: relayBench,
  bridge: bridgeBench,
  webrtc: webRtcBench,
  gateway: gatewayBench,
  held: heldBench,
  leak: leakBench,
};

const wanted = process.argv.slice(2);
const unknown = wanted.filter((name) => !Object.hasOwn(benches, name));
if (unknown.length > 0) {
  console.error(`no bench is called ${unknown.join(", ")}; there are ${Object.keys(benches).join(", ")}`);
  process.exit(2);
}
if (missing(["sipp"]).length > 0 || Bun.which("taskset") === null) {
  console.error("the benches need SIPp (Debian: sip-tester) and taskset (util-linux)");
  process.exit(2);
}
if (isStale()) await buildHere();

const rows: Row[] = [];
for (const [name, bench] of Object.entries(benches)) {
  if (wanted.length > 0 && !wanted.includes(name)) continue;
  console.error(`${name} …`);
  for await (const row of bench()) rows.push(row);
}

const columns: (keyof Row)[] = ["bench", "subject", "result", "against"];
const widths = columns.map((column) => Math.max(...rows.map((row) => (row[column] ?? "").length)));
for (const row of rows)
  console.log(
    columns
      .map((column, n) => (row[column] ?? "").padEnd(widths[n] ?? 0))
      .join("  ")
      .trimEnd(),
  );
process.exit(0);
