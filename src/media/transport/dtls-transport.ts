/**
 * SRTP whose keys DTLS makes, without ICE (RFC 5763, RFC 5764): a phone at the address of its description. Without one port for
 * both, RTP and RTCP have an association each (§4.1). Nothing goes or comes in clear.
 *
 * Whoever says hello is one of a few, each with an association of his own, until one has shown the certificate whose fingerprint
 * the signalling named: strangers neither take the phone's place nor hold it up.
 */
import { isPrivate } from "../../ip.ts";
import { canonicalHost } from "../address.ts";
import { Association, type SrtpKeying } from "../dtls/association.ts";
import type { OwnCertificate } from "../dtls/certificate.ts";
import { isDtls } from "../dtls/record.ts";
import type { Configuration, LatchRule, WebRtcAgreement } from "../types.ts";
import { RtpTransport } from "./rtp-transport.ts";
import type { MediaTransport, TransportUser, TransportWorld, Wire } from "./transport.ts";

/** Sources that may be saying hello at a time. */
const maxSources = 4;

export class DtlsTransport implements MediaTransport {
  user: TransportUser | undefined;
  readonly #ports: Wire;
  readonly #world: TransportWorld;
  #identity = "";
  #rtp: Keys | undefined;
  /** Undefined with one port for both. */
  #rtcp: Keys | undefined;
  #muxed = false;
  #gone = false;

  constructor(ports: Wire, world: TransportWorld) {
    this.#ports = ports;
    this.#world = world;
  }

  configure(configuration: Configuration, certificate?: OwnCertificate): void {
    const { webRtc, remote, rtcpMux = false } = configuration;
    if (webRtc === undefined || certificate === undefined || this.#gone) return;
    // A peer with another certificate, or in the other role, is another association (RFC 8842 §5.1).
    const identity = `${webRtc.role} ${rtcpMux} ${webRtc.fingerprints.join(" ")}`;
    if (identity !== this.#identity) {
      this.#forget();
      this.#identity = identity;
      this.#muxed = rtcpMux;
      this.#rtp = this.#keys(webRtc, certificate, "rtp");
      this.#rtcp = rtcpMux ? undefined : this.#keys(webRtc, certificate, "rtcp");
    }
    const host = remote && canonicalHost(remote.host);
    this.#rtp?.configure(configuration, host, remote?.port ?? 0);
    this.#rtcp?.configure(configuration, host, remote?.rtcpPort ?? 0);
  }

  #keys(agreement: WebRtcAgreement, certificate: OwnCertificate, port: "rtp" | "rtcp"): Keys {
    const ports = this.#ports;
    const keys = new Keys(agreement, certificate, this.#world, {
      send: (datagram, to, host) => ports[port](datagram, to, host),
      keyed: () => {
        if (port === "rtp") this.#world.ready();
      },
      ended: (reason) => {
        if (port === "rtp" && keys === this.#rtp) this.#lost(reason);
      },
    });
    keys.srtp.user = {
      receiveRtp: (packet, from, host) => this.user?.receiveRtp(packet, from, host),
      receiveRtcp: (packet, from, host) => this.user?.receiveRtcp(packet, from, host),
      refused: () => this.user?.refused(),
    };
    return keys;
  }

  #lost(reason: string): void {
    if (this.#gone) return;
    this.close();
    this.#world.gone(reason);
  }

