/** What the main thread and the relay's worker say to each other, in batches as in ../protocol.ts. */
import type { Family } from "../types.ts";
import type { EndReason, Peer, Side, Stats } from "./types.ts";

/** A pair of ports by its RTP port. */
export interface PairName {
  readonly family: Family;
  readonly rtpPort: number;
}

export type ToRelay =
  | {
      type: "relay";
      ports: readonly [number, number];
      own: readonly string[];
      sockets: "libc" | "bun";
      stale: readonly number[];
      /** Octets for headers of packets. */
      packets: number;
    }
  /** Bind so many further pairs; answered by `ports`. */
  | { type: "grow"; family: Family; count: number }
  /** Gives an m-line its ports. The first of a session opens it, to last `idle` ms without a packet. */
  | { type: "open"; session: number; line: number; a: PairName; b: PairName; idle: number }
  | { type: "configure"; session: number; line: number; side: Side; peer: Peer | null }
  | { type: "expect"; session: number; idle: number }
  | { type: "stats"; session: number; question: number }
  | { type: "close"; session: number }
  /** Which packets are kept of these sessions; answered by `packets`. */
  | { type: "packets"; question: number; sessions: readonly number[] }
  /** Ends all; answered by `done`. */
  | { type: "end" };

export type FromRelay =
  /** The worker is there. See `Sockets.wakePort`. */
  | { type: "ready"; wakePort?: number | undefined; descriptors: readonly number[] }
  /** RTP ports of pairs newly bound, and what they leave open should this thread die. Fewer than asked for: there are no more. */
  | {
      type: "ports";
      family: Family;
      asked: number;
      ports: readonly number[];
      descriptors: readonly number[];
      failure?: string | undefined;
    }
  | { type: "stats"; question: number; stats: Stats | null }
  /** A session is over and its pairs can be used again. */
  | { type: "over"; session: number; stats: Stats; reason: EndReason; pairs: PairName[] }
  /** Rows of `PacketRing` in base64. */
  | { type: "packets"; question: number; rows: string; hosts: readonly string[] }
  | { type: "log"; level: "warn" | "error"; message: string; reason: string }
  | { type: "done" };
