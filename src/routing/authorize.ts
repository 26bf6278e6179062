/**
 * The authorizer of the receive chain: lets through who knows a password, challenges everybody else (RFC 3261 §22,
 * RFC 8760). Challenges are stateless, and no larger than three times the request where its source may be forged.
 */
import type { Account, Accounts } from "../accounts/index.ts";
import { hash as platformHash, sha256 } from "../hash.ts";
import { type Credentials, formatChallenge, parseCredentials } from "../sip/auth-params.ts";
import {
  computeHa2,
  computeResponse,
  type DigestAlgorithm,
  type DigestInput,
  digestAlgorithm,
  equalInConstantTime,
  type Hash,
} from "../sip/digest.ts";
import type { Nonces } from "../sip/digest-nonce.ts";
import type { Address } from "../sip/flow.ts";
import { canonicalHost } from "../sip/host.ts";
import type { HeaderList, Request } from "../sip/message.ts";
import type { Splice } from "../sip/splice.ts";
import { decodeUtf8, encodeUtf8 } from "../sip/text.ts";
import { isSipUri, isTelUri, parseUri, unescapeUri, uriEquals } from "../sip/uri.ts";
import { type Incoming, isHopByHop, type Receiver } from "./chain.ts";

/**
 * What else an authenticated request has to be; `user` and `realm` are those of the account and the challenge.
 *
 * @example
 * const byDay: AuthorizeFilter = (_, user) => user !== "day" || new Date().getHours() > 6;
 */
export type AuthorizeFilter = (incoming: Incoming, user: string, realm: string) => boolean;

/** From has the authenticated user. */
const fromIsAuthUser: AuthorizeFilter = ({ request }, user) => {
  const { uri } = request.from;
  return isSipUri(uri) && uri.user !== undefined && decodeUtf8(unescapeUri(uri.user)) === user;
};

/** From is of the realm, or of a domain below it. */
const fromIsRealm: AuthorizeFilter = ({ request }, _user, realm) => {
  const { uri } = request.from;
  if (!isSipUri(uri)) return false;
  const host = canonicalHost(uri.host);
  const wanted = canonicalHost(realm);
  return host === wanted || host.endsWith(`.${wanted}`);
};

/** To and From name the same address: nobody registers somebody else. */
const toIsFrom: AuthorizeFilter = ({ request }) => {
  const [to, from] = [request.to.uri, request.from.uri];
  if (!isSipUri(to) || !isSipUri(from)) return uriEquals(to, from);
  return (
    unescapeUri(to.user ?? "") === unescapeUri(from.user ?? "") && canonicalHost(to.host) === canonicalHost(from.host)
  );
};

export const authorizeFilters = {
  "from-is-auth-user": fromIsAuthUser,
  "from-is-realm": fromIsRealm,
  "to-is-from": toIsFrom,
} as const satisfies Record<string, AuthorizeFilter>;
export type AuthorizeFilterName = keyof typeof authorizeFilters;

/**
 * What became of a request: it had no credentials for us; its nonce was old, or none of ours; its user is unknown, disabled, or its
 * password wrong; a filter refused it; it was let through.
 */
export type AuthorizeOutcome = "challenged" | "stale" | "wrong" | "forbidden" | "accepted";

export interface AuthorizerOptions {
  readonly accounts: Accounts;
  /** The realm of challenges to a request, such as its domain. Without line ends. */
  readonly realm: (request: Request) => string;
  /** In which domain the user is looked for; the realm by default. */
  readonly domain?: ((request: Request) => string) | undefined;
  readonly nonces: Nonces;
  /**
   * In order of preference, at least one; MD5 alone by default. baresip 1.0 gives up where any challenge asks for another one,
   * SIPp 3.6 where the first does, Linphone 5.1 where SHA-512-256 is the first that it sees.
   */
  readonly algorithms?: readonly DigestAlgorithm[] | undefined;
  /** 401 with WWW-Authenticate, 407 with Proxy-Authenticate, or, by default, the one for REGISTER and the other for the rest. */
  readonly kind?: "www" | "proxy" | "by-method" | undefined;
  /** All of them must hold, or the answer is 403. Names of `authorizeFilters`, or functions. */
  readonly filters?: readonly (AuthorizeFilterName | AuthorizeFilter)[] | undefined;
  /** Whether a host is ours: the uri of credentials may name it where the Request-URI names another host. */
  readonly isOwn?: ((host: string) => boolean) | undefined;
  /** Takes digests without qop, as of RFC 2069: then each nonce is good for one request. */
  readonly withoutQop?: boolean | undefined;
  /** Is told of each request. `user` is what was claimed; it may be anything. */
  readonly tell?:
    | ((event: {
        source: string;
        user: string | undefined;
        outcome: AuthorizeOutcome;
        /** The source is no forged address: it has a connection, or received our challenge. */
        proved: boolean;
      }) => void)
    | undefined;
  /** The platform's by default. */
  readonly hash?: Hash | undefined;
}

