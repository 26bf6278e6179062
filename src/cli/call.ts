/** `siproc call`: places one call, lets a script or a program handle it, and tells how it went as one line of JSON. */
import { resolve } from "node:path";
import type { InviteFailure } from "../agent/index.ts";
import type { Call, CallEvent, Handler } from "../call/index.ts";
import { type Config, loadConfig, readConfig } from "../config/index.ts";
import { createLog, levels } from "../log.ts";
import type { Server } from "../server/index.ts";
import type { Arguments } from "./arguments.ts";
import { exitCodes } from "./commands.ts";
import { showProblems } from "./problems.ts";
import { checkScript } from "./scripts.ts";
import type { Terminal } from "./terminal.ts";

/** What the line of JSON says. Times in ms since the call was placed; absent for what did not happen. */
interface Result {
  target: string;
  status: "answered" | "failed";
  /** The SIP status code that tells best how it ended: 200 for an answered call that was hung up. */
  code: number;
  cause: string;
  by: string;
  ringMs?: number;
  answerMs?: number;
  endMs: number;
}

/** How long a call that is told to stop may take to say goodbye, in ms. */
const farewell = 2000;

export async function call(given: Arguments, terminal: Terminal): Promise<number> {
  const [target = ""] = given.operands;
  const [script] = given.options.get("script") ?? [];
  const [exec] = given.options.get("exec") ?? [];
  if (script !== undefined && exec !== undefined) {
    terminal.complain("siproc: a call has one handler: give --script or --exec");
    return exitCodes.usage;
  }
  const loaded = await configOf(given);
  if (!loaded.ok) {
    showProblems(loaded.problems, "error", terminal);
    return exitCodes.failed;
  }
  const faults = script === undefined ? [] : await checkScript(resolve(script));
  if (faults.length > 0) {
    showProblems(faults, "error", terminal);
    return exitCodes.failed;
  }
  const level = levels.find((one) => one === given.options.get("log-level")?.[0]) ?? "warn";
  const log = createLog({ level, format: loaded.config.log.format });
  let server: Server;
  try {
    const { startServer } = await import("../server/index.ts");
    server = await startServer(loaded.config, { log });
  } catch (error) {
    log.error("siproc cannot start", { reason: error instanceof Error ? error.message : String(error) });
    return exitCodes.setup;
  }
  try {
    const handler = handlerOf(server, script, exec);
    const result = await place(server, target, given.options.get("from")?.[0], handler);
    if (typeof result === "string") {
      terminal.complain(`siproc: ${result}`);
      return exitCodes.usage;
    }
    terminal.print(`${JSON.stringify(result)}\n`);
    return result.status === "answered" ? exitCodes.ok : exitCodes.failed;
  } finally {
    await server.stop();
  }
}

/** The configuration that --config names, listening where the system likes: the call is ours, nobody calls us. */
async function configOf(given: Arguments): ReturnType<typeof loadConfig> {
  const [file] = given.options.get("config") ?? [];
  const listen = given.options.get("listen") ?? ["udp://0.0.0.0:0", "tcp://0.0.0.0:0"];
  const text = JSON.stringify({ listen, routes: [] });
  const own = await readConfig(Buffer.from(text), resolve("siproc.yaml"));
  if (file === undefined || !own.ok) return own;
  const loaded = await loadConfig(file);
  return loaded.ok ? { ...loaded, config: { ...loaded.config, listen: own.config.listen } satisfies Config } : loaded;
}

function handlerOf(server: Server, script: string | undefined, exec: string | undefined): Handler {
  if (script !== undefined) return server.handler({ type: "script", file: resolve(script) });
  if (exec !== undefined) return server.handler({ type: "exec", argv: exec.trim().split(/\s+/) });
  // Nobody's: the call lasts until the other side, or a signal, ends it.
  return { start: (control) => control.listen(() => {}) };
}

/** Places the call and waits for its end; a text says why it could not be placed. */
async function place(
  server: Server,
  target: string,
  from: string | undefined,
  handler: Handler,
): Promise<Result | string> {
  const started = performance.now();
  const since = () => Math.round(performance.now() - started);
  const times: { ringMs?: number; answerMs?: number } = {};
  const note = (event: CallEvent) => {
    if (event.name === "RINGING") times.ringMs ??= since();
    if (event.name === "CONNECTED") times.answerMs = since();
  };
  const { promise, resolve: finish } = Promise.withResolvers<Result>();
  // Before the call is placed: who sees it may send a signal at once.
  let placed: Call | InviteFailure | undefined;
  const hangUp = () => {
    if (placed === undefined || "failure" in placed) return;
    placed.session.end({ by: "local", cause: "hangup", code: 480 });
    setTimeout(
      () => finish({ target, status: "failed", code: 480, cause: "hangup", by: "local", endMs: since() }),
      farewell,
    );
  };
  for (const signal of ["SIGINT", "SIGTERM"]) process.once(signal, hangUp);
  placed = server.call({ uri: target, from }, noting(handler, note), (end) =>
    finish({
      target,
      status: times.answerMs === undefined ? "failed" : "answered",
      code: end.code,
      cause: end.cause,
      by: end.by,
      ...times,
      endMs: since(),
    }),
  );
  if ("failure" in placed) return placed.failure;
  return await promise;
}

/** The same handler, with a look at each event as it happens: a script may be loading while the call is over already. */
export function noting(handler: Handler, note: (event: CallEvent) => void): Handler {
  return {
    start: (control) => {
      let early: CallEvent[] = [];
      let listener = (event: CallEvent): void => void early.push(event);
      control.listen((event) => {
        note(event);
        listener(event);
      });
      handler.start({
        facts: control.facts,
        listen: (real) => {
          listener = real;
          const waiting = early;
          early = [];
          for (const event of waiting) real(event);
        },
        perform: (command, done) => control.perform(command, done),
        finish: (how) => control.finish(how),
      });
    },
  };
}
