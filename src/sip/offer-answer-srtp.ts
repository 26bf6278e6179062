/**
 * Keys of SRTP in offers and answers (RFC 4568), also where encryption is offered and may be declined (RFC 8643:
 * RTP/AVP with a=crypto). What was agreed once is never taken back: a later description without keys is refused.
 */
import { type CryptoLine, type CryptoSuite, formatCrypto, keyLength, parseCrypto } from "./crypto-attribute.ts";
import type { MediaDescription } from "./sdp.ts";

/** Whether streams are encrypted: always; where the other side does so; never; always, and our own offers have keys by DTLS. */
export const srtpPolicies = ["required", "optional", "off", "dtls"] as const;
export type SrtpPolicy = (typeof srtpPolicies)[number];

export interface SrtpOptions {
  readonly policy: SrtpPolicy;
  /** So many octets for a new key, in base64; nobody can guess them. */
  key(octets: number): string;
}

/** How a stream is protected: suite, and both sides' master key and salt in base64. Never to be logged. */
export interface Security {
  readonly profile: CryptoSuite;
  /** Of what we send, and of what the peer sends. */
  readonly localKey: string;
  readonly remoteKey: string;
}

/** An m-line as it is agreed on: how it is protected, and our a=crypto lines in it. */
export interface Secured {
  readonly security: Security | undefined;
  readonly crypto: readonly CryptoLine[];
}

/** Most wanted first; the one that each device has leads, as some look at nothing else. */
const offeredSuites: readonly CryptoSuite[] = ["AES_CM_128_HMAC_SHA1_80", "AEAD_AES_128_GCM", "AEAD_AES_256_GCM"];
/** Taken where nothing better is offered: its tag has 32 bits. */
const lastSuite: CryptoSuite = "AES_CM_128_HMAC_SHA1_32";

const plain: Secured = { security: undefined, crypto: [] };

/** RTP in clear. RTP/AVPF (RFC 4585) only adds feedback, which may be left out. */
const plainProtocol = /^RTP\/AVPF?$/i;
const secureProtocol = /^RTP\/SAVPF?$/i;

/** The keys of one dialog. */
export class KeyExchange {
  readonly #options: SrtpOptions | undefined;
  /** What our offers have said; the same in each, until something is agreed. */
  #offered: readonly CryptoLine[] | undefined;

  constructor(options: SrtpOptions | undefined) {
    this.#options = options;
  }

  get policy(): SrtpPolicy {
    return this.#options?.policy ?? "off";
  }

  get #required(): boolean {
    return this.policy === "required" || this.policy === "dtls";
  }

  /** The transport of our first offer. */
  get protocol(): string {
    return this.#required ? "RTP/SAVP" : "RTP/AVP";
  }

  /** The a=crypto lines of our first offer. */
  get offered(): readonly CryptoLine[] {
    if (this.policy === "off") return [];
    this.#offered ??= offeredSuites.map((suite, at) => ({ tag: at + 1, suite, key: this.#key(suite) }));
    return this.#offered;
  }

  /** Whether an offered m-line can be protected as it has to be. `agreed`: what protects the stream now. */
  takes(media: MediaDescription, agreed: Security | undefined): boolean {
    if (!secureProtocol.test(media.protocol) && !plainProtocol.test(media.protocol)) return false;
    if (this.policy === "off") return !secureProtocol.test(media.protocol);
    const needed = secureProtocol.test(media.protocol) || this.#required || agreed !== undefined;
    return !needed || usable(media.crypto) !== undefined;
  }

  /** Our side of an offered m-line that `takes` has found good. */
  answer(media: MediaDescription, agreed: Security | undefined): Secured {
    const line = this.policy === "off" ? undefined : usable(media.crypto);
    if (line === undefined) return plain;
    const { tag, suite, key: remoteKey } = line;
    // Another key may be another device's, which knows nothing of how far ours has come: it gets a new one.
    const kept = agreed?.profile === suite && agreed.remoteKey === remoteKey ? agreed.localKey : undefined;
    const localKey = kept ?? this.#key(suite);
    return { security: { profile: suite, localKey, remoteKey }, crypto: [{ tag, suite, key: localKey }] };
  }

  /**
   * What an answered m-line comes to; a text says why that cannot be.
   * @param own the a=crypto lines of our offer
   */
  judge(
    media: MediaDescription,
    protocol: string,
    own: readonly CryptoLine[],
    agreed: Security | undefined,
  ): Secured | string {
    const secure = secureProtocol.test(media.protocol);
    if (!secure && (!plainProtocol.test(media.protocol) || secureProtocol.test(protocol)))
      return "the answer has another transport than the offer";
    const [answered, ...more] = media.crypto.map(parseCrypto);
    // A key that nobody asked for means nothing.
    if (media.crypto.length === 0 || own.length === 0) {
      const needed = secure || this.#required || agreed !== undefined;
      return needed ? "the answer has no key for SRTP" : plain;
    }
    const ours = own.find(({ tag, suite }) => tag === answered?.tag && suite === answered.suite);
    if (answered === undefined || ours === undefined || more.length > 0)
      return "the answer has no usable key for what the offer has";
    const security = { profile: ours.suite, localKey: ours.key, remoteKey: answered.key };
    // Both sides with one key would be two texts under one key stream.
    if (security.localKey === security.remoteKey) return "the answer has our own key";
    return { security, crypto: own };
  }

  #key(suite: CryptoSuite): string {
    return this.#options?.key(keyLength(suite)) ?? "";
  }
}

/** The offerer's first line that can be used; one with a short tag only where there is no other. */
function usable(crypto: readonly string[]): CryptoLine | undefined {
  const lines = crypto.map(parseCrypto).filter((line) => line !== undefined);
  return lines.find(({ suite }) => suite !== lastSuite) ?? lines[0];
}

/** The attributes of an m-line of ours. */
export function cryptoAttributes(lines: readonly CryptoLine[]): string {
  return lines.map((line) => `a=crypto:${formatCrypto(line)}\r\n`).join("");
}
