/**
 * What the proxies ask of a media relay, and what the relay asks of the machinery that moves packets: the two seams around
 * `media-relay.ts`. The machinery is the media worker's relay, and may one day be another (rtpengine's ng protocol).
 */
import type { Flow } from "../sip/flow.ts";
import type { Message, Request, Response } from "../sip/request-response.ts";

/** What a proxy does with a body: sends `body` in its place, or leaves it as it came where that is undefined. */
export interface RelayedBody {
  readonly body?: Uint8Array | undefined;
}

/** A request that cannot be forwarded with its media relayed; to be answered so. */
export interface RelayRefusal {
  readonly status: number;
  readonly reason: string;
}

/**
 * Asked by a proxy for messages of calls whose media is to be relayed (`nat: relay`), and for no others. A call is known
 * by its Call-ID, its tags and `branch`: the branch parameter that the proxy puts (or had put) on top of the request
 * that it forwards. Asked again with a retransmission, it gives the same again. A branch that was never asked about is let be.
 */
export interface MediaRelay {
  /**
   * A request as it came, before it is forwarded: INVITE, ACK, PRACK, UPDATE, and whatever else may come; most are let be.
   * Each branch of a forked INVITE is asked for by itself. `from` is where it came from, `to` where it goes. For an ACK
   * to a 2xx and a stateless retransmission any branch will do that is this forwarding's.
   */
  request(request: Request, from: Flow, to: Flow, branch: string): RelayedBody | RelayRefusal;
  /**
   * A response to such a request, before it is forwarded: every one with a body, every final one to an INVITE, an UPDATE
   * and a BYE. `from` is where it came from, `to` where it goes. A final one above 299 to the first INVITE ends this
   * branch's media, as does the end of a call by BYE.
   */
  response(response: Response, from: Flow, to: Flow, branch: string): RelayedBody;
  /**
   * The branch of an INVITE is over without a 2xx: timed out, cancelled, unreachable, or its failure is not the one that
   * is forwarded. No effect when it is unknown, ended already, or once it was answered with a 2xx.
   */
  ended(message: Message, branch: string): void;
}

export type RelaySide = "a" | "b";

export const otherSide = (side: RelaySide): RelaySide => (side === "a" ? "b" : "a");

/** Where one side of one m-line is, as far as signalling tells. */
export interface RelayPeer {
  /** From SDP; undefined while it is not known, or is none that may be sent to. `host` is an IP literal. */
  readonly remote: { readonly host: string; readonly port: number; readonly rtcpPort: number } | undefined;
  /** The source of its signalling, an IP literal: its packets may come from there, too. */
  readonly source: string | undefined;
  /** Its packets may come from anywhere, if two are in sequence; `private`: while the signalled address is private. */
  readonly anywhere: boolean | "private";
  readonly rtcpMux: boolean;
  /** RTP payload types that it may send; undefined: not RTP, all datagrams are taken (UDPTL and the like). */
  readonly payloadTypes: readonly number[] | undefined;
  /** Timestamp units per second of what it sends, for jitter. */
  readonly clockRate: number;
}

/** The two ports of one side of one m-line. */
export interface RelayPorts {
  readonly rtpPort: number;
  readonly rtcpPort: number;
}

export interface RelayLine {
  readonly a: RelayPorts;
  readonly b: RelayPorts;
}

/** One call's media on its way through us. */
export interface RelaySession {
  /** What the machinery knows it by. */
  readonly id?: number;
  /** Its m-lines by index; undefined where there is none (port 0). */
  readonly lines: readonly (RelayLine | undefined)[];
  /** Takes ports for an m-line. False: there are none left, or the session has as many as it may. */
  open(line: number): boolean;
  /** What is known of one side; undefined: nothing goes either way. May be called again at any time: an address that stays the same keeps what was learned. */
  configure(line: number, side: RelaySide, peer: RelayPeer | undefined): void;
  /** How long nothing may come before the session is over, in ms from now on. */
  expect(idle: number): void;
  /** Gives the ports back. `ended` follows. */
  close(): void;
  /** Called once: after `close`, by time-out, or because the machinery failed. */
  ended: (stats: RelayStats, reason: "closed" | "timeout" | "failed") => void;
  /** What has been counted so far. */
  stats(): Promise<RelayStats>;
}

/** What came from one side. */
export interface RelayCount {
  packets: number;
  /** UDP payload, RTP headers included. */
  octets: number;
  /** By RTP sequence numbers (RFC 3550 §6.4.1). */
  lost: number;
  /** ms. */
  jitter: number;
  /** Not taken: from a stranger, or not what was negotiated. */
  dropped: number;
  rtcpPackets: number;
  /** ms since the last packet; undefined when none came. */
  idle: number | undefined;
}

export interface RelayStats {
  /** ms since it was opened. */
  readonly age: number;
  readonly lines: readonly { readonly a: RelayCount; readonly b: RelayCount }[];
}

/** What moves the packets. */
export interface RelayBackend {
  /**
   * Opens a session. `a` and `b` are addresses of ours that the sides are to send to: their families choose the ports.
   * Undefined: no more sessions can be had.
   */
  relay(options: { a: { host: string }; b: { host: string } }): RelaySession | undefined;
}
