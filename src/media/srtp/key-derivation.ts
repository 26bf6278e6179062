/** Session keys from a master key and salt (RFC 3711 §4.3, for AES-GCM RFC 7714 §11). The key derivation rate is 0. */
import { createCipheriv } from "node:crypto";
import { profileForms, type SrtpProfile } from "./profiles.ts";

/** Labels of RFC 3711 §4.3.1 and §4.3.2. */
const labels = { rtp: [0, 1, 2], rtcp: [3, 4, 5] } as const;

/** HMAC-SHA1's key, octets (RFC 3711 §8.2). */
const authLength = 20;

export interface SessionKeys {
  readonly cipher: Uint8Array;
  /** Empty with AES-GCM. */
  readonly auth: Uint8Array;
  readonly salt: Uint8Array;
}

/** @param master key and salt, one after the other, of the profile's length (`masterLength`) */
export function sessionKeys(profile: SrtpProfile, master: Uint8Array, kind: "rtp" | "rtcp"): SessionKeys {
  const { cipher, keyLength, saltLength } = profileForms[profile];
  const key = master.subarray(0, keyLength);
  const salt = master.subarray(keyLength, keyLength + saltLength);
  const [cipherLabel, authLabel, saltLabel] = labels[kind];
  return {
    cipher: derive(key, salt, cipherLabel, keyLength),
    auth: cipher === "AES-CM" ? derive(key, salt, authLabel, authLength) : new Uint8Array(),
    salt: derive(key, salt, saltLabel, saltLength),
  };
}

/**
 * The first `length` octets of AES-CM's key stream for a label. A salt of 12 octets, as AES-GCM has it, counts as one of
 * 14 that ends in zeros.
 */
export function derive(key: Uint8Array, salt: Uint8Array, label: number, length: number): Uint8Array {
  const iv = new Uint8Array(16);
  iv.set(salt);
  // key_id is label and index, 56 bits, at the end of the salt's 112.
  iv[7] = (iv[7] ?? 0) ^ label;
  const cipher = createCipheriv(key.length === 32 ? "aes-256-ctr" : "aes-128-ctr", key, iv);
  return new Uint8Array(cipher.update(new Uint8Array(length)));
}
