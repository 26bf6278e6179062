/** The phone in the terminal, as `siproc call`, `listen` and `caller` begin it. */
import type { Registration, RegistrationState } from "../agent/index.ts";
import type { Handler } from "../call/index.ts";
import { hasDevice } from "../phone/devices.ts";
import { Phone, type PhoneEnd } from "../phone/phone.ts";
import type { PhoneCallSettings } from "../phone/phone-call.ts";
import { register, unregister } from "../phone/registering.ts";
import { openScreen, type Screen } from "../phone/screen.ts";
import { type PhoneSettings, registerOptions } from "../phone/settings.ts";
import { SystemClock } from "../transport/index.ts";
import type { Arguments } from "./arguments.ts";
import { audioSettings } from "./audio-options.ts";
import { exitCodes } from "./exit-codes.ts";
import { durationExpected, optionValue } from "./option-value.ts";
import type { Started } from "./phone-start.ts";
import { readCount, readDuration } from "./quantities.ts";
import type { Terminal } from "./terminal.ts";

/** What the phone does first, and whether it goes on after that. */
export interface Plan {
  readonly dial?: string | undefined;
  readonly to?: string | undefined;
  readonly send?: { readonly to: string; readonly text: string } | undefined;
  readonly listens: boolean;
  readonly registers: boolean;
  readonly handler?: Handler | undefined;
}

/** @throws OptionValueError */
export function phoneCallSettings(given: Arguments): PhoneCallSettings {
  const time = (name: string) => optionValue(given, name, durationExpected, readDuration);
  const code = optionValue(given, "auto-respond", "0, 200, or a status from 400 to 699", (text) => {
    const read = readCount(text, 0, 699);
    return read === undefined || (read > 0 && read !== 200 && read < 400) ? undefined : read;
  });
  const audio = audioSettings(given);
  // Without a word about it a phone on a terminal has the microphone and the loudspeaker, where there are any.
  const usual = process.stdin.isTTY === true && !given.options.has("no-audio");
  const named = given.options.has("samplerate") || audio.in !== undefined || audio.out !== undefined;
  return {
    audio: {
      ...audio,
      in: audio.in ?? (usual && !audio.loopback && hasDevice("record") ? "device" : undefined),
      out: audio.out ?? (usual && hasDevice("play") ? "device" : undefined),
      rate: named ? audio.rate : deviceRate,
    },
    touchtone: !given.options.has("no-touchtone"),
    textspeech: given.options.has("textspeech"),
    recognize: given.options.has("recognize"),
    autoRespond: code ?? 200,
    autoRespondAfter: time("auto-respond-after") ?? 3000,
    autoTerminateAfter: time("auto-terminate-after") ?? 0,
  };
}

/** Hz. What wide-band calls have; the system's programs take any. */
const deviceRate = 16_000;

/** Runs the phone until it is put away. */
export async function runPhone(
  { server, log }: Started,
  settings: PhoneSettings,
  call: PhoneCallSettings,
  plan: Plan,
  terminal: Terminal,
): Promise<number> {
  const clock = new SystemClock();
  let phone: Phone | undefined;
  const screen = openScreen({
    line: (text) => phone?.line(text),
    // Who has no more to say may still listen.
    key: (key) => (key === "interrupt" ? phone?.interrupt() : process.stdin.isTTY === true && phone?.close()),
  });
  const interrupt = () => phone?.interrupt();
  for (const signal of ["SIGINT", "SIGTERM"]) process.on(signal, interrupt);
  let registration: Registration | undefined;
  try {
    if (plan.registers) {
      const registered = await registerOn(screen, { server, settings, keeps: plan.listens });
      if (typeof registered === "string") {
        terminal.complain(`siproc: ${registered}`);
        return exitCodes.failed;
      }
      registration = registered;
    }
    const state = registration?.state;
    const service = state?.name === "registered" ? state.service : [];
    const parts = { server, clock, log, settings, call, service, listens: plan.listens, to: plan.to };
    phone = new Phone({ ...parts, handler: plan.handler }, screen);
    if (plan.send !== undefined) await phone.send(plan.send.text, plan.send.to);
    const failure = plan.dial === undefined ? undefined : phone.dial(plan.dial);
    if (failure !== undefined) {
      terminal.complain(`siproc: ${failure}`);
      return exitCodes.usage;
    }
    if (plan.dial === undefined && !plan.listens) phone.close();
    return exitCodeOf(await phone.over, plan);
  } finally {
    screen.close();
    for (const signal of ["SIGINT", "SIGTERM"]) process.off(signal, interrupt);
    if (registration !== undefined) await unregister(registration);
    clock.stop();
  }
}

function exitCodeOf({ answered, failed }: PhoneEnd, { dial, send, listens }: Plan): number {
  if (dial !== undefined && !listens) return answered > 0 ? exitCodes.ok : exitCodes.failed;
  return send !== undefined && !listens && failed > 0 ? exitCodes.failed : exitCodes.ok;
}

/** Registers, and tells of it on the screen. A phone that `keeps` on listening is told of failures and tries again. */
async function registerOn(
  screen: Screen,
  { server, settings, keeps }: { server: Started["server"]; settings: PhoneSettings; keeps: boolean },
): Promise<Registration | string> {
  const options = registerOptions(settings);
  if (options === undefined) return "it is not said where to register; give --domain, and --user or --from";
  const who = /<([^>]*)>/.exec(options.aor)?.[1] ?? options.aor;
  let before: RegistrationState["name"] | undefined;
  const changed = (state: RegistrationState) => {
    if (state.name === "registered" && before !== "registered") screen.print(`registered with SIP server as ${who}`);
    if (state.name === "failed")
      screen.print(`not registered: ${state.reason}${keeps ? `; again in ${Math.round(state.retry / 1000)} s` : ""}`);
    if (state.name !== "registering") before = state.name;
  };
  const made = await register(server, options, changed, keeps);
  return "failure" in made ? made.failure : made.registration;
}
