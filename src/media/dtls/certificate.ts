/** Certificates of DTLS-SRTP (RFC 5763 §5): ours, signed by itself and made anew by each process; the peer's, known by its print. */
import {
  createHash,
  createPrivateKey,
  generateKeyPairSync,
  type KeyObject,
  randomBytes,
  sign,
  X509Certificate,
} from "node:crypto";

/** What passes between threads: the key in it must not be shown to anybody. */
export interface OwnCertificate {
  /** Base64 of DER. */
  readonly certificate: string;
  /** PKCS #8 in PEM; P-256. */
  readonly privateKey: string;
  /** The value of `a=fingerprint`. */
  readonly fingerprint: string;
}

const tlv = (tag: number, ...parts: Uint8Array[]): Buffer => {
  const content = Buffer.concat(parts);
  const { length } = content;
  const size = length < 128 ? [length] : length < 256 ? [0x81, length] : [0x82, length >> 8, length & 255];
  return Buffer.concat([Buffer.from([tag, ...size]), content]);
};
const sequence = (...parts: Uint8Array[]) => tlv(0x30, ...parts);
/** ecdsa-with-SHA256 (RFC 5758 §3.2), and the common name's attribute type. */
const ecdsaWithSha256 = sequence(Buffer.from("06082a8648ce3d040302", "hex"));
const commonName = Buffer.from("0603550403", "hex");
const name = sequence(tlv(0x31, sequence(commonName, tlv(0x0c, Buffer.from("WebRTC")))));
/** 1 January 2020 to 1 January 2050: nobody checks the time of what is known by its print. */
const validity = sequence(tlv(0x17, Buffer.from("200101000000Z")), tlv(0x18, Buffer.from("20500101000000Z")));

/** Makes a key and its certificate. */
export function makeCertificate(): OwnCertificate {
  const { publicKey, privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const serial = randomBytes(8);
  // A positive number, without leading zeros.
  serial[0] = ((serial[0] ?? 0) & 0x3f) | 0x40;
  const spki = publicKey.export({ type: "spki", format: "der" });
  const signed = sequence(tlv(0x02, serial), ecdsaWithSha256, name, validity, name, spki);
  const signature = sign("sha256", signed, privateKey);
  const der = sequence(signed, ecdsaWithSha256, tlv(0x03, Buffer.from([0]), signature));
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
