/** A worker's scripts: gives each what happens to its call, one turn at a time, and tells the main thread what it wants. */
import type { Clock, Timer } from "../../sip/clock.ts";
import { accessFile } from "./file-access.ts";
import { type FetchAnswer, fetchFor, readRequest } from "./net.ts";
import type { Program } from "./program.ts";
import type { RunId, ToMain, ToWorker } from "./protocol.ts";
import type { Turn, TurnResult, World } from "./quickjs.ts";
import { type LoadedProgram, Run, type RunEnd, type RunHost } from "./run.ts";
import { bounds, type ScriptLimits, type ScriptPermissions } from "./settings.ts";
import { SourceMap } from "./source-map.ts";
import { WorldPool } from "./world-pool.ts";

export interface EngineOptions {
  readonly limits: ScriptLimits;
  readonly allow: ScriptPermissions;
  readonly env: Readonly<Record<string, string>>;
  readonly clock: Clock;
  /** Milliseconds by the wall; and milliseconds of processor time of this thread. */
  readonly wall: () => number;
  readonly processor: () => number;
  readonly post: (message: ToMain) => void;
  /** Around each turn of a script. */
  readonly beginTurn: (run: RunId) => void;
  readonly endTurn: () => void;
}

export class ScriptEngine implements RunHost {
  readonly cpuLimit: number;
  readonly env: Readonly<Record<string, string>>;
  readonly wall: () => number;
  readonly processor: () => number;
  readonly #options: EngineOptions;
  readonly #pool: WorldPool;
  readonly #programs = new Map<number, LoadedProgram>();
  readonly #runs = new Map<RunId, Run>();
  /** Turns that wait for a world. */
  #backlog: { run: Run; turn: Turn }[] = [];

  private constructor(options: EngineOptions, pool: WorldPool) {
    this.#options = options;
    this.#pool = pool;
    this.cpuLimit = options.limits.cpu;
    this.env = options.env;
    this.wall = options.wall;
    this.processor = options.processor;
  }

  /** Throws ScriptHostError "image" when QuickJS is not the build that this was made for. */
  static async open(options: EngineOptions): Promise<ScriptEngine> {
    let resume = () => {};
    const pool = await WorldPool.open(options.limits.memory, () => resume());
    const engine = new ScriptEngine(options, pool);
    resume = () => engine.#resume();
    return engine;
  }

  /** How many scripts are running. */
  get size(): number {
    return this.#runs.size;
  }

  receive(message: ToWorker): void {
    switch (message.type) {
      case "program":
        this.#programs.set(message.program.id, loadProgram(message.program));
        return;
      case "forget":
        this.#programs.delete(message.program);
        return;
      case "start":
        return this.#start(message);
      case "event": {
        const run = this.#runs.get(message.run);
        if (run === undefined) return;
        if (message.ended) this.#limitLife(run, bounds.afterEnd, "it went on after the call had ended");
        return this.#turn(run, { kind: "event", id: 0, text: JSON.stringify(message.event) });
      }
      case "outcome": {
        const run = this.#runs.get(message.run);
        if (run === undefined) return;
        const { id, failed } = message;
        if (failed !== undefined) return this.#settle(run, { kind: "call", id, text: failed });
        const text = message.value === undefined ? "" : JSON.stringify(message.value);
        return this.#settle(run, { kind: "ok", id, text });
      }
      case "stop": {
        const run = this.#runs.get(message.run);
        if (run !== undefined) this.#drop(run);
      }
    }
  }

  now(): number {
    return this.#options.clock.now();
  }

