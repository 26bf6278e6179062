/**
 * How many G.711 streams one core carries, and how punctually: N sessions play a file toward a process that notes when
 * each packet comes. Run it with the sender on one core: `taskset -c 0 bun test/bench/streams.bench.ts [streams] [seconds]`.
 *
 * A packet's own time is its stream's first packet's plus 20 ms for each since; the best possible start is taken (the
 * earliest packet of a stream relative to its sequence), so that lateness is never negative.
 */
import { readdirSync, readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createLog } from "../../src/log.ts";
import { startMedia } from "../../src/media/index.ts";
import { wavHeader } from "../../src/media/wav-writer.ts";

/** ms that all threads of this process have waited for a core (Linux's schedstat). */
function waitedForCore(): number {
  try {
    return readdirSync("/proc/self/task")
      .map((task) => Number(readFileSync(`/proc/self/task/${task}/schedstat`, "utf8").split(" ")[1]) / 1e6)
      .reduce((sum, ms) => sum + ms, 0);
  } catch {
    return Number.NaN;
  }
}

const streams = Number(process.argv[2] ?? 1000);
const seconds = Number(process.argv[3] ?? 5);
const basePort = 31_000;
const receiverPorts = 64;

// The receiver inherits our one core unless it is sent to another.
const elsewhere = Bun.which("taskset") === null ? [] : ["taskset", "-c", "1"];
const receiver = Bun.spawn(
  [
    ...elsewhere,
    process.execPath,
    new URL("./streams-receiver.ts", import.meta.url).pathname,
    String(basePort),
    String(receiverPorts),
  ],
  { stdin: "pipe", stdout: "pipe", stderr: "inherit" },
);
const lines = receiver.stdout.pipeThrough(new TextDecoderStream()).getReader();
await lines.read();

// A minute of a tone that sweeps: neither silence nor the same in all frames.
const samples = new Int16Array(60 * 8000);
for (let i = 0; i < samples.length; i++) samples[i] = Math.round(8000 * Math.sin(i * (0.1 + i / 1e7)));
const file = join(tmpdir(), `siproc-bench-${process.pid}.wav`);
await Bun.write(file, new Blob([wavHeader(1, samples.byteLength), samples]));

const log = createLog({ level: "warn", format: "pretty" });
const media = await startMedia({ ports: [32_000, 32_000 + 2 * streams + 200], log, freePorts: streams });
// Ports are bound some at a time, so that calls that are up keep their pace.
while (media.stats.free < streams) await Bun.sleep(10);
let played = 0;
let failed = 0;
const sessions = Array.from({ length: streams }, (_, i) => {
  const session = media.open({ host: "127.0.0.1" });
  const port = basePort + (i % receiverPorts);
  session.listener = (event) => {
    if (event.type === "played") played++;
    if (event.type === "error") failed++;
  };
  session.configure({
    remote: { host: "127.0.0.1", port, rtcpPort: 0 },
    codec: "PCMU",
    payloadType: 0,
    dtmfPayloadType: 101,
    direction: "sendonly",
  });
  session.play(1, file);
  return session;
});

// The worker warms up: until the last tier of the compiler is done, its threads take the one core from ours.
await Bun.sleep(8000);
receiver.stdin.write("start\n");
receiver.stdin.flush();
const queued = waitedForCore();
const cpu = process.cpuUsage();
const began = performance.now();
await Bun.sleep(seconds * 1000);
const used = process.cpuUsage(cpu);
const elapsed = performance.now() - began;
// Time for which our threads were ready and the core was given to somebody else: above 20 ms/s the machine is not quiet
// enough to judge punctuality.
const waited = Math.round((waitedForCore() - queued) / seconds);
receiver.stdin.write("stop\n");
receiver.stdin.flush();
const { value } = await lines.read();
const result: unknown = JSON.parse(value ?? "{}");
for (const session of sessions) session.close();
await media.close();
await Bun.file(file).delete();
receiver.kill();

const split = { user: Math.round(used.user / 1000 / seconds), system: Math.round(used.system / 1000 / seconds) };
const core = (used.user + used.system) / 1000 / elapsed;
console.log(
  JSON.stringify({
    bench: "streams",
    streams,
    seconds,
    core: Number(core.toFixed(3)),
    split,
    waited,
    played,
    failed,
    result,
  }),
);
