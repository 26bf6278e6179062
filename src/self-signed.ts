/** A certificate signed by itself (RFC 5280), of a new P-256 key: for TLS's first steps, and for DTLS, which knows it by its print. */
import { generateKeyPairSync, type KeyObject, randomBytes, sign } from "node:crypto";

export interface SelfSigned {
  readonly commonName: string;
  /** Milliseconds since 1970; to the second. */
  readonly from: number;
  readonly to: number;
  /** That it is for a server of these names and addresses (4 or 16 octets): without it, no extensions at all. */
  readonly server?: { readonly names: readonly string[]; readonly addresses: readonly Uint8Array[] };
}

/** An element of DER (X.690 §8.1). */
const tlv = (tag: number, ...parts: Uint8Array[]): Buffer => {
  const content = Buffer.concat(parts);
  const { length } = content;
  const size = length < 128 ? [length] : length < 256 ? [0x81, length] : [0x82, length >> 8, length & 255];
  return Buffer.concat([Buffer.from([tag, ...size]), content]);
};
const sequence = (...parts: Uint8Array[]) => tlv(0x30, ...parts);
const oid = (hex: string) => tlv(0x06, Buffer.from(hex, "hex"));
/** ecdsa-with-SHA256 (RFC 5758 §3.2). */
const algorithm = sequence(oid("2a8648ce3d040302"));
const octetString = (content: Uint8Array) => tlv(0x04, content);
const bitString = (content: Uint8Array) => tlv(0x03, Buffer.from([0]), content);
/** GeneralizedTime from 2050 on, UTCTime until then (RFC 5280 §4.1.2.5). */
const time = (ms: number) => {
  const text = new Date(ms).toISOString().replace(/[-:T]|\.\d+/g, "");
  return text < "2050" ? tlv(0x17, Buffer.from(text.slice(2))) : tlv(0x18, Buffer.from(text));
};

/** The certificate as DER, and its key. */
export function selfSigned({ commonName, from, to, server }: SelfSigned): { der: Buffer; privateKey: KeyObject } {
  const { publicKey, privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const serial = randomBytes(12);
  // A positive number, without leading zeros.
  serial[0] = ((serial[0] ?? 0) & 0x3f) | 0x40;
  const subject = sequence(tlv(0x31, sequence(oid("550403"), tlv(0x0c, Buffer.from(commonName)))));
  const signed = sequence(
    ...(server === undefined ? [] : [tlv(0xa0, tlv(0x02, Buffer.from([2])))]),
    tlv(0x02, serial),
    algorithm,
    subject,
    sequence(time(from), time(to)),
    subject,
    publicKey.export({ type: "spki", format: "der" }),
    ...(server === undefined ? [] : [tlv(0xa3, sequence(...extensionsOf(server)))]),
  );
  return { der: sequence(signed, algorithm, bitString(sign("sha256", signed, privateKey))), privateKey };
}

/** subjectAltName, basicConstraints (no authority), extKeyUsage (serverAuth). */
function extensionsOf({ names, addresses }: NonNullable<SelfSigned["server"]>): Buffer[] {
  const alternatives = [
    ...names.map((name) => tlv(0x82, Buffer.from(name, "latin1"))),
    ...addresses.map((address) => tlv(0x87, address)),
  ];
  const isTrue = tlv(0x01, Buffer.from([0xff]));
  return [
    sequence(oid("551d11"), octetString(sequence(...alternatives))),
    sequence(oid("551d13"), isTrue, octetString(sequence())),
    sequence(oid("551d25"), octetString(sequence(oid("2b06010505070301")))),
  ];
}
