/** The door of scripts: TypeScript in QuickJS, one sandbox per call. See docs for the script's side of it: types.ts. */
export type { Diagnostic } from "./diagnostic.ts";
export { checkScript, createScriptHost, type ScriptHost } from "./host.ts";
export type { ScriptHostOptions, ScriptPermissions } from "./settings.ts";
export { scriptTypes } from "./types.ts";
