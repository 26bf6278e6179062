/** The protection profiles, by the names of RFC 4568 §6.2 and RFC 7714 §14.2, and what each is made of. */

export const srtpProfiles = [
  "AEAD_AES_256_GCM",
  "AEAD_AES_128_GCM",
  "AES_CM_128_HMAC_SHA1_80",
  "AES_CM_128_HMAC_SHA1_32",
] as const;

export type SrtpProfile = (typeof srtpProfiles)[number];

/** All lengths in octets. */
export interface ProfileForm {
  readonly cipher: "AES-CM" | "AES-GCM";
  readonly keyLength: 16 | 32;
  readonly saltLength: 12 | 14;
  /** Authentication tags of SRTP and SRTCP. */
  readonly rtpTag: number;
  readonly rtcpTag: number;
}

export const profileForms: Readonly<Record<SrtpProfile, ProfileForm>> = {
  AEAD_AES_256_GCM: { cipher: "AES-GCM", keyLength: 32, saltLength: 12, rtpTag: 16, rtcpTag: 16 },
  AEAD_AES_128_GCM: { cipher: "AES-GCM", keyLength: 16, saltLength: 12, rtpTag: 16, rtcpTag: 16 },
  AES_CM_128_HMAC_SHA1_80: { cipher: "AES-CM", keyLength: 16, saltLength: 14, rtpTag: 10, rtcpTag: 10 },
  // RFC 4568 §6.2.2, RFC 5764 §4.1.2: the short tag is of SRTP alone.
  AES_CM_128_HMAC_SHA1_32: { cipher: "AES-CM", keyLength: 16, saltLength: 14, rtpTag: 4, rtcpTag: 10 },
};

/** Octets of master key and master salt together, as SDES (RFC 4568 §6.1) and DTLS-SRTP deal with them. */
export function masterLength(profile: SrtpProfile): number {
  const { keyLength, saltLength } = profileForms[profile];
  return keyLength + saltLength;
}

/** What any profile adds to a packet at most: a tag, and SRTCP's index. */
export const maxOverhead = 16 + 4;
