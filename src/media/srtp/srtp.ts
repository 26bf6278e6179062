/**
 * SRTP and SRTCP of one media session (RFC 3711, RFC 7714): packets are protected and unprotected where they stand.
 *
 * Of what comes, only authentic packets leave a trace: a stranger can neither move a rollover counter nor add a source.
 */
import { AesCm } from "./aes-cm.ts";
import { AesGcm } from "./aes-gcm.ts";
import { sessionKeys } from "./key-derivation.ts";
import { PacketIndex } from "./packet-index.ts";
import { masterLength, maxOverhead, profileForms, type SrtpProfile } from "./profiles.ts";
import { encryptedFlag, rtcpHeader, type Transform, u32 } from "./transform.ts";

/** A key that does not fit its profile: a fault of the caller's. */
export class SrtpKeyError extends Error {
  readonly code = "key-length";
  constructor(profile: SrtpProfile) {
    super(`${profile} takes ${masterLength(profile)} octets of master key and salt`);
    this.name = "SrtpKeyError";
  }
}

/** A peer that has sent with so many SSRCs in one session is heard with no further one. */
const maxSources = 256;
/** Packets that one key may protect (RFC 3711 §9.2). */
const maxIndex = 2 ** 48 - 1;
const maxRtcpIndex = 2 ** 31 - 1;

const minRtp = 12;
/** No datagram is longer; counters of AES-CM end at 2^16 blocks. */
const maxPacket = 0xffff;

/** What we send under one key. */
export class SrtpSender {
  readonly #transform: Transform;
  /** By SSRC. */
  readonly #sources = new Map<number, PacketIndex>();
  /** Of the next SRTCP packet: one for all sources will do. */
  #rtcpIndex = 0;

  /**
   * @param master master key and master salt, one after the other
   * @throws SrtpKeyError when it has not the profile's length
   */
  constructor(profile: SrtpProfile, master: Uint8Array) {
    this.#transform = transformOf(profile, master);
  }

