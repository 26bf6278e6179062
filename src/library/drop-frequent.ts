/** Requests that come too often from one source are not answered. */
import { type Incoming, isHopByHop, type Receiver } from "../routing/index.ts";

/**
 * How often is too often.
 *
 * @example
 * const options: FrequentOptions = { attempts: 10, interval: 60_000, methods: ["REGISTER"] };
 */
export interface FrequentOptions {
  /** What a source may send in an interval. */
  readonly attempts: number;
  /** Milliseconds. */
  readonly interval: number;
  /** Only requests with these methods count, and are dropped; all by default. */
  readonly methods?: readonly string[] | undefined;
  /** Counts each port of an address by itself. */
  readonly byPort?: boolean | undefined;
  /** Told of each request that is dropped. */
  readonly dropped?: ((incoming: Incoming) => void) | undefined;
  /** ms; the system's clock by default. */
  readonly now?: (() => number) | undefined;
}

/** Sources that are counted at a time: forged ones must not fill the memory. */
const mostSources = 20_000;

/**
 * Drops what comes from a source that has sent as much in the interval before. Whom it drops can be kept out for longer by a
 * DropList.
 *
 * @example
 * ua.serve(dropFrequent({ attempts: 10, interval: 60_000, methods: ["REGISTER"] }), ua.createRegistrar());
 */
export function dropFrequent(options: FrequentOptions): Receiver {
  const { attempts, interval, byPort = false, now = Date.now } = options;
  const methods = options.methods === undefined ? undefined : new Set(options.methods);
  const sources = new Map<string, { count: number; since: number }>();
  return (incoming) => {
    const { request, flow, tx } = incoming;
    if (isHopByHop(request) || methods?.has(request.method) === false) return false;
    const { host, port } = flow.remote;
    const source = byPort ? `${host} ${port}` : host;
    const time = now();
    const seen = sources.get(source);
    if (seen === undefined || time - seen.since >= interval) {
      sources.delete(source);
      if (sources.size >= mostSources) forgetFirst(sources);
      sources.set(source, { count: 1, since: time });
      return false;
    }
    if (++seen.count <= attempts) return false;
    tx.forget();
    options.dropped?.(incoming);
    return true;
  };
}

function forgetFirst(map: Map<string, unknown>): void {
  const { value } = map.keys().next();
  if (value !== undefined) map.delete(value);
}
