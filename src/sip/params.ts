/** The `;name=value` parameters of headers (RFC 3261 §25.1 generic-param) and of URIs (uri-parameter). */
import { InvalidHeaderValue } from "./errors.ts";
import { endOfQuoted, isToken, unescapeQuoted } from "./text.ts";

/** Nobody needs more, and what compares parameters pairwise stays cheap. */
const maxParams = 256;

/** Which chars may stand in a name (1) and in an unquoted value (2) of a header's and (4, 8) of a URI's parameter. */
const allowed = new Uint8Array(256).map((_, code) => {
  if (code <= 0x20 || code === 0x7f) return 0;
  const char = String.fromCharCode(code);
  if (code > 0x7f) return 2 | 8;
  return (
    (isToken(char) ? 1 : 0) |
    (`"<>;,`.includes(char) ? 0 : 2) |
    (`"<>;?,@=`.includes(char) ? 0 : 4) |
    (`"<>;?`.includes(char) ? 0 : 8)
  );
});

/**
 * An ordered list of parameters. Names are compared without regard to case; of equal names the first counts.
 * Values are octet strings; those of URIs may hold %-escapes, see `unescapeUri`.
 */
export class Params {
  /** Name as sent, then raw value with its quotes, undefined for a flag; and so on. */
  #list: (string | undefined)[] = [];

  /**
   * The parameters that stand in `text` between the indexes `from` (of the first semicolon) and `to`;
   * undefined when they are malformed or too many. A header's parameters may have white space and quoted values.
   */
  static parse(text: string, from: number, to: number, kind: "header" | "uri"): Params | undefined {
    const params = new Params();
    if (from >= to) return params;
    const list = params.#list;
    const header = kind === "header";
    const nameBit = header ? 1 : 4;
    const valueBit = header ? 2 : 8;
    let at = from;
    while (at < to) {
      if (text.charCodeAt(at) !== 0x3b || list.length === 2 * maxParams) return undefined;
      const start = header ? skipBlanks(text, at + 1, to) : at + 1;
      at = start;
      while (at < to && ((allowed[text.charCodeAt(at)] ?? 0) & nameBit) !== 0) at++;
      // A semicolon with nothing after it is common enough to be let through; empty parameters elsewhere are not.
      if (at === start) return at === to && header ? params : undefined;
      const name = text.slice(start, at);
      if (header) at = skipBlanks(text, at, to);
      if (at >= to || text.charCodeAt(at) !== 0x3d) {
        list.push(name, undefined);
        continue;
      }
      const value = header ? skipBlanks(text, at + 1, to) : at + 1;
      at = value;
      if (header && value < to && text.charCodeAt(value) === 0x22) {
        at = endOfQuoted(text, value);
        if (at < 0 || at > to) return undefined;
      } else {
        while (at < to && ((allowed[text.charCodeAt(at)] ?? 0) & valueBit) !== 0) at++;
      }
      list.push(name, text.slice(value, at));
      if (header) at = skipBlanks(text, at, to);
    }
    return params;
  }

  get size(): number {
    return this.#list.length / 2;
  }

  /** The value of a parameter without its quotes, "" for a flag, undefined when there is none. */
  get(name: string): string | undefined {
    const at = this.#find(name);
    return at < 0 ? undefined : this.#value(at);
  }

  has(name: string): boolean {
    return this.#find(name) >= 0;
  }

  /**
   * Sets or adds a parameter: `undefined` makes a flag, anything else is sent as it is. Returns itself.
   * @throws InvalidHeaderValue when `name` is no token, or `value` neither plain nor a quoted-string (`quote` makes one).
   */
  set(name: string, value?: string): this {
    if (!isToken(name)) throw new InvalidHeaderValue("a parameter name", name);
    if (value !== undefined && !isPlain(value) && !isQuoted(value)) throw new InvalidHeaderValue(name, value);
    const at = this.#find(name);
    if (at < 0) this.#list.push(name, value);
    else this.#list[at + 1] = value;
    return this;
  }

  /** Removes every parameter of that name. */
  delete(name: string): this {
    for (let at = this.#find(name); at >= 0; at = this.#find(name)) this.#list.splice(at, 2);
    return this;
  }

  /** Names as sent, values as `get` gives them. */
  *entries(): Iterable<[name: string, value: string]> {
    for (let at = 0; at < this.#list.length; at += 2) yield [this.#list[at] ?? "", this.#value(at)];
  }

  clone(): Params {
    const copy = new Params();
    copy.#list = this.#list.slice();
    return copy;
  }

  /** The parameters as they are sent, from the first semicolon on; "" when there are none. */
  toString(): string {
    const list = this.#list;
    let text = "";
    for (let at = 0; at < list.length; at += 2) {
      const value = list[at + 1];
      text += value === undefined ? `;${list[at]}` : `;${list[at]}=${value}`;
    }
    return text;
  }

  #value(at: number): string {
    const value = this.#list[at + 1] ?? "";
    return value.charCodeAt(0) === 0x22 ? unescapeQuoted(value.slice(1, -1)) : value;
  }

  #find(name: string): number {
    const list = this.#list;
    for (let at = 0; at < list.length; at += 2) if (list[at] === name) return at;
    const lower = name.toLowerCase();
    for (let at = 0; at < list.length; at += 2) {
      const own = list[at];
      if (own !== undefined && own.length === lower.length && own.toLowerCase() === lower) return at;
    }
    return -1;
  }
}

function skipBlanks(text: string, at: number, to: number): number {
  while (at < to && (text.charCodeAt(at) === 0x20 || text.charCodeAt(at) === 0x09)) at++;
  return at;
}

function isPlain(value: string): boolean {
  for (let at = 0; at < value.length; at++) if (((allowed[value.charCodeAt(at)] ?? 0) & 2) === 0) return false;
  return true;
}

function isQuoted(value: string): boolean {
  return /^"[^\0\r\n\u0100-\uffff]*$/.test(value) && endOfQuoted(value, 0) === value.length;
}
