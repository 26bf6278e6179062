/** The pseudorandom function of TLS 1.2 with SHA-256 (RFC 5246 §5) and what is derived by it: secrets, keys, proofs. */
import { createHmac } from "node:crypto";

const ascii = (text: string) => Buffer.from(text, "latin1");
const hmac = (secret: Uint8Array, ...parts: Uint8Array[]): Buffer => {
  const mac = createHmac("sha256", secret);
  for (const part of parts) mac.update(part);
  return mac.digest();
};

/** `length` octets of P_SHA256(secret, label + seed). */
export function prf(secret: Uint8Array, label: string, seed: Uint8Array, length: number): Buffer {
  const labelled = Buffer.concat([ascii(label), seed]);
  const out = Buffer.alloc(length);
  let a = hmac(secret, labelled);
  for (let at = 0; at < length; at += 32) {
    hmac(secret, a, labelled).copy(out, at);
    a = hmac(secret, a);
  }
  return out;
}

/** What both hellos have settled. */
export interface Randoms {
  readonly client: Uint8Array;
  readonly server: Uint8Array;
}

/** RFC 5246 §8.1, or RFC 7627 §4 where the hash of the session is given. */
export function masterSecret(preMaster: Uint8Array, randoms: Randoms, sessionHash: Uint8Array | undefined): Buffer {
  return sessionHash === undefined
    ? prf(preMaster, "master secret", Buffer.concat([randoms.client, randoms.server]), 48)
    : prf(preMaster, "extended master secret", sessionHash, 48);
}

export interface WriteKeys {
  readonly key: Uint8Array;
  /** The implicit part of the nonce (RFC 5288 §3). */
  readonly salt: Uint8Array;
}

/** The keys of AES_128_GCM (RFC 5246 §6.3, RFC 5288). */
export function recordKeys(master: Uint8Array, randoms: Randoms): { client: WriteKeys; server: WriteKeys } {
  const block = prf(master, "key expansion", Buffer.concat([randoms.server, randoms.client]), 40);
  return {
    client: { key: block.subarray(0, 16), salt: block.subarray(32, 36) },
    server: { key: block.subarray(16, 32), salt: block.subarray(36, 40) },
  };
}

/** What Finished says (RFC 5246 §7.4.9). */
export function verifyData(master: Uint8Array, from: "client" | "server", transcriptHash: Uint8Array): Buffer {
  return prf(master, `${from} finished`, transcriptHash, 12);
}

/** Keying material for another protocol, without context (RFC 5705 §4). */
export function exported(master: Uint8Array, label: string, randoms: Randoms, length: number): Buffer {
  return prf(master, label, Buffer.concat([randoms.client, randoms.server]), length);
}
