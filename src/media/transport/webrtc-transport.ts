/**
 * A browser's RTP: ICE finds its address, DTLS makes the keys of SRTP (RFC 5764), and all of it comes through one port,
 * told apart by the first octet (RFC 7983). Only what comes from an address that ICE has proven gets beyond ICE.
 */
import { Association, type SrtpKeying } from "../dtls/association.ts";
import type { OwnCertificate } from "../dtls/certificate.ts";
import { isDtls } from "../dtls/record.ts";
import { IceAgent } from "../ice/agent.ts";
import { isStunPacket } from "../ice/stun.ts";
import type { Configuration, WebRtcAgreement } from "../types.ts";
import { RtpTransport } from "./rtp-transport.ts";
import { behindIce, type MediaTransport, type TransportUser, type TransportWorld, type Wire } from "./transport.ts";

/** DTLS datagrams that are kept until ICE has found the way back. */
const maxEarly = 4;

export class WebRtcTransport implements MediaTransport {
  user: TransportUser | undefined;
  readonly #ports: Wire;
  readonly #world: TransportWorld;
  readonly #ice: IceAgent;
  #configuration: Configuration | undefined;
  #association: { readonly dtls: Association; readonly identity: string; started: boolean } | undefined;
  /** Of the peer's, before we could answer. */
  #early: Uint8Array[] = [];
  /** SRTP, once there are keys. */
  #srtp: RtpTransport | undefined;
  #gone = false;

  constructor(ports: Wire, world: TransportWorld) {
    this.#ports = ports;
    this.#world = world;
    this.#ice = new IceAgent(world.clock, {
      send: (packet, port, host) => ports.rtp(packet, port, host),
      selected: () => this.#startDtls(),
      lost: (reason) => this.#lost(reason),
    });
  }

  configure(configuration: Configuration, certificate?: OwnCertificate): void {
    const { webRtc } = configuration;
    if (webRtc === undefined || certificate === undefined || this.#gone) return;
    this.#configuration = configuration;
    // A peer with another certificate, or in the other role, is another association (RFC 8842 §5.1).
    const identity = `${webRtc.role} ${webRtc.fingerprints.join(" ")}`;
    if (this.#association?.identity !== identity) this.#associate(webRtc, certificate, identity);
    this.#ice.configure({ ...webRtc, ipv6: this.#world.ipv6 });
    this.#startDtls();
  }

  #associate({ role, fingerprints }: WebRtcAgreement, certificate: OwnCertificate, identity: string): void {
    this.#association?.dtls.close();
    this.#srtp = undefined;
    const dtls = new Association({
      role,
      fingerprints,
      certificate,
      clock: this.#world.clock,
      send: (datagram) => this.#send(datagram),
      connected: (keying) => this.#keyed(keying),
      ended: (reason) => this.#lost(reason),
    });
    this.#association = { dtls, identity, started: false };
  }

  #startDtls(): void {
    const association = this.#association;
    if (association === undefined || association.started || this.#ice.selected === undefined) return;
    association.started = true;
    association.dtls.start();
    for (const datagram of this.#early.splice(0)) association.dtls.receive(datagram);
  }

  #keyed({ profile, local, remote }: SrtpKeying): void {
    const configuration = this.#configuration;
    if (configuration === undefined) return;
    const srtp = new RtpTransport({
      rtp: (packet) => this.#send(packet),
      rtcp: (packet) => this.#send(packet),
    });
    const { host, port } = behindIce;
    srtp.user = {
      receiveRtp: (packet) => this.user?.receiveRtp(packet, port, host),
      receiveRtcp: (packet) => this.user?.receiveRtp(packet, port, host),
      refused: () => this.user?.refused(),
    };
    const base64 = (key: Uint8Array) => Buffer.from(key).toString("base64");
    srtp.configure({
      ...configuration,
      security: { profile, localKey: base64(local), remoteKey: base64(remote) },
    });
    this.#srtp = srtp;
    this.#world.ready();
  }

  #lost(reason: string): void {
    if (this.#gone) return;
    this.close();
    this.#world.gone(reason);
  }

  #send(datagram: Uint8Array): void {
    const peer = this.#ice.selected;
    if (peer !== undefined) this.#ports.rtp(datagram, peer.port, peer.host);
  }

  rtp(packet: Uint8Array, port: number, host: string): void {
    this.#srtp?.rtp(packet, port, host);
  }

  rtcp(packet: Uint8Array, port: number, host: string): void {
    this.#srtp?.rtp(packet, port, host);
  }

  receiveRtp(packet: Uint8Array, port: number, host: string): void {
    if (this.#gone) return;
    if (isStunPacket(packet)) this.#ice.receive(packet, port, host);
    else if (!this.#ice.isProven(host, port)) this.user?.refused();
    else if (isDtls(packet)) this.#receiveDtls(packet);
    else if (this.#srtp === undefined) this.user?.refused();
    else this.#srtp.receiveRtp(packet, port, host);
  }

  #receiveDtls(packet: Uint8Array): void {
    if (this.#association?.started) this.#association.dtls.receive(packet);
    else if (this.#early.length < maxEarly) this.#early.push(packet.slice());
  }

  /** Nothing of a browser's comes there. */
  receiveRtcp(): void {
    this.user?.refused();
  }

  close(): void {
    this.#gone = true;
    this.#association?.dtls.close();
    this.#ice.close();
    this.#srtp = undefined;
  }
}
