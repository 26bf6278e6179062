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
    (`"<>;?,`.includes(char) ? 0 : 8)
  );
});

/**
 * An ordered list of parameters. Names are compared without regard to case; of equal names the first counts.
 * Values are octet strings; those of URIs may hold %-escapes, see `unescape`.
 */
export class Params {
  /** Names as sent. */
  readonly #names: string[] = [];
  /** Raw values, quotes included; undefined for a flag. */
  readonly #values: (string | undefined)[] = [];

  /**
   * The parameters that stand in `text` between the indexes `from` (of the first semicolon) and `to`;
   * undefined when they are malformed or too many. A header's parameters may have white space and quoted values.
   */
  static parse(text: string, from: number, to: number, kind: "header" | "uri"): Params | undefined {
    const params = new Params();
    const nameBit = kind === "header" ? 1 : 4;
    const valueBit = kind === "header" ? 2 : 8;
    const skip = (at: number) => {
      if (kind === "header") while (at < to && (text.charCodeAt(at) === 0x20 || text.charCodeAt(at) === 0x09)) at++;
      return at;
    };
    let at = from;
    while (at < to) {
      if (text.charCodeAt(at) !== 0x3b || params.#names.length === maxParams) return undefined;
      const start = skip(at + 1);
      at = start;
      while (at < to && ((allowed[text.charCodeAt(at)] ?? 0) & nameBit) !== 0) at++;
      if (at === start) return undefined;
      params.#names.push(text.slice(start, at));
      at = skip(at);
      if (text.charCodeAt(at) !== 0x3d || at >= to) {
        params.#values.push(undefined);
        continue;
      }
      const value = skip(at + 1);
      at = value;
      if (kind === "header" && value < to && text.charCodeAt(value) === 0x22) {
        at = endOfQuoted(text, value);
        if (at < 0 || at > to) return undefined;
      } else {
        while (at < to && ((allowed[text.charCodeAt(at)] ?? 0) & valueBit) !== 0) at++;
      }
      params.#values.push(text.slice(value, at));
      at = skip(at);
    }
    return params;
  }

  get size(): number {
    return this.#names.length;
  }

  /** The value of a parameter without its quotes, "" for a flag, undefined when there is none. */
  get(name: string): string | undefined {
    const at = this.#find(name);
    if (at < 0) return undefined;
    const value = this.#values[at] ?? "";
    return value.charCodeAt(0) === 0x22 ? unescapeQuoted(value.slice(1, -1)) : value;
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
    if (at < 0) {
      this.#names.push(name);
      this.#values.push(value);
    } else {
      this.#values[at] = value;
    }
    return this;
  }

  /** Removes every parameter of that name. */
  delete(name: string): this {
    for (let at = this.#find(name); at >= 0; at = this.#find(name)) {
      this.#names.splice(at, 1);
      this.#values.splice(at, 1);
    }
    return this;
  }

  /** Names as sent, values as `get` gives them. */
  *entries(): Iterable<[name: string, value: string]> {
    for (const name of this.#names) yield [name, this.get(name) ?? ""];
  }

  clone(): Params {
    const copy = new Params();
    copy.#names.push(...this.#names);
    copy.#values.push(...this.#values);
    return copy;
  }

  /** The parameters as they are sent, from the first semicolon on; "" when there are none. */
  toString(): string {
    let text = "";
    for (let at = 0; at < this.#names.length; at++) {
      const value = this.#values[at];
      text += value === undefined ? `;${this.#names[at]}` : `;${this.#names[at]}=${value}`;
    }
    return text;
  }

  #find(name: string): number {
    const names = this.#names;
    for (let at = 0; at < names.length; at++) {
      const own = names[at];
      if (own === name) return at;
    }
    const lower = name.toLowerCase();
    return names.findIndex((own) => own.length === lower.length && own.toLowerCase() === lower);
  }
}

function isPlain(value: string): boolean {
  for (let at = 0; at < value.length; at++) if (((allowed[value.charCodeAt(at)] ?? 0) & 2) === 0) return false;
  return true;
}

function isQuoted(value: string): boolean {
  return /^"[^\0\r\n\u0100-\uffff]*$/.test(value) && endOfQuoted(value, 0) === value.length;
}
