/** `siproc run`: serves until a signal says otherwise. */
import { closeSync, existsSync, openSync } from "node:fs";
import { isDeepStrictEqual } from "node:util";
import { type Config, loadConfig } from "../config/index.ts";
import type { Feed } from "../control/feed.ts";
import type { Lifecycle } from "../control/lifecycle.ts";
import { type ControlSocket, openControlSocket } from "../control/socket.ts";
import { type Log, levels } from "../log.ts";
import type { LogTail } from "../log-tail.ts";
import { LogError, type LogSettings, type OpenLog, openLog } from "../log-targets.ts";
import type { Server } from "../server/index.ts";
import { type ServiceManager, serviceManager } from "../service-manager.ts";
import { formatAddress, type ListenUrl, parseListenUrl } from "../transport/index.ts";
import type { Arguments } from "./arguments.ts";
import { noConfiguration } from "./beginning.ts";
import { exitCodes } from "./commands.ts";
import { openControl } from "./control.ts";
import { EventStream, toDescriptor } from "./event-stream.ts";
import { Events } from "./events.ts";
import { placeOf, showProblems } from "./problems.ts";
import { rehearses } from "./rehearse.ts";
import { Service } from "./service.ts";
import type { Terminal } from "./terminal.ts";

/** What `run` needs of a server. */
export type Running = Pick<Server, "listening" | "reload" | "drain" | "stop" | "up" | "alive"> & {
  readonly feed?: Feed | undefined;
  readonly keeping?: { reopen(): void } | undefined;
};

/** The world around `run`; tests bring their own. */
export interface Surroundings {
  start(
    config: Config,
    options: { log: Log; tail: LogTail; events?: Events | undefined; lifecycle: Lifecycle },
  ): Promise<Running>;
  /** For --events: events on stdout, lines of stdin. */
  events?(options: { config: Config; log: Log; quit: () => void }): Events;
  /** Calls `heard` for each signal until the returned function is called. */
  onSignal(heard: (name: Signal) => void): () => void;
  /** @throws LogError */
  log(settings: LogSettings): OpenLog;
  /** Who started this process and wants to be told how it stands. */
  manager?(log: Log): ServiceManager | undefined;
  now(): number;
}

/** SIGUSR1: files of the log were rotated away. */
export type Signal = "SIGINT" | "SIGTERM" | "SIGHUP" | "SIGUSR1";

export async function run(
  given: Arguments,
  terminal: Terminal,
  around: Surroundings = realSurroundings,
): Promise<number> {
  const [named] = given.operands;
  const file = named ?? "siproc.yaml";
  const listen = listenOption(given);
  if (typeof listen === "string") {
    terminal.complain(`siproc: --listen ${listen}`);
    return exitCodes.usage;
  }
  if (named === undefined && !existsSync(file)) {
    terminal.complain(noConfiguration);
    return exitCodes.failed;
  }
  const loaded = await loadConfig(file);
  if (!loaded.ok) {
    showProblems(loaded.problems, "error", terminal);
    return exitCodes.failed;
  }
  const config = overridden(loaded.config, given, listen);
  const opened = openOrTell(config.log, around, terminal);
  if (opened === undefined) return exitCodes.setup;
  const { log } = opened;
  for (const warning of loaded.warnings) log.warn(warning.message, { at: placeOf(warning) });

  const quit = Promise.withResolvers<void>();
  const events = given.options.has("events") ? around.events?.({ config, log, quit: quit.resolve }) : undefined;
  const service = new Service({
    config,
    log,
    override: (read) => overridden(read, given, listen),
    manager: around.manager?.(log),
    setLogLevel: (level) => opened.setLevel(level),
    reopenLog: () => opened.reopen(),
  });
  const ignore = around.onSignal((name) => service.heard(name));
  let server: Running;
  try {
    server = await around.start(config, { log, tail: opened.tail, events, lifecycle: service });
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    log.error(`siproc cannot start: ${reason}`, { ...mendOf(error), configuration: config.file });
    await opened.close();
    return exitCodes.setup;
  }
  void quit.promise.then(() => service.quit());
  const served = service.serve(server);
  // Said once signals are heard: who waits for this line may send one at once.
  tellListening(server, config, log, around.now());
  await served;
  ignore();
  log.info("stopped");
  await opened.close();
  await events?.end();
  return exitCodes.ok;
}

function openOrTell(settings: LogSettings, around: Surroundings, terminal: Terminal): OpenLog | undefined {
  try {
    return around.log(settings);
  } catch (error) {
    if (!(error instanceof LogError)) throw error;
    terminal.complain(`siproc: ${error.message}; change log.to of the configuration`);
    return undefined;
  }
}

/** What to change in the configuration, where the message does not say it. */
function mendOf(error: unknown): { mend?: string } {
  const name = error instanceof Error ? error.name : "";
  if (
    name === "StoreError" ||
    name === "HttpError" ||
    (error instanceof Error && "code" in error && error.code === "certificate")
  )
    return {};
  return { mend: "change `listen` or `media.ports` of the configuration, or say --listen URL" };
}

function tellListening(server: Running, config: Config, log: Log, started: number): void {
  for (const { transport, local } of server.listening) log.info(`listening on ${transport}://${formatAddress(local)}`);
  log.debug("started", { milliseconds: Math.round(started), routes: config.routes.length });
  const hint = whomToCall(server, config);
  if (hint !== undefined) log.info(`try it: call ${hint}`);
  const page = pageAddress(server, config);
  if (page !== undefined) log.info(`try it in a browser: open ${page}`);
}

