/** A process as the handler uses it: the little of Bun.spawn that is needed, so that tests can stand in for it. */

export interface Child {
  readonly pid: number;
  readonly stdin: ChildInput;
  readonly stdout: ReadableStream<Uint8Array>;
  readonly stderr: ReadableStream<Uint8Array>;
  /** Resolves when the process is gone. */
  readonly exited: Promise<Exit>;
  /** Signals the process and those it has started (its group); false when there is nobody left. */
  signal(name: "SIGTERM" | "SIGKILL"): boolean;
  /** Whether anybody of the group is left. */
  alive(): boolean;
}

export interface ChildInput {
  /** Undefined when it is taken; a promise when the pipe is full and the caller should wait; throws when it is closed. */
  write(octets: Uint8Array): Promise<void> | undefined;
  end(): void;
}

/** A status, or the name of the signal that ended it. */
export type Exit = { type: "status"; status: number } | { type: "signal"; signal: string };

export interface SpawnOptions {
  cwd: string;
  env: Readonly<Record<string, string>>;
}

/** Starts a program. Throws what the system says (`code`: ENOENT, EACCES, EMFILE, …). */
export type Spawn = (argv: readonly string[], options: SpawnOptions) => Child;

export const spawnChild: Spawn = (argv, { cwd, env }) => {
  const child = Bun.spawn([...argv], {
    cwd,
    env: { ...env },
    stdin: "pipe",
    stdout: "pipe",
    stderr: "pipe",
    // A process group of its own: a signal reaches what the handler has started, and ^C in our terminal reaches only us.
    detached: true,
  });
  return {
    pid: child.pid,
    stdin: {
      write: (octets) => {
        const written = child.stdin.write(octets);
        const flushed = child.stdin.flush();
        if (!(written instanceof Promise) && !(flushed instanceof Promise)) return undefined;
        return Promise.all([written, flushed]).then(() => {});
      },
      end: () => {
        try {
          const ended: unknown = child.stdin.end();
          if (ended instanceof Promise) ended.catch(() => {});
        } catch {
          // It was closed already.
        }
      },
    },
    stdout: child.stdout,
    stderr: child.stderr,
    exited: child.exited.then(
      (status): Exit =>
        child.signalCode === null ? { type: "status", status } : { type: "signal", signal: String(child.signalCode) },
    ),
    signal: (name) => signalGroup(child.pid, name),
    alive: () => signalGroup(child.pid, 0),
  };
};

function signalGroup(pid: number, signal: "SIGTERM" | "SIGKILL" | 0): boolean {
  try {
    process.kill(-pid, signal);
    return true;
  } catch {
    return false;
  }
}
