/**
 * RTP over two UDP ports: in clear (RTP/AVP), or as SRTP with keys of the signalling (RTP/SAVP, RFC 4568). Which of both
 * is the configuration's word alone: with keys, nothing in clear is taken or sent.
 */
import { maxOverhead, SrtpReceiver, SrtpSender } from "../srtp/index.ts";
import type { Configuration, MediaSecurity } from "../types.ts";
import type { MediaTransport, TransportUser, Wire } from "./transport.ts";

/** The longest packet that a session makes, and more. */
const maxPacket = 1500;

/** The state of a key lives as long as the key: beginning anew under it would repeat its key stream. */
interface Keyed<State> {
  readonly profile: string;
  readonly key: string;
  readonly state: State;
}

export class RtpTransport implements MediaTransport {
  user: TransportUser | undefined;
  readonly #ports: Wire;
  #sender: Keyed<SrtpSender> | undefined;
  #receiver: Keyed<SrtpReceiver> | undefined;
  /** Where packets are protected: the session keeps its own as they are. */
  #scratch: Uint8Array | undefined;

  constructor(ports: Wire) {
    this.#ports = ports;
  }

  configure({ security }: Configuration): void {
    if (security === undefined) {
      this.#sender = undefined;
      this.#receiver = undefined;
      return;
    }
    const { profile, localKey, remoteKey } = security;
    this.#sender = kept(this.#sender, profile, localKey, SrtpSender);
    this.#receiver = kept(this.#receiver, profile, remoteKey, SrtpReceiver);
    this.#scratch ??= new Uint8Array(maxPacket + maxOverhead);
  }

  rtp(packet: Uint8Array, port: number, host: string): void {
    const sender = this.#sender?.state;
    if (sender === undefined) return this.#ports.rtp(packet, port, host);
    const copy = this.#copy(packet);
    // RTCP on the RTP port (RFC 5761 §4).
    const length = isRtcp(packet) ? sender.protectRtcp(copy, packet.length) : sender.protect(copy, packet.length);
    if (length > 0) this.#ports.rtp(copy.subarray(0, length), port, host);
  }

  rtcp(packet: Uint8Array, port: number, host: string): void {
    const sender = this.#sender?.state;
    if (sender === undefined) return this.#ports.rtcp(packet, port, host);
    const copy = this.#copy(packet);
    const length = sender.protectRtcp(copy, packet.length);
    if (length > 0) this.#ports.rtcp(copy.subarray(0, length), port, host);
  }

  #copy(packet: Uint8Array): Uint8Array {
    let scratch = this.#scratch;
    if (scratch === undefined || scratch.length < packet.length + maxOverhead) {
      scratch = new Uint8Array(packet.length + maxOverhead);
      this.#scratch = scratch;
    }
    scratch.set(packet);
    return scratch;
  }

  receiveRtp(packet: Uint8Array, port: number, host: string): void {
    const receiver = this.#receiver?.state;
    if (receiver === undefined) return this.user?.receiveRtp(packet, port, host);
    const length = isRtcp(packet)
      ? receiver.unprotectRtcp(packet, packet.length)
      : receiver.unprotect(packet, packet.length);
    if (length < 0) this.user?.refused();
    else this.user?.receiveRtp(packet.subarray(0, length), port, host);
  }

  receiveRtcp(packet: Uint8Array, port: number, host: string): void {
    const receiver = this.#receiver?.state;
    if (receiver === undefined) return this.user?.receiveRtcp(packet, port, host);
    const length = receiver.unprotectRtcp(packet, packet.length);
    if (length < 0) this.user?.refused();
    else this.user?.receiveRtcp(packet.subarray(0, length), port, host);
  }

  close(): void {
    this.user = undefined;
  }
}

/** RFC 5761 §4: what of both can stand in the second octet. */
function isRtcp(packet: Uint8Array): boolean {
  const type = packet[1] ?? 0;
  return type >= 192 && type <= 223;
}

/** The state that there is, if its key is still the one, or a new one. */
function kept<State>(
  before: Keyed<State> | undefined,
  profile: MediaSecurity["profile"],
  key: string,
  Fresh: new (profile: MediaSecurity["profile"], master: Uint8Array) => State,
): Keyed<State> {
  if (before?.profile === profile && before.key === key) return before;
  return { profile, key, state: new Fresh(profile, new Uint8Array(Buffer.from(key, "base64"))) };
}
