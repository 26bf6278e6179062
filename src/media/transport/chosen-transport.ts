/** The transport that offer and answer have agreed on: RTP with or without keys of the signalling, or WebRTC. */
import type { OwnCertificate } from "../dtls/certificate.ts";
import type { Configuration } from "../types.ts";
import { RtpTransport } from "./rtp-transport.ts";
import type { MediaTransport, TransportUser, TransportWorld, Wire } from "./transport.ts";
import { WebRtcTransport } from "./webrtc-transport.ts";

export class ChosenTransport implements MediaTransport {
  readonly #ports: Wire;
  readonly #world: TransportWorld;
  #chosen: MediaTransport;
  #isWebRtc = false;
  #user: TransportUser | undefined;

  constructor(ports: Wire, world: TransportWorld) {
    this.#ports = ports;
    this.#world = world;
    this.#chosen = new RtpTransport(ports);
  }

  get user(): TransportUser | undefined {
    return this.#user;
  }

  set user(user: TransportUser | undefined) {
    this.#user = user;
    this.#chosen.user = user;
  }

  configure(configuration: Configuration, certificate?: OwnCertificate): void {
    if ((configuration.webRtc !== undefined) !== this.#isWebRtc) this.#change();
    this.#chosen.configure(configuration, certificate);
    if (!this.#isWebRtc) this.#world.ready();
  }

  #change(): void {
    this.#chosen.close();
    this.#isWebRtc = !this.#isWebRtc;
    this.#chosen = this.#isWebRtc ? new WebRtcTransport(this.#ports, this.#world) : new RtpTransport(this.#ports);
    this.#chosen.user = this.#user;
  }

  rtp(packet: Uint8Array, port: number, host: string): void {
    this.#chosen.rtp(packet, port, host);
  }

  rtcp(packet: Uint8Array, port: number, host: string): void {
    this.#chosen.rtcp(packet, port, host);
  }

  receiveRtp(packet: Uint8Array, port: number, host: string): void {
    this.#chosen.receiveRtp(packet, port, host);
  }

  receiveRtcp(packet: Uint8Array, port: number, host: string): void {
    this.#chosen.receiveRtcp(packet, port, host);
  }

  close(): void {
    this.#chosen.close();
  }
}
