/**
 * Takes what is secret out of a SIP message that is to be shown or handed on: passwords, digest responses and nonces, keys of
 * SRTP and ICE, keys that were pressed. Each character of it becomes `*`, so that lengths stay as they were.
 */

const stars = (secret: string) => "*".repeat(secret.length);

/** Header fields that carry digests (RFC 3261 §22), tokens, or credentials for a TURN server. */
const authentication =
  /^(?:proxy-)?(?:authorization|authenticate|authentication-info)$|^www-authenticate$|^ice-server$/i;
/** Of their parameters those that prove something, or help to guess a password. */
const proof =
  /\b(response|nonce|cnonce|nextnonce|rspauth|opaque|password|credential)(\s*=\s*)("(?:[^"\\]|\\.)*"?|[^\s,;]*)/gi;
/** The password of a URI (RFC 3261 §19.1.1): bounded, since a stranger may write thousands of them. */
const uriPassword = /(sips?:[^\s@:;<>"]{0,256}:)([^\s@<>"]{1,256})(?=@)/gi;

/** `text`: a whole message, one character for each octet. */
export function masked(text: string): string {
  const end = endOfHead(text);
  const head = text.slice(0, end).replace(uriPassword, (_, before: string, secret: string) => before + stars(secret));
  return maskHead(head) + maskBody(text.slice(end), head);
}

function endOfHead(text: string): number {
  const crlf = text.indexOf("\r\n\r\n");
  const lf = text.indexOf("\n\n");
  const ends = [crlf < 0 ? text.length : crlf + 4, lf < 0 ? text.length : lf + 2];
  return Math.min(...ends);
}

function maskHead(head: string): string {
  if (!/authori[sz]ation|authenticat|ice-server/i.test(head)) return head;
  // A line that begins with a blank goes on with the one before (RFC 3261 §7.3.1).
  return head.replace(
    /^([^\s:]{1,64})([ \t]*:)((?:[^\r\n]|\r?\n[ \t]|\r(?!\n))*)/gm,
    (line, name: string, colon: string, value: string) =>
      authentication.test(name) ? name + colon + maskAuthentication(value) : line,
  );
}

function maskAuthentication(value: string): string {
  const scheme = /^\s*([\w-]+)\s+/.exec(value);
  // Basic, Bearer and their like are secrets as a whole.
  if (scheme !== null && scheme[1]?.toLowerCase() !== "digest" && !/=/.test(value.slice(0, scheme[0].length + 16)))
    return scheme[0] + value.slice(scheme[0].length).replace(/[^\s]/g, "*");
  if (scheme !== null && /^(?:basic|bearer)$/i.test(scheme[1] ?? ""))
    return scheme[0] + value.slice(scheme[0].length).replace(/[^\s]/g, "*");
  return value.replace(proof, (_, name: string, equals: string, secret: string) => {
    const quoted = secret.startsWith('"');
    const inner = quoted ? secret.slice(1, secret.endsWith('"') && secret.length > 1 ? -1 : undefined) : secret;
    return `${name}${equals}${quoted ? '"' : ""}${stars(inner)}${secret.slice(inner.length + (quoted ? 1 : 0))}`;
  });
}

/** Lines of SDP with keys: SRTP's (RFC 4568, RFC 4567, the old `k=`) and ICE's (RFC 8839 §5.4). */
const keyLine = /^(a=crypto:|a=ice-pwd:|a=key-mgmt:|k=)([^\r\n]*)/gim;

function maskBody(body: string, head: string): string {
  if (body === "") return body;
  const type = /^(?:content-type|c)[ \t]*:[ \t]*([^\r\n]*)/im.exec(head)?.[1] ?? "";
  if (/application\/dtmf/i.test(type)) return maskKeys(body);
  return body.replace(keyLine, (_, name: string, value: string) => {
    if (name.toLowerCase() !== "a=crypto:") return name + stars(value);
    return name + value.replace(/(inline:)([^\s|;]*)/gi, (_all, inline: string, key: string) => inline + stars(key));
  });
}

/** What a key was, in a body of `application/dtmf-relay` or `application/dtmf`. */
function maskKeys(body: string): string {
  if (!/signal/i.test(body)) return body.replace(/[^\s]/g, "*");
  return body.replace(/(signal\s*=\s*)([^\r\n]*)/gi, (_, name: string, key: string) => name + stars(key));
}
