/**
 * The phone's terminal: lines that come and go, what is being typed, and one line that says how it stands. Where there is no
 * terminal lines are read and written plainly.
 */

export interface Screen {
  /** Prints a line above what is being typed. */
  print(line: string): void;
  /** Shows how it stands; nothing where there is no terminal. */
  status(text: string): void;
  /** Puts the terminal back as it was. */
  close(): void;
}

export interface ScreenUser {
  /** A line was typed, or read. */
  line(text: string): void;
  /** Ctrl-C, Ctrl-D; or the end of what is read: `end`. */
  key(key: "interrupt" | "end"): void;
}

/** The longest line that is typed. */
const longestLine = 4096;

/** A screen on a terminal in raw mode: we draw what is typed, so that nothing that arrives breaks it up. */
export class TerminalScreen implements Screen {
  readonly #output: Pick<NodeJS.WriteStream, "write" | "columns">;
  readonly #user: ScreenUser;
  #typed = "";
  #status = "";
  #escape = false;
  #closed = false;

  constructor(output: Pick<NodeJS.WriteStream, "write" | "columns">, user: ScreenUser) {
    this.#output = output;
    this.#user = user;
  }

  /** Takes what was typed, in characters. */
  type(text: string): void {
    for (const char of text) {
      if (this.#escape) {
        // The end of an escape sequence, such as an arrow key: none of them does anything.
        if (/[A-Za-z~]/.test(char) && char !== "[" && char !== "O") this.#escape = false;
        continue;
      }
      this.#key(char);
    }
    this.#draw();
  }

  #key(char: string): void {
    switch (char) {
      case "\x1b":
        this.#escape = true;
        return;
      case "\x03":
        return this.#user.key("interrupt");
      case "\x04":
        if (this.#typed === "") this.#user.key("end");
        return;
      case "\r":
      case "\n": {
        const line = this.#typed;
        this.#typed = "";
        if (line !== "") this.#user.line(line);
        return;
      }
      case "\x7f":
      case "\b":
        this.#typed = [...this.#typed].slice(0, -1).join("");
        return;
      case "\x15":
        this.#typed = "";
        return;
      default:
        if (char >= " " && this.#typed.length < longestLine) this.#typed += char;
    }
  }

  print(line: string): void {
    this.#draw(`\r\x1b[K${line.replaceAll("\n", "\r\n")}\r\n`);
  }

  status(text: string): void {
    if (text === this.#status) return;
    this.#status = text;
    this.#draw();
  }

  close(): void {
    if (this.#closed) return;
    this.#output.write("\r\x1b[K");
    this.#closed = true;
  }

  /** Draws the last line, and `above` before it in the same write: at no moment is what is being typed not seen. */
  #draw(above = ""): void {
    if (this.#closed) return;
    const width = (this.#output.columns ?? 80) - 1;
    const status = this.#status === "" ? "" : `[${this.#status}] `;
    const room = Math.max(10, width - status.length - 2);
    const typed = [...this.#typed].slice(-room).join("");
    this.#output.write(`${above}\r${`${status}> ${typed}`.slice(0, width)}\x1b[K`);
  }
}

/** A screen on the process's own terminal, or on its pipes. */
export function openScreen(user: ScreenUser): Screen {
  const { stdin, stdout } = process;
  if (stdin.isTTY === true && stdout.isTTY === true) {
    const screen = new TerminalScreen(stdout, user);
    const decoder = new TextDecoder();
    stdin.setRawMode(true);
    const take = (octets: Uint8Array) => screen.type(decoder.decode(octets, { stream: true }));
    stdin.on("data", take);
    screen.status("ready");
    return {
      print: (line) => screen.print(line),
      status: (text) => screen.status(text),
      close: () => {
        screen.close();
        stdin.off("data", take);
        stdin.setRawMode(false);
        stdin.pause();
      },
    };
  }
  let rest = "";
  const decoder = new TextDecoder();
  const take = (octets: Uint8Array) => {
    const [head = "", ...others] = decoder.decode(octets, { stream: true }).split("\n");
    rest = (rest + head).slice(0, longestLine);
    for (const other of others) {
      if (rest.trim() !== "") user.line(rest.replace(/\r$/, ""));
      rest = other.slice(0, longestLine);
    }
  };
  const ended = () => user.key("end");
  stdin.on("data", take);
  stdin.on("end", ended);
  stdin.on("error", ended);
  return {
    print: (line) => void stdout.write(`${line}\n`),
    status: () => {},
    close: () => {
      stdin.off("data", take);
      stdin.off("end", ended);
      stdin.pause();
    },
  };
}
