/**
 * `siproc ./handler.sh`: the original siproc. An account in the environment, a process for each call that comes in or that
 * a line `CALL uri` on stdin places, until a line `QUIT`.
 */
import { resolve } from "node:path";
import type { Handler } from "../call/index.ts";
import { type Config, readConfig } from "../config/index.ts";
import { createProcessHandler } from "../handlers/process/index.ts";
import type { Line } from "../handlers/process/lines.ts";
import { createLog, levels } from "../log.ts";
import type { Server } from "../server/index.ts";
import { formatAddress, SystemClock } from "../transport/index.ts";
import { isScript } from "./classic-program.ts";
import { exitCodes } from "./commands.ts";
import { readLines } from "./line-input.ts";
import { maxMainLine, readMainCommand } from "./main-commands.ts";
import { rehearses } from "./rehearse.ts";
import type { Terminal } from "./terminal.ts";

type Environment = Readonly<Record<string, string | undefined>>;

const account = "account";

/** Serves until QUIT or a signal; gives the exit code. */
export async function classic(
  argv: readonly string[],
  terminal: Terminal,
  environment: Environment = process.env,
): Promise<number> {
  const [program = ""] = argv;
  const config = await configOf(argv, environment);
  if (Array.isArray(config)) {
    for (const fault of config) terminal.complain(`siproc: ${fault}`);
    return exitCodes.usage;
  }
  const log = createLog(config.log);
  let server: Server;
  const clock = new SystemClock();
  const handler = isScript(program)
    ? undefined
    : createProcessHandler({
        argv,
        log,
        clock,
        classic: true,
        environment,
        // As it always was: the program sees what we see. The password is nothing to it.
        env: Object.keys(environment).filter((name) => name !== "SIPROC_PASSWORD"),
      });
  try {
    const { startServer } = await import("../server/index.ts");
    server = await startServer(config, { log, handlerFor: () => handler, rehearse: rehearses(environment) });
  } catch (error) {
    log.error(`siproc cannot start: ${error instanceof Error ? error.message : String(error)}`, {
      mend: "another program may have this port; set SIPROC_TRANSPORT_PORT to another one",
    });
    return exitCodes.setup;
  }
  for (const { transport, local } of server.listening) log.info(`listening on ${transport}://${formatAddress(local)}`);
  const quit = Promise.withResolvers<void>();
  for (const signal of ["SIGINT", "SIGTERM"]) process.once(signal, () => quit.resolve());
  const serving = handler ?? server.handler({ type: "script", file: program });
  void readLines(Bun.stdin.stream(), maxMainLine, (line) => {
    const fault = obey(line, server, config, serving, () => quit.resolve());
    if (fault !== undefined) log.error(`a line on stdin: ${fault}`);
  });
  await quit.promise;
  await server.stop();
  clock.stop();
  return exitCodes.ok;
}

/** What is wrong with a line; undefined when it was obeyed, or is blank. */
function obey(line: Line, server: Server, config: Config, handler: Handler, quit: () => void): string | undefined {
  if (line.type !== "text") return line.type === "not-utf8" ? "it is not UTF-8" : "it is too long";
  const read = readMainCommand(line.text);
  if (read === undefined) return undefined;
  if (!read.ok) return read.reason;
  const { command } = read;
  if (command.type === "quit") {
    quit();
    return undefined;
  }
  if (command.type === "tell") return "calls are told what to do by their own programs";
  if (server.calls.size >= config.limits.calls) return "too many calls are up";
  const way = server.dialer.wayTo(command.uri, {
    trunk: config.trunks.length > 0 ? account : undefined,
    from: command.from,
  });
  if ("failure" in way) return way.failure;
  const placed = server.call(way, handler);
  return "failure" in placed ? placed.failure : undefined;
}

/** The configuration that the environment asks for, or what is wrong with it. */
async function configOf(argv: readonly string[], environment: Environment): Promise<Config | string[]> {
  const { SIPROC_REGISTRAR_URI: registrar, SIPROC_ID_URI: id, SIPROC_TRANSPORT_PORT: port = "5060" } = environment;
  if (!/^\d{1,5}$/.test(port) || Number(port) > 65_535)
    return [`SIPROC_TRANSPORT_PORT is “${port}”; expected a port, from 0 (any) to 65535`];
  const [program = ""] = argv;
  const level = levels.find((one) => one === environment.SIPROC_LOG_LEVEL) ?? "info";
  const given = ["SIPROC_REGISTRAR_URI", "SIPROC_ID_URI", "SIPROC_USERNAME", "SIPROC_PASSWORD"];
  const there = (name: string, key: string) => (environment[name] ? [[key, `\${${name}}`]] : []);
  const trunk = [
    ["name", account],
    ...there(given[0] ?? "", "registrar"),
    ...there(given[1] ?? "", "id"),
    ...there(given[2] ?? "", "username"),
    ...there(given[3] ?? "", "password"),
    ...(registrar === undefined ? [["register", "false"]] : []),
  ];
  const elsewhere = registrar !== undefined || id !== undefined;
  const action = isScript(program) ? { script: program } : { exec: argv };
  const text = [
    `listen: ${JSON.stringify([`udp://0.0.0.0:${port}`, `tcp://0.0.0.0:${port}`])}`,
    `log: ${JSON.stringify({ level })}`,
    `scripts: ${JSON.stringify({ allow: { read: ["."], dial: ["*"] } })}`,
    `routes: ${JSON.stringify([{ to: "*", ...action }])}`,
    ...(elsewhere ? ["trunks:", ...trunk.map(([key, value], i) => `${i === 0 ? "- " : "  "}${key}: "${value}"`)] : []),
  ];
  const loaded = await readConfig(Buffer.from(text.join("\n")), resolve("siproc.yaml"), { environment });
  if (loaded.ok) return loaded.config;
  return loaded.problems.map(({ line, message }) => {
    const name = given.find((one) => text[line - 1]?.includes(`{${one}}`));
    return name === undefined ? message : `${name}: ${message}`;
  });
}
