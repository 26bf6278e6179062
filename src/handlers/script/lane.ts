/** One script worker as the main thread has it: posts batched per turn, a watch on its pulse, and its end. */
import { createHeartbeat, PulseWatch, QueueWatch } from "./heartbeat.ts";
import type { Program } from "./program.ts";
import type { RunId, ToMain, ToWorker, WorkerSetup } from "./protocol.ts";

export interface LaneEvents {
  message(message: ToMain): void;
  /** The worker is in a turn that it should have ended long ago. It may come back: give it no new calls. */
  stuck(lane: Lane, culprit: RunId): void;
  /** An error of ours in the worker; `died` follows. */
  failed(reason: string): void;
  /** The worker is gone. `culprit`: the run that it was stuck in, if it was. */
  died(lane: Lane, culprit: RunId | undefined): void;
}

/** How often the pulse is looked at while scripts run, in ms. */
const lookEvery = 50;
/** How long a turn may last before the worker counts as stuck, in ms, at the least. */
const shortestStuck = 300;
/**
 * And how much longer before it is given up, with all its calls. What QuickJS does without looking at the clock, such as
 * multiplying BigInts of a million bits, often ends within this.
 */
const defaultPatience = 1_500;

export class Lane {
  /** The runs that this worker has. */
  readonly runs = new Set<RunId>();
  readonly #worker: Worker;
  readonly #events: LaneEvents;
  readonly #watch: PulseWatch;
  readonly #queue: QueueWatch;
  /** The newest program that the worker has of each entry file. */
  readonly #programs = new Map<string, number>();
  #outbox: ToWorker[] = [];
  #looking: ReturnType<typeof setInterval> | undefined;
  /** Whether the worker has come up. */
  ready = false;
  #dead = false;
  readonly #stuckAfter: number;
  readonly #patience: number;
  /** The turn that was reported as stuck. */
  #reported: number | undefined;

  constructor(setup: Omit<WorkerSetup, "heartbeat">, events: LaneEvents, patience = defaultPatience) {
    this.#events = events;
    this.#patience = patience;
    const heartbeat = createHeartbeat();
    this.#watch = new PulseWatch(heartbeat);
    this.#queue = new QueueWatch(heartbeat);
    this.#stuckAfter = Math.max(shortestStuck, 4 * setup.limits.cpu);
    this.#worker = new Worker(new URL("./worker.ts", import.meta.url).href);
    this.#worker.onmessage = (event: MessageEvent<string>) => this.#receive(event.data);
    this.#worker.onerror = (event) => {
      event.preventDefault();
      this.#events.failed(event.message);
      this.#die(undefined);
    };
    this.#worker.addEventListener("close", () => this.#die(undefined));
    this.#worker.postMessage({ ...setup, heartbeat } satisfies WorkerSetup);
  }

  start(file: string, program: Program, message: ToWorker & { type: "start" }): void {
    const known = this.#programs.get(file);
    if (known !== program.id) {
      this.send({ type: "program", program });
      this.#programs.set(file, program.id);
      if (known !== undefined) this.send({ type: "forget", program: known });
    }
    this.runs.add(message.run);
    this.#queue.posted(performance.now());
    this.#looking ??= setInterval(() => this.#look(), lookEvery);
    this.send(message);
  }

  /** Milliseconds that the oldest call has waited for the worker to take it up. */
  get delay(): number {
    return this.#queue.delay(performance.now());
  }

  send(message: ToWorker): void {
    if (this.#dead) return;
    if (this.#outbox.length === 0) queueMicrotask(() => this.#flush());
    this.#outbox.push(message);
  }

  finished(run: RunId): void {
    this.runs.delete(run);
    if (this.runs.size > 0) return;
    clearInterval(this.#looking);
    this.#looking = undefined;
  }

  terminate(): void {
    this.#dead = true;
    clearInterval(this.#looking);
    this.#worker.terminate();
  }

  #receive(text: string): void {
    if (this.#dead) return;
    if (text === "ready") {
      this.ready = true;
      return;
    }
    // Only worker.ts writes here; what scripts say stands in texts, which are checked where they are used.
    for (const message of JSON.parse(text) as ToMain[]) this.#events.message(message);
  }

  #flush(): void {
    const messages = this.#outbox;
    this.#outbox = [];
    if (!this.#dead && messages.length > 0) this.#worker.postMessage(JSON.stringify(messages));
  }

  #look(): void {
    const busy = this.#watch.look(performance.now());
    if (busy === undefined || busy.ms < this.#stuckAfter) return;
    if (busy.ms >= this.#stuckAfter + this.#patience) return this.#die(busy.run);
    if (this.#reported === busy.turn) return;
    this.#reported = busy.turn;
    this.#events.stuck(this, busy.run);
  }

  #die(culprit: RunId | undefined): void {
    if (this.#dead) return;
    this.terminate();
    this.#events.died(this, culprit);
  }
}
