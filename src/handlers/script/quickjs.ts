/**
 * One QuickJS inside one WebAssembly instance: a runtime, a context, and the world of prelude.js. A world runs one call at a
 * time; which one is a matter of memory images (image.ts), so calls share neither a runtime nor a single octet.
 */
import quickjsVariant from "@jitl/quickjs-wasmfile-release-sync";
import wasmFile from "@jitl/quickjs-wasmfile-release-sync/wasm" with { type: "file" };
import {
  newQuickJSWASMModuleFromVariant,
  newVariant,
  type QuickJSContext,
  type QuickJSHandle,
  type QuickJSRuntime,
} from "quickjs-emscripten";
import { commands, parametersOf } from "../../call/vocabulary.ts";
import { ScriptHostError } from "./errors.ts";
import {
  type BaseImage,
  type Difference,
  findLayout,
  heapEnd,
  type Layout,
  restore,
  takeBase,
  takeDifference,
} from "./image.ts";
import librarySource from "./library.js" with { type: "text" };
import preludeSource from "./prelude.js" with { type: "text" };

const wasmPage = 65_536;
/** Emscripten's, as this build was made: the memory starts with 16 MB of address space, of which little is touched (a page is 64 kB). */
const initialPages = 256;
/** QuickJS's own bound on recursion, in octets of its C stack. */
const stackSize = 256 * 1024;
/** How many jobs (promise reactions) run between two looks at the clock. */
const jobsPerSlice = 64;

/** Begins the name of a module that must not be imported. */
const refusal = "siproc:refused ";

/** What a script asks of its host while it runs. A throw becomes an error inside the script. */
export interface Services {
  call(op: string, args: HostArguments): string | number | ArrayBuffer | undefined;
  /** The text of a module of the running program. */
  source(name: string): string | undefined;
  /** Where `specifier`, imported by module `from`, leads; undefined where it must not. */
  resolve(from: string, specifier: string): string | undefined;
  /** Asked now and then while a script runs: true stops it. */
  interrupt(): boolean;
}

export interface HostArguments {
  text(index: number): string;
  number(index: number): number;
  bytes(index: number): Uint8Array | undefined;
}

/** How a turn ended: well, with an error that nothing caught, or with an error of the host that leaves the world unusable. */
export type TurnResult =
  | { type: "ok" }
  | { type: "thrown"; message: string; stack: string }
  | { type: "broken"; reason: string };

/** What is handed to the script in a turn: see `dispatch` at the end of prelude.js. */
export interface Turn {
  kind: string;
  id: number;
  text: string;
  bytes?: Uint8Array | undefined;
}

export type CompiledQuickJs = WebAssembly.Module;

export async function compileQuickJs(): Promise<CompiledQuickJs> {
  return WebAssembly.compile(await Bun.file(wasmFile).bytes());
}

async function instantiate(compiled: CompiledQuickJs, memoryLimit: number) {
  // All that a script may take, and room for malloc's losses: it never grows, and what is not touched costs nothing.
  const pages = Math.min(32_768, initialPages + Math.ceil((1.5 * memoryLimit) / wasmPage));
  const memory = new WebAssembly.Memory({ initial: pages, maximum: pages });
  const variant = newVariant(quickjsVariant, { wasmModule: compiled, wasmMemory: memory });
  return { quickjs: await newQuickJSWASMModuleFromVariant(variant), memory };
}

/** Where the parts of a world's memory are: the same for all. Undefined if this build of QuickJS is not as expected. */
export async function probeLayout(compiled: CompiledQuickJs): Promise<Layout | undefined> {
  const { quickjs, memory } = await instantiate(compiled, wasmPage);
  // Emscripten's malloc, which the library keeps to itself.
  const module: unknown = Reflect.get(quickjs, "module");
  const malloc: unknown = typeof module === "object" && module !== null ? Reflect.get(module, "_malloc") : undefined;
  if (typeof malloc !== "function") return undefined;
  return findLayout(
    () => new Uint8Array(memory.buffer),
    (octets) => Number(malloc(octets)),
  );
}

