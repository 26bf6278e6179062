/** ECMAScript's notation for regular expressions, without what needs backtracking, read into a tree. */

export type Node =
  | { type: "one"; accepts: (code: number) => boolean }
  | { type: "assert"; what: "start" | "end" | "boundary" | "inside" }
  | { type: "sequence"; items: Node[] }
  | { type: "either"; left: Node; right: Node }
  | { type: "group"; index: number; body: Node }
  /** `firstGroup` … `lastGroup` are the groups inside (none when last < first). */
  | { type: "repeat"; body: Node; min: number; max: number; lazy: boolean; firstGroup: number; lastGroup: number };

export interface RegexFault {
  ok: false;
  reason: string;
  /** Offset in the source. */
  at: number;
}

const maxSource = 1000;
const maxNesting = 50;

/** Inclusive ranges of UTF-16 code units. */
type Ranges = [first: number, last: number][];
const digits: Ranges = [[0x30, 0x39]];
const words: Ranges = [[0x30, 0x39], [0x41, 0x5a], [0x5f, 0x5f], [0x61, 0x7a]]; // biome-ignore format: one line reads best
const spaces: Ranges = [[9, 13], [32, 32], [0xa0, 0xa0], [0x1680, 0x1680], [0x2000, 0x200a], [0x2028, 0x2029], [0x202f, 0x202f], [0x205f, 0x205f], [0x3000, 0x3000], [0xfeff, 0xfeff]]; // biome-ignore format: as above
const lineEnds: Ranges = [[10, 10], [13, 13], [0x2028, 0x2029]]; // biome-ignore format: as above
const controls: Readonly<Record<string, number>> = { t: 9, n: 10, v: 11, f: 12, r: 13, "0": 0 };

class Fault extends Error {
  readonly at: number;
  constructor(reason: string, at: number) {
    super(reason);
    this.at = at;
  }
}

export function parseRegex(source: string, ignoreCase: boolean): { ok: true; node: Node; groups: number } | RegexFault {
  if (source.length > maxSource)
    return { ok: false, reason: `it is longer than ${maxSource} characters`, at: maxSource };
  const parser = new Parser(source, ignoreCase);
  try {
    return { ok: true, node: parser.all(), groups: parser.groups };
  } catch (error) {
    if (error instanceof Fault) return { ok: false, reason: error.message, at: error.at };
    throw error;
  }
}

class Parser {
  groups = 0;
  #at = 0;
  #depth = 0;
  readonly #source: string;
  readonly #ignoreCase: boolean;

  constructor(source: string, ignoreCase: boolean) {
    this.#source = source;
    this.#ignoreCase = ignoreCase;
  }

