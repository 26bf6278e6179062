/** Scripts in a folder of their own, run by a real host in a real worker, or by an engine in virtual time. */
import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { ScriptEngine } from "../../../src/handlers/script/engine.ts";
import { createScriptHost, type ScriptHost, type ScriptHostOptions } from "../../../src/handlers/script/index.ts";
import { Programs } from "../../../src/handlers/script/program.ts";
import type { ToMain } from "../../../src/handlers/script/protocol.ts";
import {
  defaultLimits,
  noPermissions,
  type ScriptLimits,
  type ScriptPermissions,
} from "../../../src/handlers/script/settings.ts";
import { createLog } from "../../../src/log.ts";
import { VirtualClock } from "../../../src/sip/clock.ts";
import { FakeCall } from "../../support/fake-call.ts";

export class Folder {
  readonly path = realpathSync(mkdtempSync(join(tmpdir(), "siproc-script-")));

  /** Writes a file; returns its absolute path. */
  write(name: string, text: string): string {
    const path = join(this.path, name);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, text);
    return path;
  }

  /** A script whose default export has this body; its first line is line 2. */
  script(name: string, body: string): string {
    return this.write(name, `export default async function (call: Call): Promise<void> {\n${body}\n}\n`);
  }

  remove(): void {
    rmSync(this.path, { recursive: true, force: true });
  }
}

/** A host in a real worker, and the lines that it logged. */
export class Bench {
  readonly folder = new Folder();
  readonly lines: string[] = [];
  readonly host: ScriptHost;

  constructor(options: (folder: Folder) => Partial<ScriptHostOptions> = () => ({})) {
    const log = createLog({ level: "debug", format: "json", write: (line) => this.lines.push(line) });
    this.host = createScriptHost({ log, checkEvery: 0, ...options(this.folder) });
  }

  /** Starts a call with the script in `file`. */
  start(file: string, call = new FakeCall()): FakeCall {
    this.host.handler(file).start(call);
    return call;
  }

  /** Runs a call with a script of this body to its end. */
  async run(body: string, call = new FakeCall()): Promise<FakeCall> {
    this.start(this.folder.script("ivr.ts", body), call);
    await call.until(() => call.ended);
    return call;
  }

  /** What the script's console wrote in this call. */
  async console(body: string, call?: FakeCall): Promise<string[]> {
    const from = this.lines.length;
    const done = await this.run(body, call);
    if (done.finished?.type === "failed") throw new TypeError(done.finished.reason);
    return this.messages(from);
  }

  /** The messages of the log from line `from` on. */
  messages(from: number): string[] {
    return this.lines.slice(from).map((line) => String(Reflect.get(JSON.parse(line), "message")));
  }

  /** Resolves once `condition` holds: for what worker threads do in their own time. */
  async until(condition: () => boolean): Promise<void> {
    while (!condition()) await new Promise((resolve) => setTimeout(resolve, 1));
  }

  async close(): Promise<void> {
    await this.host.close();
    this.folder.remove();
  }
}

/** An engine without a thread, in virtual time, that notes what it posts. */
export class VirtualEngine {
  readonly clock = new VirtualClock();
  readonly posted: ToMain[] = [];
  readonly folder = new Folder();
  #engine: ScriptEngine | undefined;
  #runs = 0;

  static async open(options: { limits?: Partial<ScriptLimits>; allow?: Partial<ScriptPermissions> } = {}) {
    const virtual = new VirtualEngine();
    virtual.#engine = await ScriptEngine.open({
      limits: { ...defaultLimits, ...options.limits },
      allow: { ...noPermissions, ...options.allow },
      env: {},
      clock: virtual.clock,
      wall: () => performance.now(),
      processor: () => performance.now(),
      post: (message) => virtual.posted.push(message),
      beginTurn: () => {},
      endTurn: () => {},
    });
    return virtual;
  }

  get engine(): ScriptEngine {
    if (this.#engine === undefined) throw new TypeError("not open");
    return this.#engine;
  }

  /** Starts a call with a script of this body; its number. */
  async start(body: string): Promise<number> {
    const run = ++this.#runs;
    const program = await new Programs(() => 0).load(this.folder.script(`script${run}.ts`, body));
    this.engine.receive({ type: "program", program: { ...program, id: run } });
    this.begin(run, run);
    return run;
  }

  /** Starts a further call with the program of the call `program`. */
  begin(run: number, program: number): void {
    this.#runs = Math.max(run, this.#runs);
    const end = { uri: "sip:a@b", id: "<sip:a@b>", contact: "", name: "", user: "a", host: "b" };
    this.engine.receive({
      type: "start",
      run,
      program,
      folder: this.folder.path,
      facts: { id: `c${run}`, direction: "incoming", remote: end, local: end, headers: [] },
    });
  }

  /** The messages of one call since the last time. */
  take(run: number): ToMain[] {
    const own = this.posted.filter((message) => message.run === run);
    for (const message of own) this.posted.splice(this.posted.indexOf(message), 1);
    return own;
  }

  logged(run: number): string[] {
    return this.take(run).flatMap((message) => (message.type === "log" ? [message.text] : []));
  }
}