/** The prelude's view of the vocabulary: names, the parameters that stand in order, and whether an object of options follows. */
const commandParameters = Object.entries(commands).map(([name, entry]) => {
  const { positional, options } = parametersOf(entry);
  return [name, positional, options.length > 0];
});

export class World {
  /** Set once an error of the host went through QuickJS: its memory is not to be trusted any more. */
  broken = false;
  readonly #layout: Layout;
  /** Addresses in the memory on which images depend: images fit every world with the same fingerprint. */
  readonly fingerprint: string;
  readonly #runtime: QuickJSRuntime;
  readonly #context: QuickJSContext;
  readonly #dispatch: QuickJSHandle;
  readonly #services: { current: Services };
  readonly #octets: Uint8Array;
  #dirtyEnd = 0;

  private constructor(parts: {
    memory: WebAssembly.Memory;
    layout: Layout;
    runtime: QuickJSRuntime;
    context: QuickJSContext;
    dispatch: QuickJSHandle;
    services: { current: Services };
  }) {
    this.#layout = parts.layout;
    this.#runtime = parts.runtime;
    this.#context = parts.context;
    this.#dispatch = parts.dispatch;
    this.#services = parts.services;
    this.#octets = new Uint8Array(parts.memory.buffer);
    this.fingerprint = [parts.runtime, parts.context, parts.dispatch].map(addressOf).join();
  }

  /** `memoryLimit` in octets: what one script may allocate. */
  static async create(compiled: CompiledQuickJs, memoryLimit: number, layout: Layout): Promise<World> {
    const { quickjs, memory } = await instantiate(compiled, memoryLimit);
    const services = { current: idle };
    const runtime = quickjs.newRuntime({
      memoryLimitBytes: memoryLimit,
      maxStackSizeBytes: stackSize,
      interruptHandler: () => services.current.interrupt(),
    });
    runtime.setModuleLoader(
      (name) => services.current.source(name) ?? { error: new TypeError(name.replace(refusal, "cannot import ")) },
      // An error from here would leave QuickJS without a name to speak of; the loader refuses instead.
      (from, specifier) => services.current.resolve(from, specifier) ?? `${refusal}${JSON.stringify(specifier)}`,
    );
    const context = runtime.newContext();
    return new World({ memory, layout, runtime, context, dispatch: setUp(context, services), services });
  }

