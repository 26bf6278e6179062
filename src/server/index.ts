/** A running siproc: sockets, transactions, user agent, media and handlers put together from a configuration. */
import { defaultSettings, type InviteFailure, type InviteOptions, type SessionEnd, UserAgent } from "../agent/index.ts";
import type { Call, Handler } from "../call/index.ts";
import type { Config, RouteAction } from "../config/config.ts";
import { createProcessHandler } from "../handlers/process/index.ts";
import { createScriptHost, type ScriptHost } from "../handlers/script/index.ts";
import type { Log } from "../log.ts";
import { type MediaEngine, startMedia } from "../media/index.ts";
import type { Clock } from "../sip/clock.ts";
import { dialogKeyOf } from "../sip/dialog.ts";
import type { Flow } from "../sip/flow.ts";
import { MergeGuard } from "../sip/merged.ts";
import { checkRequest, checkResponse, type ParseFailure, type Request, type Response } from "../sip/message.ts";
import { secureRandom } from "../sip/random.ts";
import { TransactionLayer } from "../sip/transaction/index.ts";
import { type Listening, SystemClock, TransportLayer } from "../transport/index.ts";
import { version } from "../version.ts";
import { Admission } from "./admission.ts";
import { Calls } from "./calls.ts";
import { Dispatch } from "./dispatch.ts";
import type { OverloadLimits } from "./overload.ts";
import { compileRoutes } from "./routes.ts";
import { Unrouted } from "./unrouted.ts";

export interface Server {
  readonly listening: readonly Listening[];
  readonly calls: Calls;
  /** Takes over routes, scripts and limits of a new configuration. Calls that are up go on as they began. */
  reload(config: Config): void;
  /** Places a call that `handler` handles; `ended` is told how it ended. */
  call(options: InviteOptions, handler: Handler, ended?: (end: SessionEnd) => void): Call | InviteFailure;
  /** The handler that a `script` or `exec` route would get. */
  handler(action: HandlerAction): Handler;
  /** Refuses new calls and resolves when the last one has ended, or after `graceMs`: true when all ended by themselves. */
  drain(graceMs: number): Promise<boolean>;
  /** Ends what is still up, completes recordings, closes the sockets. */
  stop(): Promise<void>;
}

/** Octets out for one octet in, at most, towards a UDP source that may be forged. */
const amplification = 3;

/** How long a stopping server waits for the answers to its last BYEs, in ms. */
const farewell = 1000;

export interface ServerOptions {
  log: Log;
  /** A handler of the embedding program's own for a `script` or `exec` route; undefined: what the route says. */
  handlerFor?: ((action: HandlerAction) => Handler | undefined) | undefined;
  /** When new calls are refused because we are late, and how late we are with the request at hand: for tests. */
  overload?: Partial<OverloadLimits> | undefined;
  waited?: (() => number) | undefined;
}

type HandlerAction = RouteAction & { type: "script" | "exec" };

