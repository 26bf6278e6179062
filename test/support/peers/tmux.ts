/** A terminal that people sit at: a program in a tmux of its own, what is typed into it, and what its screen shows. */
import { join } from "node:path";
import { temporaryFolder } from "./folder.ts";
import { Program, ProgramError } from "./program.ts";

export class Tmux {
  readonly #folder: string;
  readonly #server: Program;

  private constructor(folder: string, server: Program) {
    this.#folder = folder;
    this.#server = server;
  }

  static async start(): Promise<Tmux> {
    const folder = temporaryFolder("tmux", { "tmux.conf": "set -g exit-empty off\n" });
    // In the foreground, so that it ends with the test.
    const server = new Program({ command: ["tmux", "-S", join(folder, "s"), "-f", join(folder, "tmux.conf"), "-D"] });
    const tmux = new Tmux(folder, server);
    for (let tries = 0; tries < 100 && tmux.#run("has-session").text.includes("error connecting"); tries++)
      await Bun.sleep(50);
    return tmux;
  }

  /** Runs a line of sh in a new terminal. */
  open(name: string, command: string): void {
    const { ok, text } = this.#run("new-session", "-d", "-s", name, "-x", "100", "-y", "24", `${command}; sleep 60`);
    if (!ok) throw new ProgramError(`tmux cannot open a terminal: ${text}`);
  }

  /** Types a text and Enter, or with `key` only a key of that name, such as C-c. */
  type(name: string, text: string, key = "Enter"): void {
    if (text !== "") this.#run("send-keys", "-t", `${name}:`, "-l", text);
    if (key !== "") this.#run("send-keys", "-t", `${name}:`, key);
  }

  /** The lines that are seen. */
  screen(name: string): string {
    return this.#run("capture-pane", "-p", "-t", `${name}:`).text.trimEnd();
  }

  /** The screen, once it shows this. @throws ProgramError when it does not within `ms` */
  async shows(name: string, pattern: RegExp, ms = 10_000): Promise<string> {
    const end = performance.now() + ms;
    for (;;) {
      const seen = this.screen(name);
      if (pattern.test(seen)) return seen;
      if (performance.now() > end) throw new ProgramError(`the terminal never showed ${pattern}, but:\n${seen}`);
      await Bun.sleep(50);
    }
  }

  async stop(): Promise<void> {
    this.#run("kill-server");
    await this.#server.stop();
  }

  #run(...args: string[]): { ok: boolean; text: string } {
    const done = Bun.spawnSync(["tmux", "-S", join(this.#folder, "s"), ...args]);
    return { ok: done.exitCode === 0, text: `${done.stdout}${done.stderr}` };
  }
}