  all(): Node {
    const node = this.#alternatives();
    if (this.#at < this.#source.length) this.#fail("there is a `)` without its `(`");
    return node;
  }

  #alternatives(): Node {
    const left = this.#sequence();
    if (!this.#take("|")) return left;
    // A loop, not recursion: a thousand alternatives are not a thousand levels.
    const branches = [left];
    do branches.push(this.#sequence());
    while (this.#take("|"));
    return branches.reduceRight((right, branch) => ({ type: "either", left: branch, right }));
  }

  #sequence(): Node {
    const items: Node[] = [];
    for (let next = this.#peek(); next !== "" && next !== "|" && next !== ")"; next = this.#peek())
      items.push(this.#term());
    return { type: "sequence", items };
  }

  #term(): Node {
    const begin = this.#at;
    const firstGroup = this.groups + 1;
    const body = this.#atom();
    const count = this.#quantifier();
    if (count === undefined) return body;
    if (body.type === "assert") this.#fail("there is nothing to repeat here", begin);
    const lazy = this.#take("?");
    if (this.#quantifier() !== undefined) this.#fail("a quantifier follows a quantifier");
    return { type: "repeat", body, ...count, lazy, firstGroup, lastGroup: this.groups };
  }

  #quantifier(): { min: number; max: number } | undefined {
    if (this.#take("*")) return { min: 0, max: Number.POSITIVE_INFINITY };
    if (this.#take("+")) return { min: 1, max: Number.POSITIVE_INFINITY };
    if (this.#take("?")) return { min: 0, max: 1 };
    const counted = /^\{(\d{1,9})(,(\d{0,9}))?\}/.exec(this.#source.slice(this.#at, this.#at + 24));
    if (counted === null) {
      if (this.#peek() === "{") this.#fail("a `{` that is no count such as {2} or {2,4} is written \\{");
      return undefined;
    }
    const min = Number(counted[1]);
    const max = counted[2] === undefined ? min : counted[3] === "" ? Number.POSITIVE_INFINITY : Number(counted[3]);
    if (max < min) this.#fail("the count's numbers are in the wrong order");
    if (min > 1000 || (max > 1000 && max !== Number.POSITIVE_INFINITY)) this.#fail("a count is above 1000");
    this.#at += counted[0].length;
    return { min, max };
  }

  #atom(): Node {
    const char = this.#next();
    switch (char) {
      case "^":
        return { type: "assert", what: "start" };
      case "$":
        return { type: "assert", what: "end" };
      case ".":
        return this.#one(lineEnds, true);
      case "[":
        return this.#class();
      case "(":
        return this.#group();
      case "\\":
        return this.#escape();
      case "*":
      case "+":
      case "?":
      case "{":
        return this.#fail(
          `there is nothing to repeat before \`${char}\`; the character itself is written \\${char}`,
          this.#at - 1,
        );
      case "]":
      case "}":
        return this.#fail(`a lone \`${char}\` is written \\${char}`, this.#at - 1);
      default:
        return this.#one([[char.charCodeAt(0), char.charCodeAt(0)]], false);
    }
  }

  #group(): Node {
    const begin = this.#at - 1;
    if (++this.#depth > maxNesting) this.#fail(`groups are nested more than ${maxNesting} deep`);
    let index = 0;
    if (this.#take("?")) {
      const named = /^<[A-Za-z_]\w*>/.exec(this.#source.slice(this.#at, this.#at + 64));
      if (this.#take(":")) index = 0;
      else if (named !== null) {
        this.#at += named[0].length;
        index = ++this.groups;
      } else this.#fail("lookahead and lookbehind are not supported: they cannot be matched in bounded time", begin);
    } else index = ++this.groups;
    const body = this.#alternatives();
    if (!this.#take(")")) this.#fail("this `(` has no `)`", begin);
    this.#depth--;
    return index === 0 ? { type: "sequence", items: [body] } : { type: "group", index, body };
  }

  #escape(): Node {
    const begin = this.#at - 1;
    const char = this.#peek();
    if (char === "b" || char === "B") {
      this.#at++;
      return { type: "assert", what: char === "b" ? "boundary" : "inside" };
    }
    if (/[1-9k]/.test(char))
      this.#fail("references back to a group are not supported: they cannot be matched in bounded time", begin);
    const { ranges, negated } = this.#escaped();
    return this.#one(ranges, negated);
  }

  /** What follows a backslash, inside a class and out. */
  #escaped(): { ranges: Ranges; negated: boolean } {
    const begin = this.#at - 1;
    const char = this.#next();
    if (char === "") this.#fail("a backslash stands at the end", begin);
    const set = { d: digits, w: words, s: spaces }[char.toLowerCase()];
    if (set !== undefined) return { ranges: set, negated: char !== char.toLowerCase() };
    const code = this.#escapedCode(char, begin);
    return { ranges: [[code, code]], negated: false };
  }

  #escapedCode(char: string, begin: number): number {
    const control = controls[char];
    if (control !== undefined && Object.hasOwn(controls, char)) return control;
    const hex = char === "x" ? 2 : char === "u" ? 4 : 0;
    if (hex > 0) {
      const text = this.#source.slice(this.#at, this.#at + hex);
      if (text.length !== hex || !/^[0-9a-f]+$/i.test(text))
        this.#fail(`\\${char} needs ${hex} hexadecimal digits`, begin);
      this.#at += hex;
      return Number.parseInt(text, 16);
    }
    if (/[A-Za-z0-9]/.test(char)) this.#fail(`\\${char} is no escape that is known here`, begin);
    return char.charCodeAt(0);
  }

  #class(): Node {
    const begin = this.#at - 1;
    const negated = this.#take("^");
    const ranges: Ranges = [];
    const negatedSets: Ranges[] = [];
    while (!this.#take("]")) {
      if (this.#peek() === "") this.#fail("this `[` has no `]`", begin);
      const from = this.#classAtom();
      if (from.negated) negatedSets.push(from.ranges);
      else if (from.code !== undefined && this.#peek() === "-" && this.#peek(1) !== "]" && this.#peek(1) !== "") {
        this.#at++;
        const to = this.#classAtom();
        if (to.code === undefined) this.#fail("a range needs a character on each side", begin);
        else if (to.code < from.code) this.#fail("a range's ends are in the wrong order", begin);
        else ranges.push([from.code, to.code]);
      } else ranges.push(...from.ranges);
    }
    return this.#one(ranges, negated, negatedSets);
  }

  #classAtom(): { ranges: Ranges; negated: boolean; code?: number } {
    const char = this.#next();
    if (char === "\\") {
      if (this.#take("b")) return { ranges: [[8, 8]], negated: false, code: 8 };
      const escaped = this.#escaped();
      const [single] = escaped.ranges;
      const isCode = !escaped.negated && escaped.ranges.length === 1 && single !== undefined && single[0] === single[1];
      return isCode ? { ...escaped, code: single[0] } : escaped;
    }
    const code = char.charCodeAt(0);
    return { ranges: [[code, code]], negated: false, code };
  }

  /** One character of a set. ASCII, which is nearly all there is in an address, is looked up in a table. */
  #one(ranges: Ranges, negated: boolean, negatedSets: readonly Ranges[] = []): Node {
    const within = (code: number) =>
      ranges.some(([from, to]) => code >= from && code <= to) ||
      negatedSets.some((set) => !set.some(([from, to]) => code >= from && code <= to));
    const folded = this.#ignoreCase
      ? (code: number) => within(code) || otherCases(code).some((other) => within(other))
      : within;
    const ascii = Uint8Array.from({ length: 128 }, (_, code) => (folded(code) !== negated ? 1 : 0));
    return { type: "one", accepts: (code) => (code < 128 ? ascii[code] === 1 : folded(code) !== negated) };
  }

  #peek(ahead = 0): string {
    return this.#source.charAt(this.#at + ahead);
  }

  #next(): string {
    return this.#source.charAt(this.#at++);
  }

  #take(char: string): boolean {
    if (this.#peek() !== char) return false;
    this.#at++;
    return true;
  }

  #fail(reason: string, at = this.#at): never {
    throw new Fault(reason, at);
  }
}

function otherCases(code: number): number[] {
  const char = String.fromCharCode(code);
  return [char.toLowerCase(), char.toUpperCase()]
    .filter((other) => other.length === 1)
    .map((other) => other.charCodeAt(0));
}
