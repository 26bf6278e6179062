/** `siproc call`: calls whom its arguments or lines name, and tells of each call how it went as one line of JSON. */
import { resolve } from "node:path";
import type { Handler } from "../call/index.ts";
import { idleHandler } from "../phone/attempt.ts";
import { type CallerSettings, callAll } from "../phone/call-all.ts";
import { unregister } from "../phone/registering.ts";
import { inviteOptions, type PhoneSettings, targetUri } from "../phone/settings.ts";
import { lines, type Target, targetsIn } from "../phone/targets.ts";
import type { Server } from "../server/index.ts";
import type { Arguments } from "./arguments.ts";
import { audioSettings } from "./audio-options.ts";
import { filterSettings } from "./call-options.ts";
import { exitCodes } from "./commands.ts";
import { phoneCallSettings, runPhone } from "./interactive.ts";
import { durationExpected, optionValue, orUsage } from "./option-value.ts";
import { phoneSettings } from "./phone-options.ts";
import { registerPhone, startPhone } from "./phone-start.ts";
import { callOptions, phoneOptions } from "./phone-tables.ts";
import { showProblems } from "./problems.ts";
import { withProfile } from "./profile.ts";
import { readDuration } from "./quantities.ts";
import { checkScript } from "./scripts.ts";
import type { Terminal } from "./terminal.ts";

export async function call(typed: Arguments, terminal: Terminal): Promise<number> {
  return await orUsage(terminal, async () => {
    const given = await withProfile(typed, callOptions, phoneOptions, terminal);
    const wrong = contradiction(given);
    if (wrong !== undefined) {
      terminal.complain(`siproc: ${wrong}`);
      return exitCodes.usage;
    }
    return await run(given, terminal);
  });
}

/** What cannot be meant together. */
function contradiction({ options, operands }: Arguments): string | undefined {
  const many = operands.length > 1 || operands[0] === "-";
  if (options.has("script") && options.has("exec")) return "a call has one handler: give --script or --exec";
  if (operands.includes("-") && operands.length > 1)
    return "targets stand in arguments or, with - alone, in lines of stdin";
  if (options.get("audio-in")?.[0] === "-" && many) return "stdin is the sound of one call: give one target";
  if (options.has("audio-out") && many) return "--audio-out is for one call: give one target";
  return undefined;
}

async function run(given: Arguments, terminal: Terminal): Promise<number> {
  const filter = filterSettings(given);
  const audio = audioSettings(given);
  const linger = optionValue(given, "linger", durationExpected, readDuration) ?? 1000;
  const phone = await phoneSettings(given, given.options.has("register"));
  const [script] = given.options.get("script") ?? [];
  const [exec] = given.options.get("exec") ?? [];
  const faults = script === undefined ? [] : await checkScript(resolve(script));
  if (faults.length > 0) {
    showProblems(faults, "error", terminal);
    return exitCodes.failed;
  }
  if (isInteractive(given)) return await talk(given, phone, terminal);
  const started = await startPhone(given, phone, terminal);
  if (typeof started === "number") return started;
  const { server, log } = started;
  try {
    const registration = given.options.has("register") ? await registerPhone(server, phone, terminal) : undefined;
    if (typeof registration === "number") return registration;
    const state = registration?.state;
    const fromLines = given.operands[0] === "-";
    const settings: CallerSettings = {
      filter,
      attempt: {
        invite: {
          ...inviteOptions(phone, state?.name === "registered" ? state.service : []),
          to: given.options.get("to")?.[0],
        },
        timeout: filter.timeout,
        duration: filter.duration,
      },
      audio,
      linger: script === undefined && exec === undefined ? linger : undefined,
      targets: fromLines ? targetsIn(lines(process.stdin)) : targetsOf(given.operands),
      total: fromLines ? undefined : given.operands.length,
      uri: (target) => targetUri(target, phone),
    };
    const told = await callAll(server, handlerOf(server, script, exec), settings, log, terminal);
    if (registration !== undefined) await unregister(registration);
    // A target that is an argument and cannot be called at all is a mistake of the command line.
    if (told.invalid > 0 && !fromLines) return exitCodes.usage;
    return told.failed === 0 && told.answered > 0 ? exitCodes.ok : exitCodes.failed;
  } finally {
    await server.stop();
  }
}

/** One call, with somebody at the keyboard. */
function isInteractive({ options, operands }: Arguments): boolean {
  if (options.has("interactive")) return true;
  const handled = ["script", "exec", "duration", "retry", "audio-in", "audio-out"].some((name) => options.has(name));
  return process.stdin.isTTY === true && operands.length === 1 && operands[0] !== "-" && !handled;
}

async function talk(given: Arguments, phone: PhoneSettings, terminal: Terminal): Promise<number> {
  const [to] = given.options.get("to") ?? [];
  const started = await startPhone(given, phone, terminal);
  if (typeof started === "number") return started;
  const plan = { dial: given.operands[0], to, listens: false, registers: given.options.has("register") };
  try {
    return await runPhone(started, phone, phoneCallSettings(given), plan, terminal);
  } finally {
    await started.server.stop();
  }
}

function handlerOf(server: Server, script: string | undefined, exec: string | undefined): Handler {
  if (script !== undefined) return server.handler({ type: "script", file: resolve(script) });
  if (exec !== undefined) return server.handler({ type: "exec", argv: exec.trim().split(/\s+/) });
  return idleHandler;
}

async function* targetsOf(operands: readonly string[]): AsyncGenerator<Target> {
  for (const uri of operands) yield { uri, variables: {} };
}
