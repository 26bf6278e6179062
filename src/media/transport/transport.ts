/**
 * A session's way to the network. A session gives and takes RTP and RTCP in clear; what stands between it and its
 * sockets (nothing, SRTP, ICE and DTLS) is behind this seam.
 */
import type { OwnCertificate } from "../dtls/certificate.ts";
import type { PacerClock } from "../pacer.ts";
import type { Configuration, LatchRule, RemoteAddress } from "../types.ts";

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
  configure(configuration: Configuration, certificate?: OwnCertificate): void;
  /** After the session's last packet. */
  close(): void;
}

/** What a transport knows of the world, and tells of itself. */
export interface TransportWorld {
  /** The family of our address. */
  readonly ipv6: boolean;
  readonly clock: PacerClock;
  /** Whose hellos are answered that do not come from the signalled address, unless the configuration says it. */
  readonly latch?: LatchRule | undefined;
  /** The peer can hear from now on. May come again. */
  ready(): void;
  /** The peer was not reached, or is gone. Once, last. */
  gone(reason: string): void;
}

/** What a session sees of a peer whose address is ICE's business: an address of nobody's (RFC 5737). */
export const behindIce: RemoteAddress = { host: "192.0.2.1", port: 9, rtcpPort: 9 };

/** The configuration as the session above the transport sees it. */
export function seenAbove(configuration: Configuration): Configuration {
  if (configuration.webRtc === undefined || configuration.webRtc.iceless) return configuration;
  return { ...configuration, remote: behindIce, rtcpMux: true, latch: false };
}
