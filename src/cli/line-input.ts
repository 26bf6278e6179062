/** The lines of stdin as they come, cut however they may be sliced; its end is no reason to stop. */
import { type Line, LineSplitter } from "../handlers/process/lines.ts";

/** So many lines at once, then everybody else has a turn: a flood of lines delays no call. */
const linesPerTurn = 20;

/** Gives each line to `take` until the input ends; never throws. Lines longer than `maxOctets` come as `too-long`. */
export async function readLines(
  input: ReadableStream<Uint8Array>,
  maxOctets: number,
  take: (line: Line) => void,
): Promise<void> {
  const lines = new LineSplitter(maxOctets);
  try {
    for await (const chunk of input) {
      let taken = 0;
      for (const line of lines.push(chunk)) {
        if (++taken % linesPerTurn === 0) await new Promise((resolve) => setTimeout(resolve, 1));
        take(line);
      }
    }
  } catch {
    // The terminal is gone, or the pipe is broken: nothing more will come.
  }
  for (const line of lines.end()) take(line);
}