  rtp(packet: Uint8Array, port: number, host: string): void {
    if (this.#rtp?.ready) this.#rtp.srtp.rtp(packet, port, host);
  }

  rtcp(packet: Uint8Array, port: number, host: string): void {
    if (this.#rtcp?.ready) this.#rtcp.srtp.rtcp(packet, port, host);
  }

  receiveRtp(packet: Uint8Array, port: number, host: string): void {
    const keys = this.#rtp;
    if (isDtls(packet)) keys?.receive(packet, port, host);
    else if (keys?.ready) keys.srtp.receiveRtp(packet, port, host);
    else this.user?.refused();
  }

  receiveRtcp(packet: Uint8Array, port: number, host: string): void {
    const keys = this.#muxed ? undefined : this.#rtcp;
    if (isDtls(packet)) keys?.receive(packet, port, host);
    else if (keys?.ready) keys.srtp.receiveRtcp(packet, port, host);
    else this.user?.refused();
  }

  #forget(): void {
    const [rtp, rtcp] = [this.#rtp, this.#rtcp];
    this.#rtp = undefined;
    this.#rtcp = undefined;
    rtp?.close();
    rtcp?.close();
  }

  close(): void {
    this.#gone = true;
    this.#forget();
  }
}

interface KeysUser {
  send(datagram: Uint8Array, port: number, host: string): void;
  keyed(): void;
  ended(reason: string): void;
}

/** How one port comes to its keys. */
class Keys {
  readonly srtp: RtpTransport;
  ready = false;
  readonly #agreement: WebRtcAgreement;
  readonly #certificate: OwnCertificate;
  readonly #world: TransportWorld;
  readonly #user: KeysUser;
  /** By source; once there are keys, of whom they are alone. */
  readonly #associations = new Map<string, Association>();
  #configuration: Configuration | undefined;
  #host: string | undefined;
  #port = 0;

  constructor(agreement: WebRtcAgreement, certificate: OwnCertificate, world: TransportWorld, user: KeysUser) {
    this.#agreement = agreement;
    this.#certificate = certificate;
    this.#world = world;
    this.#user = user;
    this.srtp = new RtpTransport({
      rtp: (packet, port, host) => user.send(packet, port, host),
      rtcp: (packet, port, host) => user.send(packet, port, host),
    });
  }

  configure(configuration: Configuration, host: string | undefined, port: number): void {
    this.#configuration = configuration;
    this.#host = host;
    this.#port = port;
    if (host === undefined || port === 0 || this.#agreement.role !== "client" || this.#associations.size > 0) return;
    this.#associate(port, host)?.start();
  }

  receive(datagram: Uint8Array, port: number, host: string): void {
    const known = this.#associations.get(`${host} ${port}`);
    if (known !== undefined) return known.receive(datagram);
    if (this.ready) return;
    // Where we say hello, whoever answers has the address that it went to, or at least its host: a NAT may change the port.
    if (this.#agreement.role === "client") {
      const [ours] = this.#associations.values();
      if (host === this.#host) ours?.receive(datagram);
    } else if (this.#mayBe(host)) this.#associate(port, host)?.receive(datagram);
  }

  /** The rule of latch.ts, before anybody is proven. */
  #mayBe(host: string): boolean {
    const signalled = this.#host;
    const rule: LatchRule = this.#configuration?.latch ?? this.#world.latch ?? "private";
    if (signalled === undefined) return false;
    return host === signalled || rule === true || (rule === "private" && isPrivate(signalled));
  }

  #associate(port: number, host: string): Association | undefined {
    const source = `${host} ${port}`;
    // Room for the signalled address there is always.
    if (this.#associations.size >= maxSources) {
      const [first] = [...this.#associations].filter(([of]) => of !== `${this.#host} ${this.#port}`);
      if (first === undefined) return undefined;
      this.#associations.delete(first[0]);
      first[1].close();
    }
    const association: Association = new Association({
      role: this.#agreement.role,
      fingerprints: this.#agreement.fingerprints,
      certificate: this.#certificate,
      clock: this.#world.clock,
      send: (datagram) => this.#user.send(datagram, port, host),
      connected: (keying) => this.#keyed(association, source, keying),
      ended: (reason) => this.#ended(association, source, reason),
    });
    this.#associations.set(source, association);
    return association;
  }

  #keyed(association: Association, source: string, { profile, local, remote }: SrtpKeying): void {
    const configuration = this.#configuration;
    if (configuration === undefined || this.#associations.get(source) !== association) return;
    for (const [other, one] of [...this.#associations])
      if (one !== association) {
        this.#associations.delete(other);
        one.close();
      }
    const base64 = (key: Uint8Array) => Buffer.from(key).toString("base64");
    this.srtp.configure({
      ...configuration,
      security: { profile, localKey: base64(local), remoteKey: base64(remote) },
    });
    this.ready = true;
    this.#user.keyed();
  }

  #ended(association: Association, source: string, reason: string): void {
    if (this.#associations.get(source) !== association) return;
    this.#associations.delete(source);
    // A stranger's end is nobody's loss; the phone may still come.
    if (this.ready || this.#agreement.role === "client") this.#user.ended(reason);
  }

  close(): void {
    for (const association of this.#associations.values()) association.close();
    this.#associations.clear();
    this.srtp.close();
  }
}
