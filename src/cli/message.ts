/** `siproc message`: sends one text, and tells how that went as a line of JSON. */
import { sendMessage } from "../phone/messages.ts";
import { unregister } from "../phone/registering.ts";
import { targetUri } from "../phone/settings.ts";
import type { Arguments } from "./arguments.ts";
import { exitCodes } from "./exit-codes.ts";
import { orUsage } from "./option-value.ts";
import { phoneSettings } from "./phone-options.ts";
import { registerPhone, startPhone } from "./phone-start.ts";
import { messageOptions, phoneOptions } from "./phone-tables.ts";
import { withProfile } from "./profile.ts";
import type { Terminal } from "./terminal.ts";

export async function message(typed: Arguments, terminal: Terminal): Promise<number> {
  return await orUsage(terminal, async () => {
    const given = await withProfile(typed, messageOptions, phoneOptions, terminal);
    const [target = "", ...words] = given.operands;
    const text = words.length > 0 ? words.join(" ") : (await Bun.stdin.text()).replace(/\r?\n$/, "");
    if (text === "") {
      terminal.complain("siproc: there is no text; give it after the URI, or on stdin");
      return exitCodes.usage;
    }
    const settings = await phoneSettings(given, given.options.has("register"));
    const started = await startPhone(given, settings, terminal);
    if (typeof started === "number") return started;
    const { server } = started;
    try {
      const registration = given.options.has("register") ? await registerPhone(server, settings, terminal) : undefined;
      if (typeof registration === "number") return registration;
      const state = registration?.state;
      const service = state?.name === "registered" ? state.service : [];
      const result = await sendMessage(server, settings, targetUri(target, settings), text, service);
      if (registration !== undefined) await unregister(registration);
      if (result.status === "invalid") {
        terminal.complain(`siproc: ${result.error}`);
        return exitCodes.usage;
      }
      terminal.print(`${JSON.stringify(result)}\n`);
      return result.status === "delivered" ? exitCodes.ok : exitCodes.failed;
    } finally {
      await server.stop();
    }
  });
}
