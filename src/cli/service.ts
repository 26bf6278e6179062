/** The life of a server in `siproc run`, from listening to its end: signals, reload, drain, and what the service manager is told. */
import { isDeepStrictEqual } from "node:util";
import { type Config, loadConfig, type Problem } from "../config/index.ts";
import type { Lifecycle, Reloaded, Stage } from "../control/lifecycle.ts";
import type { Level, Log } from "../log.ts";
import type { ServiceManager } from "../service-manager.ts";
import { placeOf } from "./problems.ts";
import type { Running, Signal } from "./run.ts";
import { checkScripts } from "./scripts.ts";

export interface ServiceParts {
  readonly config: Config;
  readonly log: Log;
  /** What the command line says in spite of the file. */
  readonly override: (config: Config) => Config;
  readonly manager?: ServiceManager | undefined;
  /** Opens files of the log anew, after they were rotated away. */
  readonly reopenLog?: (() => void) | undefined;
  readonly setLogLevel?: ((level: Level) => void) | undefined;
  /** Does something every so many ms until the returned function is called; setInterval by default. */
  readonly every?: ((ms: number, work: () => void) => () => void) | undefined;
}

/** Keys that count from the next start on. */
const fixedKeys: Readonly<Record<string, (config: Config) => unknown>> = {
  listen: ({ listen }) => listen,
  advertise: ({ advertise }) => advertise,
  stun: ({ stun }) => stun,
  store: ({ store }) => store,
  dns: ({ dns }) => dns,
  media: ({ media }) => media,
  page: ({ page }) => page,
  log: ({ log }) => ({ ...log, level: undefined }),
  control: ({ control }) =>
    control && { ...control, keys: undefined, webhooks: undefined, requestsPerSecond: undefined },
  "limits.connections": ({ limits }) => limits.connections,
  "limits.connections_per_source": ({ limits }) => limits.connectionsPerSource,
  "limits.transactions": ({ limits }) => limits.transactions,
  "limits.relays": ({ limits }) => limits.relays,
};

/** ms between two lines of STATUS. */
const statusTime = 10_000;
/** ms that the end itself may take after the drain: BYEs, the store's last write. */
const endTime = 10_000;

export class Service implements Lifecycle {
  readonly #parts: ServiceParts;
  readonly #stopping = Promise.withResolvers<void>();
  readonly #atOnce = Promise.withResolvers<void>();
  #config: Config;
  #server: Running | undefined;
  #stage: Stage = "serving";
  /** A reload was asked for before the server was up. */
  #readAgain = false;
  #reloading: Promise<unknown> = Promise.resolve();

  constructor(parts: ServiceParts) {
    this.#parts = parts;
    this.#config = parts.config;
  }

  get stage(): Stage {
    return this.#stage;
  }