/** Removes the credentials that an authorizer has taken from a request that is sent on (RFC 3261 §22.3). */
export function withoutOwnCredentials(splice: Splice, incoming: Incoming): void {
  const lines = incoming.authenticated?.lines;
  if (lines !== undefined) for (const line of lines) splice.remove(line);
}

/**
 * Removes what is for proxies of realms that are ours: for requests that come by no authorizer. Phones put the credentials of
 * an INVITE into its ACK and whatever follows in the dialog, and who gets them can try passwords on them.
 */
export function withoutCredentialsFor(isOurs: (realm: string) => boolean, splice: Splice, request: Request): void {
  const { lines } = request;
  const name = "proxy-authorization";
  for (let line = lines.find(name); line >= 0; line = lines.find(name, line)) {
    const credentials = parseCredentials(lines.value(line));
    if (credentials !== undefined && isOurs(credentials.realm)) splice.remove(line);
  }
}

/** Credentials for one realm that are looked at; each costs three hash operations. */
const maxCredentials = 4;
/** What a response has beyond what it copies from the request: status line, tag, received and rport, Content-Length. */
const responseOverhead = 150;
/** Stands for the password where there is none: nobody gets in with it. */
const noPassword = "no such password";

type Verdict = { outcome: "wrong" | "stale" | "right"; user: string; proved: boolean; lines?: readonly number[] };

/**
 * A receiver that passes requests with right credentials, which it notes in `authenticated`, and takes all others. ACK and
 * CANCEL pass as they are: nobody can challenge them (RFC 3261 §22.1).
 */
export function authorizer(options: AuthorizerOptions): Receiver {
  const one = new Authorizer(options);
  return (incoming) => one.receive(incoming);
}

class Authorizer {
  readonly #options: AuthorizerOptions;
  readonly #algorithms: readonly DigestAlgorithm[];
  readonly #filters: readonly AuthorizeFilter[];
  readonly #hash: Hash;
  #lastHa2 = { algorithm: "", method: "", uri: "", ha2: "" };
  /** Octets of challenges with all algorithms, and with the last alone, but for the realm. */
  readonly #size: { all: number; least: number };

  constructor(options: AuthorizerOptions) {
    const { algorithms = ["MD5"], filters = [], nonces } = options;
    if (algorithms.length === 0) throw new RangeError("an authorizer needs at least one algorithm");
    this.#options = options;
    this.#algorithms = algorithms;
    this.#filters = filters.map((filter) => (typeof filter === "string" ? authorizeFilters[filter] : filter));
    this.#hash = options.hash ?? platformHash;
    const line = "Proxy-Authenticate: \r\n".length + nonces.make("").length + 16;
    const octets = algorithms.map((algorithm) => line + challengeText("", "", algorithm, true).length);
    this.#size = { all: octets.reduce((sum, one) => sum + one, 0), least: octets.at(-1) ?? 0 };
  }

