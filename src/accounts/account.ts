/** One account: who may register and call. Its secrets can be asked for, and never show in logs or JSON. */
import type { DigestAlgorithm } from "../sip/digest.ts";

/**
 * An account, with its password or with a hash of it.
 *
 * @example
 * const account: AccountFields = {
 *   user: "alice",
 *   domain: "example.com",
 *   ha1: { MD5: "93dfce8dfebfae8af4a726982429d23a" },
 * };
 */
export interface AccountFields {
  /** The name in the digest and in the AOR, as people write it. Case counts (RFC 3261 §19.1.4). */
  readonly user: string;
  /** In lower case; undefined: the account is good for all our domains. */
  readonly domain?: string | undefined;
  readonly password?: string | undefined;
  /** Instead of a password: H(user:realm:password) for the realm that is used, in lower-case hexadecimal digits. */
  readonly ha1?: Readonly<Partial<Record<DigestAlgorithm, string>>> | undefined;
  /** The name that people see. */
  readonly name?: string | undefined;
  /** Nobody gets in with it; it looks as if it did not exist. */
  readonly disabled?: boolean | undefined;
  readonly description?: string | undefined;
  /** The URL of a picture. */
  readonly image?: string | undefined;
}

export class Account {
  readonly user: string;
  readonly domain: string | undefined;
  readonly name: string | undefined;
  readonly disabled: boolean;
  readonly description: string | undefined;
  readonly image: string | undefined;
  readonly #password: string | undefined;
  readonly #ha1: Readonly<Partial<Record<DigestAlgorithm, string>>> | undefined;

  constructor(fields: AccountFields) {
    this.user = fields.user;
    this.domain = fields.domain?.toLowerCase();
    this.name = fields.name;
    this.disabled = fields.disabled ?? false;
    this.description = fields.description;
    this.image = fields.image;
    this.#password = fields.password;
    this.#ha1 = fields.ha1;
  }

  /** Secret. */
  get password(): string | undefined {
    return this.#password;
  }

  /** Secret: as good as the password for who has it. */
  get ha1(): Readonly<Partial<Record<DigestAlgorithm, string>>> | undefined {
    return this.#ha1;
  }

  /** Whether a digest with this algorithm can be checked. */
  knows(algorithm: DigestAlgorithm): boolean {
    return this.#password !== undefined || this.#ha1?.[algorithm] !== undefined;
  }

  /** Everything with the secrets, for a store. */
  fields(): AccountFields {
    return { ...this.toJSON(), password: this.#password, ha1: this.#ha1 };
  }

  /** Everything but the secrets. */
  toJSON(): AccountFields {
    const { user, domain, name, disabled, description, image } = this;
    return { user, domain, name, disabled, description, image };
  }

  toString(): string {
    return this.domain === undefined ? this.user : `${this.user}@${this.domain}`;
  }

  /** What `console.log` shows. */
  [Symbol.for("nodejs.util.inspect.custom")](): string {
    return `Account ${this}`;
  }
}