  /** Signals count from the first moment on: before the server is up, too. */
  heard(signal: Signal): void {
    if (signal === "SIGHUP" && this.#server === undefined) this.#readAgain = true;
    else if (signal === "SIGHUP") void this.reload();
    else if (signal === "SIGUSR1") {
      this.#parts.reopenLog?.();
      this.#server?.keeping?.reopen();
    } else this.stop();
  }

  stop(): void {
    if (this.#stage === "draining") this.#atOnce.resolve();
    this.#stage = "draining";
    this.#stopping.resolve();
  }

  /** Ends what is up without waiting for it. */
  quit(): void {
    this.stop();
    this.#atOnce.resolve();
  }

  /** Serves until the last call has ended after the first `stop`, or until the second. */
  async serve(server: Running): Promise<void> {
    const { log, manager } = this.#parts;
    this.#server = server;
    const beats = this.#watch(server);
    if (this.#stage === "serving") manager?.ready(standing(server));
    if (this.#readAgain) void this.reload();
    await tellScripts(this.#config, log);
    await this.#stopping.promise;
    const { drain } = this.#config.limits;
    manager?.stopping(`stopping: ${counted(server.up())} may go on`, drain + endTime);
    if (server.up() > 0)
      log.info(
        `stopping: ${counted(server.up())} may go on for up to ${drain / 1000} s; a second signal ends them at once`,
      );
    const ended = await Promise.race([server.drain(drain), this.#atOnce.promise.then(() => false)]);
    if (!ended) log.warn(`ending what is still up: ${counted(server.up())}`);
    await server.stop();
    for (const end of beats) end();
  }

  reload(): Promise<Reloaded> {
    const reloaded = this.#reloading.then(() => this.#reload());
    this.#reloading = reloaded;
    return reloaded;
  }

  async #reload(): Promise<Reloaded> {
    const { log, manager } = this.#parts;
    const server = this.#server;
    if (server === undefined || this.#stage === "draining") return this.#refused("the server is stopping");
    this.#stage = "reloading";
    manager?.reloading();
    const reloaded = await this.#read(server).catch((error: unknown) => {
      const message = `the configuration could not be taken over; the old one stays: ${String(error)}`;
      log.error(message);
      return this.#refused(message);
    });
    // Whoever stopped it meanwhile has the last word.
    if (this.#stage === "reloading") {
      this.#stage = "serving";
      manager?.ready(standing(server));
    }
    return reloaded;
  }

  /** Takes over what can change while calls are up. */
  async #read(server: Running): Promise<Reloaded> {
    const { log, override } = this.#parts;
    const loaded = await loadConfig(this.#config.file);
    if (!loaded.ok) {
      for (const problem of loaded.problems) log.error(problem.message, { at: placeOf(problem) });
      log.error("the configuration has mistakes; the old one stays", { problems: loaded.problems.length });
      server.feed?.publish("config.refused", { problems: loaded.problems.length });
      return { taken: false, problems: loaded.problems, warnings: [], restart: [] };
    }
    for (const warning of loaded.warnings) log.warn(warning.message, { at: placeOf(warning) });
    const next = override(loaded.config);
    const current = this.#config;
    const restart = Object.keys(fixedKeys).filter(
      (key) => !isDeepStrictEqual(fixedKeys[key]?.(next), fixedKeys[key]?.(current)),
    );
    for (const key of restart) log.warn(`${key} has changed; that takes a restart`);
    server.reload(next);
    if (next.log.level !== current.log.level) this.#parts.setLogLevel?.(next.log.level);
    this.#config = next;
    log.info("the configuration was read again", { routes: next.routes.length });
    const scripts = await tellScripts(next, log);
    const warnings = loaded.warnings.length + scripts.length;
    server.feed?.publish("config.reloaded", { routes: next.routes.length, warnings });
    return { taken: true, problems: [], warnings: [...loaded.warnings, ...scripts], restart };
  }

  #refused(message: string): Reloaded {
    const problem = { message, file: this.#config.file, line: 0, column: 0 };
    return { taken: false, problems: [problem], warnings: [], restart: [] };
  }

  /** Signs of life, when the threads of signalling and of media give them: who is stuck is started anew. */
  #watch(server: Running): (() => void)[] {
    const { manager, every = everyMilliseconds } = this.#parts;
    if (manager === undefined) return [];
    const status = every(statusTime, () => {
      if (this.#stage !== "draining") manager.status(standing(server));
      else manager.status(`stopping: ${counted(server.up())} up`);
    });
    if (manager.watchdog === undefined) return [status];
    let asked = false;
    const alive = async () => {
      if (asked) return;
      asked = true;
      await server.alive();
      asked = false;
      manager.alive();
    };
    // Half of the time, as sd_watchdog_enabled(3) recommends, and some for a machine that is busy.
    return [status, every(manager.watchdog / 3, () => void alive())];
  }
}

function everyMilliseconds(ms: number, work: () => void): () => void {
  const timer = setInterval(work, ms);
  return () => clearInterval(timer);
}

/** How things stand, on a line for people. */
function standing({ up, listening }: Running): string {
  return `serving on ${listening.length === 1 ? "1 address" : `${listening.length} addresses`}, ${counted(up())}`;
}

function counted(calls: number): string {
  return calls === 1 ? "1 call" : `${calls} calls`;
}

/** A script can be mended at any time, so one that does not compile stops nobody; its calls are answered 500 until then. */
async function tellScripts(config: Config, log: Log): Promise<Problem[]> {
  const problems = await checkScripts(config);
  for (const problem of problems)
    log.error(`a script cannot run until this is mended: ${problem.message}`, { at: placeOf(problem) });
  return problems;
}
