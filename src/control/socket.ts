/**
 * The socket by which `siproc status` reaches a running server: HTTP on a Unix socket in a folder that nobody but this user
 * (and root) may enter, so it needs no password. One for each configuration file.
 */
import { chmodSync, lstatSync, mkdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import type { AccountChange, AccountsControl } from "./accounts.ts";
import { healthOf, type Lifecycle } from "./lifecycle.ts";
import type { Measures } from "./overview.ts";
import { answerKeeping, type KeepingControl } from "./socket-keeping.ts";
import type { Control } from "./status.ts";

/** Where a service that the system starts has its socket: the folder that the unit asks for, into which root may look. */
const systemFolder = "/run/siproc";

/** Where the server of a configuration file opens its socket. */
export function socketPath(file: string, environment: NodeJS.ProcessEnv = process.env): string {
  // systemd.exec(5): absolute paths with colons between them.
  const [given] = (environment.RUNTIME_DIRECTORY ?? "").split(":");
  return join(given || ownRuntimeFolder(environment), socketName(file));
}

/** Where the server of a configuration file may be reached: one of this user's own, then one that the system has started. */
export function socketPaths(file: string, environment: NodeJS.ProcessEnv = process.env): string[] {
  const folders = new Set([dirname(socketPath(file, environment)), ownRuntimeFolder(environment), systemFolder]);
  return [...folders].map((folder) => join(folder, socketName(file)));
}

function ownRuntimeFolder({ XDG_RUNTIME_DIR: base }: NodeJS.ProcessEnv): string {
  return base ? join(base, "siproc") : join(tmpdir(), `siproc-${process.getuid?.() ?? 0}`);
}

/** Socket paths are limited to some 100 octets; names of files are not. */
function socketName(file: string): string {
  return `${Bun.hash(resolve(file)).toString(36)}.sock`;
}

export interface ControlSocket {
  readonly path: string;
  close(): void;
}

/** Most rows of one answer. */
const mostRows = 100_000;

/** Who answers what is asked. */
export interface Answering {
  readonly control: Control;
  readonly measures: Measures;
  readonly lifecycle: Lifecycle;
  readonly keeping: KeepingControl;
  readonly accounts: AccountsControl;
}

/** Opens the socket; `failed` is told of what goes wrong later. Throws when the folder cannot be had or is not ours. */
export function openControlSocket(file: string, answering: Answering, failed: (error: Error) => void): ControlSocket {
  const path = socketPath(file);
  ownFolder(resolve(path, ".."));
  rmSync(path, { force: true });
  const server = Bun.serve({
    unix: path,
    fetch: async (request) => await answer(request, answering),
    error(error) {
      failed(error);
      return new Response("a fault inside siproc", { status: 500 });
    },
  });
  chmodSync(path, 0o600);
  return {
    path,
    close() {
      server.stop(true);
      rmSync(path, { force: true });
    },
  };
}

async function answer(
  request: Request,
  { control, measures, lifecycle, keeping, accounts }: Answering,
): Promise<Response> {
  const url = new URL(request.url);
  const limit = Math.min(mostRows, Number(url.searchParams.get("limit") ?? mostRows) || 0);
  switch (`${request.method} ${url.pathname}`) {
    case "GET /status":
      return Response.json(control.status());
    case "GET /overview":
      return Response.json(measures.overview());
    case "GET /health":
      return Response.json(healthOf(control.status(), lifecycle.stage));
    case "POST /reload":
      return Response.json(await lifecycle.reload());
    case "GET /contacts":
      return Response.json(control.contacts(limit));
    case "GET /bans":
      return Response.json(control.bans());
    case "GET /relays":
      return Response.json(await control.relays(limit));
    case "GET /accounts":
      return Response.json(control.accounts(limit));
    case "POST /accounts/changes":
      // Whoever may enter the socket's folder runs this very program, and is this user.
      return Response.json(await accounts.change((await request.json()) as readonly AccountChange[]));
    case "POST /account":
      return Response.json(await control.putAccount(await request.json()));
    case "DELETE /account":
      return Response.json(
        await control.removeAccount(url.searchParams.get("user") ?? "", url.searchParams.get("domain") ?? undefined),
      );
    case "POST /ban":
      return Response.json(control.ban(url.searchParams.get("source") ?? "", Number(url.searchParams.get("ms")) || 0));
    case "POST /unban":
      return Response.json(control.unban(url.searchParams.get("source") ?? ""));
    default:
      return (
        (await answerKeeping(request.method, url, keeping)) ?? new Response("there is nothing here", { status: 404 })
      );
  }
}

/** Makes the folder, or makes sure that it is one that only we can write to. */
function ownFolder(folder: string): void {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const { uid, mode } = lstatSync(folder);
  if (!lstatSync(folder).isDirectory() || (process.getuid !== undefined && uid !== process.getuid()))
    throw new TypeError(`${folder} belongs to somebody else`);
  if ((mode & 0o077) !== 0) chmodSync(folder, 0o700);
}