  /**
   * Protects the RTP packet in the first `length` octets, after which `packet` needs room for `maxOverhead` more.
   * @returns its new length; -1: it is no RTP packet, its sequence number was sent already, the key is used up, or no room
   */
  protect(packet: Uint8Array, length: number): number {
    const header = headerLength(packet, length);
    if (header < 0 || packet.length < length + maxOverhead) return -1;
    const ssrc = u32(packet, 8);
    const source = sourceOf(this.#sources, ssrc);
    if (source === undefined) return -1;
    const index = source.guess(sequenceOf(packet));
    // The same index twice would be the same key stream twice.
    if (index > maxIndex || !source.fresh(index)) return -1;
    source.note(index);
    if (!this.#sources.has(ssrc)) this.#sources.set(ssrc, source);
    return this.#transform.sealRtp(packet, length, header, ssrc, index);
  }

  /** `protect` for an RTCP compound packet. */
  protectRtcp(packet: Uint8Array, length: number): number {
    if (length < rtcpHeader || length > maxPacket || packet.length < length + maxOverhead) return -1;
    if (this.#rtcpIndex > maxRtcpIndex) return -1;
    return this.#transform.sealRtcp(packet, length, u32(packet, 4), this.#rtcpIndex++);
  }
}

/** What a peer sends under one key. */
export class SrtpReceiver {
  readonly #transform: Transform;
  /** By SSRC. */
  readonly #sources = new Map<number, PacketIndex>();
  readonly #rtcpSources = new Map<number, PacketIndex>();

  /**
   * @param master master key and master salt, one after the other
   * @throws SrtpKeyError when it has not the profile's length
   */
  constructor(profile: SrtpProfile, master: Uint8Array) {
    this.#transform = transformOf(profile, master);
  }

  /**
   * Unprotects the SRTP packet in the first `length` octets.
   * @returns its new length; -1: it is not the peer's, came before, or is too late: its octets mean nothing any more
   */
  unprotect(packet: Uint8Array, length: number): number {
    const header = headerLength(packet, length);
    if (header < 0) return -1;
    const ssrc = u32(packet, 8);
    const source = sourceOf(this.#sources, ssrc);
    if (source === undefined) return -1;
    const index = source.guess(sequenceOf(packet));
    if (index > maxIndex || !source.fresh(index)) return -1;
    const plain = this.#transform.openRtp(packet, length, header, ssrc, index);
    if (plain < 0) return -1;
    source.note(index);
    if (!this.#sources.has(ssrc)) this.#sources.set(ssrc, source);
    return plain;
  }

  /** `unprotect` for an SRTCP packet. One that is only authenticated, and not encrypted, is refused: that was not agreed. */
  unprotectRtcp(packet: Uint8Array, length: number): number {
    const at = length - this.#transform.rtcpIndexFromEnd;
    if (at < rtcpHeader || length > Math.min(packet.length, maxPacket)) return -1;
    const word = u32(packet, at);
    if (word < encryptedFlag) return -1;
    const index = word - encryptedFlag;
    const ssrc = u32(packet, 4);
    const source = sourceOf(this.#rtcpSources, ssrc);
    if (source === undefined || !source.fresh(index)) return -1;
    const plain = this.#transform.openRtcp(packet, length, ssrc, index);
    if (plain < 0) return -1;
    source.note(index);
    if (!this.#rtcpSources.has(ssrc)) this.#rtcpSources.set(ssrc, source);
    return plain;
  }
}

/** Both directions of a session whose keys stay: see `SrtpSender` and `SrtpReceiver`. */
export class Srtp {
  readonly profile: SrtpProfile;
  readonly #sender: SrtpSender;
  readonly #receiver: SrtpReceiver;

  /** @param local key and salt of what we send; `remote`: of what the peer sends. Throws SrtpKeyError. */
  constructor(profile: SrtpProfile, local: Uint8Array, remote: Uint8Array) {
    this.profile = profile;
    this.#sender = new SrtpSender(profile, local);
    this.#receiver = new SrtpReceiver(profile, remote);
  }

  protect(packet: Uint8Array, length: number): number {
    return this.#sender.protect(packet, length);
  }

  unprotect(packet: Uint8Array, length: number): number {
    return this.#receiver.unprotect(packet, length);
  }

  protectRtcp(packet: Uint8Array, length: number): number {
    return this.#sender.protectRtcp(packet, length);
  }

  unprotectRtcp(packet: Uint8Array, length: number): number {
    return this.#receiver.unprotectRtcp(packet, length);
  }
}

function transformOf(profile: SrtpProfile, master: Uint8Array): Transform {
  if (master.length !== masterLength(profile)) throw new SrtpKeyError(profile);
  const form = profileForms[profile];
  const rtp = sessionKeys(profile, master, "rtp");
  const rtcp = sessionKeys(profile, master, "rtcp");
  return form.cipher === "AES-GCM" ? new AesGcm(rtp, rtcp) : new AesCm(rtp, rtcp, form);
}

/** The source that is known, or a new one where there is room for it; who has found it authentic puts it into the map. */
function sourceOf(sources: ReadonlyMap<number, PacketIndex>, ssrc: number): PacketIndex | undefined {
  return sources.get(ssrc) ?? (sources.size < maxSources ? new PacketIndex() : undefined);
}

function sequenceOf(packet: Uint8Array): number {
  return ((packet[2] ?? 0) << 8) | (packet[3] ?? 0);
}

/** Octets of an RTP header with its CSRCs and extension (RFC 3550 §5.1, §5.3.1); -1: that is no RTP packet. */
function headerLength(packet: Uint8Array, length: number): number {
  if (length < minRtp || length > Math.min(packet.length, maxPacket)) return -1;
  const first = packet[0] ?? 0;
  if (first >> 6 !== 2) return -1;
  let header = minRtp + 4 * (first & 0x0f);
  if (first & 0x10) {
    if (header + 4 > length) return -1;
    header += 4 + 4 * (((packet[header + 2] ?? 0) << 8) | (packet[header + 3] ?? 0));
  }
  return header <= length ? header : -1;
}
