/** A whole server on loopback, configured by YAML as its users write it, on ports that were free. */
import { randomBytes } from "node:crypto";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Config, readConfig } from "../../src/config/index.ts";
import { createLog } from "../../src/log.ts";
import { type Server, startServer } from "../../src/server/index.ts";
import type { OverloadLimits } from "../../src/server/overload.ts";
import type { ListenUrl, Transport } from "../../src/transport/index.ts";
import { closeAllPeers } from "./peer.ts";
import { freePort } from "./peers/ports.ts";

export interface Site {
  readonly server: Server;
  readonly config: Config;
  /** The port of each transport; 0 where it does not listen. */
  readonly port: Readonly<Record<Transport, number>>;
  /** What was logged, from debug on. */
  readonly log: string[];
  /** Lines that tell of a fault of ours. */
  readonly faults: string[];
  stop(): Promise<void>;
}

export interface SiteOptions {
  /** UDP and TCP on 127.0.0.1 by default; those with TLS need `tls:` in the YAML. */
  listen?: readonly Transport[];
  host?: string;
  /** Milliseconds that each request has waited in a queue of ours. */
  waited?: () => number;
  overload?: Partial<OverloadLimits>;
  /** What `exec` and `script` routes do with a call. */
  handlerFor?: Parameters<typeof startServer>[1]["handlerFor"];
}

const running: Site[] = [];

/** Stops what a test started; for `afterEach` or `afterAll`. */
export async function stopSites(): Promise<void> {
  closeAllPeers();
  await Promise.all(running.splice(0).map((site) => site.stop()));
}

/** What a fault of ours looks like in the log. */
const fault = /could not be handled|fault|internal error|TypeError|RangeError|SyntaxError|\berror\b {2}/;

export async function openSite(yaml: string, options: SiteOptions = {}): Promise<Site> {
  const log: string[] = [];
  const media = await freePort(40);
  const config = await configOf(`${yaml}\nmedia: { ports: ${media}-${media + 39} }\n`);
  const host = options.host ?? "127.0.0.1";
  const listen: ListenUrl[] = (options.listen ?? ["udp", "tcp"]).map((transport) => ({ transport, host, port: 0 }));
  const server = await startServer(
    { ...config, listen },
    {
      log: createLog({ level: "debug", format: "pretty", write: (line) => log.push(line) }),
      waited: options.waited,
      overload: options.overload,
      handlerFor: options.handlerFor,
    },
  );
  const port = { udp: 0, tcp: 0, tls: 0, ws: 0, wss: 0 };
  for (const { transport, local } of server.listening) port[transport] = local.port;
  let stopped: Promise<void> | undefined;
  const site: Site = {
    server,
    config,
    port,
    log,
    get faults() {
      return log.filter((line) => fault.test(line));
    },
    stop() {
      stopped ??= server.stop();
      return stopped;
    },
  };
  running.push(site);
  return site;
}

/** The configuration that a YAML text says; relative paths count from a folder of temporary files. */
export async function configOf(yaml: string): Promise<Config> {
  const loaded = await readConfig(Buffer.from(yaml), join(tmpdir(), "siproc.yaml"), {
    environment: { PATH: process.env.PATH },
  });
  if (loaded.ok) return loaded.config;
  throw new TypeError(loaded.problems.map(({ line, message }) => `line ${line}: ${message}`).join("\n"));
}

/** The path of a file that is not there yet. */
export function temporaryFile(extension: string): string {
  return join(tmpdir(), `siproc-test-${randomBytes(8).toString("hex")}${extension}`);
}
