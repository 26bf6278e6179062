/** ClientHello and ServerHello (RFC 5246 §7.4.1, RFC 6347 §4.2.1) with the extensions that DTLS-SRTP needs. */
import { alerts, DtlsFault, Octets, uint, uint16s, vector } from "./octets.ts";

/** ECDHE with a certificate of an EC or RSA key, AES_128_GCM, SHA-256 (RFC 5289). */
export const suites = { ecdsa: 0xc02b, rsa: 0xc02f } as const;
/** TLS_EMPTY_RENEGOTIATION_INFO_SCSV (RFC 5746 §3.3). */
const renegotiationSuite = 0x00ff;
export const dtls12 = 0xfefd;
/** The one curve: every WebRTC implementation has it (RFC 8827 §6.5). */
export const secp256r1 = 23;

const extensionType = {
  supportedGroups: 10,
  pointFormats: 11,
  signatureAlgorithms: 13,
  useSrtp: 14,
  extendedMasterSecret: 23,
  renegotiationInfo: 0xff01,
} as const;

/** Of RFC 5764 §4.1.2 and RFC 7714 §14.2, with the names of a=crypto. */
export const srtpProfileNumbers = {
  AEAD_AES_128_GCM: 0x0007,
  AES_CM_128_HMAC_SHA1_80: 0x0001,
  AEAD_AES_256_GCM: 0x0008,
} as const;
export type DtlsSrtpProfile = keyof typeof srtpProfileNumbers;
/** Most wanted first. */
export const srtpProfiles: readonly DtlsSrtpProfile[] = [
  "AEAD_AES_128_GCM",
  "AES_CM_128_HMAC_SHA1_80",
  "AEAD_AES_256_GCM",
];

export interface ClientHello {
  readonly random: Uint8Array;
  readonly suites: readonly number[];
  readonly groups: readonly number[];
  readonly signatures: readonly number[];
  readonly srtpProfiles: readonly number[];
  readonly extendedMasterSecret: boolean;
  readonly renegotiationInfo: boolean;
}

export interface ServerHello {
  readonly random: Uint8Array;
  readonly suite: number;
  readonly srtpProfile: number | undefined;
  readonly extendedMasterSecret: boolean;
}

function extensionsOf(octets: Octets): Map<number, Octets> {
  const extensions = new Map<number, Octets>();
  if (octets.rest === 0) return extensions;
  const list = octets.vector(2);
  while (list.rest > 0) extensions.set(list.uint(2), list.vector(2));
  return extensions;
}

/** @throws DtlsFault */
export function readClientHello(body: Uint8Array): ClientHello {
  const octets = new Octets(body);
  // 0xfefd and what comes after it: DTLS counts down.
  if (octets.uint(2) > dtls12) throw new DtlsFault(alerts.protocolVersion, "the peer speaks no DTLS 1.2");
  const random = octets.take(32);
  octets.vector(1);
  octets.vector(1);
  const offered = octets.vector(2).uint16s();
  octets.vector(1);
  const extensions = extensionsOf(octets);
  return {
    random,
    suites: offered,
    groups: extensions.get(extensionType.supportedGroups)?.vector(2).uint16s() ?? [secp256r1],
    signatures: extensions.get(extensionType.signatureAlgorithms)?.vector(2).uint16s() ?? [],
    srtpProfiles: extensions.get(extensionType.useSrtp)?.vector(2).uint16s() ?? [],
    extendedMasterSecret: extensions.has(extensionType.extendedMasterSecret),
    renegotiationInfo: extensions.has(extensionType.renegotiationInfo) || offered.includes(renegotiationSuite),
  };
}

const extension = (type: number, ...content: Uint8Array[]) => Buffer.concat([uint(type, 2), vector(2, ...content)]);
const uncompressed = () => extension(extensionType.pointFormats, vector(1, uint(0, 1)));
const useSrtp = (...profiles: number[]) => extension(extensionType.useSrtp, vector(2, uint16s(...profiles)), vector(1));

export function writeClientHello(random: Uint8Array, cookie: Uint8Array, signatures: readonly number[]): Buffer {
  return Buffer.concat([
    uint(dtls12, 2),
    random,
    vector(1),
    vector(1, cookie),
    vector(2, uint16s(suites.ecdsa, suites.rsa)),
    vector(1, uint(0, 1)),
    vector(
      2,
      extension(extensionType.supportedGroups, vector(2, uint(secp256r1, 2))),
      uncompressed(),
      extension(extensionType.signatureAlgorithms, vector(2, uint16s(...signatures))),
      useSrtp(...srtpProfiles.map((profile) => srtpProfileNumbers[profile])),
      extension(extensionType.extendedMasterSecret),
      extension(extensionType.renegotiationInfo, vector(1)),
    ),
  ]);
}

/** The answer to `hello`, with this suite and profile. */
export function writeServerHello(random: Uint8Array, suite: number, profile: number, hello: ClientHello): Buffer {
  const extensions = [useSrtp(profile), uncompressed()];
  if (hello.extendedMasterSecret) extensions.push(extension(extensionType.extendedMasterSecret));
  if (hello.renegotiationInfo) extensions.push(extension(extensionType.renegotiationInfo, vector(1)));
  return Buffer.concat([uint(dtls12, 2), random, vector(1), uint(suite, 2), uint(0, 1), vector(2, ...extensions)]);
}

/** @throws DtlsFault */
export function readServerHello(body: Uint8Array): ServerHello {
  const octets = new Octets(body);
  if (octets.uint(2) !== dtls12) throw new DtlsFault(alerts.protocolVersion, "the peer speaks no DTLS 1.2");
  const random = octets.take(32);
  octets.vector(1);
  const suite = octets.uint(2);
  if (octets.uint(1) !== 0) throw new DtlsFault(alerts.illegalParameter, "compression");
  const extensions = extensionsOf(octets);
  return {
    random,
    suite,
    srtpProfile: extensions.get(extensionType.useSrtp)?.vector(2).uint16s()[0],
    extendedMasterSecret: extensions.has(extensionType.extendedMasterSecret),
  };
}
