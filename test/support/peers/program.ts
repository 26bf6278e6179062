/** A program running beside a test: its lines as they come, waiting for one of them, and an end that is sure to come. */
import { createInterface } from "node:readline";
import { Readable } from "node:stream";

export interface ProgramOptions {
  command: readonly string[];
  cwd?: string;
  env?: Record<string, string | undefined>;
  /** Keep stdin open for `write`; otherwise it is empty. */
  stdin?: boolean;
}

/** It said or did something else than the test waits for; the message carries its last lines. */
export class ProgramError extends Error {
  override name = "ProgramError";
}

interface Waiting {
  pattern: RegExp;
  found: (line: string) => void;
}

export class Program {
  /** What it wrote so far, stdout and stderr apart and together, without line ends. */
  readonly stdout: string[] = [];
  readonly stderr: string[] = [];
  readonly lines: string[] = [];
  readonly pid: number;
  /** Resolves with the exit code (128 + n after signal n) once all output is read. */
  readonly exited: Promise<number>;
  readonly #process: Bun.Subprocess<"pipe" | "ignore", "pipe", "pipe">;
  readonly #name: string;
  #waiting: Waiting[] = [];
  #over = false;

  constructor(options: ProgramOptions) {
    this.#name = options.command[0] ?? "";
    this.#process = Bun.spawn([...options.command], {
      stdin: options.stdin ? "pipe" : "ignore",
      stdout: "pipe",
      stderr: "pipe",
      ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
      env: { ...process.env, ...options.env },
    });
    this.pid = this.#process.pid;
    running.add(this);
    const read = Promise.all([
      this.#read(this.#process.stdout, this.stdout),
      this.#read(this.#process.stderr, this.stderr),
    ]);
    this.exited = this.#process.exited.then(async (code) => {
      // A grandchild may hold the pipes open: what is not read shortly after the exit is not waited for.
      await Promise.race([read, Bun.sleep(500)]);
      this.#over = true;
      running.delete(this);
      for (const waiting of this.#waiting) waiting.found("");
      return code;
    });
  }

  async #read(stream: ReadableStream<Uint8Array>, into: string[]): Promise<void> {
    // Node's web stream type and Bun's are the same object at run time.
    const input = Readable.fromWeb(stream as Parameters<typeof Readable.fromWeb>[0]);
    for await (const line of createInterface({ input, crlfDelay: Number.POSITIVE_INFINITY })) {
      into.push(line);
      this.lines.push(line);
      for (const waiting of this.#waiting) if (waiting.pattern.test(line)) waiting.found(line);
    }
  }

  /**
   * The first line, past or to come, that matches `pattern`.
   * @throws ProgramError when none comes within `ms` milliseconds or before the program ends.
   */
  async line(pattern: RegExp, ms = 10_000): Promise<string> {
    const past = this.lines.find((line) => pattern.test(line));
    if (past !== undefined) return past;
    if (this.#over) throw this.#error(`ended without saying ${pattern}`);
    const { promise, resolve } = Promise.withResolvers<string>();
    const waiting = { pattern, found: resolve };
    this.#waiting.push(waiting);
    const timer = setTimeout(() => resolve(""), ms);
    const line = await promise;
    clearTimeout(timer);
    this.#waiting = this.#waiting.filter((other) => other !== waiting);
    if (line === "")
      throw this.#error(this.#over ? `ended without saying ${pattern}` : `did not say ${pattern} in ${ms} ms`);
    return line;
  }

  /** Writes to its stdin (started with `stdin: true`). */
  write(text: string): void {
    const { stdin } = this.#process;
    if (stdin === undefined) throw this.#error("was started without stdin");
    stdin.write(text);
    stdin.flush();
  }

  signal(name: NodeJS.Signals): void {
    this.#process.kill(name);
  }

  /** Resolves with its exit code; ends it with SIGTERM, and 3 s later SIGKILL, if it takes longer than `ms` milliseconds. */
  async finish(ms: number): Promise<number> {
    const timer = setTimeout(() => void this.stop(), ms);
    const code = await this.exited;
    clearTimeout(timer);
    return code;
  }

  async stop(): Promise<number> {
    if (!this.#over) this.#process.kill("SIGTERM");
    const timer = setTimeout(() => this.#process.kill("SIGKILL"), 3000);
    const code = await this.exited;
    clearTimeout(timer);
    return code;
  }

  #error(what: string): ProgramError {
    return new ProgramError(`${this.#name} ${what}. Its last lines:\n${this.lines.slice(-30).join("\n")}`);
  }
}

/** A test run that is interrupted, or fails half-way, leaves no peer behind. */
const running = new Set<Program>();
export function endPrograms(): void {
  for (const program of running) program.signal("SIGKILL");
}
process.on("exit", endPrograms);