  /** The world as it is now, to start others from. Only between turns, as all that follows up to `turn`. */
  takeBase(): BaseImage {
    return takeBase(this.#octets, this.#layout);
  }

  restore(base: BaseImage, difference: Difference | undefined): void {
    this.#dirtyEnd = Math.max(this.#dirtyEnd, heapEnd(this.#octets, this.#layout));
    restore(this.#octets, this.#layout, base, difference, this.#dirtyEnd);
    this.#dirtyEnd = 0;
  }

  takeDifference(base: BaseImage): Difference {
    return takeDifference(this.#octets, this.#layout, base);
  }

  /** How many octets of heap the present call has grown to. */
  get heapSize(): number {
    return heapEnd(this.#octets, this.#layout) - this.#layout.heapStart;
  }

  /** Runs the script until it waits for something or `services.interrupt` stops it. */
  turn(turn: Turn, services: Services): TurnResult {
    this.#services.current = services;
    try {
      const context = this.#context;
      const args = [context.newString(turn.kind), context.newNumber(turn.id), context.newString(turn.text)];
      if (turn.bytes !== undefined) args.push(newBytes(context, turn.bytes));
      const result = context.callFunction(this.#dispatch, context.undefined, ...args);
      for (const arg of args) arg.dispose();
      if (result.error) return this.#thrown(result.error);
      result.value.dispose();
      return this.#drain();
    } catch (error) {
      return this.#break(error);
    } finally {
      this.#services.current = idle;
    }
  }

  /** Runs what promises have pending. Each slice counts against the same interrupt as the rest of the turn. */
  #drain(): TurnResult {
    while (this.#runtime.hasPendingJob()) {
      const done = this.#runtime.executePendingJobs(jobsPerSlice);
      if (done.error) return this.#thrown(done.error);
      if (this.#services.current.interrupt()) return { type: "thrown", message: "interrupted", stack: "" };
    }
    return { type: "ok" };
  }

  /** After a turn that was interrupted: lets rejections travel outwards, so that the error shows where it came from. */
  settle(services: Services): TurnResult {
    this.#services.current = services;
    try {
      for (let i = 0; i < 8 && this.#runtime.hasPendingJob(); i++) this.#runtime.executePendingJobs(8).dispose();
      return { type: "ok" };
    } catch (error) {
      return this.#break(error);
    } finally {
      this.#services.current = idle;
    }
  }

  #break(error: unknown): TurnResult {
    this.broken = true;
    return { type: "broken", reason: error instanceof Error ? `${error.name}: ${error.message}` : String(error) };
  }

  #thrown(error: QuickJSHandle): TurnResult {
    const context = this.#context;
    const property = (name: string) => {
      const handle = context.getProp(error, name);
      const text = context.typeof(handle) === "string" ? context.getString(handle) : "";
      handle.dispose();
      return text;
    };
    const name = property("name");
    const message = property("message");
    const stack = property("stack");
    error.dispose();
    return { type: "thrown", message: name === "" ? message : `${name}: ${message}`, stack };
  }
}

const idle: Services = {
  call: () => undefined,
  source: () => undefined,
  resolve: () => undefined,
  interrupt: () => false,
};

/** Builds the world of prelude.js; returns its `dispatch`. */
function setUp(context: QuickJSContext, services: { current: Services }): QuickJSHandle {
  const evaluate = (code: string, name: string) => context.unwrapResult(context.evalCode(code, name));
  const host = context.newFunction("host", (...handles) => {
    const op = handles[0] === undefined ? "" : context.getString(handles[0]);
    if (op === "library") return evaluate(librarySource, "siproc:library");
    const result = answer(services.current, op, {
      text: (index) => {
        const handle = handles[index];
        return handle === undefined ? "" : context.getString(handle);
      },
      number: (index) => {
        const handle = handles[index];
        return handle === undefined ? Number.NaN : context.getNumber(handle);
      },
      bytes: (index) => {
        const handle = handles[index];
        if (handle === undefined) return undefined;
        const lifetime = context.getArrayBuffer(handle);
        const copy = lifetime.value.slice();
        lifetime.dispose();
        return copy;
      },
    });
    if (typeof result === "string") return context.newString(result);
    if (typeof result === "number") return context.newNumber(result);
    return result === undefined ? context.undefined : newBytes(context, new Uint8Array(result));
  });
  const prelude = evaluate(preludeSource, "siproc:prelude");
  const table = evaluate(`(${JSON.stringify(commandParameters)})`, "siproc:commands");
  const dispatch = context.unwrapResult(context.callFunction(prelude, context.undefined, host, table));
  for (const handle of [host, prelude, table]) handle.dispose();
  return dispatch;
}

/** An error of ours looks to the script like one of its own. */
function answer(services: Services, op: string, args: HostArguments): ReturnType<Services["call"]> {
  try {
    return services.call(op, args);
  } catch (error) {
    if (!(error instanceof ScriptHostError)) throw error;
    throw error.code === "limit" ? new RangeError(error.message) : new TypeError(error.message);
  }
}

function newBytes(context: QuickJSContext, bytes: Uint8Array): QuickJSHandle {
  const copy = new Uint8Array(bytes);
  return context.newArrayBuffer(copy.buffer);
}

function addressOf(part: QuickJSRuntime | QuickJSContext | QuickJSHandle): string {
  // A runtime and a context keep their addresses in members that the library does not type as public.
  const inner: unknown = "value" in part ? part : (Reflect.get(part, "ctx") ?? Reflect.get(part, "rt"));
  return typeof inner === "object" && inner !== null ? String(Reflect.get(inner, "value")) : "";
}
