/** `siproc listen`: a phone that waits for calls and texts. */
import { resolve } from "node:path";
import type { Handler } from "../call/index.ts";
import type { Server } from "../server/index.ts";
import type { Arguments } from "./arguments.ts";
import { exitCodes } from "./exit-codes.ts";
import { phoneCallSettings, runPhone } from "./interactive.ts";
import { orUsage } from "./option-value.ts";
import { phoneSettings } from "./phone-options.ts";
import { startPhone } from "./phone-start.ts";
import { listenOptions, phoneOptions } from "./phone-tables.ts";
import { showProblems } from "./problems.ts";
import { withProfile } from "./profile.ts";
import { checkScript } from "./scripts.ts";
import type { Terminal } from "./terminal.ts";

export async function listen(typed: Arguments, terminal: Terminal): Promise<number> {
  return await orUsage(terminal, async () => {
    const given = await withProfile(typed, listenOptions, phoneOptions, terminal);
    const [script] = given.options.get("script") ?? [];
    const [exec] = given.options.get("exec") ?? [];
    if (script !== undefined && exec !== undefined) {
      terminal.complain("siproc: a call has one handler: give --script or --exec");
      return exitCodes.usage;
    }
    const faults = script === undefined ? [] : await checkScript(resolve(script));
    if (faults.length > 0) {
      showProblems(faults, "error", terminal);
      return exitCodes.failed;
    }
    const call = phoneCallSettings(given);
    const settings = await phoneSettings(given, given.options.has("register"));
    const started = await startPhone(given, settings, terminal);
    if (typeof started === "number") return started;
    for (const { transport, local } of started.server.listening)
      terminal.complain(
        `listening on ${transport}://${local.host.includes(":") ? `[${local.host}]` : local.host}:${local.port}`,
      );
    try {
      const handler = handlerOf(started.server, script, exec);
      const plan = { listens: true, registers: given.options.has("register"), handler };
      return await runPhone(started, settings, call, plan, terminal);
    } finally {
      await started.server.stop();
    }
  });
}

function handlerOf(server: Server, script: string | undefined, exec: string | undefined): Handler | undefined {
  if (script !== undefined) return server.handler({ type: "script", file: resolve(script) });
  if (exec !== undefined) return server.handler({ type: "exec", argv: exec.trim().split(/\s+/) });
  return undefined;
}