  receive(incoming: Incoming): boolean {
    const { request, flow } = incoming;
    const { realm: realmOf, kind = "by-method", tell } = this.#options;
    const proxy = kind === "proxy" || (kind === "by-method" && request.method !== "REGISTER");
    const realm = realmOf(request);
    const verdict = this.#judge(incoming, proxy ? "proxy-authorization" : "authorization", realm);
    if (isHopByHop(request)) return false;
    let outcome: AuthorizeOutcome = verdict?.outcome === "right" ? "accepted" : (verdict?.outcome ?? "challenged");
    if (verdict?.outcome === "right") {
      incoming.authenticated = { user: verdict.user, realm, lines: verdict.lines };
      if (!this.#filters.every((filter) => filter(incoming, verdict.user, realm))) outcome = "forbidden";
    }
    tell?.({
      source: flow.remote.host,
      user: verdict?.user,
      outcome,
      proved: flow.reliable || verdict?.proved === true,
    });
    if (outcome === "accepted") return false;
    if (outcome === "forbidden") incoming.tx.respondStateless(403);
    else this.#challenge(incoming, proxy, realm, outcome === "stale");
    return true;
  }

  /** What the credentials for our realm are worth; undefined when there are none. */
  #judge(incoming: Incoming, header: string, realm: string): Verdict | undefined {
    const { request } = incoming;
    const { lines } = request;
    let line = lines.find(header);
    if (line < 0) return undefined;
    let verdict: Verdict | undefined;
    const own: number[] = [];
    for (; line >= 0; line = lines.find(header, line)) {
      const credentials = parseCredentials(lines.value(line));
      if (credentials === undefined || credentials.realm !== realm) continue;
      own.push(line);
      // An empty response asks for a challenge (RFC 8760 §2.7).
      if (credentials.response === "" || own.length > maxCredentials || isHopByHop(request)) continue;
      if (verdict?.outcome === "right") continue;
      const one = this.#check(incoming, credentials);
      if (verdict === undefined || one.outcome !== "wrong") verdict = one;
    }
    if (verdict?.outcome === "right") verdict.lines = own;
    return verdict;
  }

