/** The script host: which worker runs which script, and what becomes of calls whose worker had to be ended. */
import { basename } from "node:path";
import type { CallControl, Handler } from "../../call/control.ts";
import type { Log } from "../../log.ts";
import type { Diagnostic } from "./diagnostic.ts";
import { formatDiagnostic, ScriptError } from "./errors.ts";
import { Lane, type LaneEvents } from "./lane.ts";
import { type Program, Programs } from "./program.ts";
import type { RunId, ToMain } from "./protocol.ts";
import { Session } from "./session.ts";
import {
  defaultLimits,
  noPermissions,
  type ScriptHostOptions,
  type ScriptLimits,
  type ScriptPermissions,
} from "./settings.ts";

export interface ScriptHost {
  /** Handles calls with the script in `file` (an absolute path), as it is when a call begins. */
  handler(file: string): Handler;
  /** What is wrong with a script and its imports; empty when nothing is. */
  check(file: string): Promise<readonly Diagnostic[]>;
  /** Takes no new calls, and closes when the last one has ended. */
  retire(): void;
  /** Ends all scripts; their calls are finished as failed. */
  close(): Promise<void>;
  readonly stats: { readonly running: number; readonly workers: number; readonly quarantined: readonly string[] };
}

/** How long after the start the first worker is made, in ms, unless a call needs it before. */
const settled = 100;

/** Workers of scripts that had to be ended once; further such scripts share the last of them. */
const mostQuarantineLanes = 8;

export function createScriptHost(options: ScriptHostOptions): ScriptHost {
  return new Host(options);
}

/** What is wrong with a script and its imports, without running any of it. */
export async function checkScript(file: string): Promise<readonly Diagnostic[]> {
  return new Programs(() => performance.now()).check(file);
}

class Host implements ScriptHost {
  readonly #limits: ScriptLimits;
  readonly #allow: ScriptPermissions;
  readonly #log: Log;
  readonly #programs: Programs;
  readonly #sessions = new Map<RunId, Session & { lane: Lane }>();
  readonly #shared: (Lane | undefined)[];
  /** Which shared lane each script has. */
  readonly #places = new Map<string, number>();
  readonly #quarantine = new Map<string, number>();
  readonly #isolated: (Lane | undefined)[] = [];
  /** Workers that were stuck once and get no new calls. */
  readonly #draining = new Set<Lane>();
  readonly #events: LaneEvents;
  readonly #patience: number | undefined;
  #lastRun = 0;
  #state: "open" | "retired" | "closed" = "open";

