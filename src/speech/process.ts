/** A speech engine's process: bounded output, an end in time, and little of our environment. */
import { SpeechError } from "./types.ts";

/** Secrets stand in the environment of servers: nothing is inherited but these. */
const inherited = ["PATH", "HOME", "USER", "LANG", "LC_ALL", "LC_CTYPE", "TMPDIR", "LD_LIBRARY_PATH"];
const maxComplaint = 200;

export interface EngineProcess {
  readonly stdin: { write(octets: Uint8Array): void; end(): void };
  readonly stdout: ReadableStream<Uint8Array>;
  /** Resolves when it has ended by itself with status 0. @throws SpeechError `failed` otherwise */
  readonly ended: Promise<void>;
  kill(): void;
}

/** Starts a program. @throws SpeechError `failed` */
export function startEngine(argv: readonly string[], cwd: string): EngineProcess {
  const [program = ""] = argv;
  const env: Record<string, string> = {};
  for (const name of inherited) {
    const value = process.env[name];
    if (value !== undefined) env[name] = value;
  }
  const spawn = () => Bun.spawn([...argv], { cwd, env, stdin: "pipe", stdout: "pipe", stderr: "pipe", detached: true });
  let child: ReturnType<typeof spawn>;
  try {
    child = spawn();
  } catch (error) {
    throw new SpeechError("failed", `${program} cannot be started: ${error instanceof Error ? error.message : error}`);
  }
  let complaint = "";
  const listening = (async () => {
    const decoder = new TextDecoder();
    for await (const chunk of child.stderr) complaint = (complaint + decoder.decode(chunk)).slice(-maxComplaint);
  })().catch(() => {});
  return {
    stdin: {
      write: (octets) => {
        try {
          // What the engine has ended without reading is no loss.
          void Promise.resolve(child.stdin.write(octets)).catch(() => {});
          void Promise.resolve(child.stdin.flush()).catch(() => {});
        } catch {
          // It has ended: `ended` tells.
        }
      },
      end: () => {
        try {
          void Promise.resolve(child.stdin.end()).catch(() => {});
        } catch {
          // As above.
        }
      },
    },
    stdout: child.stdout,
    ended: child.exited.then(async (status) => {
      if (status === 0) return;
      await Promise.race([listening, Bun.sleep(100)]);
      const why =
        complaint
          .trim()
          .split("\n")
          .at(-1)
          ?.replace(/[\x00-\x1f\x7f]/g, " ") ?? "";
      throw new SpeechError("failed", `${program} ended with status ${status}${why === "" ? "" : `: ${why}`}`);
    }),
    kill: () => {
      try {
        // The group: what the program has started goes with it.
        process.kill(-child.pid, "SIGKILL");
      } catch {
        // There is nobody left.
      }
    },
  };
}

/** All that comes out, up to `limit` octets. @throws SpeechError `failed` beyond */
export async function readAll(stream: ReadableStream<Uint8Array>, limit: number): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of stream) {
    length += chunk.length;
    if (length > limit) throw new SpeechError("failed", `an engine gave more than ${limit} octets`);
    parts.push(chunk);
  }
  return Buffer.concat(parts);
}
