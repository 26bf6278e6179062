/** Certificates of DTLS-SRTP (RFC 5763 §5): ours, signed by itself and made anew by each process; the peer's, known by its print. */
import { createHash, createPrivateKey, type KeyObject, X509Certificate } from "node:crypto";
import { selfSigned } from "../../self-signed.ts";

/** What passes between threads: the key in it must not be shown to anybody. */
export interface OwnCertificate {
  /** Base64 of DER. */
  readonly certificate: string;
  /** PKCS #8 in PEM; P-256. */
  readonly privateKey: string;
  /** The value of `a=fingerprint`. */
  readonly fingerprint: string;
}

/** Makes a key and its certificate. Nobody checks the time of what is known by its print. */
export function makeCertificate(): OwnCertificate {
  const { der, privateKey } = selfSigned({
    commonName: "WebRTC",
    from: Date.UTC(2020, 0, 1),
    to: Date.UTC(2050, 0, 1),
  });
  return {
    certificate: der.toString("base64"),
    privateKey: privateKey.export({ type: "pkcs8", format: "pem" }).toString(),
    fingerprint: `sha-256 ${printOf("sha256", der)}`,
  };
}

let own: OwnCertificate | undefined;

/** This process's certificate, made when it is first asked for. */
export function ownCertificate(): OwnCertificate {
  own ??= makeCertificate();
  return own;
}

/** The value of `a=fingerprint` that this process signals. */
export function dtlsFingerprint(): string {
  return ownCertificate().fingerprint;
}

export function privateKeyOf({ privateKey }: OwnCertificate): KeyObject {
  return createPrivateKey(privateKey);
}

function printOf(hash: string, der: Uint8Array): string {
  return (createHash(hash).update(der).digest("hex").toUpperCase().match(/../g) ?? []).join(":");
}

/** By the names of RFC 8122 §5; those that are broken are not accepted. */
const hashes = new Map([
  ["sha-256", "sha256"],
  ["sha-384", "sha384"],
  ["sha-512", "sha512"],
]);

/** Whether one of the prints, values of `a=fingerprint`, is this certificate's. */
export function hasFingerprint(der: Uint8Array, prints: readonly string[]): boolean {
  return prints.some((print) => {
    const [algorithm = "", value = ""] = print.split(" ", 2);
    const hash = hashes.get(algorithm.toLowerCase());
    return hash !== undefined && value.toUpperCase() === printOf(hash, der);
  });
}

/** The public key of a certificate; undefined for what is none, or a key that is neither EC nor RSA of 1024 to 8192 bits. */
export function publicKeyOf(der: Uint8Array): KeyObject | undefined {
  try {
    const { publicKey } = new X509Certificate(der);
    const { asymmetricKeyType, asymmetricKeyDetails } = publicKey;
    if (asymmetricKeyType === "ec") return publicKey;
    const bits = asymmetricKeyDetails?.modulusLength ?? 0;
    return asymmetricKeyType === "rsa" && bits >= 1024 && bits <= 8192 ? publicKey : undefined;
  } catch {
    return undefined;
  }
}
