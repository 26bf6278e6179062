/**
 * The HTTP listener of `control:`: who may ask (keys, rates, origins), the headers that every answer has, and the parts that hang
 * below its paths.
 */
import { readFileSync } from "node:fs";
import { isIP } from "node:net";
import { isLoopback } from "../../ip.ts";
import type { Log } from "../../log.ts";
import type { ControlSettings, Scope } from "../settings.ts";
import { scopes } from "../settings.ts";
import { bearer, Guesses, Keys, type KnownKey } from "./keys.ts";
import { type Asking, type Mount, mayDo } from "./mount.ts";
import { problem } from "./problem.ts";
import { Rate } from "./rate.ts";

export interface HttpOptions {
  readonly settings: ControlSettings;
  readonly mounts: readonly Mount[];
  readonly log: Log;
  /** ms, of any epoch. */
  readonly now?: () => number;
}

export interface HttpServer {
  /** `http://127.0.0.1:8082`, without a path. */
  readonly urls: readonly string[];
  /** Takes over keys and rates; where it listens and its certificate stay. */
  use(settings: ControlSettings): void;
  close(): Promise<void>;
}

/** Octets of a body that is read at all; mounts read less. */
const mostBody = 64 * 1_048_576;
/** Seconds that a connection may be silent: longer than the longest answer takes, a text that nobody takes (RFC 3261 timer F). */
const idleTimeout = 60;
/** Requests that are being answered at one time; answers that go on are the mounts' to count. */
const mostAtOnce = 512;
/** Wrong keys from one address: so many at once, and then one in so many seconds. */
const wrongKeys = { burst: 10, perSecond: 0.2 };

const everything: ReadonlySet<Scope> = new Set(scopes);
const nothing: ReadonlySet<Scope> = new Set();

const safeHeaders: readonly (readonly [string, string])[] = [
  ["X-Content-Type-Options", "nosniff"],
  ["Referrer-Policy", "no-referrer"],
  ["Cache-Control", "no-store"],
  ["Cross-Origin-Resource-Policy", "same-origin"],
  ["Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'"],
  ["X-Frame-Options", "DENY"],
];

/** Opens all addresses or none. Throws HttpError, whose message names the address or the file. */
export function openHttp({ settings, mounts, log, now = () => performance.now() }: HttpOptions): HttpServer {
  const inOrder = [...mounts].sort((a, b) => b.prefix.length - a.prefix.length);
  let keys = new Keys(settings.keys);
  let rate = rateOf(settings, now);
  const wrong = new Rate({ ...wrongKeys, now });
  const guesses = new Guesses();
  let running = 0;
  /** Answers that go on. */
  const lasting = new Set<{ check(): void }>();

  const answer = async (request: Request, server: Bun.Server<undefined>): Promise<Response> => {
    const address = server.requestIP(request)?.address ?? "";
    const url = new URL(request.url);
    const limited = (by: Rate) =>
      problem("too-many", "ask more slowly, or raise control.requests_per_second", {
        headers: { "Retry-After": String(by.wait(address)) },
      });
    if (rate !== undefined && !rate.take(address)) return limited(rate);
    if (running >= mostAtOnce)
      return problem("busy", "too many requests are being answered; try again", { headers: { "Retry-After": "1" } });
    const stranger = foreign(request, url, keys.size === 0);
    if (stranger !== undefined) return stranger;
    const given = bearer(request.headers.get("authorization"));
    const known = given === undefined || keys.size === 0 ? undefined : keys.find(given);
    if (given !== undefined && keys.size > 0) {
      // Behind a proxy on this machine everybody has its address: there a right key is never made to wait for the wrong ones of others.
      const waits = known === undefined || !isLoopback(address);
      if (waits && !wrong.has(address)) return limited(wrong);
      if (known === undefined) {
        if (guesses.isNew(address, given)) {
          wrong.take(address);
          log.warn("a wrong key was given to the HTTP API", { source: address });
        }
        return problem("wrong-key", "this key is none of control.keys; give one that is", {
          headers: { "WWW-Authenticate": 'Bearer error="invalid_token"' },
        });
      }
    }
    const asking: Asking = {
      address,
      key: known?.name,
      scopes: keys.size === 0 ? everything : (known?.scopes ?? nothing),
      lasting() {
        server.timeout(request, 0);
        const revoked = new AbortController();
        const isGood = () => (keys.size === 0 ? given === undefined : sameScopes(keys.find(given ?? ""), known));
        const one = { check: () => isGood() || revoked.abort() };
        lasting.add(one);
        request.signal.addEventListener("abort", () => lasting.delete(one), { once: true });
        return AbortSignal.any([request.signal, revoked.signal]);
      },
    };
    for (const mount of inOrder) {
      if (!isBelow(url.pathname, mount.prefix)) continue;
      if (mount.scope !== undefined && !mayDo(asking, mount.scope)) return refused(asking, mount.scope);
      const answered = await mount.answer(request, url, asking);
      if (answered !== undefined) return answered;
    }
    return problem("not-found", "nothing has this address; GET /v1/openapi.json tells what there is");
  };

  const guarded = async (request: Request, server: Bun.Server<undefined>): Promise<Response> => {
    running++;
    try {
      return protect(await answer(request, server));
    } catch (error) {
      log.error("a fault inside siproc, asked over HTTP", {
        path: new URL(request.url).pathname,
        reason: error instanceof Error ? (error.stack ?? error.message) : String(error),
      });
      return protect(problem("fault", "this is no fault of yours: the log of the server tells more; please report it"));
    } finally {
      running--;
    }
  };

  const tls = tlsOf(settings);
  const servers: Bun.Server<undefined>[] = [];
  for (const { host, port } of settings.listen) {
    try {
      servers.push(
        Bun.serve({
          hostname: host,
          port,
          ...(tls !== undefined && { tls }),
          fetch: guarded,
          maxRequestBodySize: mostBody,
          idleTimeout,
          development: false,
          // Without `development` Bun shares the port with whoever opens it, too: half of the requests would go to another server.
          reusePort: false,
        }),
      );
    } catch (error) {
      for (const open of servers) void open.stop(true);
      throw new HttpError(`${shownAddress(host, port)} cannot be listened on for HTTP: ${listenReason(error)}`);
    }
  }
  return {
    urls: servers.map(
      ({ hostname = "", port = 0 }) => `${tls === undefined ? "http" : "https"}://${shownAddress(hostname, port)}`,
    ),
    use(next) {
      keys = new Keys(next.keys);
      rate = rateOf(next, now);
      for (const one of lasting) one.check();
    },
    async close() {
      await Promise.all(servers.map((server) => server.stop(true)));
    },
  };
}

