/** What a configuration refers to: files that must be there, ports that must not collide. */
import { constants } from "node:fs";
import { access, stat } from "node:fs/promises";
import { basename, delimiter, join } from "node:path";
import { faultOfTls } from "../transport/index.ts";
import type { Config, Route } from "./config.ts";
import { checkControl, overlaps } from "./references-control.ts";
import { entryOf } from "./routes.ts";
import { checkTrunkRoutes } from "./trunks.ts";
import type { Context } from "./types.ts";
import type { Node, Position } from "./yaml.ts";

export async function checkReferences(config: Config, root: Node, context: Context): Promise<void> {
  checkListeners(config, root, context);
  checkAccounts(config, root, context);
  const trunkAt = (i: number) => entryOf(routeEntry(root, i), "trunk")?.value.at;
  checkTrunkRoutes(config.routes, config.trunks, trunkAt, context);
  const certificates = await Promise.all(
    certificateFiles(config, root).map(({ path, at }) => checkFile(path, at, context)),
  );
  if (config.tls !== undefined && config.tls.selfSigned !== true && certificates.every((there) => there)) {
    const fault = faultOfTls(config.tls);
    if (fault !== undefined) context.problem(entryOf(root, "tls")?.value.at ?? root.at, fault);
  }
  await checkControl(config, root, context, (path, at) => checkFile(path, at, context));
  await Promise.all(config.routes.map((route, i) => checkHandler(route, routeEntry(root, i), context)));
  const allow = entryOf(entryOf(root, "scripts")?.value, "allow")?.value;
  // What scripts may write is made when the first of them writes there.
  const at = entryOf(allow, "read")?.value.at ?? root.at;
  for (const path of config.scripts.allow.read) {
    if ((await kindOf(path)) === undefined)
      context.warn(at, `${path} does not exist; create it, or scripts will find nothing to read there`);
  }
}

function checkListeners({ listen, media }: Config, root: Node, context: Context): void {
  const node = entryOf(root, "listen")?.value;
  const at = (i: number): Position => (node?.kind === "list" ? node.items[i]?.at : node?.at) ?? root.at;
  for (const [i, one] of listen.entries()) {
    if (one.port === 0) continue;
    const same = listen.findIndex(
      (other) => other.transport === one.transport && other.port === one.port && overlaps(other.host, one.host),
    );
    if (same < i)
      context.problem(
        at(i),
        `entry ${same + 1} of the list listens here already; each needs an address or port of its own`,
      );
    const [first, last] = media.ports;
    if (one.transport === "udp" && one.port >= first && one.port <= last)
      context.warn(at(i), `UDP port ${one.port} is one of media.ports (${first}-${last}); keep SIP out of that range`);
  }
}

/** What needs accounts or certificates, where there are none, and what will be lost. */
function checkAccounts(config: Config, root: Node, context: Context): void {
  const { accounts, registrar, routes, listen, tls } = config;
  // Of a file that is wrong, its own mistakes are told.
  const none = accounts === undefined && entryOf(root, "accounts") === undefined;
  for (const [i, { action, auth }] of routes.entries()) {
    const at = entryOf(routeEntry(root, i), action.type)?.keyAt ?? root.at;
    if (auth !== undefined && none)
      context.problem(
        entryOf(routeEntry(root, i), "auth")?.keyAt ?? at,
        "auth asks for the password of an account, and there are none; add accounts",
      );
    if (action.type === "location" && none && !registrar.open)
      context.warn(
        at,
        "nobody can register: there are no accounts; add accounts, or registrar: { open: true } for a network without strangers",
      );
  }
  if (accounts !== undefined && config.store === "memory:" && entryOf(root, "store") === undefined)
    context.warn(
      entryOf(root, "accounts")?.keyAt ?? root.at,
      "registrations will be lost when siproc stops: there is no store; add one, as in store: sqlite:siproc.db",
    );
  const node = entryOf(root, "listen")?.value;
  for (const [i, { transport }] of listen.entries())
    if ((transport === "tls" || transport === "wss") && tls === undefined)
      context.problem(
        (node?.kind === "list" ? node.items[i]?.at : node?.at) ?? root.at,
        `${transport} needs a certificate; add tls: { cert: FILE, key: FILE }, or for first steps tls: self-signed`,
      );
}

export async function checkHandler(route: Route, node: Node | undefined, context: Context): Promise<void> {
  const { action } = route;
  if (action.type !== "script" && action.type !== "exec") return;
  const at = entryOf(node, action.type)?.value.at ?? route;
  if (action.type === "script") return checkScript(action.file, at, context);
  const [program = ""] = action.argv;
  if (!program.includes("/")) {
    if (!(await inPath(program, context.environment.PATH ?? "")))
      context.problem(
        at,
        `there is no program “${program}” in PATH; a program beside this file is written ./${program}`,
      );
    return;
  }
  const kind = await kindOf(program);
  if (kind === undefined) context.problem(at, `there is no program ${program}`);
  else if (kind === "folder") context.problem(at, `${program} is a folder; expected a program`);
  else if (!(await executable(program)))
    context.problem(at, `${program} is not executable; run: chmod +x ${basename(program)}`);
}

/** What tls names, each with its place. */
function certificateFiles({ tls }: Config, root: Node): { path: string; at: Position }[] {
  const node = entryOf(root, "tls")?.value;
  const names = entryOf(node, "names")?.value;
  const of = (owner: Node | undefined, key: string, path: string | undefined) =>
    path === undefined ? [] : [{ path, at: entryOf(owner, key)?.value.at ?? root.at }];
  // What is missing is made.
  if (tls === undefined || tls.selfSigned === true) return [];
  return [
    ...[...of(node, "cert", tls.cert), ...of(node, "key", tls.key), ...of(node, "ca", tls.ca)],
    ...tls.names.flatMap(({ cert, key }, i) => {
      const item = names?.kind === "list" ? names.items[i] : undefined;
      return [...of(item, "cert", cert), ...of(item, "key", key)];
    }),
  ];
}

async function checkFile(path: string, at: Position, context: Context): Promise<boolean> {
  const kind = await kindOf(path);
  if (kind === undefined) context.problem(at, `there is no file ${path}`);
  else if (kind === "folder") context.problem(at, `${path} is a folder; expected a PEM file`);
  return kind === "file";
}

async function checkScript(file: string, at: Position, context: Context): Promise<void> {
  const kind = await kindOf(file);
  if (kind === undefined) context.problem(at, `there is no script ${file}`);
  else if (kind === "folder") context.problem(at, `${file} is a folder; expected a script`);
  else if (!/\.(m?[jt]s|cjs)$/.test(file))
    context.problem(at, `${file} is no .js or .ts file; a program of another kind is written exec: [${file}]`);
}

async function kindOf(path: string): Promise<"file" | "folder" | undefined> {
  try {
    return (await stat(path)).isDirectory() ? "folder" : "file";
  } catch {
    return undefined;
  }
}

async function executable(path: string): Promise<boolean> {
  try {
    await access(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

async function inPath(program: string, path: string): Promise<boolean> {
  for (const folder of path.split(delimiter)) {
    const file = join(folder, program);
    if (folder !== "" && (await kindOf(file)) === "file" && (await executable(file))) return true;
  }
  return false;
}

function routeEntry(root: Node, index: number): Node | undefined {
  const routes = entryOf(root, "routes")?.value;
  return routes?.kind === "list" ? routes.items[index] : undefined;
}
