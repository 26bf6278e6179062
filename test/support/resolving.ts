/** A resolver in virtual time, whose DNS is a table. */
import { createLog } from "../../src/log.ts";
import { VirtualClock } from "../../src/sip/clock.ts";
import { seededRandom } from "../../src/sip/random.ts";
import { isSipUri, parseUri, type SipUri } from "../../src/sip/uri.ts";
import { type Hop, type Resolution, Resolver, type ResolverOptions } from "../../src/transport/resolve/index.ts";
import { a, FakeDns, type Zone } from "./dns.ts";

export function sip(text: string): SipUri {
  const uri = parseUri(text);
  if (uri === undefined || !isSipUri(uri)) throw new TypeError(`${text} is no SIP URI`);
  return uri;
}

const show = ({ transport, host, port, serverName }: Hop) =>
  `${transport} ${host} ${port}${serverName === undefined ? "" : ` for ${serverName}`}`;

export class ResolverBench {
  readonly clock = new VirtualClock();
  readonly dns: FakeDns;
  readonly resolver: Resolver;

  constructor(zone: Zone = {}, options: Partial<ResolverOptions> = {}) {
    this.dns = new FakeDns(this.clock, zone);
    this.resolver = new Resolver({
      clock: this.clock,
      random: seededRandom(7),
      log: createLog({ level: "error", format: "json", write: () => {} }),
      dns: this.dns,
      serves: (_, family) => family === 4,
      ...options,
    });
  }

  /** Hops as text, or the reason; undefined while the DNS is out. */
  resolve(text: string): { now: string[] | string | undefined; later: () => string[] | string | undefined } {
    let result: Resolution | undefined;
    let calls = 0;
    this.resolver.resolve(sip(text), (resolution) => {
      calls++;
      result = resolution;
    });
    const value = () => {
      if (calls > 1) throw new TypeError("resolved twice");
      return result === undefined ? undefined : result.ok ? result.hops.map(show) : result.reason;
    };
    return { now: value(), later: value };
  }
}

/** Two hosts of a domain. */
export const www = { "A www.example.com": [a("192.0.2.1")], "A backup.example.com": [a("192.0.2.2")] };