/** Starts everything or nothing. Throws TransportError or MediaError, whose messages name the address or the ports. */
export async function startServer(config: Config, options: ServerOptions): Promise<Server> {
  const { log } = options;
  const clock = new SystemClock();
  const admission = new Admission({
    clock,
    random: secureRandom,
    log,
    limits: options.overload,
    waited: options.waited ?? (() => transport.waited),
  });
  let agent: UserAgent;
  const dispatch = new Dispatch(() => agent, new MergeGuard(clock));

  const transactions: TransactionLayer = new TransactionLayer({
    clock,
    random: secureRandom,
    user: dispatch,
    amplification,
    retryAfter: () => admission.retryAfter(),
    overloaded: (request) => admission.refuses(request),
    established: (request) => {
      const key = dialogKeyOf(request);
      return key !== undefined && agent.context.sessions.has(key);
    },
  });
  const start = new Start();
  const transport: TransportLayer = await TransportLayer.open({
    listen: config.listen,
    advertise: config.advertise,
    limits: { maxConnections: config.limits.connections, maxConnectionsPerSource: config.limits.connectionsPerSource },
    log,
    clock,
    events: {
      message: (message, flow) =>
        start.after(() => {
          try {
            receive(transactions, message, flow);
          } catch (error) {
            log.error("a message could not be handled", { reason: describeError(error), from: flow.remote.host });
          }
        }),
      failure: (failure, flow) => start.after(() => refuse(transactions, failure, flow)),
      closed: () => {},
    },
  });
  const media = await startMedia({
    ports: config.media.ports,
    log,
    families: familiesOf(transport),
    latch: config.media.latch,
  }).catch(async (error) => {
    await transport.close();
    throw error;
  });
  agent = new UserAgent({
    clock,
    random: secureRandom,
    log,
    settings: { ...defaultSettings, codecs: config.media.codecs, product: `siproc/${version}` },
    ways: transport,
    transactions,
    sessions: new Map(),
  });
  const calls = new Calls({ agent, media, admission, clock, random: secureRandom, log }, callLimits(config));
  const handlers = new Handlers(log, clock);
  const handler = (action: HandlerAction) => options.handlerFor?.(action) ?? handlers.of(action);
  const own = new Set(transport.listening.flatMap(({ local, advertised }) => [local.host, advertised.host]));
  const unrouted = new Unrouted(clock, log);
  const apply = (next: Config) => {
    handlers.use(next);
    calls.limits = callLimits(next);
    dispatch.routedMethods = new Set(next.routes.flatMap(({ methods }) => methods ?? []));
    dispatch.routes = compileRoutes(next, {
      agent,
      calls,
      handler,
      unrouted: (request, source) => unrouted.tell(request, source),
      isOwnAddress: (host) => own.has(host),
    });
  };
  apply(config);
  start.done();

  return {
    listening: transport.listening,
    calls,
    reload: apply,
    call: (request, handler, ended) => calls.place(request, handler, ended),
    handler,
    async drain(graceMs) {
      calls.draining = true;
      return await settlesWithin(calls.idle(), graceMs);
    },
    async stop() {
      calls.draining = true;
      if (calls.size > 0) {
        calls.endAll();
        if (!(await settlesWithin(calls.idle(), farewell))) calls.abandonAll();
      }
      await settlesWithin(
        until(() => agent.dialogs === 0),
        farewell,
      );
      await Promise.all([closeQuietly(media, log), handlers.close()]);
      await transport.close();
      calls.stop();
      admission.stop();
      unrouted.stop();
    },
  };
}

/** What comes in between the opening of the first socket and the last part of the server waits, some of it. */
class Start {
  #waiting: (() => void)[] | undefined = [];

  after(work: () => void): void {
    if (this.#waiting === undefined) work();
    else if (this.#waiting.length < 1000) this.#waiting.push(work);
  }

  done(): void {
    const waiting = this.#waiting ?? [];
    this.#waiting = undefined;
    for (const work of waiting) work();
  }
}

function receive(transactions: TransactionLayer, message: Request | Response, flow: Flow): void {
  if (message.type === "response") {
    if (checkResponse(message)) transactions.receive(message, flow);
    return;
  }
  const refusal = checkRequest(message);
  if (refusal === undefined) transactions.receive(message, flow);
  // Without a Via nobody could tell what a response answers; a connection still shows who asked.
  else if (flow.reliable || message.lines.find("via") >= 0)
    transactions.replyStateless(message, flow, refusal.status, refusal);
}

function refuse(transactions: TransactionLayer, failure: ParseFailure, flow: Flow): void {
  if (failure.request !== undefined && failure.status !== undefined)
    transactions.replyStateless(failure.request, flow, failure.status, { reason: failure.reason });
}

/** The handlers that routes name, made anew with each configuration; a script host lives until its last call ends. */
class Handlers {
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
    if (action.type === "script") return this.#host(config).handler(action.file);
    return createProcessHandler({
      argv: action.argv,
      cwd: config.folder,
      log: this.#log,
      clock: this.#clock,
      classic: false,
      env: config.scripts.allow.env,
    });
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

function callLimits(config: Config): { calls: number; callsPerSource: number } {
  return { calls: config.limits.calls, callsPerSource: config.limits.callsPerSource };
}

/** A fault of ours in full, since it is to be reported. */
function describeError(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}

function familiesOf(transport: TransportLayer): ("ipv4" | "ipv6")[] {
  const ipv6 = transport.listening.some(({ local }) => local.host.includes(":"));
  const ipv4 = transport.listening.some(({ local }) => !local.host.includes(":"));
  return [...(ipv4 ? (["ipv4"] as const) : []), ...(ipv6 ? (["ipv6"] as const) : [])];
}

async function closeQuietly(media: MediaEngine, log: Log): Promise<void> {
  try {
    await media.close();
  } catch (error) {
    log.error("the media engine did not close in order", { reason: String(error) });
  }
}

/** True when `promise` resolves within `ms`. */
async function settlesWithin(promise: Promise<unknown>, ms: number): Promise<boolean> {
  const { promise: late, resolve } = Promise.withResolvers<false>();
  const timer = setTimeout(() => resolve(false), Math.min(ms, 2 ** 31 - 1));
  const settled = await Promise.race([promise.then(() => true), late]);
  clearTimeout(timer);
  return settled;
}

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 10));
}
