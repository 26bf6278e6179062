/** What the whole-program benches share: the server on core 0, its load on core 1, and what the server costs meanwhile. */
import { readdirSync, readFileSync } from "node:fs";
import { type SippOptions, type SippResult, sipp, startSipp } from "../support/peers/sipp.ts";
import { type Server, type ServerOptions, siproc } from "../support/peers/siproc.ts";

export const serverCore = ["taskset", "-c", "0"];
export const loadCore = ["taskset", "-c", "1"];

/** One line of the table. */
export interface Row {
  bench: string;
  subject: string;
  result: string;
  /** Compared with another row of the same bench, or with the target. */
  against?: string;
}

const ticks = Number(Bun.spawnSync(["getconf", "CLK_TCK"]).stdout.toString());

/** The process and all that descend from it. */
function tree(pid: number): number[] {
  const children = entries(`/proc/${pid}/task`).flatMap((task) =>
    read(`/proc/${pid}/task/${task}/children`).split(" "),
  );
  return [pid, ...children.filter((child) => child.trim() !== "").flatMap((child) => tree(Number(child)))];
}

function entries(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return []; // It has ended meanwhile.
  }
}

function read(file: string): string {
  try {
    return readFileSync(file, "latin1");
  } catch {
    return ""; // It has ended meanwhile.
  }
}

/** CPU time of a process tree so far, user and system, in µs. */
export function cpu(pid: number): number {
  return tree(pid).reduce((sum, each) => {
    // After the command's name in brackets: state is field 0, utime 11, stime 12.
    const fields = read(`/proc/${each}/stat`).split(")").at(-1)?.trim().split(" ") ?? [];
    return sum + ((Number(fields[11] ?? 0) + Number(fields[12] ?? 0)) / ticks) * 1e6;
  }, 0);
}

/** Resident memory of a process tree in KB. */
export function memory(pid: number): number {
  return tree(pid).reduce(
    (sum, each) => sum + Number(/^VmRSS:\s+(\d+)/m.exec(read(`/proc/${each}/status`))?.[1] ?? 0),
    0,
  );
}

/** Answers and waits for the caller to hang up: the least that a script can do with a call. */
export const answer =
  "export default async function (call: Call) { await call.answer(); for await (const _ of call); }\n";

/** dist/siproc on core 0, answering every call with `script`. */
export function server(script: string, options: Partial<ServerOptions> = {}): Promise<Server> {
  return siproc({
    config:
      'routes: [{ to: "*", script: bench.ts }]\nscripts: { allow: { read: [.], write: [.] } }\nlimits: { calls: 10000, calls_per_source: 10000 }',
    quiet: true,
    ...options,
    files: { "bench.ts": script, ...options.files },
    prefix: serverCore,
  });
}

const generous = ["-default_behaviors", "-abortunexp", "-buff_size", "8388608"];

/** Calls `remote` from core 1, `rate` new calls per second, and waits for the last to end. */
export function load(options: SippOptions & { calls: number; rate: number }): Promise<SippResult> {
  return sipp(loaded(options));
}

export function startLoad(options: SippOptions & { calls: number; rate: number }): ReturnType<typeof startSipp> {
  return startSipp(loaded(options));
}

function loaded(options: SippOptions & { calls: number; rate: number }): SippOptions {
  return {
    limit: 5000,
    timeout: (options.calls / options.rate) * 1000 + 60_000,
    ...options,
    service: "bench",
    trace: false,
    prefix: loadCore,
    args: [...generous, ...(options.args ?? [])],
  };
}
