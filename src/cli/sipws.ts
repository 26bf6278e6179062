/** `siproc sipws`: takes the command line of SIPWS, and serves as it did. */
import { readFile, rm, writeFile } from "node:fs/promises";
import { dirname } from "node:path";
import { AccountDatabase } from "../accounts/index.ts";
import { type HttpServer, openHttp } from "../control/http/server.ts";
import { sipwsMount } from "../control/sipws/mount.ts";
import { Sipws, type SipwsHome } from "../control/sipws/sipws.ts";
import { openControlSocket } from "../control/socket.ts";
import type { Log } from "../log.ts";
import { type LogTarget, openLog } from "../log-targets.ts";
import { type Server, startServer } from "../server/index.ts";
import { formatAddress, SystemClock } from "../transport/index.ts";
import type { Arguments } from "./arguments.ts";
import { isDaemon, startDaemon, tellStarter } from "./daemon.ts";
import { exitCodes } from "./exit-codes.ts";
import { OptionValueError } from "./option-value.ts";
import { placeOf } from "./problems.ts";
import { rehearses } from "./rehearse.ts";
import { SipwsError, type SipwsSettings, sipwsSettings } from "./sipws-config.ts";
import { SipwsLife } from "./sipws-life.ts";
import { withCfg } from "./sipws-options.ts";
import type { Terminal } from "./terminal.ts";

/** What goes wrong before it serves. */
class StartError extends Error {
  readonly code = "start";
  readonly exit: number;
  constructor(exit: number, message: string) {
    super(message);
    this.name = "StartError";
    this.exit = exit;
  }
}

export async function sipws(typed: Arguments, terminal: Terminal): Promise<number> {
  const daemon = isDaemon();
  const fail = (exit: number, message: string): number => {
    if (daemon) tellStarter({ exit, said: [message] });
    else terminal.complain(message);
    return exit;
  };
  try {
    const read = withCfg(typed, { binary: dirname(process.execPath), folder: process.cwd() });
    if (!read.ok) return fail(exitCodes.usage, `siproc: ${read.reason}`);
    const settings = await sipwsSettings(read.given, read.file);
    if (!settings.foreground && !daemon) return await becomeDaemon(terminal);
    return await serve(settings, daemon);
  } catch (error) {
    if (error instanceof StartError) return fail(error.exit, error.message);
    if (error instanceof OptionValueError || error instanceof SipwsError)
      return fail(exitCodes.usage, `siproc: ${error.message}`);
    throw error;
  }
}

async function becomeDaemon(terminal: Terminal): Promise<number> {
  const started = await startDaemon("sipws");
  if (started.ok) {
    terminal.complain(`siproc sipws: serving as process ${started.pid}; its log goes to syslog`);
    return exitCodes.ok;
  }
  for (const line of started.said) terminal.complain(line);
  if (started.said.length === 0)
    terminal.complain("siproc: the daemon ended before it served; try again with -f -vvv to see why");
  return started.exit ?? exitCodes.failed;
}

async function serve(settings: SipwsSettings, daemon: boolean): Promise<number> {
  const to: LogTarget[] = [daemon ? { type: "syslog", to: undefined } : { type: "stderr" }];
  const opened = openLog({ ...settings.config.log, to });
  const { log } = opened;
  const uncaught = (error: unknown) =>
    log.error("a fault inside siproc", {
      reason: error instanceof Error ? (error.stack ?? error.message) : String(error),
    });
  const life = new SipwsLife(settings.config.file);
  const running = await start(settings, life, log);
  process.on("uncaughtException", uncaught);
  process.on("unhandledRejection", uncaught);
  for (const signal of ["SIGINT", "SIGTERM"]) process.on(signal, () => life.stop());
  // The end of a terminal; a daemon has none, and hears of a reload so.
  process.on("SIGHUP", () => (daemon ? log.info("sipws.cfg is read at the start; restart siproc") : life.stop()));
  for (const { transport, local } of running.server.listening)
    log.info(`listening on ${transport}://${formatAddress(local)}`);
  for (const url of running.http?.urls ?? []) log.info(`requests are taken at ${url}/`);
  if (daemon) {
    // The folder of a daemon must not be one that somebody wants to unmount.
    process.chdir("/");
    tellStarter({ ready: true });
  }
  await life.stopping;
  const { drain } = settings.config.limits;
  const ended = await Promise.race([running.server.drain(drain), life.atOnce.then(() => false)]);
  if (!ended) log.warn("ending the calls that are still up", { calls: running.server.calls.size });
  await running.stop();
  log.info("stopped");
  await opened.close();
  return exitCodes.ok;
}

