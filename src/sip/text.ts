/**
 * Octet strings and human text: the message layer keeps one char per octet (latin-1), so that any octets survive;
 * SIP text is UTF-8 (RFC 3261 §7), and these two functions cross the border.
 */

const beyondAscii = /[^\x00-\x7f]/;

/** Human text as an octet string that may be put into a message: one char per UTF-8 octet. Lone surrogates become U+FFFD. */
export function encodeUtf8(text: string): string {
  return beyondAscii.test(text) ? Buffer.from(text, "utf8").toString("latin1") : text;
}

/** An octet string of a message as human text. Octets that are not UTF-8 become U+FFFD. */
export function decodeUtf8(octets: string): string {
  return beyondAscii.test(octets) ? Buffer.from(octets, "latin1").toString("utf8") : octets;
}

/** The same text as a string of its own: a piece that was cut out of a message keeps the whole of it in memory. */
export function ownCopy(octets: string): string {
  return Buffer.from(octets, "latin1").toString("latin1");
}

/** `text` without the spaces, tabs and line ends around it. `trim()` is wrong here: it eats 0xA0, part of many UTF-8 letters. */
export function trimLws(text: string): string {
  let from = 0;
  let to = text.length;
  while (from < to && isLws(text.charCodeAt(from))) from++;
  while (to > from && isLws(text.charCodeAt(to - 1))) to--;
  return from === 0 && to === text.length ? text : text.slice(from, to);
}

/** Is the char space, tab, CR or LF? */
export function isLws(code: number): boolean {
  return code === 0x20 || code === 0x09 || code === 0x0d || code === 0x0a;
}

const tokenChars = new Uint8Array(256).map((_, code) =>
  /[-A-Za-z0-9.!%*_+`'~]/.test(String.fromCharCode(code)) ? 1 : 0,
);

/** RFC 3261 §25.1 `token`. */
export function isToken(text: string): boolean {
  for (let at = 0; at < text.length; at++) if ((tokenChars[text.charCodeAt(at)] ?? 0) === 0) return false;
  return text.length > 0;
}

/** A number of digits alone; beyond 2^32, longer than any message, its exact value does not matter. Undefined: something else. */
export function readNumber(text: string, from: number, to: number): number | undefined {
  let number = 0;
  for (let at = from; at < to; at++) {
    const code = text.charCodeAt(at);
    if (code < 0x30 || code > 0x39) return undefined;
    number = Math.min(number * 10 + code - 0x30, 2 ** 32);
  }
  return from < to ? number : undefined;
}

/** The text of a quoted-string (§25.1) given without its quotes: each backslash pair becomes its second char. */
export function unescapeQuoted(inner: string): string {
  return inner.includes("\\") ? inner.replace(/\\([\s\S])/g, "$1") : inner;
}

/** A quoted-string for `text`; the caller makes sure that it holds no line ends. */
export function quote(text: string): string {
  return `"${text.replace(/["\\]/g, "\\$&")}"`;
}

/** The index after the closing quote of the quoted-string that starts at `from`, or -1 when it is not closed. */
export function endOfQuoted(text: string, from: number): number {
  for (let at = from + 1; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code === 0x5c) at++;
    else if (code === 0x22) return at + 1;
  }
  return -1;
}

/** The index of the comma that ends the list element starting at `from` (commas in quotes and in `<>` do not), or the text's length. */
export function endOfElement(text: string, from: number): number {
  const comma = text.indexOf(",", from);
  if (comma < 0) return text.length;
  // Nearly always there is nothing before it that could hold a comma of its own.
  const quote = text.indexOf('"', from);
  const open = text.indexOf("<", from);
  if ((quote < 0 || quote > comma) && (open < 0 || open > comma)) return comma;
  let angle = false;
  for (let at = from; at < text.length; at++) {
    switch (text.charCodeAt(at)) {
      case 0x22: {
        const end = endOfQuoted(text, at);
        if (end < 0) return text.length;
        at = end - 1;
        break;
      }
      case 0x3c:
        angle = true;
        break;
      case 0x3e:
        angle = false;
        break;
      case 0x2c:
        if (!angle) return at;
    }
  }
  return text.length;
}

/** The elements of a comma-separated list (RFC 3261 §7.3.1); empty elements are kept as "". */
export function splitList(text: string, into: string[] = []): string[] {
  for (let from = 0; from <= text.length; ) {
    const end = endOfElement(text, from);
    into.push(trimLws(text.slice(from, end)));
    from = end + 1;
  }
  return into;
}
