/** The handlers that routes name: scripts in their host, programs as processes. */
import { relative } from "node:path";
import type { Handler } from "../call/index.ts";
import type { Config, RouteAction } from "../config/config.ts";
import { createProcessHandler } from "../handlers/process/index.ts";
import { createScriptHost, type ScriptHost } from "../handlers/script/index.ts";
import type { Log } from "../log.ts";
import type { Clock } from "../sip/clock.ts";

export type HandlerAction = RouteAction & { type: "script" | "exec" };

/** Made anew with each configuration; a script host lives until its last call ends. */
export class Handlers {
  readonly #log: Log;
  readonly #clock: Clock;
  #hosts: ScriptHost[] = [];
  #config: Config | undefined;
  #scripts: ScriptHost | undefined;

  constructor(log: Log, clock: Clock) {
    this.#log = log;
    this.#clock = clock;
  }

  use(config: Config): void {
    const same = this.#config !== undefined && JSON.stringify(this.#config.scripts) === JSON.stringify(config.scripts);
    this.#config = config;
    if (same) return;
    this.#scripts?.retire();
    this.#scripts = undefined;
  }

  of(action: HandlerAction): Handler {
    const config = this.#config;
    if (config === undefined) throw new TypeError("handlers are asked for before there is a configuration");
    if (action.type === "script") {
      const script = this.#host(config).handler(action.file);
      return { ...script, name: relative(config.folder, action.file) };
    }
    const program = createProcessHandler({
      argv: action.argv,
      cwd: config.folder,
      log: this.#log,
      clock: this.#clock,
      classic: false,
      env: config.scripts.allow.env,
    });
    return { ...program, name: action.argv[0] };
  }

  #host(config: Config): ScriptHost {
    if (this.#scripts === undefined) {
      const { memory, cpu, timeout, allow } = config.scripts;
      this.#scripts = createScriptHost({ memory, cpu, timeout, allow, log: this.#log });
      this.#hosts.push(this.#scripts);
    }
    return this.#scripts;
  }

  async close(): Promise<void> {
    await Promise.all(this.#hosts.map((host) => host.close()));
  }
}
