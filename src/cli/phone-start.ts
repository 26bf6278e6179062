/** What all commands of the terminal's phone begin with: a server of its own, and where asked for a registration. */
import { resolve } from "node:path";
import type { Registration, RegistrationState } from "../agent/index.ts";
import { type Config, loadConfig, readConfig } from "../config/index.ts";
import { createLog, type Log, levels } from "../log.ts";
import { register } from "../phone/registering.ts";
import { type PhoneSettings, registerOptions } from "../phone/settings.ts";
import type { Server } from "../server/index.ts";
import type { Arguments } from "./arguments.ts";
import { exitCodes } from "./commands.ts";
import { listenUrls } from "./phone-options.ts";
import { showProblems } from "./problems.ts";
import type { Terminal } from "./terminal.ts";

export interface Started {
  readonly server: Server;
  readonly config: Config;
  readonly log: Log;
}

/** Starts a server that serves nobody but the phone; a number is the exit code of a failure that has been told. */
export async function startPhone(
  given: Arguments,
  settings: PhoneSettings,
  terminal: Terminal,
): Promise<Started | number> {
  const loaded = await configOf(given);
  if (!loaded.ok) {
    showProblems(loaded.problems, "error", terminal);
    return exitCodes.failed;
  }
  const level = levels.find((one) => one === given.options.get("log-level")?.[0]) ?? "warn";
  const log = createLog({ level, format: loaded.config.log.format });
  try {
    const { startServer } = await import("../server/index.ts");
    return { server: await startServer(loaded.config, { log, agent: settings.agent }), config: loaded.config, log };
  } catch (error) {
    log.error("siproc cannot start", { reason: error instanceof Error ? error.message : String(error) });
    return exitCodes.setup;
  }
}

/** The configuration that --config names, listening where the options say: nothing else is served. */
async function configOf(given: Arguments): ReturnType<typeof loadConfig> {
  const [file] = given.options.get("config") ?? [];
  const urls = given.options.get("listen")?.filter((url) => url !== "") ?? [];
  const listen = urls.length > 0 ? urls : listenUrls(given);
  const [advertise] = given.options.get("ext-ip") ?? [];
  const text = JSON.stringify({ listen, routes: [], ...(advertise === undefined ? {} : { advertise }) });
  const own = await readConfig(Buffer.from(text), resolve("siproc.yaml"));
  if (file === undefined || !own.ok) return own;
  const loaded = await loadConfig(file);
  if (!loaded.ok) return loaded;
  const { config } = own;
  const merged: Config = {
    ...loaded.config,
    listen: config.listen,
    advertise: config.advertise ?? loaded.config.advertise,
    routes: [],
    // A phone beside a server takes neither its calls nor its file.
    trunks: loaded.config.trunks.map((trunk) => ({ ...trunk, registrar: undefined })),
    store: config.store,
  };
  return { ...loaded, config: merged };
}

/**
 * Registers as the options say, and stays so. Resolves once the registrar has answered; a number is the exit code of a
 * failure that has been told. `changed` is told of all that follows.
 */
export async function registerPhone(
  server: Server,
  settings: PhoneSettings,
  terminal: Terminal,
  changed: (state: RegistrationState) => void = () => {},
): Promise<Registration | number> {
  const options = registerOptions(settings);
  if (options === undefined) {
    terminal.complain("siproc: it is not said where to register; give --domain, and --user or --from");
    return exitCodes.usage;
  }
  const made = await register(server, options, changed);
  if ("failure" in made) {
    terminal.complain(`siproc: ${made.failure}`);
    return exitCodes.failed;
  }
  return made.registration;
}
