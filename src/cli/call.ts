/** `siproc call`: calls whom its arguments or lines name, and tells of each call how it went as one line of JSON. */
import { resolve } from "node:path";
import type { InviteOptions } from "../agent/index.ts";
import type { Handler } from "../call/index.ts";
import { type Config, loadConfig, readConfig } from "../config/index.ts";
import { createLog, levels } from "../log.ts";
import { Attempt, idleHandler } from "../phone/attempt.ts";
import { Filter, type FilterSettings, type Tally } from "../phone/filter.ts";
import { Output } from "../phone/output.ts";
import { Progress } from "../phone/progress.ts";
import type { CallResult } from "../phone/result.ts";
import { lines, type Target, targetsIn } from "../phone/targets.ts";
import type { Server } from "../server/index.ts";
import { SystemClock } from "../transport/index.ts";
import type { Arguments } from "./arguments.ts";
import { filterSettings, OptionValueError } from "./call-options.ts";
import { exitCodes } from "./commands.ts";
import { showProblems } from "./problems.ts";
import { checkScript } from "./scripts.ts";
import type { Terminal } from "./terminal.ts";

export async function call(given: Arguments, terminal: Terminal): Promise<number> {
  const [script] = given.options.get("script") ?? [];
  const [exec] = given.options.get("exec") ?? [];
  if (script !== undefined && exec !== undefined) {
    terminal.complain("siproc: a call has one handler: give --script or --exec");
    return exitCodes.usage;
  }
  if (given.operands.includes("-") && given.operands.length > 1) {
    terminal.complain("siproc: targets stand in arguments or, with - alone, in lines of stdin");
    return exitCodes.usage;
  }
  let settings: ReturnType<typeof filterSettings>;
  try {
    settings = filterSettings(given);
  } catch (error) {
    if (!(error instanceof OptionValueError)) throw error;
    terminal.complain(`siproc: ${error.message}`);
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
    return await callAll(given, terminal, server, handlerOf(server, script, exec), settings);
  } finally {
    await server.stop();
  }
}

/** How long a call waits for media ports, ms; then it is tried without. */
const longestBinding = 2000;

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
  return idleHandler;
}

/** Calls all targets. One that is an argument and cannot be called at all is a mistake of the command line. */
async function callAll(
  given: Arguments,
  terminal: Terminal,
  server: Server,
  handler: Handler,
  settings: FilterSettings & { timeout?: number; duration?: number },
): Promise<number> {
  const fromLines = given.operands[0] === "-";
  const clock = new SystemClock();
  const output = new Output(process.stdout);
  const attempts = new Set<Attempt>();
  const invite: Omit<InviteOptions, "uri"> = { from: given.options.get("from")?.[0] };
  let misused = false;
  const progress = new Progress(
    clock,
    (text) => process.stderr.write(text),
    fromLines ? undefined : given.operands.length,
  );
  const shows = process.stderr.isTTY === true && (fromLines || given.operands.length > 1);
  const filter = new Filter(settings, {
    clock,
    targets: fromLines ? targetsIn(lines(process.stdin)) : targetsOf(given.operands),
    call: async (target) => {
      // A burst at the start is faster than ports are bound.
      for (let waited = 0; server.calls.room === 0 && waited < longestBinding; waited += 20) await Bun.sleep(20);
      const attempt = new Attempt(server, clock, target, handler, { ...settings, invite });
      attempts.add(attempt);
      const result = await attempt.result;
      attempts.delete(attempt);
      return result;
    },
    report: async (result) => {
      if (result.status === "invalid" && !fromLines) {
        misused = true;
        terminal.complain(`siproc: ${result.error}`);
      } else await output.write(line(result));
    },
    ...(shows && { changed: (tally: Tally) => progress.show(tally) }),
  });
  const stop = () => {
    filter.stop();
    for (const attempt of attempts) attempt.end();
  };
  // Results that nobody takes are no reason to call anybody.
  output.onClosed = stop;
  for (const signal of ["SIGINT", "SIGTERM"]) process.once(signal, stop);
  try {
    const { answered, failed } = await filter.run();
    await output.flushed();
    if (misused) return exitCodes.usage;
    return failed === 0 && answered > 0 ? exitCodes.ok : exitCodes.failed;
  } finally {
    if (shows) progress.end();
    clock.stop();
  }
}

async function* targetsOf(operands: readonly string[]): AsyncGenerator<Target> {
  for (const uri of operands) yield { uri, variables: {} };
}

function line(result: CallResult): string {
  return `${JSON.stringify(result)}\n`;
}
