/** The options of a call's sound. */
import { accessSync, constants } from "node:fs";
import type { AudioSettings } from "../phone/audio.ts";
import { DeviceError, deviceCommand, readDevice } from "../phone/devices.ts";
import type { Arguments } from "./arguments.ts";
import { OptionValueError, optionValue } from "./option-value.ts";
import { readCount } from "./quantities.ts";

/** @throws OptionValueError */
export function audioSettings(given: Arguments): AudioSettings {
  const silent = given.options.has("no-audio");
  const rate =
    optionValue(given, "samplerate", "a rate from 8000 to 48000", (text) => readCount(text, 8000, 48_000)) ?? 8000;
  const from = silent ? undefined : given.options.get("audio-in")?.[0];
  const to = silent ? undefined : given.options.get("audio-out")?.[0];
  if (from !== undefined) check("audio-in", from, "record", rate);
  if (to !== undefined) check("audio-out", to, "play", rate);
  return { in: from, out: to, rate, loopback: given.options.has("audio-loopback") };
}

/** A mistake is better known before the call. */
function check(option: string, value: string, way: "record" | "play", rate: number): void {
  const device = readDevice(value, way);
  try {
    if (device !== undefined) deviceCommand(way, device, rate);
    else if (way === "record" && value !== "-" && !/^tone:\d{2,4}$/.test(value)) accessSync(value, constants.R_OK);
  } catch (error) {
    if (error instanceof DeviceError) throw new OptionValueError(option, value, `no device here: ${error.message}`);
    throw new OptionValueError(option, value, "a file that can be read, -, device, or tone:440");
  }
}
