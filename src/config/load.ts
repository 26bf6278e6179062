/** A file into a Config: read, checked against the schema, its routes made, what it refers to looked for. */
import { open } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import { type Account, readAccounts } from "../accounts/index.ts";
import type { CertificateSettings, Config, Problem, TlsSettings } from "./config.ts";
import { checkHandler, checkReferences } from "./references.ts";
import { entryOf, readRightRoutes, readRoutes } from "./routes.ts";
import { type configKeys, configType } from "./schema.ts";
import { substitute } from "./substitute.ts";
import { readTrunks } from "./trunks.ts";
import type { Context, ValuesOf } from "./types.ts";
import { maxFile, type Node, type Position, parseYaml } from "./yaml.ts";

export type Loaded = { ok: true; config: Config; warnings: Problem[] } | { ok: false; problems: Problem[] };

export interface LoadOptions {
  /** Stands for `process.env`. */
  environment?: Readonly<Record<string, string | undefined>>;
}

type Values = ValuesOf<typeof configKeys>;

const maxProblems = 100;

/** Loads and checks a configuration file, and looks for the files it names. Never throws for what the file holds. */
export async function loadConfig(path: string, options: LoadOptions = {}): Promise<Loaded> {
  const file = resolve(path);
  const octets = await readOctets(file);
  if (typeof octets === "string") return { ok: false, problems: [{ file, line: 0, column: 0, message: octets }] };
  return readConfig(octets, file, options);
}

/** What an empty file says: every default, for programs that need no file. `folder`: where relative paths count from. */
export async function defaultConfig(folder: string): Promise<Config> {
  const loaded = await readConfig(new TextEncoder().encode("{}"), resolve(folder, "siproc.yaml"), { environment: {} });
  if (!loaded.ok) throw new TypeError("an empty configuration is refused");
  return loaded.config;
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
  const config = await build(parsed.node, file, context, problems);
  if (config !== undefined) await checkReferences(config, parsed.node, context);
  else for (const { route, node } of readRightRoutes(parsed.node, context)) await checkHandler(route, node, context);
  const inOrder = (a: Problem, b: Problem) => a.line - b.line || a.column - b.column;
  if (config === undefined || problems.length > 0) return { ok: false, problems: problems.sort(inOrder) };
  return { ok: true, config, warnings: warnings.sort(inOrder) };
}

async function build(node: Node, file: string, context: Context, problems: Problem[]): Promise<Config | undefined> {
  const values = configType.read(node, context);
  if (values === undefined) return undefined;
  const routes = readRoutes(node, values.routes, context);
  if (values.domains.length === 0)
    context.warn(
      node.at,
      "domains is empty: requests for any domain are taken as ours; name yours, as in domains: [example.com]",
    );
  const { limits, registrar } = values;
  return {
    file,
    folder: context.folder,
    listen: values.listen,
    advertise: values.advertise,
    stun: values.stun,
    domains: values.domains,
    routes,
    tls: readTls(node, values, context),
    page: readPage(values),
    store: values.store,
    accounts: await readAccountsOf(values, context, problems),
    registrar: {
      minExpires: registrar.min_expires,
      defaultExpires: registrar.default_expires,
      maxExpires: registrar.max_expires,
      maxContacts: registrar.max_contacts,
      open: registrar.open,
      keepalive: registrar.keepalive,
    },
    auth: values.auth,
    ban: values.ban,
    drop: values.drop,
    dns: values.dns,
    trunks: readTrunks(node, values.trunks, context),
    scripts: values.scripts,
    speech: {
      say: values.speech.say,
      recognize: values.speech.recognize,
      cache: values.speech.cache,
      atOnce: values.speech.at_once,
    },
    media: readMedia(values.media),
    log: values.log,
    limits: {
      calls: limits.calls,
      callsPerSource: limits.calls_per_source,
      connections: limits.connections,
      connectionsPerSource: limits.connections_per_source,
      transactions: limits.transactions,
      requestsPerSource: limits.requests_per_source,
      relays: limits.relays,
      drain: limits.drain,
    },
    control: values.control,
    records: values.records,
    capture: values.capture,
    hep: values.hep,
  };
}

function readMedia({ srtp_clear: srtpClear, ice_tcp: iceTcp, ...others }: Values["media"]): Config["media"] {
  return { ...others, srtpClear, iceTcp };
}

/** The accounts of the file that the configuration names have their problems in that file. */
async function readAccountsOf(
  { accounts }: Values,
  { environment }: Context,
  problems: Problem[],
): Promise<readonly Account[] | undefined> {
  if (accounts === undefined || "accounts" in accounts) return accounts?.accounts;
  const read = await readAccounts(accounts.file, {
    yaml: parseYaml,
    substitute: (text) => substitute(text, environment),
  });
  if (read.ok) return read.accounts;
  problems.push(...read.problems.slice(0, maxProblems));
  return undefined;
}

function readPage({ page, domains }: Values): Config["page"] {
  return page === false ? undefined : { ...page, domain: page.domain ?? domains[0] };
}

/** Certificates belong together: a certificate and its key. */
function readTls(root: Node, values: Values, context: Context): TlsSettings | undefined {
  const { tls } = values;
  if (tls === undefined) return undefined;
  if (tls.selfSigned === true && tls.cert !== undefined && tls.key !== undefined)
    return { ...tls, cert: tls.cert, key: tls.key, names: [] };
  const node = entryOf(root, "tls")?.value ?? root;
  const names = entryOf(node, "names")?.value;
  const complete = (
    one: { cert: string | undefined; key: string | undefined; passphrase: string | undefined },
    at: Position,
    what: string,
  ): CertificateSettings | undefined => {
    const { cert, key, passphrase } = one;
    if (cert !== undefined && key !== undefined) return { cert, key, passphrase };
    context.problem(at, `${what} needs both cert and key; ${cert === undefined ? "cert" : "key"} is missing`);
    return undefined;
  };
  const own = complete(tls, node.at, "tls");
  const further = tls.names.flatMap((one, i) => {
    const at = names?.kind === "list" ? names.items[i]?.at : undefined;
    if (one.name === undefined) context.problem(at ?? node.at, "the name is missing that clients ask for");
    const pair = complete(one, at ?? node.at, "each of tls.names");
    return pair === undefined || one.name === undefined ? [] : [{ name: one.name, ...pair }];
  });
  if (tls.clients !== "none" && tls.ca === undefined)
    context.problem(node.at, `clients: ${tls.clients} needs ca, whose certificates they are to have`);
  return own === undefined ? undefined : { ...own, ca: tls.ca, clients: tls.clients, names: further };
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
