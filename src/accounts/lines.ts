/** Lines and columns of a text by index; made only where there is something to tell of. */
import type { Position } from "./rows.ts";

/** Gives the position of an index; the starts of lines are found once. A byte order mark has no column. */
export function lineFinder(text: string): (at: number) => Position {
  let starts: number[] | undefined;
  return (at) => {
    starts ??= findLines(text);
    let [low, high] = [0, starts.length - 1];
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if ((starts[middle] ?? 0) <= at) low = middle;
      else high = middle - 1;
    }
    return { line: low + 1, column: Math.max(1, at - (starts[low] ?? 0) + 1) };
  };
}

function findLines(text: string): number[] {
  const starts = [text.startsWith("\ufeff") ? 1 : 0];
  for (let at = text.indexOf("\n"); at >= 0; at = text.indexOf("\n", at + 1)) starts.push(at + 1);
  return starts;
}