interface Running {
  readonly server: Server;
  readonly http: HttpServer | undefined;
  stop(): Promise<void>;
}

/** Everything or nothing. @throws StartError */
async function start(settings: SipwsSettings, life: SipwsLife, log: Log): Promise<Running> {
  const { config, pidFile } = settings;
  const closing: (() => unknown)[] = [];
  const close = async () => {
    for (const one of closing.splice(0).reverse()) await one();
  };
  try {
    const database = settings.database === undefined ? undefined : await openDatabase(settings.database, log);
    if (database !== undefined) closing.push(() => database.close());
    const server = await startServer(config, { log, accounts: database, rehearse: rehearses() });
    closing.push(() => server.stop());
    // Accounts may have gone from the file while nobody served.
    server.services.forgetStrangers();
    const home: SipwsHome = database ?? { domain: "", ip: "", version: 0 };
    const parts = { accounts: server.accounts, gate: server.gate, home };
    if (settings.request !== undefined) await request(settings, new Sipws(parts));
    const keys = settings.http?.keys ?? [];
    const mount = sipwsMount("/", { ...parts, log, keys: () => keys, get: "everybody" });
    const http = settings.http === undefined ? undefined : openHttp({ settings: settings.http, mounts: [mount], log });
    closing.push(() => http?.close());
    const socket = openControlSocket(config.file, { ...server, lifecycle: life }, (error) =>
      log.error("a fault inside siproc, asked over its socket", { reason: error.stack ?? error.message }),
    );
    closing.push(() => socket.close());
    if (pidFile !== undefined) {
      await writeFile(pidFile, `${process.pid}\n`);
      closing.push(() => rm(pidFile, { force: true }));
    }
    return { server, http, stop: close };
  } catch (error) {
    await close();
    if (error instanceof StartError) throw error;
    const reason = error instanceof Error ? error.message : String(error);
    throw new StartError(exitCodes.setup, `siproc: cannot start: ${reason}`);
  }
}

async function openDatabase(file: string, log: Log): Promise<AccountDatabase> {
  const opened = await AccountDatabase.open(file, {
    clock: new SystemClock(),
    warn: (message) => log.warn(message, { file }),
    told(failure) {
      if (failure === undefined) log.warn("the database can be written again", { file });
      else log.error("the database cannot be written; changes hold, and are lost when siproc ends", { file, failure });
    },
  });
  if (opened.ok) return opened.database;
  throw new StartError(exitCodes.failed, opened.problems.map((one) => `${placeOf(one)}: ${one.message}`).join("\n"));
}

/** Does the request of -d. Who may name a file here needs no key; one that is there must be right all the same. */
async function request({ request: file = "", http }: SipwsSettings, sipws: Sipws): Promise<void> {
  const body = await readFile(file, "utf8").catch(() => undefined);
  if (body === undefined) throw new StartError(exitCodes.failed, `${file}: this file cannot be read`);
  const keys = http?.keys.map(({ key }) => key) ?? [];
  const { code, reason } = await sipws.post(body, (key) => key === undefined || key === "" || keys.includes(key));
  if (code !== "0") throw new StartError(exitCodes.failed, `${file}: ${reason ?? "the request failed"}`);
}
