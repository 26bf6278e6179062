/** The transport that offer and answer have agreed on: RTP with or without keys of the signalling or of DTLS, or WebRTC. */
import type { OwnCertificate } from "../dtls/certificate.ts";
import type { Configuration } from "../types.ts";
import { DtlsTransport } from "./dtls-transport.ts";
import { RtpTransport } from "./rtp-transport.ts";
import type { MediaTransport, TransportUser, TransportWorld, Wire } from "./transport.ts";
import { WebRtcTransport } from "./webrtc-transport.ts";

type Kind = "rtp" | "dtls" | "webrtc";

export class ChosenTransport implements MediaTransport {
  readonly #ports: Wire;
  readonly #world: TransportWorld;
  #chosen: MediaTransport;
  #kind: Kind = "rtp";
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
    const { webRtc } = configuration;
    this.#change(webRtc === undefined ? "rtp" : webRtc.iceless ? "dtls" : "webrtc");
    this.#chosen.configure(configuration, certificate);
    if (this.#kind === "rtp") this.#world.ready();
  }

  #change(kind: Kind): void {
    if (kind === this.#kind) return;
    this.#chosen.close();
    this.#kind = kind;
    this.#chosen = this.#made(kind);
    this.#chosen.user = this.#user;
  }

  #made(kind: Kind): MediaTransport {
    switch (kind) {
      case "rtp":
        return new RtpTransport(this.#ports);
      case "dtls":
        return new DtlsTransport(this.#ports, this.#world);
      case "webrtc":
        return new WebRtcTransport(this.#ports, this.#world);
    }
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
