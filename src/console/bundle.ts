/** The console's script and styles: made from client/ where siproc runs from source; the build puts their text in this file's place. */
import { join } from "node:path";

export class ConsoleBundleError extends Error {
  override readonly name = "ConsoleBundleError";
}

let made: Promise<{ script: string; style: string }> | undefined;

/** @throws ConsoleBundleError where client/ or what it is built on is missing. */
export async function consoleScript(): Promise<string> {
  return (await bundle()).script;
}

/** @throws ConsoleBundleError as consoleScript. */
export async function consoleStyle(): Promise<string> {
  return (await bundle()).style;
}

async function bundle(): Promise<{ script: string; style: string }> {
  made ??= build();
  // Whoever asks next tries anew.
  made.catch(() => {
    made = undefined;
  });
  return await made;
}

async function build(): Promise<{ script: string; style: string }> {
  const built = await Bun.build({
    entrypoints: [join(import.meta.dir, "client", "main.tsx")],
    target: "browser",
    format: "iife",
    minify: true,
    jsx: { runtime: "automatic", importSource: "preact", development: false },
    banner: "/* siproc; with Preact, uPlot and others: see licences.txt beside this file. */",
    throw: false,
  });
  const script = built.outputs.find(({ path }) => path.endsWith(".js"));
  const style = built.outputs.find(({ path }) => path.endsWith(".css"));
  if (!built.success || script === undefined || style === undefined)
    throw new ConsoleBundleError(
      `console.js cannot be made; is everything installed? ${built.logs.map(String).join("; ")}`,
    );
  return { script: await script.text(), style: await style.text() };
}
