/** Which engines there are: those of the configuration, or what the system has. */
import { type EngineSettings, SpeechError } from "./types.ts";

const engine = (name: string, command: readonly string[], language: string): EngineSettings => ({
  name,
  command,
  url: undefined,
  token: undefined,
  voice: "",
  language,
});

/** In order of preference. An empty `{voice}` or `{language}` takes its argument, and the option before it, away. */
const voices: readonly EngineSettings[] = [
  engine("espeak-ng", ["espeak-ng", "-b", "1", "-v", "{voice|language}", "-f", "{in}", "-w", "{out}"], "en"),
  engine("flite", ["flite", "-voice", "{voice}", "-f", "{in}", "-o", "{out}"], ""),
  engine("pico2wave", ["pico2wave", "-l", "{language}", "-w", "{out}", "--", "{text}"], "en-US"),
];

/** pocketsphinx opens its input by name, which a socket does not allow: a pipe goes between. */
const sphinx = "cat | pocketsphinx_continuous -infile /dev/stdin -logfn /dev/null";
const listeners: readonly (EngineSettings & { readonly needs: string })[] = [
  { ...engine("pocketsphinx", ["sh", "-c", sphinx], ""), needs: "pocketsphinx_continuous" },
];

/** The engines that `say` and `recognize` can use, the first by default. */
export function enginesFor(
  what: "say" | "recognize",
  configured: readonly EngineSettings[],
  which: (program: string) => string | null,
): readonly EngineSettings[] {
  if (configured.length > 0) return configured;
  if (what === "recognize") return listeners.filter(({ needs }) => which(needs) !== null);
  return voices.filter(({ command }) => which(command?.[0] ?? "") !== null);
}

/** @throws SpeechError `no-engine` */
export function chooseEngine(
  what: "say" | "recognize",
  engines: readonly EngineSettings[],
  name: string | undefined,
): EngineSettings {
  const found = name === undefined ? engines[0] : engines.find((one) => one.name === name);
  if (found !== undefined) return found;
  const known = what === "say" ? voices : listeners;
  throw new SpeechError(
    "no-engine",
    engines.length === 0
      ? `no engine can do it: install ${known.map((one) => one.name).join(" or ")}, or name one as speech: ${what} of the configuration`
      : `there is no engine of that name; there are ${engines.map((one) => one.name).join(", ")}`,
  );
}

/**
 * The command of an engine with its placeholders filled in, each argument by itself: no shell, and no value can become an
 * option, since an argument that would begin with a value's `-` gets a space before it.
 */
export function commandLine(command: readonly string[], values: Readonly<Record<string, string>>): string[] {
  const line: string[] = [];
  for (const part of command) {
    let empty = false;
    const filled = part.replace(/\{([a-z]+(?:\|[a-z]+)*)\}/g, (whole, names: string) => {
      const known = names.split("|").filter((name) => Object.hasOwn(values, name));
      if (known.length === 0) return whole;
      const value = known.map((name) => values[name] ?? "").find((one) => one !== "") ?? "";
      if (value === "") empty = true;
      return value;
    });
    if (empty && filled === "") {
      if (line.length > 1 && line.at(-1)?.startsWith("-")) line.pop();
    } else line.push(filled.startsWith("-") && !part.startsWith("-") ? ` ${filled}` : filled);
  }
  return line;
}
