/** The thread that scripts run in. Takes `WorkerSetup` first, then lists of ToWorker messages as JSON; posts lists of ToMain. */
import { SystemClock } from "../../transport/system-clock.ts";
import { ScriptEngine } from "./engine.ts";
import { Pulse } from "./heartbeat.ts";
import type { ToMain, ToWorker, WorkerSetup } from "./protocol.ts";

declare const self: Worker;

let outbox: ToMain[] = [];
let waiting: string[] | undefined = [];
let engine: ScriptEngine | undefined;
let pulse: Pulse | undefined;

function flush(): void {
  if (outbox.length === 0) return;
  const messages = outbox;
  outbox = [];
  self.postMessage(JSON.stringify(messages));
}

function post(message: ToMain): void {
  if (outbox.length === 0) queueMicrotask(flush);
  outbox.push(message);
}

function receive(text: string): void {
  if (engine === undefined) {
    waiting?.push(text);
    return;
  }
  // Only the main thread's own code writes here.
  for (const message of JSON.parse(text) as ToWorker[]) {
    const before = performance.now();
    if (message.type === "start") pulse?.took();
    engine.receive(message);
    // A slow script delays its neighbours' messages no longer than its own turn.
    if (performance.now() - before > 5) flush();
  }
}

async function setUp(setup: WorkerSetup): Promise<void> {
  const beat = new Pulse(setup.heartbeat);
  pulse = beat;
  engine = await ScriptEngine.open({
    limits: setup.limits,
    allow: setup.allow,
    env: setup.env,
    clock: new SystemClock(),
    wall: () => performance.now(),
    processor: () => {
      const { user, system } = process.threadCpuUsage();
      return (user + system) / 1000;
    },
    post,
    beginTurn: (run) => beat.begin(run),
    endTurn: () => beat.end(),
  });
  const early = waiting ?? [];
  waiting = undefined;
  for (const text of early) receive(text);
  self.postMessage("ready");
}

self.onmessage = (event: MessageEvent<WorkerSetup | string>) => {
  if (typeof event.data === "string") receive(event.data);
  else void setUp(event.data);
};
