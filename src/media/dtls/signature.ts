/** Signatures of TLS (RFC 5246 §7.4.1.4.1, with the code points of RFC 8446 §4.2.3). */
import { constants, type KeyObject, sign, verify } from "node:crypto";
import { alerts, DtlsFault, type Octets, uint, vector } from "./octets.ts";

interface Scheme {
  readonly hash: string;
  readonly key: "ec" | "rsa";
  readonly pss?: boolean;
}

/** ecdsa_secp256r1_sha256: ours. */
export const ownScheme = 0x0403;

const schemes = new Map<number, Scheme>([
  [ownScheme, { hash: "sha256", key: "ec" }],
  [0x0503, { hash: "sha384", key: "ec" }],
  [0x0804, { hash: "sha256", key: "rsa", pss: true }],
  [0x0401, { hash: "sha256", key: "rsa" }],
  [0x0501, { hash: "sha384", key: "rsa" }],
  [0x0601, { hash: "sha512", key: "rsa" }],
]);
/** What we take of the peer's. */
export const acceptedSchemes: readonly number[] = [...schemes.keys()];

/** Our signature over `text` as digitally-signed writes it. */
export function signed(key: KeyObject, text: Uint8Array): Buffer {
  return Buffer.concat([uint(ownScheme, 2), vector(2, sign("sha256", text, key))]);
}

/** @throws DtlsFault unless `octets` go on with the key's signature over `text` */
export function checkSigned(octets: Octets, key: KeyObject, text: Uint8Array): void {
  const scheme = schemes.get(octets.uint(2));
  const signature = octets.vector(2).all();
  if (scheme === undefined || scheme.key !== key.asymmetricKeyType)
    throw new DtlsFault(alerts.illegalParameter, "a signature of another kind than was asked for");
  const how = scheme.pss
    ? { key, padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: constants.RSA_PSS_SALTLEN_DIGEST }
    : key;
  if (!verify(scheme.hash, text, how, signature))
    throw new DtlsFault(alerts.decryptError, "a signature that does not hold");
}