  setTimer(run: Run, id: number, ms: number): Timer {
    return this.#options.clock.after(ms, () => {
      run.timers.delete(id);
      this.#turn(run, { kind: "timer", id, text: "" });
    });
  }

  command(run: Run, id: number, name: string, args: string): void {
    this.#options.post({ type: "command", run: run.id, id, name, args });
  }

  log(run: Run, level: "debug" | "info" | "warn" | "error", text: string): void {
    this.#options.post({ type: "log", run: run.id, level, text });
  }

  fetch(run: Run, id: number, target: string, request: string, body: Uint8Array<ArrayBuffer> | undefined): void {
    const go = async (): Promise<FetchAnswer> => {
      if (run.fetches >= bounds.fetches) throw new TypeError(`more than ${bounds.fetches} fetches at once`);
      run.fetches++;
      try {
        const options = { allow: this.#options.allow.net, signal: run.gone };
        return await fetchFor(target, readRequest(request), body, options);
      } finally {
        run.fetches--;
      }
    };
    go().then(
      (answer) =>
        this.#settle(run, { kind: "ok", id, text: JSON.stringify({ ...answer, body: run.keep(answer.body) }) }),
      (error) => this.#settle(run, { kind: "type", id, text: reasonOf(error) }),
    );
  }

  file(run: Run, id: number, what: string, detail: string, contents: Uint8Array | undefined): void {
    accessFile(what, detail, contents, { folder: run.folder, allow: this.#options.allow }).then(
      (result) => {
        if (!(result instanceof Uint8Array))
          return this.#settle(run, { kind: "ok", id, text: JSON.stringify(result) ?? "" });
        const text = what === "readText" ? new TextDecoder().decode(result) : run.keep(result);
        this.#settle(run, { kind: "ok", id, text: JSON.stringify(text) });
      },
      (error) => this.#settle(run, { kind: "error", id, text: reasonOf(error) }),
    );
  }

  #start(message: ToWorker & { type: "start" }): void {
    const program = this.#programs.get(message.program);
    if (program === undefined) return;
    const shared = program.image.type === "shared" ? program.image.base : undefined;
    const base = shared ?? this.#pool.fresh;
    const run = new Run(this, { ...message, id: message.run, program, base, loaded: shared !== undefined });
    this.#runs.set(run.id, run);
    this.#limitLife(run, this.#options.limits.timeout, `it ran for longer than ${this.#options.limits.timeout} ms`);
    if (run.loaded) {
      run.started = true;
      this.#turn(run, { kind: "start", id: 0, text: "" });
    } else this.#turn(run, { kind: "load", id: 0, text: program.program.entry });
  }

  #limitLife(run: Run, ms: number, reason: string): void {
    run.life?.cancel();
    run.life = this.#options.clock.after(ms, () => {
      run.end ??= { type: "failed", message: reason, stack: "", limit: true };
      this.#finish(run, run.end);
    });
  }

  #settle(run: Run, turn: Turn): void {
    run.pending--;
    this.#turn(run, turn);
  }

  #turn(run: Run, turn: Turn): void {
    if (!this.#runs.has(run.id) || this.#runs.get(run.id) !== run) return;
    const world = this.#backlog.length === 0 ? this.#pool.acquire(run) : undefined;
    if (world === undefined) {
      this.#backlog.push({ run, turn });
      this.#pool.acquire(run);
      return;
    }
    this.#turnIn(world, run, turn);
  }

  #turnIn(world: World, run: Run, turn: Turn): void {
    try {
      this.#conclude(world, run, this.#within(world, run, turn));
      if (run.end !== undefined || !run.loaded || run.started) return;
      this.#share(world, run);
      run.started = true;
      this.#conclude(world, run, this.#within(world, run, { kind: "start", id: 0, text: "" }));
    } finally {
      if (run.end !== undefined) this.#finish(run, run.end);
    }
  }

  #within(world: World, run: Run, turn: Turn): TurnResult {
    run.beginTurn();
    this.#options.beginTurn(run.id);
    const result = world.turn(turn, run);
    this.#options.endTurn();
    return result;
  }

  /** Sets the run's end if this turn was its last. */
  #conclude(world: World, run: Run, result: TurnResult): void {
    if (result.type === "broken") {
      run.end = { type: "failed", message: run.doom ?? `QuickJS failed: ${result.reason}`, stack: "", limit: true };
      return;
    }
    const doom = run.doom;
    if (doom !== undefined && run.end === undefined) {
      // Where it was shows in the error that it was stopped with, once that has come to the top.
      run.beginSettling();
      world.settle(run);
      const stack = result.type === "thrown" ? result.stack : "";
      run.end ??= { type: "failed", message: doom, stack, limit: true };
    }
    if (result.type === "thrown")
      run.end ??= { type: "failed", message: result.message, stack: result.stack, limit: false };
  }

  /** If the program's top level has asked for nothing, what it left in memory serves the next calls too. */
  #share(world: World, run: Run): void {
    const { program } = run;
    if (program.image.type !== "unknown") return;
    const shareable = program.program.timeless && !run.asked && run.timers.size === 0 && run.pending === 0;
    program.image = shareable ? { type: "shared", base: world.takeBase() } : { type: "none" };
  }

  #finish(run: Run, end: RunEnd): void {
    if (!this.#drop(run)) return;
    if (end.type === "returned")
      return this.#options.post({
        type: "returned",
        run: run.id,
        ...(end.value === undefined ? {} : { value: end.value }),
      });
    const stack = run.positions(ownLines(end.stack));
    const at = /[^\s():]+:\d+:\d+/.exec(stack)?.[0] ?? run.program.program.entry;
    this.#options.post({
      type: "failed",
      run: run.id,
      reason: end.message.slice(0, 2000),
      at,
      stack: shortened(stack),
      limit: end.limit,
    });
  }

  #drop(run: Run): boolean {
    if (!this.#runs.delete(run.id)) return false;
    run.release();
    this.#pool.release(run);
    return true;
  }

  #resume(): void {
    for (let next = this.#backlog[0]; next !== undefined; next = this.#backlog[0]) {
      const alive = this.#runs.get(next.run.id) === next.run;
      const world = alive ? this.#pool.acquire(next.run) : undefined;
      if (alive && world === undefined) return;
      this.#backlog.shift();
      if (world !== undefined) this.#turnIn(world, next.run, next.turn);
    }
  }
}

function loadProgram(program: Program): LoadedProgram {
  return {
    program,
    codes: new Map(program.modules.map((module) => [module.name, module])),
    maps: new Map(program.modules.map((module) => [module.name, new SourceMap(module.mappings)])),
    image: { type: "unknown" },
  };
}

/** The innermost and the outermost lines: recursion makes the middle long. */
function shortened(stack: string): string {
  const lines = stack.split("\n").map((line) => line.slice(0, 300));
  return (lines.length > 20 ? [...lines.slice(0, 12), "    …", ...lines.slice(-6)] : lines).join("\n");
}

function ownLines(stack: string): string {
  return stack
    .split("\n")
    .filter((line) => line !== "" && !line.includes("siproc:") && !line.includes("(native)"))
    .join("\n");
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
