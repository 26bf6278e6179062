/** From a position in compiled code back to the author's line. Reads the `mappings` of a source map (ECMA-426) of one source. */

const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/** Generated column, source line and source column of each segment, per generated line; all from 0. */
type Lines = (readonly [column: number, line: number, sourceColumn: number])[][];

export class SourceMap {
  readonly #mappings: string;
  #lines: Lines | undefined;

  constructor(mappings: string) {
    this.#mappings = mappings;
  }

  /** Lines and columns from 1. The position itself when the map does not reach there. */
  original(line: number, column: number): { line: number; column: number } {
    this.#lines ??= decode(this.#mappings);
    const segments = this.#lines[line - 1] ?? [];
    const found = segments.findLast(([at]) => at <= column - 1) ?? segments[0];
    return found === undefined ? { line, column } : { line: found[1] + 1, column: found[2] + 1 };
  }
}

/** `stack` with each `(name:line:column)` of a known module put back to its source. */
export function mapPositions(stack: string, maps: ReadonlyMap<string, SourceMap>): string {
  return stack.replace(/([^\s():]+):(\d+):(\d+)/g, (whole, name: string, line: string, column: string) => {
    const map = maps.get(name);
    if (map === undefined) return whole;
    const at = map.original(Number(line), Number(column));
    return `${name}:${at.line}:${at.column}`;
  });
}

function decode(mappings: string): Lines {
  let line = 0;
  let sourceColumn = 0;
  return mappings.split(";").map((segments) => {
    let column = 0;
    const decoded: [number, number, number][] = [];
    for (const segment of segments.split(",")) {
      const [dColumn, , dLine, dSourceColumn] = numbers(segment);
      if (dColumn === undefined) continue;
      column += dColumn;
      if (dLine === undefined || dSourceColumn === undefined) continue;
      line += dLine;
      sourceColumn += dSourceColumn;
      decoded.push([column, line, sourceColumn]);
    }
    return decoded;
  });
}

/** Base64 VLQ: five bits a character, the lowest first, bit 6 says that more follow, the lowest bit of all is the sign. */
function numbers(segment: string): number[] {
  const decoded: number[] = [];
  let value = 0;
  let shift = 0;
  for (const character of segment) {
    const digit = alphabet.indexOf(character);
    value += (digit & 31) * 2 ** shift;
    if (digit & 32) shift += 5;
    else {
      decoded.push(value % 2 === 1 ? -(value - 1) / 2 : value / 2);
      value = 0;
      shift = 0;
    }
  }
  return decoded;
}
