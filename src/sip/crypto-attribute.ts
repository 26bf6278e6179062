/** The attribute `a=crypto` (RFC 4568 §9.1, suites of §6.2 and RFC 7714 §14.2): one way to protect a stream, with its key. */

/** Octets of master key and salt of each suite that is known here. */
const keyLengths = {
  AES_CM_128_HMAC_SHA1_80: 30,
  AES_CM_128_HMAC_SHA1_32: 30,
  AEAD_AES_128_GCM: 28,
  AEAD_AES_256_GCM: 44,
} as const;

export type CryptoSuite = keyof typeof keyLengths;

export interface CryptoLine {
  readonly tag: number;
  readonly suite: CryptoSuite;
  /** Master key and salt, one after the other, in base64. Never to be logged. */
  readonly key: string;
}

export function keyLength(suite: CryptoSuite): number {
  return keyLengths[suite];
}

function isSuite(name: string): name is CryptoSuite {
  return Object.hasOwn(keyLengths, name);
}

/** `tag suite inline:key|lifetime [parameters]`. */
const form =
  /^([1-9]\d{0,8}) +([A-Za-z0-9_]{1,64}) +inline:([A-Za-z0-9+/]{1,128}={0,2})(?:\|(?:2\^)?\d{1,20})?((?: +\S+)*)$/;
/** Parameters that change nothing for us: the size of the replay window, and what may be ignored. */
const harmless = /^(?:WSH=\d{1,5}|-.*)$/;

/**
 * The value of an `a=crypto` attribute. Undefined for what cannot be used: an unknown suite, a key of the wrong length,
 * several keys or one with an identifier (MKI), and parameters that take protection away or are unknown.
 */
export function parseCrypto(value: string): CryptoLine | undefined {
  const [, tag, suite = "", key = "", parameters = ""] = form.exec(value.trimEnd()) ?? [];
  if (!isSuite(suite)) return undefined;
  for (const parameter of parameters.split(" ")) if (parameter !== "" && !harmless.test(parameter)) return undefined;
  const octets = Buffer.from(key, "base64");
  if (octets.length !== keyLengths[suite]) return undefined;
  return { tag: Number(tag), suite, key: octets.toString("base64") };
}

export function formatCrypto({ tag, suite, key }: CryptoLine): string {
  return `${tag} ${suite} inline:${key}`;
}
