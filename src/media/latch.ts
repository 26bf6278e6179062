/**
 * Whose packets a session takes, and where its own go.
 *
 * 1. The signalled address and port are always right, and once RTP came from them nothing else is.
 * 2. Until then, RTP from the signalled IP address and another port is taken for a phone behind a port-changing NAT.
 * 3. Until then, RTP from any address is taken for the peer when the signalled address is private (nobody can reach it
 *    from outside, so the peer sits behind a NAT), or when the configuration says so; never with `latch: false`.
 * 4. Until then, unless `latch: false`, RTP from the loopback is taken when the signalled address is one of this machine:
 *    a phone on this very machine, whose SDP names another of its addresses than it sends from.
 *
 * For 2 to 4 the source must send two packets in sequence, of one SSRC and a negotiated payload type. Then it is
 * locked, until SDP names a new address. What comes from others is dropped; nothing is ever sent to them.
 * RTCP follows: from the signalled RTCP port, or from one port of the locked IP address.
 */
import { isLoopback, isPrivate, isUnspecified } from "../ip.ts";
import { canonicalHost, isOwnAddress } from "./address.ts";
import type { RtpHeader } from "./rtp.ts";
import type { LatchRule, RemoteAddress } from "./types.ts";

export class Latch {
  /** Where RTP goes; undefined while nobody is there to send to. */
  host: string | undefined;
  port = 0;
  rtcpHost: string | undefined;
  rtcpPort = 0;

  #signalled: { host: string; port: number; rtcpPort: number } | undefined;
  readonly #isOwn: (host: string) => boolean;
  #anyHost = false;
  #loopback = false;
  #locked = false;
  #rtcpLocked = false;
  /** A source that has sent one packet; the next in sequence locks it. */
  #candidate: { host: string; port: number; ssrc: number; sequence: number } | undefined;

  /** @param isOwn whether an address is one of this machine's. */
  constructor(isOwn: (host: string) => boolean = isOwnAddress) {
    this.#isOwn = isOwn;
  }

  /** Takes the signalled address. The same one again keeps what was learned. False: it is not an IP literal. */
  configure(remote: RemoteAddress | undefined, rtcpMux: boolean, rule: LatchRule): boolean {
    const host = remote === undefined ? undefined : canonicalHost(remote.host);
    this.#loopback = host !== undefined && rule !== false && !isLoopback(host) && this.#isOwn(host);
    this.#anyHost = host !== undefined && (rule === true || (rule === "private" && isPrivate(host)));
    if (remote === undefined || host === undefined || isUnspecified(host) || remote.port === 0) {
      this.#forget();
      return remote === undefined || host !== undefined;
    }
    const rtcpPort = rtcpMux ? remote.port : remote.rtcpPort;
    const now = this.#signalled;
    if (now?.host === host && now.port === remote.port && now.rtcpPort === rtcpPort) return true;
    this.#forget();
    this.#signalled = { host, port: remote.port, rtcpPort };
    this.host = host;
    this.port = remote.port;
    this.rtcpHost = host;
    this.rtcpPort = rtcpPort;
    return true;
  }

  #forget(): void {
    this.#signalled = undefined;
    this.host = undefined;
    this.rtcpHost = undefined;
    this.#locked = false;
    this.#rtcpLocked = false;
    this.#candidate = undefined;
  }

  /** True when a valid RTP packet of a negotiated payload type is the peer's. May lock its source. */
  acceptRtp(host: string, port: number, header: RtpHeader): boolean {
    if (host === this.host && port === this.port) {
      this.#locked = true;
      return true;
    }
    const signalled = this.#signalled;
    if (signalled === undefined || this.#locked) return false;
    if (host !== signalled.host && !this.#anyHost && !(this.#loopback && isLoopback(host))) return false;
    const first = this.#candidate;
    this.#candidate = { host, port, ssrc: header.ssrc, sequence: header.sequence };
    if (first === undefined || first.host !== host || first.port !== port || first.ssrc !== header.ssrc) return false;
    if (header.sequence !== ((first.sequence + 1) & 0xffff)) return false;
    this.#locked = true;
    this.host = host;
    this.port = port;
    if (host !== signalled.host || signalled.rtcpPort === signalled.port) {
      // Over one port, RTCP goes where RTP goes; else its own port is still to be learned from what comes.
      this.#rtcpLocked = false;
      this.rtcpHost = signalled.rtcpPort === signalled.port ? host : undefined;
      this.rtcpPort = port;
    }
    return true;
  }

  /** True when a valid RTCP packet is the peer's. `muxed`: it came on the RTP port. */
  acceptRtcp(host: string, port: number, muxed: boolean): boolean {
    if (muxed) return host === this.host && port === this.port;
    if (host === this.rtcpHost && port === this.rtcpPort) {
      this.#rtcpLocked = true;
      return true;
    }
    // Only the IP address that RTP has proven, and only one port of it.
    if (this.#rtcpLocked || !this.#locked || host !== this.host) return false;
    this.#rtcpLocked = true;
    this.rtcpHost = host;
    this.rtcpPort = port;
    return true;
  }
}
