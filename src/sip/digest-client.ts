/**
 * The client side of digest authentication (RFC 3261 §22.2, RFC 8760 §2.4): from challenges and passwords to header lines.
 * Nonces are used again, with a count, for the requests that follow; a wrong password is sent once and never again.
 */
import { type Challenge, formatCredentials, parseChallenges } from "./auth-params.ts";
import {
  computeHa1,
  computeResponse,
  type DigestAlgorithm,
  digestAlgorithm,
  digestAlgorithms,
  type Hash,
} from "./digest.ts";
import type { HeaderList, Response } from "./message.ts";
import type { Random } from "./random.ts";
import { encodeUtf8 } from "./text.ts";

/** Whom we can pretend to be, as people write it. */
export interface DigestIdentity {
  readonly user: string;
  readonly password: string;
  /** Only for challenges with this realm; undefined: for any. */
  readonly realm?: string | undefined;
}

export interface DigestClientOptions {
  readonly hash: Hash;
  readonly random: Random;
  /** In order: of several that fit a realm, one that names it goes before one that does not, then the first. */
  readonly identities: readonly DigestIdentity[];
}

/**
 * Why a challenge is not answered: the response holds none; none that we understand; we know no password for its realm;
 * the one that we know was refused; the server asks again and again.
 */
export type ChallengeFailure = "no challenge" | "unsupported" | "no password" | "wrong password" | "too many";

/** Where credentials count: for one realm of servers, or of proxies. */
interface Space {
  readonly header: "Authorization" | "Proxy-Authorization";
  readonly identity: DigestIdentity;
  readonly algorithm: DigestAlgorithm;
  readonly session: boolean;
  readonly qop: "auth" | "auth-int" | undefined;
  readonly challenge: Challenge;
  readonly cnonce: string;
  readonly ha1: string;
  /** Requests sent with this nonce. */
  count: number;
}

const fields = [
  ["www-authenticate", "Authorization"],
  ["proxy-authenticate", "Proxy-Authorization"],
] as const;

/** Realms that one peer can make us remember. */
const maxSpaces = 16;
/** Challenges to one request: each of a row of proxies may have its own, and each may call a nonce stale. */
const maxChallenges = 6;
const nothing = new Uint8Array(0);

/** What a user agent knows of those who challenge it. One for each call or registration, or for several of one identity. */
export class DigestClient {
  readonly #options: DigestClientOptions;
  readonly #spaces = new Map<string, Space>();

  constructor(options: DigestClientOptions) {
    this.#options = options;
  }

  /** One request, with all the times that it is sent again because of a challenge. */
  attempt(): DigestAttempt {
    return new DigestAttempt(this.#options, this.#spaces);
  }
}

export class DigestAttempt {
  readonly #options: DigestClientOptions;
  readonly #spaces: Map<string, Space>;
  /** The nonces that this request has been sent with. */
  readonly #used = new Map<string, string>();
  /** Realms whose challenge was made for this very request, and answered. */
  readonly #answered = new Set<string>();
  #challenges = 0;

  constructor(options: DigestClientOptions, spaces: Map<string, Space>) {
    this.#options = options;
    this.#spaces = spaces;
  }

  /**
   * The header lines to send the request with, now: none before the first challenge.
   * @param uri the Request-URI
   * @param body only where a server insists on covering it
   */
  headers(method: string, uri: string, body: Uint8Array = nothing): HeaderList {
    const headers: [string, string][] = [];
    for (const [key, space] of this.#spaces) {
      this.#used.set(key, space.challenge.nonce);
      headers.push([space.header, this.#credentials(space, method, uri, body)]);
    }
    return headers;
  }

  /**
   * Takes the challenges of a 401 or 407. Undefined: send the request again, with a higher CSeq and `headers`. Otherwise
   * the response is final.
   */
  challenged(response: Response): ChallengeFailure | undefined {
    if (++this.#challenges > maxChallenges) return "too many";
    let failure: ChallengeFailure = "no challenge";
    let answerable = false;
    for (const [name, header] of fields) {
      const byRealm = Map.groupBy(parseChallenges(response.headers(name)), ({ realm }) => realm);
      for (const [realm, challenges] of byRealm) {
        const one = this.#take(header, realm, challenges);
        if (one === undefined) answerable = true;
        // What people can do something about is told rather than what they cannot.
        else if (failure !== "wrong password") failure = one;
      }
    }
    return answerable ? undefined : failure;
  }

  #take(header: Space["header"], realm: string, challenges: readonly Challenge[]): ChallengeFailure | undefined {
    const best = strongest(challenges);
    if (best === undefined) return "unsupported";
    const { challenge } = best;
    const key = `${header} ${realm}`;
    const used = this.#used.get(key);
    if (used !== undefined && !challenge.stale) {
      // An old nonce may be refused without a word of its age; a fresh one means that the password is wrong.
      if (this.#answered.has(key) || used === challenge.nonce) {
        this.#spaces.delete(key);
        return "wrong password";
      }
    }
    const { identities, hash, random } = this.#options;
    const identity = identities.find((one) => one.realm === realm) ?? identities.find((one) => one.realm === undefined);
    if (identity === undefined) return "no password";
    this.#answered.add(key);
    const known = this.#spaces.get(key);
    if (known?.challenge.nonce === challenge.nonce && known.algorithm === best.algorithm) return undefined;
    if (known === undefined && this.#spaces.size >= maxSpaces) return "too many";
    this.#spaces.set(key, {
      ...best,
      header,
      identity,
      cnonce: random.token(8),
      ha1: computeHa1(hash, best.algorithm, encodeUtf8(identity.user), realm, encodeUtf8(identity.password)),
      count: 0,
    });
    return undefined;
  }

  #credentials(space: Space, method: string, uri: string, body: Uint8Array): string {
    const { challenge, qop, cnonce, algorithm, ha1, session } = space;
    const nc = (++space.count).toString(16).padStart(8, "0");
    const { realm, nonce, opaque } = challenge;
    return formatCredentials({
      username: encodeUtf8(space.identity.user),
      realm,
      nonce,
      uri,
      response: computeResponse(this.#options.hash, {
        algorithm,
        ha1,
        nonce,
        method,
        uri,
        qop,
        nc,
        cnonce,
        body,
        session,
      }),
      algorithm: challenge.algorithm,
      opaque,
      ...(qop === undefined ? (session ? { cnonce } : {}) : { qop, nc, cnonce }),
    });
  }
}

interface Choice {
  challenge: Challenge;
  algorithm: DigestAlgorithm;
  session: boolean;
  qop: "auth" | "auth-int" | undefined;
}

/** The strongest challenge that we understand, the topmost of equals (RFC 8760 §2.4). */
function strongest(challenges: readonly Challenge[]): Choice | undefined {
  let best: Choice | undefined;
  for (const challenge of challenges) {
    const session = challenge.algorithm.toLowerCase().endsWith("-sess");
    const algorithm = digestAlgorithm(session ? challenge.algorithm.slice(0, -5) : challenge.algorithm);
    const qop = challenge.qop?.includes("auth") ? "auth" : challenge.qop?.includes("auth-int") ? "auth-int" : undefined;
    if (algorithm === undefined || (challenge.qop !== undefined && qop === undefined)) continue;
    if (best === undefined || digestAlgorithms.indexOf(algorithm) > digestAlgorithms.indexOf(best.algorithm))
      best = { challenge, algorithm, session, qop };
  }
  return best;
}
