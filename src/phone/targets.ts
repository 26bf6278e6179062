/** Whom the filter calls: from arguments, or from lines, each a URI and, after tabs, variables for the call's handler. */

export interface Target {
  readonly uri: string;
  /** From `name=value`; other columns are `1`, `2`, and so on by their place. */
  readonly variables: Readonly<Record<string, string>>;
}

/** Longer lines are cut: no URI and no variables of anybody's need them. */
const longestLine = 65_536;
const mostColumns = 64;

/** Reads one line; undefined for an empty one and a comment, which begins with `#`. */
export function readTarget(line: string): Target | undefined {
  const [first = "", ...columns] = line.replace(/\r$/, "").split("\t", mostColumns + 1);
  const uri = first.trim();
  if (uri === "" || uri.startsWith("#")) return undefined;
  const variables = columns.map((column, index): [string, string] => {
    const [, name, value] = /^([A-Za-z_]\w{0,63})=(.*)$/s.exec(column) ?? [];
    return name === undefined || value === undefined ? [String(index + 1), column] : [name, value];
  });
  return { uri, variables: Object.fromEntries(variables) };
}

/** The lines of a stream, without their ends. What is longer than a line may be is cut; nothing is read ahead of need. */
export async function* lines(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<string> {
  const decoder = new TextDecoder();
  let rest = "";
  for await (const chunk of chunks) {
    const [head = "", ...others] = decoder.decode(chunk, { stream: true }).split("\n");
    rest = (rest + head).slice(0, longestLine);
    for (const other of others) {
      yield rest;
      rest = other.slice(0, longestLine);
    }
  }
  rest = (rest + decoder.decode()).slice(0, longestLine);
  if (rest !== "") yield rest;
}

/** The targets that stand in lines. */
export async function* targetsIn(given: AsyncIterable<string>): AsyncGenerator<Target> {
  for await (const line of given) {
    const target = readTarget(line);
    if (target !== undefined) yield target;
  }
}
