/**
 * A script and all it imports, as JavaScript. Bun strips the types and gives the source map; the module graph is followed
 * here, file by file, because nothing outside the entry's folder may come in.
 */
import { readFileSync, realpathSync, statSync } from "node:fs";
import { basename, dirname, join, relative, sep } from "node:path";
import type { Diagnostic } from "./diagnostic.ts";
import { ScriptError } from "./errors.ts";

export interface ProgramModule {
  /** The path from the entry's folder, with `/`: how logs and stacks call it. */
  readonly name: string;
  readonly code: string;
  /** As in a source map, for the one source that the code came from. */
  readonly mappings: string;
  /** Where each import leads: specifier to module name. */
  readonly imports: Readonly<Record<string, string>>;
}

export interface Program {
  /** Another number for each compiled version. */
  readonly id: number;
  readonly entry: string;
  readonly modules: readonly ProgramModule[];
  /**
   * Whether the modules' top level may run once for many calls: it must not look at the time. (It must not ask the host for
   * anything either; that shows when it runs.)
   */
  readonly timeless: boolean;
}

interface Stamp {
  readonly path: string;
  /** Undefined: there was no such file. */
  readonly state: string | undefined;
}

interface Cached {
  program: Program | undefined;
  diagnostics: readonly Diagnostic[];
  stamps: readonly Stamp[];
  checkedAt: number;
}

const maxModules = 200;
const maxSource = 1024 * 1024;
const extensions = ["", ".ts", ".js", ".mts", ".mjs"];

export class Programs {
  readonly #now: () => number;
  readonly #checkEvery: number;
  readonly #cache = new Map<string, Cached>();
  readonly #compiling = new Map<string, Promise<Cached>>();
  #lastId = 0;

  /** Changes on disk are looked for at most every `checkEvery` ms. */
  constructor(now: () => number, checkEvery = 250) {
    this.#now = now;
    this.#checkEvery = checkEvery;
  }

  /** The program of an entry file as it is on disk now, give or take `checkEvery`; undefined when it has to be compiled first. */
  current(file: string): Program | undefined {
    const cached = this.#cache.get(file);
    return cached !== undefined && this.#isFresh(cached) ? cached.program : undefined;
  }

  /** Throws ScriptError when it does not compile. */
  async load(file: string): Promise<Program> {
    const cached = await this.#load(file);
    if (cached.program === undefined) throw new ScriptError(cached.diagnostics);
    return cached.program;
  }

  async check(file: string): Promise<readonly Diagnostic[]> {
    return (await this.#load(file)).diagnostics;
  }

  async #load(file: string): Promise<Cached> {
    const cached = this.#cache.get(file);
    if (cached !== undefined && this.#isFresh(cached)) return cached;
    const running = this.#compiling.get(file);
    if (running !== undefined) return running;
    const compiling = this.#compile(file).finally(() => this.#compiling.delete(file));
    this.#compiling.set(file, compiling);
    const fresh = await compiling;
    this.#cache.set(file, fresh);
    return fresh;
  }

  #isFresh(cached: Cached): boolean {
    const now = this.#now();
    if (now - cached.checkedAt < this.#checkEvery) return true;
    if (cached.stamps.some((stamp) => stateOf(stamp.path) !== stamp.state)) return false;
    cached.checkedAt = now;
    return true;
  }

  async #compile(file: string): Promise<Cached> {
    const graph = new Graph(file);
    await graph.follow();
    const { diagnostics, stamps } = graph;
    const modules = [...graph.modules.values()];
    const program =
      diagnostics.length > 0
        ? undefined
        : {
            id: ++this.#lastId,
            entry: graph.entry,
            modules,
            timeless: !modules.some(({ code }) => /\b(Date|performance|eval|Function)\b/.test(code)),
          };
    return { program, diagnostics, stamps, checkedAt: this.#now() };
  }
}

class Graph {
  readonly entry: string;
  readonly modules = new Map<string, ProgramModule>();
  readonly diagnostics: Diagnostic[] = [];
  readonly stamps: Stamp[] = [];
  readonly #file: string;
  /** The folder that imports may come from, symbolic links followed. */
  readonly #root: string;

  constructor(file: string) {
    this.#file = file;
    // The entry may itself be a link (as /etc/… often are): its folder is the one that it is configured in.
    this.#root = real(dirname(file)) ?? dirname(file);
    this.entry = basename(file);
  }

