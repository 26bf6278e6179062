/**
 * A session's way to the network. A session gives and takes RTP and RTCP in clear; what stands between it and its
 * sockets (nothing, SRTP, ICE and DTLS) is behind this seam.
 */
import type { Configuration } from "../types.ts";

/** Takes what comes from the network. Packets may be changed in place by who takes them. */
export interface Receiving {
  receiveRtp(packet: Uint8Array, port: number, host: string): void;
  receiveRtcp(packet: Uint8Array, port: number, host: string): void;
}

/** Takes what goes to the network. Packets are only lent until the call returns. */
export interface Wire {
  rtp(packet: Uint8Array, port: number, host: string): void;
  rtcp(packet: Uint8Array, port: number, host: string): void;
}

/** The session above: takes packets in clear, and counts those that could not be made so. */
export interface TransportUser extends Receiving {
  /** A datagram was dropped: it is not authentic, or not what was agreed on. */
  refused(): void;
}

/** Between a session, whose packets it takes as its wire, and its ports, whose datagrams it takes as their user. */
export interface MediaTransport extends Wire, Receiving {
  user: TransportUser | undefined;
  /** What offer and answer have agreed on; called before the session takes it. */
  configure(configuration: Configuration): void;
  /** After the session's last packet. */
  close(): void;
}
