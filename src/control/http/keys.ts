/** Who a key is of. How long the look takes tells nothing of the keys. */
import { createHash, timingSafeEqual } from "node:crypto";
import type { ControlKey, Scope } from "../settings.ts";

export interface KnownKey {
  readonly name: string;
  readonly scopes: ReadonlySet<Scope>;
}

/** The longest key that is looked at, in characters. */
const longest = 1024;
const mostGuesses = 1000;

export class Keys {
  readonly #known: readonly { readonly digest: Buffer; readonly key: KnownKey }[];

  constructor(keys: readonly ControlKey[]) {
    this.#known = keys.map(({ name, key, scopes }) => ({
      digest: digest(key),
      key: { name, scopes: new Set(scopes) },
    }));
  }

  get size(): number {
    return this.#known.length;
  }

  find(given: string): KnownKey | undefined {
    if (given.length > longest) return undefined;
    const asked = digest(given);
    let found: KnownKey | undefined;
    // All of them each time, whichever it is.
    for (const { digest: known, key } of this.#known) if (timingSafeEqual(asked, known)) found = key;
    return found;
  }
}

/** Wrong keys that were given lately: a page that gives the same one with each of its requests guesses once. */
export class Guesses {
  readonly #seen = new Set<string>();

  /** Whether this key was not given from there lately. */
  isNew(address: string, key: string): boolean {
    const guess = digest(`${address}\n${key.slice(0, longest)}`).toString("latin1");
    if (this.#seen.has(guess)) return false;
    if (this.#seen.size >= mostGuesses) this.#seen.clear();
    this.#seen.add(guess);
    return true;
  }
}

/** The key of `Authorization: Bearer KEY` (RFC 6750 §2.1); undefined: there is none. */
export function bearer(authorization: string | null): string | undefined {
  return authorization === null ? undefined : /^Bearer +([\x21-\x7e]+) *$/i.exec(authorization)?.[1];
}

function digest(text: string): Buffer {
  return createHash("sha256").update(text).digest();
}
