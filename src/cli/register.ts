/** `siproc register`: registers, says so as lines of JSON, and takes it back at the end. */
import type { RegistrationState } from "../agent/index.ts";
import { register as begin, unregister } from "../phone/registering.ts";
import { registerOptions } from "../phone/settings.ts";
import type { Arguments } from "./arguments.ts";
import { exitCodes } from "./exit-codes.ts";
import { orUsage } from "./option-value.ts";
import { phoneSettings } from "./phone-options.ts";
import { startPhone } from "./phone-start.ts";
import { phoneOptions, registerCommandOptions } from "./phone-tables.ts";
import { withProfile } from "./profile.ts";
import type { Terminal } from "./terminal.ts";

export async function register(typed: Arguments, terminal: Terminal): Promise<number> {
  return await orUsage(terminal, async () => {
    const given = await withProfile(typed, registerCommandOptions, phoneOptions, terminal);
    const settings = await phoneSettings(given, true);
    const options = registerOptions(settings);
    if (options === undefined) {
      terminal.complain("siproc: it is not said where to register; give --domain");
      return exitCodes.usage;
    }
    const started = await startPhone(given, settings, terminal);
    if (typeof started === "number") return started;
    let taken = false;
    const tell = (state: RegistrationState) => {
      if (state.name === "registered") taken = true;
      terminal.print(`${JSON.stringify(lineOf(options.aor, state))}\n`);
    };
    try {
      const once = given.options.has("once");
      const made = await begin(started.server, options, tell, !once);
      if ("failure" in made) return once ? exitCodes.failed : exitCodes.usage;
      if (!once) await untilSignal();
      await unregister(made.registration);
      return taken ? exitCodes.ok : exitCodes.failed;
    } finally {
      await started.server.stop();
    }
  });
}

function lineOf(aor: string, state: RegistrationState): object {
  const who = /<([^>]*)>/.exec(aor)?.[1] ?? aor;
  switch (state.name) {
    case "registered":
      return { aor: who, state: state.name, expires: state.expires };
    case "failed":
      return { aor: who, state: state.name, code: state.status, reason: state.reason, retryMs: state.retry };
    default:
      return { aor: who, state: state.name };
  }
}

async function untilSignal(): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  for (const signal of ["SIGINT", "SIGTERM"]) process.once(signal, () => resolve());
  await promise;
}
