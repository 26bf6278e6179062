/** The options of a call's sound. */
import type { AudioSettings } from "../phone/audio.ts";
import type { Arguments } from "./arguments.ts";
import { optionValue } from "./option-value.ts";
import { readCount } from "./quantities.ts";

/** @throws OptionValueError */
export function audioSettings(given: Arguments): AudioSettings {
  const silent = given.options.has("no-audio");
  const rate = optionValue(given, "samplerate", "a rate from 8000 to 48000", (text) => readCount(text, 8000, 48_000));
  return {
    in: silent ? undefined : given.options.get("audio-in")?.[0],
    out: silent ? undefined : given.options.get("audio-out")?.[0],
    rate: rate ?? 8000,
    loopback: given.options.has("audio-loopback"),
  };
}
