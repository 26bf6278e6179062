/** Globally routable user agent URIs (RFC 5627): addresses of one device of a user, public ones and ones that tell nothing. */
import { createCipheriv, createDecipheriv, randomBytes } from "node:crypto";
import { escapeUser } from "../../sip/uri.ts";
import type { Binding } from "./binding.ts";

/** The public GRUU of an instance of an address-of-record: the `gr` parameter is the instance itself (RFC 5627 §A.1). */
export function publicGruu(aor: string, instance: string): string {
  const at = aor.lastIndexOf("@");
  return `sip:${escapeUser(aor.slice(0, at))}@${aor.slice(at + 1)};gr=${escapeParam(instance)}`;
}

/** What may stand in a URI parameter's value (RFC 3261 §25.1 pvalue); the rest is escaped. */
function escapeParam(octets: string): string {
  return octets.replace(
    /[^-A-Za-z0-9_.!~*'()[\]/:&+$]/g,
    (char) => `%${char.charCodeAt(0).toString(16).toUpperCase().padStart(2, "0")}`,
  );
}

const mark = "tgruu.";
const cipher = "aes-256-gcm";
const nonceLength = 12;
const tagLength = 16;
/** Twice eight digits. */
const hashesLength = 16;

/**
 * Temporary GRUUs: the address-of-record, the instance and the Call-ID, enciphered anew each time, so that nobody can tell
 * whether two belong together, and that nothing has to be remembered (RFC 5627 §5.1, §A.2). They hold as long as the
 * instance stays registered with the same Call-ID.
 */
export class Gruus {
  readonly #key: Uint8Array;

  /** `secret`: 32 octets that outlive a restart. */
  constructor(secret: Uint8Array) {
    this.#key = secret;
  }

  /** A new one for a binding with an instance. */
  temporary(binding: Binding): string {
    const { aor, instance = "", callId } = binding;
    const nonce = randomBytes(nonceLength);
    const machine = createCipheriv(cipher, this.#key, nonce);
    const hidden = machine.update(`${hash(instance)}${hash(callId)}${aor}`, "latin1");
    machine.final();
    const token = Buffer.concat([nonce, machine.getAuthTag(), hidden]).toString("base64url");
    return `sip:${mark}${token}@${aor.slice(aor.lastIndexOf("@") + 1)};gr`;
  }

  /** What the user part of a temporary GRUU says; undefined when we have not made it. */
  read(user: string): { aor: string; isFor(binding: Binding): boolean } | undefined {
    if (!user.startsWith(mark) || user.length > 1000) return undefined;
    const octets = Buffer.from(user.slice(mark.length), "base64url");
    if (octets.length < nonceLength + tagLength + hashesLength) return undefined;
    const machine = createDecipheriv(cipher, this.#key, octets.subarray(0, nonceLength));
    machine.setAuthTag(octets.subarray(nonceLength, nonceLength + tagLength));
    let text: string;
    try {
      text = machine.update(octets.subarray(nonceLength + tagLength)).toString("latin1");
      machine.final();
    } catch {
      return undefined; // Forged, or of another key.
    }
    const hashes = text.slice(0, hashesLength);
    return {
      aor: text.slice(hashesLength),
      isFor: (binding) => hashes === hash(binding.instance ?? "") + hash(binding.callId),
    };
  }
}

/** FNV-1a in eight digits: tells the few devices of a user apart. */
function hash(text: string): string {
  let value = 0x811c9dc5;
  for (let at = 0; at < text.length; at++) value = Math.imul(value ^ text.charCodeAt(at), 0x01000193);
  return (value >>> 0).toString(16).padStart(8, "0");
}
