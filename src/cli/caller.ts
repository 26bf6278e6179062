/** `siproc caller`: the command line of rtclite's `caller`, as it stands. docs/phone.md says which option does what. */
import type { Arguments } from "./arguments.ts";
import { exitCodes } from "./exit-codes.ts";
import { phoneCallSettings, runPhone } from "./interactive.ts";
import { orUsage } from "./option-value.ts";
import { phoneSettings } from "./phone-options.ts";
import { startPhone } from "./phone-start.ts";
import { callerOptions, phoneOptions } from "./phone-tables.ts";
import { withProfile } from "./profile.ts";
import type { Terminal } from "./terminal.ts";

/** Its own port, unless told otherwise. */
const usualPort = "5092";

export async function caller(typed: Arguments, terminal: Terminal): Promise<number> {
  return await orUsage(terminal, async () => {
    const merged = await withProfile(typed, callerOptions, phoneOptions, terminal);
    const given = asOurs(merged);
    const [to] = given.options.get("to") ?? [];
    const [uri = to] = given.options.get("uri") ?? [];
    const listens = given.options.has("listen");
    if (to === undefined && !listens) {
      terminal.complain("siproc: either --to or --listen must be given");
      return exitCodes.usage;
    }
    const call = phoneCallSettings(given);
    const settings = await phoneSettings(given, true);
    const started = await startPhone(given, settings, terminal);
    if (typeof started === "number") return started;
    const [text] = given.options.get("send") ?? [];
    const writes = text !== undefined && uri !== undefined;
    try {
      const plan = {
        listens: listens || (writes && given.options.has("textspeech")),
        registers: given.options.has("register"),
        dial: writes ? undefined : uri,
        to: to?.includes("<") ? to : undefined,
        send: writes ? { to: uri, text } : undefined,
      };
      return await runPhone(started, settings, call, plan, terminal);
    } finally {
      await started.server.stop();
    }
  });
}

/** Its defaults, where they are not ours. */
function asOurs(given: Arguments): Arguments {
  const options = new Map(given.options);
  if (!options.has("port")) options.set("port", [usualPort]);
  if (!options.has("log-level"))
    options.set("log-level", [options.has("verbose") ? "debug" : options.has("quiet") ? "error" : "warn"]);
  return { ...given, options };
}
