/**
 * Whose packets one side of an m-line takes, and where its own go.
 *
 * 1. The signalled address and port are right. Packets go there from the start, unless the address cannot be the peer's: a
 *    private one (or the loopback) of somebody whose signalling came from a public address, one of another IP version,
 *    a multicast one, or a port of this very relay, which would make packets run in circles.
 * 2. Until a source is locked, packets from another port of the signalled address, from the source of the signalling, and
 *    from anywhere if signalling came by ways that tell nothing, are taken for a peer behind a NAT: two in sequence, of one SSRC and a negotiated payload
 *    type, lock their source. What is not RTP must come twice in a row.
 * 3. A lock lasts until signalling names another address. All others are dropped, and nothing is sent to them.
 *
 * RTCP follows: the signalled port, or one port of the address that RTP is locked to.
 */
import { isLoopback, isPrivate, isUnspecified } from "../../ip.ts";
import { canonicalHost, isOwnAddress } from "../address.ts";
import type { Family } from "../types.ts";
import type { Peer } from "./types.ts";

/** Where one port's peer is; `host` undefined: not known. */
export interface Aim {
  host: string | undefined;
  port: number;
  /** Nobody else is heard on this port. */
  locked: boolean;
}

/** The RTP header fields that tell one stream from another; undefined: not an RTP packet of a negotiated type. */
export interface Sighting {
  ssrc: number;
  sequence: number;
}

export interface LatchWorld {
  readonly family: Family;
  /** Whether this is a port of the relay on this machine. */
  isRelay(host: string, port: number): boolean;
  /** Whether an address is one of this machine's. */
  isOwn?(host: string): boolean;
}

export class RelayLatch {
  readonly rtp: Aim = { host: undefined, port: 0, locked: false };
  readonly rtcp: Aim = { host: undefined, port: 0, locked: false };
  /** It is on hold by a zero address: heard, and sent nothing. */
  silent = false;

  readonly #world: LatchWorld;
  #signalled: { host: string; port: number; rtcpPort: number } | undefined;
  #source: string | undefined;
  #anyHost = false;
  #isRtp = true;
  #mux = false;
  #closed = true;
  #candidate: { host: string; port: number; ssrc: number; sequence: number } | undefined;

  constructor(world: LatchWorld) {
    this.#world = world;
  }

  /** Takes what signalling says; undefined: nothing flows any more. The same address again keeps what was learned. */
  configure(peer: Peer | undefined): void {
    this.#closed = peer === undefined;
    if (peer === undefined) {
      this.#signalled = undefined;
      this.#source = undefined;
      this.#aim(undefined);
      return;
    }
    const { remote, anywhere, payloadTypes, rtcpMux } = peer;
    const host = remote === undefined ? undefined : canonicalHost(remote.host);
    const source = peer.source === undefined ? undefined : canonicalHost(peer.source);
    this.#isRtp = payloadTypes !== undefined;
    this.#mux = rtcpMux;
    this.silent = host !== undefined && isUnspecified(host);
    if (this.silent) {
      // On hold: it may go on to send, and what was learned holds when it wants to hear again.
      this.#source ??= source;
      return;
    }
    this.#anyHost = anywhere === true || (anywhere === "private" && host !== undefined && isPrivate(host));
    const signalled =
      remote === undefined || host === undefined || remote.port === 0
        ? undefined
        : { host, port: remote.port, rtcpPort: rtcpMux ? remote.port : remote.rtcpPort };
    const before = this.#signalled;
    if (
      (source === undefined || source === this.#source) &&
      signalled?.host === before?.host &&
      signalled?.port === before?.port &&
      signalled?.rtcpPort === before?.rtcpPort
    )
      return;
    this.#source = source;
    this.#signalled = signalled;
    this.#aim(signalled);
  }

  /** Aims at what was signalled, if it can be the peer's. */
  #aim(signalled: { host: string; port: number; rtcpPort: number } | undefined): void {
    const { rtp, rtcp } = this;
    this.#candidate = undefined;
    rtp.locked = false;
    rtcp.locked = false;
    rtp.host = signalled !== undefined && this.#sendable(signalled.host, signalled.port) ? signalled.host : undefined;
    rtp.port = signalled?.port ?? 0;
    rtcp.host =
      signalled !== undefined && this.#sendable(signalled.host, signalled.rtcpPort) ? signalled.host : undefined;
    rtcp.port = signalled?.rtcpPort ?? 0;
  }

  #isOwn(host: string): boolean {
    return (this.#world.isOwn ?? isOwnAddress)(host);
  }

  #sendable(host: string, port: number): boolean {
    if (port === 0 || host.includes(":") !== (this.#world.family === "ipv6")) return false;
    if (isMulticast(host) || this.#world.isRelay(host, port)) return false;
    const source = this.#source;
    if (source === undefined || source === host) return true;
    const hidden = isLoopback(host) || isPrivate(host);
    return !hidden || isLoopback(source) || isPrivate(source) || this.#isOwn(source);
  }

  /**
   * A datagram on the RTP port that did not come from where `rtp` is aimed. True: it is the peer's, and `rtp` is aimed
   * and locked.
   */
  learnRtp(host: string, port: number, seen: Sighting | undefined): boolean {
    if (this.rtp.locked || this.#closed || this.#world.isRelay(host, port)) return false;
    const signalled = this.#signalled;
    if (signalled?.host === host && signalled.port === port) {
      if (this.#isRtp && seen === undefined) return false;
      return this.#lock(host, port);
    }
    const known = host === signalled?.host || host === this.#source || this.#anyHost;
    if (!known || (this.#isRtp && seen === undefined)) return false;
    const first = this.#candidate;
    const { ssrc, sequence } = seen ?? { ssrc: 0, sequence: 0 };
    this.#candidate = { host, port, ssrc, sequence };
    if (first === undefined || first.host !== host || first.port !== port) return false;
    if (this.#isRtp && (first.ssrc !== ssrc || sequence !== ((first.sequence + 1) & 0xffff))) return false;
    return this.#lock(host, port);
  }

  #lock(host: string, port: number): boolean {
    const { rtp, rtcp } = this;
    const signalled = this.#signalled;
    const elsewhere = host !== signalled?.host;
    rtp.host = host;
    rtp.port = port;
    rtp.locked = true;
    this.#candidate = undefined;
    if (elsewhere || this.#mux) {
      // With RTP elsewhere than signalled, RTCP's port is still to be learned from what comes.
      rtcp.locked = false;
      rtcp.host = undefined;
    }
    return true;
  }

  /** RTP came from where it is aimed. */
  confirmRtp(): void {
    this.rtp.locked = true;
    this.#candidate = undefined;
  }

  /** The same for the RTCP port. */
  learnRtcp(host: string, port: number): boolean {
    const { rtp, rtcp } = this;
    if (rtcp.locked || this.#closed || this.#world.isRelay(host, port)) return false;
    const signalled = this.#signalled;
    const asSignalled = signalled?.host === host && signalled.rtcpPort === port && !(rtp.locked && rtp.host !== host);
    if (!asSignalled && !(rtp.locked && host === rtp.host)) return false;
    rtcp.host = host;
    rtcp.port = port;
    rtcp.locked = true;
    return true;
  }
}

/** Multicast and broadcast: one packet in would be many out. */
function isMulticast(host: string): boolean {
  if (host.includes(":")) return /^ff/i.test(host);
  return host === "255.255.255.255" || Number(host.split(".", 1)[0]) >= 224;
}