  constructor(options: ScriptHostOptions) {
    this.#limits = {
      memory: options.memory ?? defaultLimits.memory,
      cpu: options.cpu ?? defaultLimits.cpu,
      timeout: options.timeout ?? defaultLimits.timeout,
    };
    const { read, write, net, env } = { ...noPermissions, ...options.allow };
    this.#allow = { read, write, net, env };
    this.#log = options.log;
    this.#patience = options.patience;
    this.#programs = new Programs(() => performance.now(), options.checkEvery);
    this.#shared = Array.from({ length: Math.max(1, options.workers ?? 1) });
    this.#events = {
      message: (message) => this.#receive(message),
      stuck: (lane, culprit) => this.#replace(lane, culprit),
      failed: (reason) => this.#log.error(`a script worker failed: ${reason}`),
      died: (lane, culprit) => this.#died(lane, culprit),
    };
    // The first worker is made ready before the first call, but after what the program that starts has to do.
    setTimeout(() => {
      if (this.#state === "open") this.#shared[0] ??= this.#open();
    }, settled).unref();
  }

  get stats() {
    const workers = [...this.#shared, ...this.#isolated, ...this.#draining].filter((lane) => lane !== undefined).length;
    return { running: this.#sessions.size, workers, quarantined: [...this.#quarantine.keys()] };
  }

  handler(file: string): Handler {
    return { start: (call) => this.#start(file, call), delay: () => this.#delay(file) };
  }

  check(file: string): Promise<readonly Diagnostic[]> {
    return this.#programs.check(file);
  }

  retire(): void {
    if (this.#state === "open") this.#state = "retired";
    this.#closeWhenIdle();
  }

  async close(): Promise<void> {
    if (this.#state === "closed") return;
    this.#state = "closed";
    for (const lane of [...this.#shared, ...this.#isolated, ...this.#draining]) lane?.terminate();
    const sessions = [...this.#sessions.values()];
    this.#sessions.clear();
    for (const session of sessions) session.stop("siproc is shutting down");
  }

  #start(file: string, call: CallControl): void {
    const log = this.#log.with({ call: call.facts.id, callId: call.facts.callId, script: basename(file) });
    const refuse = (reason: string) => {
      log.error(`the script did not start: ${reason}`);
      call.finish({ type: "failed", reason, logged: true });
    };
    const go = (program: Program) => {
      if (this.#state !== "open") {
        // The call is over, or will be at once: nobody has to be told of it as of a fault.
        log.debug("the script did not start: siproc is shutting down");
        return call.finish({ type: "failed", reason: "siproc is shutting down" });
      }
      const session = new Session({
        id: ++this.#lastRun,
        lane: this.#laneOf(file),
        file,
        call,
        allow: this.#allow,
        log,
      });
      // The lane was put in just above.
      this.#sessions.set(session.id, session as Session & { lane: Lane });
      session.start(program);
    };
    const program = this.#programs.current(file);
    if (program !== undefined) return go(program);
    this.#programs.load(file).then(go, (error) => {
      refuse(error instanceof ScriptError ? error.diagnostics.map(formatDiagnostic).join("; ") : String(error));
    });
  }

  #receive(message: ToMain): void {
    const session = this.#sessions.get(message.run);
    if (session === undefined || !session.receive(message)) return;
    this.#sessions.delete(message.run);
    session.lane.finished(message.run);
    this.#tidy();
    this.#closeWhenIdle();
  }

  /** New calls go elsewhere from now on; those of the script that held up the worker, to a worker of their own. */
  #replace(lane: Lane, culprit: RunId | undefined): string | undefined {
    const guilty = culprit === undefined ? undefined : this.#sessions.get(culprit)?.file;
    this.#shared.forEach((other, i) => {
      if (other !== lane) return;
      this.#draining.add(lane);
      // One that never came up is tried again with the next call, not at once and for ever.
      this.#shared[i] = this.#state === "open" && lane.ready ? this.#open() : undefined;
    });
    if (guilty !== undefined && !this.#quarantine.has(guilty)) {
      this.#quarantine.set(guilty, Math.min(this.#quarantine.size, mostQuarantineLanes - 1));
      this.#log.warn("a script held up its worker and runs in one of its own from now on", { script: guilty });
    }
    return guilty;
  }

  #died(lane: Lane, culprit: RunId | undefined): void {
    const guilty = this.#replace(lane, culprit);
    this.#draining.delete(lane);
    this.#isolated.forEach((other, i) => {
      if (other === lane) this.#isolated[i] = undefined;
    });
    for (const run of lane.runs) {
      const session = this.#sessions.get(run);
      this.#sessions.delete(run);
      if (run === culprit)
        session?.fail("it spent too long in one operation that cannot be interrupted", { limit: true });
      else if (guilty !== undefined) session?.fail(`its worker was held up by another call of ${basename(guilty)}`);
      else session?.fail("its worker ended unexpectedly");
    }
    this.#closeWhenIdle();
  }

  /** What a script in quarantine does to its worker says nothing of the others. */
  #delay(file: string): number | undefined {
    if (this.#quarantine.has(file)) return undefined;
    return this.#shared[this.#places.get(file) ?? 0]?.delay;
  }

  #laneOf(file: string): Lane {
    const isolated = this.#quarantine.get(file);
    if (isolated !== undefined) {
      const lane = this.#isolated[isolated] ?? this.#open();
      this.#isolated[isolated] = lane;
      return lane;
    }
    let place = this.#places.get(file);
    if (place === undefined) {
      place = this.#places.size % this.#shared.length;
      this.#places.set(file, place);
    }
    const lane = this.#shared[place] ?? this.#open();
    this.#shared[place] = lane;
    return lane;
  }

  #open(): Lane {
    const env: Record<string, string> = {};
    for (const name of this.#allow.env) {
      const value = process.env[name];
      if (value !== undefined) env[name] = value;
    }
    return new Lane({ limits: this.#limits, allow: this.#allow, env }, this.#events, this.#patience);
  }

  /** A worker in quarantine, or one that was stuck, lasts as long as it has calls. */
  #tidy(): void {
    for (const lane of this.#draining) {
      if (lane.runs.size > 0) continue;
      lane.terminate();
      this.#draining.delete(lane);
    }
    this.#isolated.forEach((lane, i) => {
      if (lane === undefined || lane.runs.size > 0) return;
      lane.terminate();
      this.#isolated[i] = undefined;
    });
  }

  #closeWhenIdle(): void {
    if (this.#state === "retired" && this.#sessions.size === 0) void this.close();
  }
}
