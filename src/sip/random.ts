/** Randomness as a parameter, and the identifiers that are made of it. */

export interface Random {
  /** `bytes` random octets as lower-case hexadecimal digits. */
  token(bytes: number): string;
}

const hex = Array.from({ length: 256 }, (_, octet) => octet.toString(16).padStart(2, "0"));

const pool = Buffer.alloc(4096);
let used = pool.length;

/** Unpredictable tokens (RFC 3261 §19.3 asks for this in tags), drawn in batches because a system call costs more than a call. */
export const secureRandom: Random = {
  token(bytes) {
    if (bytes > pool.length) return crypto.getRandomValues(Buffer.alloc(bytes)).toString("hex");
    if (used + bytes > pool.length) {
      crypto.getRandomValues(pool);
      used = 0;
    }
    used += bytes;
    return pool.toString("hex", used - bytes, used);
  },
};

/** The same tokens for the same seed: for tests and simulated calls, never for the network. */
export function seededRandom(seed: number): Random & { below(limit: number): number } {
  let state = seed >>> 0;
  // splitmix32
  const next = () => {
    state = (state + 0x9e3779b9) >>> 0;
    let mixed = state ^ (state >>> 16);
    mixed = Math.imul(mixed, 0x21f0aaad);
    mixed ^= mixed >>> 15;
    mixed = Math.imul(mixed, 0x735a2d97);
    return (mixed ^ (mixed >>> 15)) >>> 0;
  };
  return {
    token(bytes) {
      let text = "";
      for (let i = 0; i < bytes; i++) text += hex[next() & 0xff];
      return text;
    },
    /** An integer from 0 up to, not including, `limit`. */
    below: (limit) => next() % limit,
  };
}

/** The start of each branch that RFC 3261 clients make (§8.1.1.7). */
export const magicCookie = "z9hG4bK";

/** A branch parameter, unique for each client transaction (RFC 3261 §8.1.1.7). */
export function newBranch(random: Random): string {
  return magicCookie + random.token(10);
}

/** A From or To tag (RFC 3261 §19.3). */
export function newTag(random: Random): string {
  return random.token(8);
}

export function newCallId(random: Random): string {
  return random.token(16);
}
