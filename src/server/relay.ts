/** The relay of proxied calls' media, started once a route asks for it. */
import type { Config } from "../config/config.ts";
import type { StatusRelay } from "../control/status.ts";
import type { Log } from "../log.ts";
import { createRelay, type Family, type PacketHeader, type RelayEngine } from "../media/index.ts";
import { CallRelay, type MediaRelay, type RelayReport } from "../routing/index.ts";
import type { TransportLayer } from "../transport/index.ts";
import { packetsSize } from "./packet-log.ts";

export interface RelayParts {
  readonly transport: TransportLayer;
  readonly families: readonly Family[];
  readonly log: Log;
  readonly ports: MediaPorts;
}

/**
 * Which of the configured ports calls have, and which the relay has: half each where a route relays, since both keep ports
 * bound that they do not need at the moment. Otherwise calls have all, and a relay that a reload asks for what is left.
 * `shared`: whether a relay may be asked for, where the routes do not say so.
 */
export function mediaPorts(config: Config, shared = relays(config)): { calls: MediaPorts; relay: MediaPorts } {
  const [first, last] = config.media.ports;
  if (!shared) return { calls: [first, last], relay: [first, last] };
  // Pairs begin with an even port.
  const middle = first + 2 * Math.floor((last - first + 1) / 4);
  return { calls: [first, middle - 1], relay: [middle, last] };
}

type MediaPorts = readonly [first: number, last: number];

function relays({ routes }: Config): boolean {
  return routes.some(({ action }) => (action.type === "location" || action.type === "proxy") && action.relay);
}

/** m-lines with ports that a call has on average at most: audio, video. */
const linesPerCall = 2;

export class Relay {
  readonly #engine: RelayEngine;
  readonly #calls: CallRelay;

  /** Ports and limits are those of the first configuration. */
  constructor(config: Config, { transport, families, log, ports }: RelayParts) {
    const own = transport.listening.flatMap(({ local, advertised }) => [local.host, advertised.host]);
    this.#engine = createRelay({
      ports,
      log,
      families,
      maxSessions: config.limits.relays,
      maxPairs: config.limits.relays * linesPerCall * 2,
      own,
      packets: packetsSize(config),
    });
    this.#calls = new CallRelay({
      backend: {
        relay: (options) => {
          this.begun();
          return this.#engine.relay(options);
        },
      },
      address: (flow) => transport.viaFor(flow).host,
      isOwn: (host, port) => transport.isOwn(host, port),
      log,
      latch: config.media.latch,
      ended: (report) => this.ended(report),
    });
  }

  /** Told when there is a call whose media is relayed. */
  begun: () => void = () => {};
  /** Told of each relayed dialog, or branch that may have become one, that is over. */
  ended: (report: RelayReport) => void = () => {};

  /** Whether media of this call is relayed. */
  carries(callId: string): boolean {
    return this.#calls.carries(callId);
  }

  /** The headers that are kept of these sessions' packets. */
  packets(sessions: ReadonlySet<number>): Promise<PacketHeader[]> {
    return this.#engine.packets(sessions);
  }

  /** What has been counted of the dialogs that are relayed now. */
  async counts(): Promise<Omit<RelayReport, "reason">[]> {
    return await this.#calls.list(Number.POSITIVE_INFINITY);
  }

  /** What the proxies ask. */
  get calls(): MediaRelay {
    return this.#calls;
  }

  /** Makes ready for what the routes want. @throws MediaError `no-ports`, `failed` */
  async use(config: Config): Promise<void> {
    if (relays(config)) await this.start();
  }

  /** Makes ready, whatever the routes say: for receivers that a program adds. @throws MediaError `no-ports`, `failed` */
  async start(): Promise<void> {
    await this.#engine.start();
  }

  /** Relayed dialogs, and branches that ring. */
  get size(): number {
    return this.#calls.size;
  }

  /** At most `limit`. */
  async list(limit: number): Promise<StatusRelay[]> {
    return (await this.#calls.list(limit)).map(({ callId, stats: { age, lines } }) => {
      const sum = (count: (line: (typeof lines)[number]) => number) =>
        lines.reduce((total, line) => total + count(line), 0);
      return {
        callId,
        age: Math.round(age / 1000),
        packets: [sum(({ a }) => a.packets), sum(({ b }) => b.packets)],
        lost: [sum(({ a }) => a.lost), sum(({ b }) => b.lost)],
      };
    });
  }

  close(): Promise<void> {
    return this.#engine.close();
  }
}
