/** A file into a Config: read, checked against the schema, its routes made, what it refers to looked for. */
import { open } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import type { Config, Problem } from "./config.ts";
import { checkHandler, checkReferences } from "./references.ts";
import { readRightRoutes, readRoutes } from "./routes.ts";
import { configType } from "./schema.ts";
import type { Context } from "./types.ts";
import { maxFile, type Node, type Position, parseYaml } from "./yaml.ts";

export type Loaded = { ok: true; config: Config; warnings: Problem[] } | { ok: false; problems: Problem[] };

export interface LoadOptions {
  /** Stands for `process.env`. */
  environment?: Readonly<Record<string, string | undefined>>;
}

const maxProblems = 100;

/** Loads and checks a configuration file, and looks for the files it names. Never throws for what the file holds. */
export async function loadConfig(path: string, options: LoadOptions = {}): Promise<Loaded> {
  const file = resolve(path);
  const octets = await readOctets(file);
  if (typeof octets === "string") return { ok: false, problems: [{ file, line: 0, column: 0, message: octets }] };
  return readConfig(octets, file, options);
}

/** The same for a file's octets. */
export async function readConfig(octets: Uint8Array, file: string, options: LoadOptions = {}): Promise<Loaded> {
  const parsed = parseYaml(octets, file);
  if (!parsed.ok) return parsed;
  const problems: Problem[] = [];
  const warnings: Problem[] = [];
  const add = (list: Problem[]) => (at: Position, message: string) => {
    if (list.length < maxProblems)
      list.push({ file, line: Math.max(1, at.line), column: Math.max(1, at.column), message });
  };
  const context: Context = {
    folder: dirname(file),
    environment: options.environment ?? process.env,
    problem: add(problems),
    warn: add(warnings),
  };
  const config = build(parsed.node, file, context);
  if (config !== undefined) await checkReferences(config, parsed.node, context);
  else for (const { route, node } of readRightRoutes(parsed.node, context)) await checkHandler(route, node, context);
  const inOrder = (a: Problem, b: Problem) => a.line - b.line || a.column - b.column;
  if (config === undefined || problems.length > 0) return { ok: false, problems: problems.sort(inOrder) };
  return { ok: true, config, warnings: warnings.sort(inOrder) };
}

function build(node: Node, file: string, context: Context): Config | undefined {
  const values = configType.read(node, context);
  if (values === undefined) return undefined;
  const routes = readRoutes(node, values.routes, context);
  if (values.domains.length === 0)
    context.warn(
      node.at,
      "domains is empty: requests for any domain are taken as ours; name yours, as in domains: [example.com]",
    );
  const { calls, connections, drain } = values.limits;
  return {
    file,
    folder: context.folder,
    listen: values.listen,
    advertise: values.advertise,
    domains: values.domains,
    routes,
    scripts: values.scripts,
    media: values.media,
    log: values.log,
    limits: {
      calls,
      callsPerSource: values.limits.calls_per_source,
      connections,
      connectionsPerSource: values.limits.connections_per_source,
      drain,
    },
  };
}

/** The file's octets, or why there are none. Not more than one over the limit is read, from whatever the path leads to. */
async function readOctets(file: string): Promise<Uint8Array | string> {
  try {
    const handle = await open(file, "r");
    try {
      if (!(await handle.stat()).isFile()) return "this is not a file; expected a YAML file";
      const octets = new Uint8Array(maxFile + 1);
      let length = 0;
      for (;;) {
        const { bytesRead } = await handle.read(octets, length, octets.length - length, length);
        length += bytesRead;
        if (bytesRead === 0 || length === octets.length) return octets.subarray(0, length);
      }
    } finally {
      await handle.close();
    }
  } catch (error) {
    const code = error instanceof Error && "code" in error ? error.code : undefined;
    if (code === "ENOENT") return "there is no such file";
    if (code === "EACCES") return "this user may not read this file";
    return `this file cannot be read: ${error instanceof Error ? error.message : String(error)}`;
  }
}
