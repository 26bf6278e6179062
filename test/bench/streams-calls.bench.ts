/**
 * What opening, configuring and closing a session costs in CPU, main thread and worker together (500 calls/s):
 * `bun test/bench/streams-calls.bench.ts [seconds] [calls per second]`. The sessions are inactive: no packet of theirs is in the number.
 */
import { createLog } from "../../src/log.ts";
import { type MediaSession, startMedia } from "../../src/media/index.ts";

const seconds = Number(process.argv[2] ?? 4);
const perSecond = Number(process.argv[3] ?? 500);
const media = await startMedia({ ports: [33_000, 34_999], log: createLog({ level: "warn", format: "pretty" }) });
const open: MediaSession[] = [];
let refused = 0;
let closed = 0;

function call(): void {
  try {
    const session = media.open({ host: "127.0.0.1" });
    session.listener = (event) => {
      if (event.type === "closed") closed++;
    };
    session.configure({
      remote: { host: "127.0.0.1", port: 9, rtcpPort: 0 },
      codec: "PCMU",
      payloadType: 0,
      dtmfPayloadType: 101,
      direction: "inactive",
    });
    open.push(session);
  } catch {
    refused++;
  }
}

/** Every 10 ms so many calls begin, and those of 100 ms ago end. */
async function load(calls: number): Promise<number> {
  const before = process.cpuUsage();
  const began = performance.now();
  for (let step = 0; step < seconds * 100; step++) {
    for (let i = 0; i < calls; i++) call();
    while (open.length > calls * 10) open.shift()?.close();
    await Bun.sleep(began + (step + 1) * 10 - performance.now());
  }
  const used = process.cpuUsage(before);
  return used.user + used.system;
}

await load(perSecond / 100);
const idle = await load(0);
const busy = await load(perSecond / 100);
const perCall = (busy - idle) / (perSecond * seconds);
await media.close();
console.log(
  JSON.stringify({ bench: "calls", perSecond, seconds, refused, closed, cpuPerCall: `${perCall.toFixed(1)} µs` }),
);
