/** A whole server on loopback, whose calls go to a function of the test. */
import type { CallControl, Command, Outcome } from "../../src/call/index.ts";
import type { Config, LimitSettings, Route } from "../../src/config/config.ts";
import { defaultConfig } from "../../src/config/index.ts";
import { createLog } from "../../src/log.ts";
import { type Server, startServer } from "../../src/server/index.ts";
import type { OverloadLimits } from "../../src/server/overload.ts";
import { freePort } from "./peers/ports.ts";
import { closePeers } from "./udp-peer.ts";

export interface TestServer {
  readonly server: Server;
  readonly port: { udp: number; tcp: number };
  /** What was logged, from debug on. */
  readonly log: string[];
  /** Calls that were given to the handler. */
  readonly calls: CallControl[];
}

export interface TestServerOptions {
  /** What is done with each call; refused when it throws. Answered by default. */
  handler?: (call: CallControl) => void;
  routes?: readonly Partial<Route>[];
  limits?: Partial<LimitSettings>;
  domains?: readonly string[];
  trunks?: Config["trunks"];
  /** Milliseconds that each request has waited in a queue of ours, and that a call would wait for its handler. */
  waited?: () => number;
  delay?: () => number;
  overload?: Partial<OverloadLimits>;
  /** Any by default. */
  udpPort?: number;
}

const running: Server[] = [];

/** Stops what a test started; for `afterEach` or `afterAll`. */
export async function stopAll(): Promise<void> {
  await Promise.all(running.splice(0).map((server) => server.stop()));
  closePeers();
}

/** A command as a promise. */
export function perform(call: CallControl, command: Command): Promise<Outcome> {
  return new Promise((resolve) => call.perform(command, resolve));
}

export function answering(call: CallControl): void {
  call.listen(() => {});
  call.perform({ name: "ANSWER" }, () => {});
}

/** An empty configuration file's values, but for some. */
export async function configured(changes: Partial<Config>): Promise<Config> {
  return { ...(await defaultConfig("/")), ...changes };
}

const everything: Partial<Route> = { action: { type: "exec", argv: ["handler"] } };

export async function openServer(options: TestServerOptions = {}): Promise<TestServer> {
  const log: string[] = [];
  const calls: CallControl[] = [];
  const media = await freePort(40);
  const config = await configured({
    listen: [
      { transport: "udp", host: "127.0.0.1", port: options.udpPort ?? 0 },
      { transport: "tcp", host: "127.0.0.1", port: 0 },
    ],
    domains: options.domains ?? [],
    trunks: options.trunks ?? [],
    routes: (options.routes ?? [everything]).map((route) => ({
      to: undefined,
      from: undefined,
      methods: undefined,
      action: { type: "reply", code: 404, reason: undefined },
      auth: undefined,
      line: 1,
      column: 1,
      ...route,
    })),
    media: {
      ports: [media, media + 39],
      codecs: ["PCMU", "PCMA"],
      latch: "private",
      srtp: "required",
      srtpClear: "off",
      iceTcp: false,
    },
    log: { level: "debug", format: "pretty" },
  });
  const limits: LimitSettings = {
    ...config.limits,
    calls: 1000,
    callsPerSource: 1000,
    connections: 1000,
    connectionsPerSource: 1000,
    drain: 0,
    ...options.limits,
  };
  const server = await startServer(
    { ...config, limits },
    {
      log: createLog({ level: "debug", format: "pretty", write: (line) => log.push(line) }),
      waited: options.waited,
      overload: options.overload,
      handlerFor: () => ({
        delay: () => options.delay?.(),
        start(call) {
          calls.push(call);
          (options.handler ?? answering)(call);
        },
      }),
    },
  );
  running.push(server);
  const port = (transport: "udp" | "tcp") =>
    server.listening.find((each) => each.transport === transport)?.local.port ?? 0;
  return { server, port: { udp: port("udp"), tcp: port("tcp") }, log, calls };
}
