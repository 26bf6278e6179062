/** The worker's UDP ports: pairs of an even RTP port and the odd RTCP port above it, bound once and used again and again. */
import { bindUdp, UdpBindError, type UdpSocket } from "../udp.ts";
import type { Receiving } from "./transport/transport.ts";
import type { Family } from "./types.ts";

export interface PortPair {
  readonly family: Family;
  readonly rtp: UdpSocket;
  readonly rtcp: UdpSocket;
  /** Who has it at the moment. Datagrams for nobody are dropped. */
  user: Receiving | undefined;
}

/** How many pairs a range holds. */
export function pairsIn(first: number, last: number): number {
  const even = first + (first % 2);
  return Math.max(0, Math.floor((last - even + 1) / 2));
}

export class Ports {
  /** Why a pair could not be bound, the last time. */
  failure: string | undefined;
  #first: number;
  #pairs: number;
  #failed: (user: Receiving, error: unknown) => void;
  #bound = new Map<string, PortPair>();
  /** Per family, the pair that is tried next, and how many were tried in all. */
  #next: Record<Family, number> = { ipv4: 0, ipv6: 0 };

  /** @param failed takes a user that threw at a datagram */
  constructor(range: readonly [number, number], failed: (user: Receiving, error: unknown) => void) {
    this.#first = range[0] + (range[0] % 2);
    this.#pairs = pairsIn(range[0], range[1]);
    this.#failed = failed;
  }

  get(family: Family, rtpPort: number): PortPair | undefined {
    return this.#bound.get(`${family} ${rtpPort}`);
  }

  /** Binds up to `count` further pairs; answers their RTP ports. Pairs that somebody else holds are left out for good. */
  async grow(family: Family, count: number): Promise<number[]> {
    const ports: number[] = [];
    while (ports.length < count && this.#next[family] < this.#pairs) {
      const port = this.#first + 2 * this.#next[family]++;
      const pair = await this.#bind(family, port);
      if (pair === undefined) continue;
      this.#bound.set(`${family} ${port}`, pair);
      ports.push(port);
    }
    return ports;
  }

  async #bind(family: Family, port: number): Promise<PortPair | undefined> {
    const host = family === "ipv6" ? "::" : "0.0.0.0";
    let pair: PortPair | undefined;
    const guarded = (use: (user: Receiving) => void) => {
      const user = pair?.user;
      if (user === undefined) return;
      try {
        use(user);
      } catch (error) {
        this.#failed(user, error);
      }
    };
    let rtp: UdpSocket | undefined;
    try {
      rtp = await bindUdp({
        host,
        port,
        onPacket: (packet, from, source) => guarded((user) => user.receiveRtp(packet, from, source)),
      });
      const rtcp = await bindUdp({
        host,
        port: port + 1,
        onPacket: (packet, from, source) => guarded((user) => user.receiveRtcp(packet, from, source)),
      });
      pair = { family, rtp, rtcp, user: undefined };
      return pair;
    } catch (error) {
      rtp?.close();
      if (!(error instanceof UdpBindError)) throw error;
      this.failure = error.code;
      return undefined;
    }
  }

  close(): void {
    for (const { rtp, rtcp } of this.#bound.values()) {
      rtp.close();
      rtcp.close();
    }
    this.#bound.clear();
  }
}
