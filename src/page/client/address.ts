/** What somebody typed, as a SIP URI. */

const user = /^[\p{L}\p{N}_.!~*'()&=+$,;?/%#-]{1,128}$/u;
const host = /^(?:[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?|\[[0-9a-f:.]+\])(?::\d{1,5})?(?:;[\w=.;-]{1,100})?$/i;

/**
 * The URI of `typed`: `echo`, `echo@example.com`, `+49 (30) 123-456`, `sip:echo@example.com`. `domain` is called where none was
 * typed. Undefined: it is none.
 */
export function uriOf(typed: string, domain: string): string | undefined {
  const text = typed.trim();
  const [, scheme = "sip", rest = ""] = /^(?:(sips?|tel):)?(.*)$/is.exec(text) ?? [];
  const at = rest.lastIndexOf("@");
  const name = at < 0 ? rest : rest.slice(0, at);
  const where = at < 0 ? domain : rest.slice(at + 1);
  const dialled = /^\+?[\d\s()./-]*\d[\d\s()./-]*$/.test(name) ? name.replace(/[\s()./-]/g, "") : name;
  if (!user.test(dialled) || !host.test(where)) return undefined;
  const escaped = dialled.replace(/[^\w.!~*'()&=+$,;?/%-]/gu, (found) => encodeURIComponent(found));
  return `${scheme.toLowerCase() === "sips" ? "sips" : "sip"}:${escaped}@${where}`;
}

/** A URI as people read it: without its scheme and parameters; only the user where the domain is ours. */
export function shownUri(uri: string, domain: string): string {
  const [, name = "", where = ""] = /^sips?:(?:([^@]*)@)?([^;?>]*)/i.exec(uri) ?? [];
  let readable = name;
  try {
    readable = decodeURIComponent(name);
  } catch {
    // It stays as it is.
  }
  if (readable === "") return where === "" ? uri : where;
  return where === "" || where === domain || where === "anonymous.invalid" ? readable : `${readable}@${where}`;
}
