/**
 * What the HTTP API costs beside 1,000 calls that are up: how long its answers take, what making them takes of the main thread,
 * and what the feed costs. Prints; asserts nothing. `bun test/bench/api.bench.ts`
 */
import { openControl } from "../../src/cli/control.ts";
import { Feed } from "../../src/control/feed.ts";
import { createLog } from "../../src/log.ts";
import { LogTail } from "../../src/log-tail.ts";
import { startServer } from "../../src/server/index.ts";
import { answering, configured } from "../support/server.ts";

const placed = 500;
const requests = 300;
const log = createLog({ level: "error", format: "json" });
const config = await configured({
  listen: [{ transport: "udp", host: "127.0.0.1", port: 0 }],
  routes: [
    {
      ...{ to: undefined, from: undefined, methods: undefined, auth: undefined, line: 1, column: 1 },
      action: { type: "exec", argv: ["handler"] },
    },
  ],
  control: {
    listen: [{ host: "127.0.0.1", port: 0 }],
    ...{ keys: [], tls: undefined, console: false, sipws: false, requestsPerSecond: 0, webhooks: [] },
  },
});
// A machine that others use is late now and then; here calls are wanted all the same.
const overload = { start: 1e9, all: 2e9 };
const server = await startServer(config, { log, overload, handlerFor: () => ({ start: answering }) });
const http = await openControl({
  ...{ config, server, log, logs: new LogTail() },
  lifecycle: { stage: "serving", reload: () => Promise.reject(new TypeError("not here")), stop() {} },
});
const base = http?.urls[0] ?? "";
const uri = `sip:a@127.0.0.1:${server.listening[0]?.local.port}`;
for (let i = 0; i < placed; i++) {
  server.call({ uri }, { start: (call) => call.listen(() => {}) });
  if (i % 10 === 9) await Bun.sleep(30);
}
const { calls } = server.operator;
for (let i = 0; i < 500 && calls.list(9999).filter(({ state }) => state === "answered").length < 2 * placed; i++)
  await Bun.sleep(20);
console.log(`${server.calls.size} calls are up`);

/** In a process of its own, so that what it costs is not the server's. */
const client = `
  const times = []; let size = 0;
  for (let i = 0; i < ${requests}; i++) {
    const began = performance.now();
    size = (await (await fetch(process.argv[1])).arrayBuffer()).byteLength;
    if (i >= 10) times.push(performance.now() - began);
    await Bun.sleep(3);
  }
  times.sort((a, b) => a - b);
  const at = (part) => times[Math.floor(times.length * part)].toFixed(1);
  console.log(\`\${size} octets, p50 \${at(0.5)} ms, p99 \${at(0.99)} ms\`);
`;
const [first] = calls.list(1);
for (const path of ["status", "calls?limit=100", "calls", `calls/${first?.id}`, "routes", "openapi.json"]) {
  const run = Bun.spawn([process.execPath, "-e", client, `${base}/v1/${path}`], { stdout: "pipe" });
  console.log(`GET /v1/${path}: ${(await new Response(run.stdout).text()).trim()}`);
}

/** The fastest of many: what it takes when nobody else wants the processor. */
function fastest(work: () => unknown): number {
  let least = Number.POSITIVE_INFINITY;
  for (let i = 0; i < 200; i++) {
    const began = performance.now();
    work();
    least = Math.min(least, performance.now() - began);
  }
  return least;
}
console.log(`the list of calls on the main thread: ${fastest(() => JSON.stringify(calls.list(9999))).toFixed(2)} ms`);

const rounds = 10_000;
for (const [name, active, listeners] of [
  ["nobody may listen", false, 0],
  ["nobody listens", true, 0],
  ["one listens", true, 1],
] as const) {
  const feed = new Feed();
  feed.active = active;
  let heard = 0;
  for (let i = 0; i < listeners; i++) feed.subscribe({ heard: () => heard++ });
  const data = { event: "DTMF", args: { digit: "*", duration: 160 } };
  const of = { call: "abcdef01", callId: "a84b4c76e66710@pc33.example.com" };
  const ms = fastest(() => {
    for (let i = 0; i < rounds / 10; i++) feed.publish("call.event", data, of);
  });
  console.log(`an event where ${name}: ${((ms * 1000) / (rounds / 10)).toFixed(2)} µs`);
}
process.exit(0);
