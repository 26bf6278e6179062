/** A running siproc: sockets, transactions, user agent, media and handlers put together from a configuration. */
import { defaultSettings, Subscriptions, UserAgent } from "../agent/index.ts";
import type { Config } from "../config/config.ts";
import { Feed } from "../control/feed.ts";
import { isLoopback } from "../ip.ts";
import type { Log } from "../log.ts";
import { dtlsFingerprint, type MediaEngine, startMedia } from "../media/index.ts";
import { chain, type Receiver } from "../routing/index.ts";
import type { Flow } from "../sip/flow.ts";
import { MergeGuard } from "../sip/merged.ts";
import { checkRequest, checkResponse, type ParseFailure, type Request, type Response } from "../sip/message.ts";
import { secureRandom } from "../sip/random.ts";
import { TransactionLayer } from "../sip/transaction/index.ts";
import { openStore } from "../store/index.ts";
import { SystemClock, TransportLayer } from "../transport/index.ts";
import { Resolver } from "../transport/resolve/index.ts";
import { version } from "../version.ts";
import { Admission } from "./admission.ts";
import { Calls } from "./calls.ts";
import { ServerDialer } from "./dialer.ts";
import { Dispatch, type DispatchParts } from "./dispatch.ts";
import { accountFeed, CallFeed, feedRegistrations, feedTrunk, overloadFeed } from "./feeding.ts";
import { Gate } from "./gate.ts";
import { Gateway } from "./gateway.ts";
import { type HandlerAction, Handlers } from "./handlers.ts";
import { keep, packetsSize } from "./keeping.ts";
import { measuresOf } from "./measures.ts";
import { Meters } from "./meters.ts";
import { operator } from "./operator.ts";
import { ownWay } from "./own-way.ts";
import { pageHook, readyTls } from "./page.ts";
import { rehearsal, repertoire } from "./rehearsal.ts";
import { mediaPorts, Relay } from "./relay.ts";
import { report } from "./report.ts";
import { accountsControl } from "./report-accounts.ts";
import { nameOf } from "./report-calls.ts";
import { compileRoutes } from "./routes.ts";
import type { Server, ServerOptions } from "./server.ts";
import { Services } from "./services.ts";
import { SpeechEngines } from "./speech.ts";
import { Start } from "./start.ts";
import { trunkHandler } from "./trunk-handler.ts";
import { Trunks } from "./trunks.ts";
import { Unrouted } from "./unrouted.ts";
import { UserAgentEntry } from "./user-agent-entry.ts";
import { settlesWithin, until } from "./waiting.ts";
import { warmUp } from "./warm-up.ts";

export type { Server, ServerOptions } from "./server.ts";

/** Octets out for one octet in, at most, towards a UDP source that may be forged. */
const amplification = 3;

/** How long a stopping server waits for the answers to its last BYEs, in ms. */
const farewell = 1000;

