/** What a profile does to a packet of known source and index: encryption and authentication in place, in one direction. */

export interface Transform {
  /**
   * Encrypts an RTP packet of `length` octets from `header` on and appends its tag; the new length.
   * @param index 48 bits: rollover counter and sequence number
   */
  sealRtp(packet: Uint8Array, length: number, header: number, ssrc: number, index: number): number;
  /** The reverse; -1 when the packet is not authentic: what it held is then spoilt. */
  openRtp(packet: Uint8Array, length: number, header: number, ssrc: number, index: number): number;
  /** Encrypts an RTCP compound of `length` octets after its first 8, and appends its index (31 bits) and tag. */
  sealRtcp(packet: Uint8Array, length: number, ssrc: number, index: number): number;
  /** The reverse, with the index that `rtcpIndex` has read; -1 when the packet is not authentic. */
  openRtcp(packet: Uint8Array, length: number, ssrc: number, index: number): number;
  /** Octets from an SRTCP packet's end to the word that holds its index. */
  readonly rtcpIndexFromEnd: number;
}

/** The first 8 octets of an RTCP compound, which stay readable. */
export const rtcpHeader = 8;
/** RFC 3711 §3.4: set in the index's word where the compound is encrypted. Ours always is. */
export const encryptedFlag = 0x80000000;

export function u32(octets: Uint8Array, at: number): number {
  return (
    (((octets[at] ?? 0) << 24) |
      ((octets[at + 1] ?? 0) << 16) |
      ((octets[at + 2] ?? 0) << 8) |
      (octets[at + 3] ?? 0)) >>>
    0
  );
}

export function putU32(octets: Uint8Array, at: number, value: number): void {
  octets[at] = value >>> 24;
  octets[at + 1] = value >>> 16;
  octets[at + 2] = value >>> 8;
  octets[at + 3] = value;
}
