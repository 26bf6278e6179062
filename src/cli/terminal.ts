/** Where a command's results and complaints go. A reader that has gone away is no reason to fail. */

export interface Terminal {
  /** Results: stdout. The text brings its own line ends. */
  print(text: string): void;
  /** Everything else: stderr, one line. */
  complain(line: string): void;
  /** Marks a word on stderr when that is a terminal and NO_COLOR is not set. */
  mark(kind: "error" | "warning", word: string): string;
}

const colours = { error: "\x1b[1;31m", warning: "\x1b[1;33m" };

/** The terminal of this process. Once this was called, a closed stdout or stderr no longer ends the process. */
export function processTerminal(): Terminal {
  for (const stream of [process.stdout, process.stderr]) stream.on("error", () => {});
  const coloured = process.stderr.isTTY === true && !process.env.NO_COLOR && process.env.TERM !== "dumb";
  return {
    print: (text) => write(process.stdout, text),
    complain: (line) => write(process.stderr, `${line}\n`),
    mark: (kind, word) => (coloured ? `${colours[kind]}${word}\x1b[0m` : word),
  };
}

function write(stream: NodeJS.WriteStream, text: string): void {
  try {
    stream.write(text);
  } catch {
    // Nobody reads any more.
  }
}
