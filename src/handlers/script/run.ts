/** One call's script, as its worker knows it: what it may still do, what it waits for, where its memory is kept. */
import type { Timer } from "../../sip/clock.ts";
import { builtins } from "./builtins.ts";
import { ScriptHostError } from "./errors.ts";
import { type BaseImage, type Difference, discard } from "./image.ts";
import type { Program } from "./program.ts";
import type { RunId, ScriptFacts } from "./protocol.ts";
import type { HostArguments, Services } from "./quickjs.ts";
import { bounds } from "./settings.ts";
import { mapPositions, type SourceMap } from "./source-map.ts";

/** A program in this worker: with its maps, and once it has run, with the image that further calls start from. */
export interface LoadedProgram {
  readonly program: Program;
  readonly codes: ReadonlyMap<string, { code: string; imports: Readonly<Record<string, string>> }>;
  readonly maps: ReadonlyMap<string, SourceMap>;
  /** `unknown`: no call has shown yet whether the top level may run once for all. */
  image: { type: "unknown" } | { type: "shared"; base: BaseImage } | { type: "none" };
}

/** How long, in ms, a turn may wait for a processor that others have. What takes its time there is caught by its own clock. */
const busyMachine = 1000;

/** What a run asks of the engine that it belongs to. */
export interface RunHost {
  /** Milliseconds on the clock that timers use. */
  now(): number;
  /** Milliseconds for the budget of a turn: by the wall, and as the processor spent them on this thread. */
  wall(): number;
  processor(): number;
  readonly cpuLimit: number;
  readonly env: Readonly<Record<string, string>>;
  setTimer(run: Run, id: number, ms: number): Timer;
  command(run: Run, id: number, name: string, args: string): void;
  log(run: Run, level: "debug" | "info" | "warn" | "error", text: string): void;
  fetch(run: Run, id: number, target: string, request: string, body: Uint8Array<ArrayBuffer> | undefined): void;
  file(run: Run, id: number, what: string, detail: string, contents: Uint8Array | undefined): void;
}

/** How a script ended. */
export type RunEnd =
  | { type: "returned"; value?: string }
  | { type: "failed"; message: string; stack: string; limit: boolean };

export class Run implements Services {
  readonly id: RunId;
  readonly program: LoadedProgram;
  readonly folder: string;
  readonly base: BaseImage;
  readonly timers = new Map<number, Timer>();
  /** Octets for the script to take: results of fetches and reads. */
  readonly #octets = new Map<number, Uint8Array>();
  #lastOctets = 0;
  #gone: AbortController | undefined;
  /** The script's memory while another run has the world; undefined: as in `base`. */
  difference: Difference | undefined;
  /** Ends the run after the longest time that it may live. */
  life: Timer | undefined;
  loaded: boolean;
  started = false;
  end: RunEnd | undefined;
  /** Whether the script has asked its host for anything. */
  asked = false;
  pending = 0;
  fetches = 0;
  /** Set when this turn has taken too long. */
  interrupted = false;
  readonly #host: RunHost;
  readonly #facts: ScriptFacts;
  readonly #startedAt: number;
  #doom: string | undefined;
  #deadline = 0;
  #lastDeadline = 0;
  #processorAtStart = 0;
  #lines: number = bounds.consoleBurst;
  #linesAt: number;
  #dropped = 0;

  constructor(
    host: RunHost,
    parts: { id: RunId; program: LoadedProgram; folder: string; facts: ScriptFacts; base: BaseImage; loaded: boolean },
  ) {
    this.#host = host;
    this.id = parts.id;
    this.program = parts.program;
    this.folder = parts.folder;
    this.base = parts.base;
    this.loaded = parts.loaded;
    this.#facts = parts.facts;
    this.#startedAt = host.now();
    this.#linesAt = this.#startedAt;
  }

  /** Sets the budget of the turn that begins now. */
  beginTurn(): void {
    const now = this.#host.wall();
    this.interrupted = false;
    this.#deadline = now + this.#host.cpuLimit;
    // A machine that is too busy to give this thread its time is not the script's fault, up to a point.
    this.#lastDeadline = now + Math.max(busyMachine, 3 * this.#host.cpuLimit);
    this.#processorAtStart = this.#host.processor();
  }

  /** A little more time, for the error of an interrupted turn to travel outwards. */
  beginSettling(): void {
    this.#deadline = this.#host.wall() + 2;
    this.#lastDeadline = this.#deadline;
  }