  #check({ request, flow }: Incoming, credentials: Credentials): Verdict {
    const { nonces } = this.#options;
    const { nonce, realm, qop, nc = "" } = credentials;
    const claimed = decodeUtf8(credentials.username);
    // Whatever the password: over UDP a wrong one counts for nobody here, and a right one would tell who guesses that it is.
    if (!flow.reliable && !nonces.isOurs(nonce, realm)) return { outcome: "stale", user: claimed, proved: false };
    const account = this.#accountOf(request, credentials, claimed);
    if (account === undefined)
      return { outcome: "wrong", user: claimed, proved: nonces.wasSentTo(nonce, flow.remote.host) };
    const count = qop === undefined ? 0 : (readCount(nc) ?? 0);
    const use = nonces.use(nonce, realm, count, markOf(request, flow.remote));
    return { outcome: use === "ok" ? "right" : "stale", user: account.user, proved: true };
  }

  /**
   * Whose right credentials these are. Unknown, disabled and known users take the same hash operations and end in the same
   * answer, whether a password or its hash is stored (R9). What ends earlier, and whether HA2 has to be computed, depends on
   * what was sent alone.
   */
  #accountOf(request: Request, credentials: Credentials, claimed: string): Account | undefined {
    const { username, realm, response, nonce, uri, cnonce = "", nc = "" } = credentials;
    const algorithm = digestAlgorithm(credentials.algorithm);
    if (algorithm === undefined || !this.#algorithms.includes(algorithm) || credentials.userhash) return undefined;
    const qop = qopOf(credentials.qop);
    if (qop === "other" || (qop === "none" && this.#options.withoutQop !== true)) return undefined;
    if (qop !== "none" && (cnonce === "" || readCount(nc) === undefined)) return undefined;
    if (!this.#isFor(uri, request)) return undefined;
    const account = this.#find(claimed, this.#options.domain?.(request) ?? realm);
    const stored = account?.ha1?.[algorithm];
    const password = account?.password;
    const computed = this.#hash(
      algorithm,
      `${username}:${realm}:${password === undefined ? noPassword : encodeUtf8(password)}`,
    );
    const { method, body } = request;
    const ha1 = stored ?? computed;
    const input: DigestInput = { algorithm, ha1, nonce, method, uri, qop: named(qop), nc, cnonce, body };
    const right = equalInConstantTime(computeResponse(this.#hash, input, this.#ha2(input)), response.toLowerCase());
    return account === undefined || account.disabled || !account.knows(algorithm) || !right ? undefined : account;
  }

  /** The last one is kept: all phones of a domain register with one URI. */
  #ha2(input: DigestInput): string {
    const { algorithm, method, uri, qop } = input;
    const last = this.#lastHa2;
    const same = last.algorithm === algorithm && last.method === method && last.uri === uri;
    if (same && qop !== "auth-int") return last.ha2;
    const ha2 = computeHa2(this.#hash, input);
    if (qop !== "auth-int") this.#lastHa2 = { algorithm, method, uri, ha2 };
    return ha2;
  }

  /** Some phones give their whole address as the user name. */
  #find(claimed: string, domain: string): Account | undefined {
    const { accounts } = this.#options;
    const at = claimed.lastIndexOf("@");
    const whole = accounts.find(claimed, domain);
    if (at < 0 || claimed.slice(at + 1).toLowerCase() !== domain.toLowerCase()) return whole;
    return accounts.find(claimed.slice(0, at), domain) ?? whole;
  }

  /**
   * Whether credentials with this uri may stand in this request (RFC 8760 §2.6.6). Proxies on the way may have changed host,
   * port and parameters of the Request-URI; who is called may not change. A user is missing from the uri of simple clients.
   */
  #isFor(text: string, request: Request): boolean {
    if (text === request.uri) return true;
    const uri = parseUri(text);
    const { target } = request;
    if (uri === undefined || target === undefined) return false;
    if (!isSipUri(uri)) return uriEquals(uri, target);
    const user = uri.user === undefined ? undefined : unescapeUri(uri.user);
    if (isTelUri(target)) return user === target.number;
    if (!isSipUri(target)) return false;
    if (user !== undefined && (target.user === undefined || user !== unescapeUri(target.user))) return false;
    return canonicalHost(uri.host) === canonicalHost(target.host) || this.#options.isOwn?.(uri.host) === true;
  }

  #challenge({ request, flow, tx }: Incoming, proxy: boolean, realm: string, stale: boolean): void {
    let algorithms = this.#algorithms;
    if (!flow.reliable) {
      // R7: over UDP the source may be forged, and at most three octets go there for each that came.
      const room = 2 * request.bytes().length - responseOverhead;
      if (room < this.#size.all + algorithms.length * realm.length) algorithms = algorithms.slice(-1);
      if (room < this.#size.least + realm.length) return tx.respondStateless(403);
    }
    const name = proxy ? "Proxy-Authenticate" : "WWW-Authenticate";
    const nonce = this.#options.nonces.make(realm, flow.remote.host);
    const headers: HeaderList = algorithms.map((algorithm) => [name, challengeText(realm, nonce, algorithm, stale)]);
    tx.respondStateless(proxy ? 407 : 401, { headers });
  }
}

const digest = new Uint32Array(8);
/** For datagrams; what is longer came by a connection. */
const marked = Buffer.allocUnsafeSlow(66_000);

/** Tells a request from all others, and from itself out of another hand: one digest over its source and its octets. */
function markOf(request: Request, { host, port }: Address): Uint32Array {
  const octets = request.bytes();
  const source = `${host} ${port} `;
  const length = source.length + octets.length;
  const room = length <= marked.length ? marked : Buffer.allocUnsafeSlow(length);
  room.write(source, 0, "latin1");
  room.set(octets, source.length);
  sha256(room.subarray(0, length), digest);
  return digest;
}

function challengeText(realm: string, nonce: string, algorithm: DigestAlgorithm, stale: boolean): string {
  return formatChallenge({ realm, nonce, algorithm, qop: "auth", stale });
}

function qopOf(text: string | undefined): "auth" | "auth-int" | "none" | "other" {
  if (text === undefined) return "none";
  const qop = text.toLowerCase();
  return qop === "auth" || qop === "auth-int" ? qop : "other";
}

function named(qop: "auth" | "auth-int" | "none"): "auth" | "auth-int" | undefined {
  return qop === "none" ? undefined : qop;
}

/** `nc`: eight hexadecimal digits (RFC 7616 §3.4), from 1 on. */
function readCount(nc: string): number | undefined {
  if (nc.length !== 8) return undefined;
  let count = 0;
  for (let at = 0; at < 8; at++) {
    const code = nc.charCodeAt(at);
    if (code >= 0x30 && code <= 0x39) count = count * 16 + code - 0x30;
    else if (code >= 0x61 && code <= 0x66) count = count * 16 + code - 0x57;
    else if (code >= 0x41 && code <= 0x46) count = count * 16 + code - 0x37;
    else return undefined;
  }
  return count === 0 ? undefined : count;
}