/** An address that some handler answers, to try. */
function whomToCall(server: Running, config: Config): string | undefined {
  const [first] = server.listening;
  const handled = config.routes.filter(({ action }) => action.type === "script" || action.type === "exec");
  const users = handled.map(({ to }) => /^([\w.+-]+)(@\*)?$/.exec(to?.source ?? "anything")?.[1]);
  const user = users.find((one) => one !== undefined);
  if (first === undefined || user === undefined) return undefined;
  const { host, port } = first.advertised;
  const address = formatAddress({ host, port });
  return `sip:${user}@${port === 5060 ? address.replace(/:5060$/, "") : address}${first.transport === "tcp" ? ";transport=tcp" : ""}`;
}

/** Where browsers get the page: those of this machine by http, which gives them the microphone there alone, others by https. */
function pageAddress({ listening }: Running, { page }: Config): string | undefined {
  if (page === undefined) return undefined;
  const clear = listening.find(({ transport }) => transport === "ws");
  const secure = listening.find(({ transport }) => transport === "wss");
  const local = clear === undefined || !/^(0\.0\.0\.0|::|127\.0\.0\.1|::1)$/.test(clear.local.host) ? undefined : clear;
  const here = local === undefined ? [] : [`http://localhost:${local.local.port}/ on this machine`];
  const there = secure === undefined ? [] : [`https://${formatAddress(secure.advertised)}/`];
  const addresses = [...here, ...there];
  if (addresses.length === 0 && clear !== undefined) return `http://${formatAddress(clear.advertised)}/`;
  return addresses.length === 0 ? undefined : addresses.join(", or ");
}

/** The addresses of --listen, or what is wrong with the first that cannot be. */
function listenOption(given: Arguments): ListenUrl[] | string {
  const urls: ListenUrl[] = [];
  for (const text of given.options.get("listen") ?? []) {
    const url = parseListenUrl(text);
    if (url === undefined) return `${text}: expected an address such as udp://0.0.0.0:5060 or tcp://[::]:5060`;
    if (url.port !== 0 && urls.some((other) => isDeepStrictEqual(other, url))) return `${text} is given twice`;
    urls.push(url);
  }
  return urls;
}

function overridden(config: Config, given: Arguments, listen: ListenUrl[]): Config {
  const level = levels.find((one) => one === given.options.get("log-level")?.[0]);
  const [format] = given.options.get("log-format") ?? [];
  return {
    ...config,
    listen: listen.length > 0 ? listen : config.listen,
    log: {
      ...config.log,
      level: level ?? config.log.level,
      format: format === "json" || format === "pretty" ? format : config.log.format,
    },
  };
}

/** Whether this process has a terminal that controls it. */
function hasTerminal(): boolean {
  try {
    closeSync(openSync("/dev/tty", "r"));
    return true;
  } catch {
    return false;
  }
}

/** What `siproc status` asks. Calls go on without it. */
function openSocket(
  config: Config,
  { control, measures, keeping, accounts }: Server,
  lifecycle: Lifecycle,
  log: Log,
): ControlSocket | undefined {
  try {
    return openControlSocket(config.file, { control, measures, lifecycle, keeping, accounts }, (error) =>
      log.error("a fault inside siproc, asked over its socket", { reason: error.stack ?? error.message }),
    );
  } catch (error) {
    log.warn("siproc status will not find this server", {
      reason: error instanceof Error ? error.message : String(error),
    });
    return undefined;
  }
}

const realSurroundings: Surroundings = {
  events({ config, log, quit }) {
    return new Events({ config, log, quit, stream: new EventStream(toDescriptor(process.stdout.fd)) });
  },
  async start(config, { log, tail, events, lifecycle }) {
    // One call's fault must not be everybody's: what nobody caught is logged, and the others go on.
    const uncaught = (error: unknown) =>
      log.error("a fault inside siproc", {
        reason: error instanceof Error ? (error.stack ?? error.message) : String(error),
      });
    process.on("uncaughtException", uncaught);
    process.on("unhandledRejection", uncaught);
    const { startServer } = await import("../server/index.ts");
    const server = await startServer(config, {
      log,
      rehearse: rehearses(),
      trunkChanged: (trunk, state) => events?.trunkChanged(trunk.name, state),
    });
    events?.serve(server);
    events?.read(Bun.stdin.stream());
    const socket = openSocket(config, server, lifecycle, log);
    const http = await openControl({ config, server, lifecycle, log, logs: tail }).catch(async (error: unknown) => {
      socket?.close();
      await server.stop();
      throw error;
    });
    return {
      ...server,
      reload(next) {
        server.reload(next);
        if (next.control !== undefined) http?.use(next.control);
      },
      async stop() {
        socket?.close();
        await server.stop();
        await http?.close();
      },
    };
  },
  onSignal(heard) {
    const names: readonly Signal[] = ["SIGINT", "SIGTERM", "SIGHUP", "SIGUSR1"];
    const inTerminal = hasTerminal();
    // The window that siproc was started in was closed: nobody asked for a reload.
    const meant = (name: Signal) => (name === "SIGHUP" && inTerminal && !hasTerminal() ? "SIGTERM" : name);
    const listeners = names.map((name) => ({ name, listener: () => heard(meant(name)) }));
    for (const { name, listener } of listeners) process.on(name, listener);
    return () => {
      for (const { name, listener } of listeners) process.off(name, listener);
    };
  },
  log: openLog,
  manager: (log) =>
    serviceManager(process.env, (reason) => log.warn("the service manager cannot be told how it stands", { reason })),
  now: () => performance.now(),
};
