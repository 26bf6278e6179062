/** What the rest of the program and the relay say to each other; `RelayEngine` fits `routing/media-relay-seam.ts`. */
import type { Log } from "../../log.ts";
import type { Family } from "../types.ts";

export type Side = "a" | "b";

/** Where one side of one m-line is, as far as signalling tells. */
export interface Peer {
  /** From SDP; undefined while it is not known, or on hold by a zero address. `host` is an IP literal or of no use. */
  readonly remote: { readonly host: string; readonly port: number; readonly rtcpPort: number } | undefined;
  /** The source of its signalling, an IP literal: its packets may come from there, too. */
  readonly source: string | undefined;
  /** Its packets may come from anywhere, if two are in sequence; `private`: while the signalled address is private. */
  readonly anywhere: boolean | "private";
  readonly rtcpMux: boolean;
  /** RTP payload types that may lock a source; undefined: not RTP, all datagrams are taken. */
  readonly payloadTypes: readonly number[] | undefined;
  /** Timestamp units per second, for jitter. */
  readonly clockRate: number;
}

export interface Ports {
  readonly rtpPort: number;
  readonly rtcpPort: number;
}

export interface Line {
  readonly a: Ports;
  readonly b: Ports;
}

/** What came from one side of one m-line. */
export interface Count {
  packets: number;
  /** UDP payload, RTP headers included. */
  octets: number;
  /** By RTP sequence numbers (RFC 3550 §6.4.1). */
  lost: number;
  /** Interarrival jitter, ms. */
  jitter: number;
  /** Not taken: from a stranger, or not what was negotiated. */
  dropped: number;
  rtcpPackets: number;
  /** ms since the last packet; undefined when none came. */
  idle: number | undefined;
}

export interface Stats {
  /** ms since it was opened. */
  readonly age: number;
  readonly lines: readonly { readonly a: Count; readonly b: Count }[];
}

export type EndReason = "closed" | "timeout" | "failed";

export interface RelayOptions {
  /**
   * First and last UDP port, both included: the same range as for calls. The relay takes from its end, calls take from its
   * beginning, and what one has bound the other leaves out.
   */
  ports: readonly [first: number, last: number];
  log: Log;
  /** IPv4 alone by default. */
  families?: readonly Family[];
  /** Port pairs that may be bound in all; an audio line needs two. 4,000 by default. */
  maxPairs?: number;
  /** Sessions in all; 2,000 by default. */
  maxSessions?: number;
  /** m-lines of one session that are given ports; 4 by default. */
  maxLines?: number;
  /** Port pairs kept bound and free; 64 by default. */
  freePairs?: number;
  /** Addresses of ours that no interface has (`advertise`): a session is never aimed at ports of the relay itself. */
  own?: readonly string[];
  /** Octets for the headers of the last packets; 0, the default: none are kept. */
  packets?: number;
  /** `bun` does without libc; for tests, and what happens by itself where libc cannot be had. */
  sockets?: "libc" | "bun";
}

export interface RelayTotals {
  readonly sessions: number;
  /** Port pairs in use, bound and free, and that may be bound in all. */
  readonly used: number;
  readonly free: number;
  readonly most: number;
  /** Sessions ended because nothing came any more. */
  readonly timedOut: number;
  /** How often the worker had to be started anew. */
  readonly restarts: number;
}