  async follow(): Promise<void> {
    const todo = [{ name: this.entry, path: this.#file }];
    for (let next = todo.shift(); next !== undefined; next = todo.shift()) {
      if (this.modules.has(next.name)) continue;
      const source = this.#read(next.path, next.name);
      if (source === undefined) continue;
      const compiled = await this.#compile(next.name, source);
      if (compiled === undefined) continue;
      const imports: Record<string, string> = {};
      for (const { specifier, needed } of compiled.imports) {
        const found = this.#resolve(next.name, specifier);
        if ("path" in found) {
          imports[specifier] = found.name;
          todo.push(found);
        } else if (needed) {
          this.diagnostics.push({ file: next.name, ...positionOf(source, specifier), message: found.reason });
        }
      }
      this.modules.set(next.name, { name: next.name, code: compiled.code, mappings: compiled.mappings, imports });
      if (this.modules.size > maxModules) {
        this.diagnostics.push({ file: this.entry, message: `imports more than ${maxModules} files` });
        return;
      }
    }
  }

  #read(path: string, name: string): string | undefined {
    // Stamped before it is read: a change in between is seen next time.
    this.stamps.push({ path, state: stateOf(path) });
    const refuse = (message: string) => void this.diagnostics.push({ file: name, message });
    const stat = statSync(path, { throwIfNoEntry: false });
    if (stat === undefined) return refuse(`there is no file ${path}`);
    if (!stat.isFile()) return refuse("is not a regular file");
    if (stat.size > maxSource) return refuse(`is larger than ${maxSource} octets`);
    try {
      return readFileSync(path, "utf8");
    } catch (error) {
      return refuse(error instanceof Error ? error.message : String(error));
    }
  }

  #resolve(from: string, specifier: string): { name: string; path: string } | { reason: string } {
    if (!/^\.\.?\//.test(specifier) || specifier.includes("\0"))
      return { reason: `imports “${specifier}”; a script imports only files of its own folder, as “./name.ts”` };
    const wanted = join(this.#root, dirname(from), specifier);
    const outside = { reason: `imports “${specifier}”, which lies outside the script's folder` };
    if (!wanted.startsWith(this.#root + sep)) return outside;
    for (const extension of extensions) {
      const path = wanted + extension;
      const inside = real(path);
      if (inside === undefined || !statSync(inside, { throwIfNoEntry: false })?.isFile()) {
        this.stamps.push({ path, state: stateOf(path) });
        continue;
      }
      if (!inside.startsWith(this.#root + sep)) return outside;
      return { name: relative(this.#root, inside).split(sep).join("/"), path: inside };
    }
    return { reason: `imports “${specifier}”, which is not there` };
  }

  async #compile(name: string, source: string) {
    // Bun takes the text from `files`, never from the disk under this name.
    const path = `/script/${name}`;
    const settings = {
      entrypoints: [path],
      files: { [path]: source },
      external: ["*"],
      sourcemap: "external",
      target: "browser",
      format: "esm",
      env: "disable",
      throw: false,
      // Macros would run the script's code inside Bun, outside the sandbox.
      macros: false,
    } as const;
    let built: Bun.BuildOutput;
    try {
      built = await Bun.build({ ...settings, entrypoints: [path], external: ["*"] });
    } catch (error) {
      this.diagnostics.push({ file: name, message: error instanceof Error ? error.message : String(error) });
      return undefined;
    }
    const code = built.outputs.find(({ kind }) => kind === "entry-point");
    const map = built.outputs.find(({ kind }) => kind === "sourcemap");
    if (!built.success || code === undefined || map === undefined) {
      const before = this.diagnostics.length;
      for (const log of built.logs)
        if (log.level === "error")
          this.diagnostics.push({
            file: name,
            ...(log.position === null ? {} : { line: log.position.line, column: log.position.column }),
            message: log.message,
          });
      if (this.diagnostics.length === before) this.diagnostics.push({ file: name, message: "does not compile" });
      return undefined;
    }
    const text = await code.text();
    const mappings: unknown = Reflect.get(JSON.parse(await map.text()), "mappings");
    return { code: text, mappings: String(mappings), imports: importsOf(text) };
  }
}

/** What compiled code imports. A dynamic import may sit in a branch that never runs: it fails only when it does. */
function importsOf(code: string): { specifier: string; needed: boolean }[] {
  const scan = new Bun.Transpiler({ loader: "js", macro: scanWithoutMacros }).scanImports(code);
  return scan
    .filter(({ kind }) => kind === "import-statement" || kind === "dynamic-import")
    .map(({ kind, path }) => ({ specifier: path, needed: kind === "import-statement" }));
}

/** `false` turns macros off; the type knows only maps. */
const scanWithoutMacros = false as unknown as Record<string, never>;

function positionOf(source: string, specifier: string): { line?: number; column?: number } {
  const at = Math.max(source.indexOf(`"${specifier}"`), source.indexOf(`'${specifier}'`));
  if (at < 0) return {};
  const before = source.slice(0, at).split("\n");
  return { line: before.length, column: (before.at(-1)?.length ?? 0) + 1 };
}

function stateOf(path: string): string | undefined {
  const stat = statSync(path, { throwIfNoEntry: false });
  return stat && `${stat.ino} ${stat.size} ${stat.mtimeMs}`;
}

function real(path: string): string | undefined {
  try {
    return realpathSync(path);
  } catch {
    return undefined;
  }
}