/** Starts everything or nothing. Throws TransportError or MediaError, whose messages name the address or the ports. */
export async function startServer(config: Config, options: ServerOptions): Promise<Server> {
  const { log, world } = options;
  const clock = world?.clock ?? new SystemClock();
  const feed = new Feed();
  feed.active = config.control !== undefined;
  const admission = new Admission({
    clock,
    random: secureRandom,
    log,
    told: overloadFeed(feed),
    limits: options.overload,
    waited: options.waited ?? (() => transport.waited),
  });
  const meters = new Meters(clock);
  let parts: DispatchParts;
  const dispatch = new Dispatch(() => parts);
  const store = await openStore(config.store, { log, clock });
  /** What is open by now, and is closed again when a later part cannot be had. */
  const closing: (() => Promise<void>)[] = [() => store.close()];
  const closeAll = async (error: unknown): Promise<never> => {
    await Promise.all(closing.map((close) => close()));
    throw error;
  };
  const transactions: TransactionLayer = new TransactionLayer({
    clock,
    random: secureRandom,
    user: dispatch,
    observer: meters,
    amplification,
    retryAfter: () => admission.retryAfter(),
    maxTransactions: config.limits.transactions,
    overloaded: (request) => admission.refuses(request),
    // A REGISTER keeps no transaction: a flood of calls that fills them must not lock phones out.
    established: (request) => request.method === "REGISTER" || parts.agent.owns(request) || services.isOnPath(request),
  });
  const start = new Start();
  let closed = (_flow: Flow): void => {};
  let trunks: Trunks | undefined;
  const take = (message: Request | Response, flow: Flow) => {
    try {
      meters.message(message, flow);
      receive(transactions, message, flow);
    } catch (error) {
      log.error("a message could not be handled", { reason: describeError(error), from: flow.remote.host });
    }
  };
  const turnDown = (failure: ParseFailure, flow: Flow) => refuse(transactions, failure, flow);
  const transport: TransportLayer = await TransportLayer.open({
    listen: config.listen,
    advertise: config.advertise,
    tls: readyTls(config, log),
    http: pageHook(config),
    admit: (source) => start.waiting || services.guard.hears(source),
    limits: { maxConnections: config.limits.connections, maxConnectionsPerSource: config.limits.connectionsPerSource },
    log,
    clock,
    bindUdp: world === undefined ? undefined : (udp) => world.bindUdp(udp),
    events: {
      message: (message, flow) => start.after(take, message, flow),
      failure: (failure, flow) => start.after(turnDown, failure, flow),
      closed: (flow) => {
        trunks?.closed(flow);
        closed(flow);
      },
    },
  }).catch(closeAll);
  closing.push(() => transport.close());
  const ports = mediaPorts(config, options.mayRelay);
  const media = await (
    world?.media() ??
    startMedia({
      ports: ports.calls,
      log,
      families: familiesOf(transport),
      latch: config.media.latch,
      packets: packetsSize(config),
      stun: config.stun,
      iceTcp: config.media.iceTcp,
    })
  ).catch(closeAll);
  closing.push(() => closeQuietly(media, log));
  const resolver = Resolver.fromSystem({
    clock,
    random: secureRandom,
    log,
    servers: config.dns.servers,
    timeout: config.dns.timeout,
    serves: (kind, family) => canSend(transport, kind, family),
    // The DNS is not to lead strangers to what listens on this machine alone, unless that is where we are.
    loopback: transport.listening.some(({ local }) => isLoopback(local.host)),
  });
  const agent = new UserAgent({
    clock,
    random: secureRandom,
    log,
    settings: {
      ...defaultSettings,
      codecs: config.media.codecs,
      srtp: { encrypted: config.media.srtp, clear: config.media.srtpClear },
      dtlsFingerprint: dtlsFingerprint(),
      product: `siproc/${version}`,
      ...options.agent,
    },
    ways: transport,
    resolver,
    transactions,
    sessions: new Map(),
  });
  const relay = new Relay(config, { transport, families: familiesOf(transport), log, ports: ports.relay });
  closing.push(() => relay.close());
  await relay.use(config).catch(closeAll);
  const gateway = new Gateway({ context: agent.context, media, transport, most: config.limits.relays });
  const services = new Services(config, {
    gateway,
    ...{ clock, log, store, transport, transactions, resolver, relay },
    ...{ accounts: options.accounts, feed },
    forwarded: (call) => keeping.made.forwarded(call),
  });
  parts = { agent, transactions, guard: services.guard, proxies: services, retryAfter: () => admission.retryAfter() };
  const speech = new SpeechEngines(log);
  const calls = new Calls(
    { agent, media, speech: () => speech.current, admission, clock, random: secureRandom, log },
    callLimits(config),
  );
  const callFeed = new CallFeed(feed, (path) => nameOf(path, current.folder));
  calls.observers.add(callFeed).add(meters);
  feedRegistrations(feed, services.location);
  services.location.listen((event) => meters.registrations.add(event));
  const keeping = await keep(config, { clock, log, store, calls, relay, gateway, transport, media, feed }).catch(
    closeAll,
  );
  keeping.made.listeners.add((record) => meters.recorded(record));
  const elsewhere = new Trunks({
    context: agent.context,
    log,
    now: Date.now,
    trust: (address) => services.guard.trust(address),
    changed(trunk, state) {
      feedTrunk(feed, trunk, state);
      options.trunkChanged?.(trunk, state);
    },
  });
  trunks = elsewhere;
  const dialer = new ServerDialer({
    calls,
    trunks: elsewhere,
    subscriptions: new Subscriptions(agent),
    registered: (uri) => services.registered(uri),
    ownWay: (uri) => ownWay(transport, current.domains, uri),
  });
  calls.dialer = dialer;
  calls.trust = (call) => dialer.trust(call);
  const handlers = new Handlers(log, clock);
  const handler = (action: HandlerAction) => options.handlerFor?.(action) ?? handlers.of(action);
  const unrouted = new Unrouted(clock, log);
  const entry = new UserAgentEntry(agent, new MergeGuard(clock));
  let current = config;
  let first: Receiver | undefined;
  let routes: Receiver = () => false;
  const gate = new Gate(() => connect());
  const connect = () => {
    const served = first === undefined ? routes : chain(first, routes);
    dispatch.routes = gate.open ? served : gate.closed;
  };
  const ready = (started: Promise<void>) =>
    void started.catch((error) => log.error("media cannot be relayed", { reason: describeError(error) }));
  const apply = (next: Config) => {
    current = next;
    handlers.use(next);
    speech.use(next);
    services.use(next);
    keeping.use(next);
    ready(relay.use(next));
    elsewhere.use(next.trunks);
    dialer.allowed = next.scripts.allow.dial;
    calls.limits = callLimits(next);
    entry.routedMethods = new Set(next.routes.flatMap(({ methods }) => methods ?? []));
    routes = compileRoutes(next, {
      agent,
      calls,
      handler,
      throughTrunk: (name, user) => trunkHandler(dialer, elsewhere.find(name), user),
      trunkOf: ({ request, flow }) => elsewhere.bringing(request, flow)?.name,
      domainOf: services.domainOf,
      registrar: services.registrar(),
      authorizer: (rule) => services.authorizer(rule),
      proxy: (action) => services.proxy(action),
      comesToUserAgent: (incoming) => entry.admits(incoming),
      unrouted: (request, source) => unrouted.tell(request, source),
    });
    connect();
  };
  apply(config);
  // Whoever starts a server may still give it its receivers in this turn.
  setTimeout(() => start.done(), 0);
  const accounts = accountsControl({
    ...{ services, log },
    apply: () => apply(current),
    told: accountFeed(feed),
    hold: () => options.accounts?.hold?.() ?? (() => {}),
    written: async () => {
      await (options.accounts ?? store).flush();
      return (options.accounts ?? store.state).failure;
    },
  });
  const rehearsed = options.rehearse
    ? warmUp(rehearsal(repertoire(config, services.takesRegistrations), startServer), () => meters.messages)
    : () => {};

  const control = report({
    config: () => current,
    ...{ feed, accounts, calls, services, store, transport, transactions },
    trunks: elsewhere,
  });

  return {
    listening: transport.listening,
    calls,
    services,
    agent,
    transport,
    trunks: elsewhere,
    dialer,
    accounts,
    gate,
    feed,
    keeping,
    control,
    operator: operator({
      ...{ calls, dialer, feed, callFeed, handler, agent, services, quality: keeping.quality },
      config: () => current,
    }),
    measures: measuresOf({
      meters,
      status: control.status,
      media: () => media.stats,
      bans: () => services.guard.bans.list().length,
    }),
    use(receiver) {
      first = receiver;
      connect();
    },
    admits: (incoming) => entry.admits(incoming),
    startRelay: () => ready(relay.start()),
    onClosed(heard) {
      closed = heard;
    },
    reload(next) {
      // First, since it may fail, and then all stays as it was.
      const tls = readyTls(next, log);
      if (tls !== undefined) transport.reloadTls(tls);
      apply(next);
    },
    call: (request, handler, ended) => calls.place(request, handler, ended),
    handler,
    up: () => calls.size + services.relayed,
    // Packets of nobody: what matters is that somebody answers.
    alive: async () => void (await media.packets?.(new Set([0]))),
    async drain(graceMs) {
      calls.draining = true;
      services.stateful.draining = true;
      feed.publish("server.draining", { calls: calls.size + services.stateful.size });
      // Whoever calls us by a trunk is better told by its server that we are away.
      void elsewhere.stop();
      const forwarded = until(() => services.stateful.size === 0 && services.relayed === 0);
      return await settlesWithin(Promise.all([calls.idle(), forwarded]), graceMs);
    },
    async stop() {
      rehearsed();
      calls.draining = true;
      if (calls.size > 0) {
        calls.endAll();
        if (!(await settlesWithin(calls.idle(), farewell))) calls.abandonAll();
      }
      await settlesWithin(
        until(() => agent.dialogs === 0),
        farewell,
      );
      await settlesWithin(elsewhere.stop(), farewell);
      gateway.close();
      services.stateful.stop();
      await Promise.all([closeQuietly(media, log), relay.close(), handlers.close()]);
      resolver.close();
      speech.close();
      services.close();
      await keeping.close();
      await transport.close();
      await store.close();
      calls.stop();
      admission.stop();
      unrouted.stop();
      // What still waits are ends of transactions that nobody will hear of.
      clock.stop();
    },
  };
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

function callLimits(config: Config): { calls: number; callsPerSource: number } {
  return { calls: config.limits.calls, callsPerSource: config.limits.callsPerSource };
}

/** A fault of ours in full, since it is to be reported. */
function describeError(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}

/** Connections can be opened without a listener; to browsers there are none but theirs. */
function canSend({ listening }: TransportLayer, kind: Flow["transport"], family: 4 | 6): boolean {
  if (kind === "ws" || kind === "wss") return false;
  const ofFamily = listening.filter(({ local }) => (local.host.includes(":") ? 6 : 4) === family);
  return ofFamily.some(({ transport }) => transport === "udp" || kind !== "udp");
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
