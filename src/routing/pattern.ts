/** What `to:`, `from:` and `dial:` of the configuration say: globs, or /regular expressions/, over `user@host`. */
import { compileRegex } from "./regex.ts";

export interface Pattern {
  /** As the configuration wrote it. */
  readonly source: string;
  /** How many groups a match gives besides [0]; 0 for a glob. */
  readonly groups: number;
  /**
   * The groups of the match ([0]: all of it), or undefined when `userAtHost` does not match. The user is compared with
   * case, the host without (RFC 3261 §19.1.4); give both decoded, an IPv6 host with or without brackets. A text without
   * `@` is a user only.
   */
  match(userAtHost: string): PatternMatch | undefined;
}

export type PatternMatch = readonly (string | undefined)[];

export type CompiledPattern = { ok: true; pattern: Pattern } | { ok: false; reason: string };

/** Reads a glob (`*` any run, `?` any one character, `\` takes the next as it is) or `/regular expression/` with flag `i`. */
export function compilePattern(text: string): CompiledPattern {
  if (text === "") return { ok: false, reason: "a pattern cannot be empty; `*` matches everything" };
  return text.startsWith("/") ? compileSlashed(text) : compileGlob(text);
}

/**
 * Puts groups into the template of a redirect: `$1` … `$9`, and `$0` for the whole match. What the peer chose stays
 * within its place: characters that mean something in a URI are escaped (RFC 3261 §25.1, `unreserved`).
 */
export function expandGroups(template: string, match: PatternMatch): string {
  return template.replace(/\$(\d)/g, (_, digit: string) => escapeForUri(match[Number(digit)] ?? ""));
}

/** The highest group that a template names; 0 when none. */
export function highestGroup(template: string): number {
  return [...template.matchAll(/\$(\d)/g)].reduce((highest, [, digit]) => Math.max(highest, Number(digit)), 0);
}

function escapeForUri(text: string): string {
  return [...new TextEncoder().encode(text)]
    .map((octet) => {
      const char = String.fromCharCode(octet);
      return /[A-Za-z0-9\-_.!~*'()+]/.test(char) ? char : `%${octet.toString(16).toUpperCase().padStart(2, "0")}`;
    })
    .join("");
}

function compileSlashed(text: string): CompiledPattern {
  const end = text.lastIndexOf("/");
  if (end === 0) return { ok: false, reason: "a regular expression ends with a second `/`, as in /^00(\\d+)@/" };
  const flags = text.slice(end + 1);
  if (flags !== "" && flags !== "i")
    return { ok: false, reason: `the only flag after the last \`/\` is i; found “${flags}”` };
  const compiled = compileRegex(text.slice(1, end), flags === "i");
  if (!compiled.ok)
    return { ok: false, reason: `${compiled.reason} (at character ${compiled.at + 1} of the expression)` };
  const { regex } = compiled;
  return {
    ok: true,
    pattern: {
      source: text,
      groups: regex.groups,
      match: (userAtHost) => {
        const { user, host } = split(userAtHost);
        return regex.match(host === undefined ? user : `${user}@${host}`);
      },
    },
  };
}

/** A piece of a glob: a character, or one of the two wildcards. */
const anyRun = Symbol("*");
const anyOne = Symbol("?");
type Piece = string | typeof anyRun | typeof anyOne;

function compileGlob(text: string): CompiledPattern {
  if (text.length > 1000) return { ok: false, reason: "a glob cannot be longer than 1000 characters" };
  const pieces: Piece[] = [];
  let at: number | undefined;
  for (let i = 0; i < text.length; i++) {
    const char = text.charAt(i);
    if (char === "\\") {
      if (++i === text.length)
        return { ok: false, reason: "a backslash stands at the end; it takes the next character as it is" };
      pieces.push(text.charAt(i));
    } else {
      if (char === "@") at = pieces.length;
      pieces.push(char === "*" ? anyRun : char === "?" ? anyOne : char);
    }
  }
  const user = globOver(at === undefined ? pieces : pieces.slice(0, at));
  if (at === undefined) return asPattern(text, (address) => user(address.user));
  const rest = pieces.slice(at + 1).map((piece) => (typeof piece === "string" ? piece.toLowerCase() : piece));
  if (rest.length === 0) return { ok: false, reason: "the host after `@` is missing; `@*` matches any" };
  const host = globOver(rest[0] === "[" && rest.at(-1) === "]" ? rest.slice(1, -1) : rest);
  return asPattern(text, (address) => address.host !== undefined && user(address.user) && host(address.host));
}

function asPattern(
  source: string,
  accepts: (address: { user: string; host: string | undefined }) => boolean,
): CompiledPattern {
  const match = (userAtHost: string) => (accepts(split(userAtHost)) ? [userAtHost] : undefined);
  return { ok: true, pattern: { source, groups: 0, match } };
}

/** The last `@` divides: a user may hold one (escaped in the URI), a host cannot. */
function split(userAtHost: string): { user: string; host: string | undefined } {
  const at = userAtHost.lastIndexOf("@");
  if (at < 0) return { user: userAtHost, host: undefined };
  const host = userAtHost.slice(at + 1).toLowerCase();
  const bare = host.startsWith("[") && host.endsWith("]") ? host.slice(1, -1) : host;
  return { user: userAtHost.slice(0, at), host: bare };
}

/** Time at most pieces × text: after a mismatch only the last run is made longer. */
function globOver(pieces: readonly Piece[]): (text: string) => boolean {
  const literal = pieces.every((piece) => typeof piece === "string") ? pieces.join("") : undefined;
  if (literal !== undefined) return (text) => text === literal;
  return (text) => {
    let piece = 0;
    let at = 0;
    let run = -1;
    let runEnd = 0;
    while (at < text.length) {
      const wanted = pieces[piece];
      if (wanted === anyRun) {
        run = piece++;
        runEnd = at;
      } else if (wanted === anyOne || wanted === text[at]) {
        piece++;
        at++;
      } else if (run >= 0) {
        piece = run + 1;
        at = ++runEnd;
      } else return false;
    }
    while (pieces[piece] === anyRun) piece++;
    return piece === pieces.length;
  };
}