  interrupt(): boolean {
    if (this.#doom !== undefined || this.end !== undefined) return true;
    const now = this.#host.wall();
    if (now < this.#deadline) return false;
    if (now < this.#lastDeadline && this.#host.processor() - this.#processorAtStart < this.#host.cpuLimit) return false;
    this.interrupted = true;
    return true;
  }

  /** Why the run must end whatever the script does, or undefined. */
  get doom(): string | undefined {
    if (this.#doom !== undefined) return this.#doom;
    return this.interrupted ? `it ran for more than ${this.#host.cpuLimit} ms without waiting for anything` : undefined;
  }

  source(name: string): string | undefined {
    return this.program.codes.get(name)?.code;
  }

  resolve(from: string, specifier: string): string | undefined {
    if (from.startsWith("siproc:")) return specifier === this.program.program.entry ? specifier : undefined;
    const module = this.program.codes.get(from);
    return module !== undefined && Object.hasOwn(module.imports, specifier) ? module.imports[specifier] : undefined;
  }

  /** `stack` in the lines of the author's files. */
  positions(stack: string): string {
    return mapPositions(stack, this.program.maps);
  }

  call(op: string, args: HostArguments): string | number | ArrayBuffer | undefined {
    switch (op) {
      case "loaded":
        this.loaded = true;
        return undefined;
      case "done":
        this.#done(args);
        return undefined;
      case "depth":
        break;
      default:
        this.asked = true;
    }
    if (Object.hasOwn(builtins, op)) return builtins[op]?.(args);
    switch (op) {
      case "command":
        this.#begin();
        this.#host.command(this, args.number(1), args.text(2), args.text(3));
        return undefined;
      case "facts":
        return JSON.stringify(this.#facts);
      case "timer":
        this.#setTimer(args.number(1), args.number(2));
        return undefined;
      case "clear":
        this.timers.get(args.number(1))?.cancel();
        this.timers.delete(args.number(1));
        return undefined;
      case "log":
        this.#log(args.text(1), args.text(2));
        return undefined;
      case "positions":
        return this.positions(args.text(1));
      case "fetch":
        this.#begin();
        this.#host.fetch(this, args.number(1), args.text(2), args.text(3), copyOf(args.bytes(4)));
        return undefined;
      case "file":
        this.#begin();
        this.#host.file(this, args.number(1), args.text(2), args.text(3), args.bytes(4));
        return undefined;
      case "take":
        return this.#take(args.number(1));
      case "env":
        return JSON.stringify(envValue(this.#host.env, args.text(1)));
      case "now":
        return this.#host.now() - this.#startedAt;
      default:
        throw new ScriptHostError("argument", `there is no ${op}`);
    }
  }

  /** Aborts what is under way for the run when it is over. */
  get gone(): AbortSignal {
    this.#gone ??= new AbortController();
    return this.#gone.signal;
  }

  /** Keeps octets until the script takes them; the number to take them by. */
  keep(octets: Uint8Array): number {
    this.#octets.set(++this.#lastOctets, octets);
    return this.#lastOctets;
  }

  /** Lets go of everything outside the script's own memory. */
  release(): void {
    this.#gone?.abort();
    this.life?.cancel();
    for (const timer of this.timers.values()) timer.cancel();
    this.timers.clear();
    this.#octets.clear();
    if (this.difference !== undefined) discard(this.difference);
    this.difference = undefined;
  }

  #done(args: HostArguments): void {
    const message = args.text(1);
    const stack = args.text(2);
    const given = args.text(3);
    const value = given === "undefined" || given === "" || given.length > bounds.returned ? {} : { value: given };
    const failed = message !== "" && message !== "undefined";
    if (this.doom !== undefined)
      this.end ??= { type: "failed", message: this.doom, stack: failed ? stack : "", limit: true };
    else this.end ??= failed ? { type: "failed", message, stack, limit: false } : { type: "returned", ...value };
  }

  #begin(): void {
    if (this.pending >= bounds.pending) this.#end(`it has more than ${bounds.pending} requests under way`);
    this.pending++;
  }

  #setTimer(id: number, ms: number): void {
    if (this.timers.size >= bounds.timers) this.#end(`it has more than ${bounds.timers} timers`);
    this.timers.set(id, this.#host.setTimer(this, id, ms));
  }

  /** The script is over; what is thrown only shows where it was. */
  #end(reason: string): never {
    this.#doom ??= reason;
    throw new ScriptHostError("limit", reason);
  }

  #take(number: number): ArrayBuffer {
    const octets = this.#octets.get(number);
    if (octets === undefined) throw new ScriptHostError("argument", "there are no such octets");
    this.#octets.delete(number);
    return copyOf(octets).buffer;
  }

  #log(level: string, text: string): void {
    const now = this.#host.now();
    this.#lines = Math.min(bounds.consoleBurst, this.#lines + ((now - this.#linesAt) / 1000) * bounds.consoleRate);
    this.#linesAt = now;
    if (this.#lines < 1) {
      this.#dropped++;
      return;
    }
    this.#lines--;
    if (this.#dropped > 0) this.#host.log(this, "warn", `${this.#dropped} lines of the script's console left out`);
    this.#dropped = 0;
    const known = level === "debug" || level === "warn" || level === "error" ? level : "info";
    const cut = text.length > bounds.consoleLine ? `${text.slice(0, bounds.consoleLine)}…` : text;
    this.#host.log(this, known, cut);
  }
}

function envValue(env: Readonly<Record<string, string>>, name: string): string | null {
  return (Object.hasOwn(env, name) ? env[name] : undefined) ?? null;
}

function copyOf<T extends Uint8Array | undefined>(octets: T): T extends undefined ? undefined : Uint8Array<ArrayBuffer>;
function copyOf(octets: Uint8Array | undefined): Uint8Array<ArrayBuffer> | undefined {
  return octets && new Uint8Array(octets);
}