export class HttpError extends Error {
  override readonly name = "HttpError";
  readonly code = "control";
}

/** What somebody is told who may not do this. */
export function refused({ key, scopes: has }: Asking, ...needed: readonly Scope[]): Response {
  const what = needed.join(" or ");
  if (has.size === 0 && key === undefined)
    return problem("no-key", "give one of control.keys, as in Authorization: Bearer KEY", {
      headers: { "WWW-Authenticate": "Bearer" },
    });
  return problem("not-allowed", `this takes a key with the scope ${what}; this one has ${[...has].join(", ")}`);
}

/**
 * Pages of other sites may not ask, though a browser on this machine reaches us: neither across origins, nor by a name of theirs
 * that leads here (DNS rebinding), which matters where no key is asked for.
 */
function foreign(request: Request, url: URL, open: boolean): Response | undefined {
  const origin = request.headers.get("origin");
  if (origin !== null && URL.parse(origin)?.host !== url.host)
    return problem("wrong-origin", "the API is not for pages of other sites; ask from a program, or from the console");
  const host = url.hostname.replace(/^\[|\]$/g, "");
  if (open && host !== "localhost" && isIP(host) === 0)
    return problem("wrong-origin", "without keys the API is asked by an IP address or localhost, not by another name");
  return undefined;
}

function sameScopes(a: KnownKey | undefined, b: KnownKey | undefined): boolean {
  return a !== undefined && b !== undefined && [...a.scopes].join() === [...b.scopes].join();
}

function isBelow(path: string, prefix: string): boolean {
  return prefix.endsWith("/") ? path.startsWith(prefix) : path === prefix;
}

function protect(response: Response): Response {
  for (const [name, value] of safeHeaders) if (!response.headers.has(name)) response.headers.set(name, value);
  return response;
}

function rateOf({ requestsPerSecond }: ControlSettings, now: () => number): Rate | undefined {
  return requestsPerSecond === 0
    ? undefined
    : new Rate({ perSecond: requestsPerSecond, burst: Math.max(10, 2 * requestsPerSecond), now });
}

function tlsOf({ tls }: ControlSettings) {
  if (tls === undefined) return undefined;
  const read = (file: string) => {
    try {
      return readFileSync(file);
    } catch (error) {
      throw new HttpError(`${file} of control.tls cannot be read: ${reasonOf(error)}`);
    }
  };
  return {
    cert: read(tls.cert),
    key: read(tls.key),
    ...(tls.passphrase !== undefined && { passphrase: tls.passphrase }),
  };
}

function shownAddress(host: string, port: number): string {
  return host.includes(":") ? `[${host.replace(/^\[|\]$/g, "")}]:${port}` : `${host}:${port}`;
}

function listenReason(error: unknown): string {
  const code = error instanceof Error && "code" in error ? error.code : undefined;
  switch (code) {
    case "EADDRINUSE":
      return "the port is in use by another program";
    case "EADDRNOTAVAIL":
      return "the address is none of this machine's";
    case "EACCES":
      return "this user may not listen on that port";
    default:
      return reasonOf(error);
  }
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
