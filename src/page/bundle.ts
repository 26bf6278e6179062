/** siproc.js, the script of the page: made from client/ where siproc runs from source; the build puts the text itself in this file's place. */
import { join } from "node:path";

export class BundleError extends Error {
  override readonly name = "BundleError";
}

/** @throws BundleError where client/ or what it is built on is missing. */
export async function pageScript(): Promise<string> {
  const built = await Bun.build({
    entrypoints: [join(import.meta.dir, "client", "main.ts")],
    target: "browser",
    format: "iife",
    minify: true,
    define: { "process.env.NODE_DEBUG": "undefined", "process.env.DEBUG": "undefined" },
    banner: "/* siproc; with JsSIP and others: see licences.txt beside this file. */",
    throw: false,
  });
  const [script] = built.outputs;
  if (!built.success || script === undefined)
    throw new BundleError(`siproc.js cannot be made; is everything installed? ${built.logs.map(String).join("; ")}`);
  return await script.text();
}
