/** The digest calculation (RFC 7616 §3.4, RFC 8760): from what both sides know to the `response`. */

/** The algorithms of RFC 8760, weakest first. */
export const digestAlgorithms = ["MD5", "SHA-256", "SHA-512-256"] as const;
export type DigestAlgorithm = (typeof digestAlgorithms)[number];

/**
 * The digest of an octet string in lower-case hexadecimal digits. This folder computes none itself: the platform's are
 * faster (see src/hash.ts). "SHA-512-256" is that of FIPS 180-4, not SHA-512 cut short as RFC 7616 §3.9.2 has it.
 */
export type Hash = (algorithm: DigestAlgorithm, octets: string) => string;

/** The algorithm of that name, in whatever case, or undefined; "MD5" when there is none (RFC 7616 §3.3). */
export function digestAlgorithm(name: string | undefined): DigestAlgorithm | undefined {
  if (name === undefined || name === "MD5") return "MD5";
  return digestAlgorithms.find((known) => known === name) ?? ofAnyCase(name);
}

function ofAnyCase(name: string): DigestAlgorithm | undefined {
  const upper = name.toUpperCase();
  return digestAlgorithms.find((known) => known === upper);
}

/** H(username ":" realm ":" password): all that a server needs to keep. Octet strings. */
export function computeHa1(
  hash: Hash,
  algorithm: DigestAlgorithm,
  username: string,
  realm: string,
  password: string,
): string {
  return hash(algorithm, `${username}:${realm}:${password}`);
}

export interface DigestInput {
  readonly algorithm: DigestAlgorithm;
  /** See `computeHa1`. */
  readonly ha1: string;
  readonly nonce: string;
  readonly method: string;
  readonly uri: string;
  /** Undefined: the calculation of RFC 2069, which knows neither nc nor cnonce. */
  readonly qop: "auth" | "auth-int" | undefined;
  /** As sent: eight hexadecimal digits. */
  readonly nc: string;
  readonly cnonce: string;
  /** For "auth-int". */
  readonly body: Uint8Array;
  /** The `-sess` variant of the algorithm. */
  readonly session?: boolean;
}

/** H(A2) (RFC 7616 §3.4.3): of method and uri, and for "auth-int" of the body. */
export function computeHa2(hash: Hash, { algorithm, method, uri, qop, body }: DigestInput): string {
  if (qop !== "auth-int") return hash(algorithm, `${method}:${uri}`);
  return hash(algorithm, `${method}:${uri}:${hash(algorithm, octetsOf(body))}`);
}

/** The `response` (RFC 7616 §3.4.1): two hash operations; one more for a session, one more for "auth-int". */
export function computeResponse(hash: Hash, input: DigestInput, ha2: string = computeHa2(hash, input)): string {
  const { algorithm, nonce, nc, cnonce, qop } = input;
  const ha1 = input.session === true ? hash(algorithm, `${input.ha1}:${nonce}:${cnonce}`) : input.ha1;
  return hash(
    algorithm,
    qop === undefined ? `${ha1}:${nonce}:${ha2}` : `${ha1}:${nonce}:${nc}:${cnonce}:${qop}:${ha2}`,
  );
}

function octetsOf(body: Uint8Array): string {
  return body.length === 0 ? "" : Buffer.from(body.buffer, body.byteOffset, body.length).toString("latin1");
}

/** Are both the same? Takes as long for any two of the same length, wherever they differ. */
export function equalInConstantTime(a: string, b: string): boolean {
  if (a.length !== b.length) return false;
  let difference = 0;
  for (let at = 0; at < a.length; at++) difference |= a.charCodeAt(at) ^ b.charCodeAt(at);
  return difference === 0;
}
