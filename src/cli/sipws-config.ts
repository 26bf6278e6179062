/** What SIPWS's options say, as the configuration of a server: a registrar and a proxy between its phones. */
import { lookup } from "node:dns/promises";
import { isIP } from "node:net";
import { dirname, resolve } from "node:path";
import { type Config, readConfig } from "../config/index.ts";
import type { ControlSettings } from "../control/settings.ts";
import type { Arguments } from "./arguments.ts";
import { OptionValueError, optionValue } from "./option-value.ts";

export interface SipwsSettings {
  readonly config: Config;
  /** Undefined: nothing is taken over HTTP. */
  readonly http: ControlSettings | undefined;
  /** Absolute paths. */
  readonly database: string | undefined;
  readonly request: string | undefined;
  readonly pidFile: string | undefined;
  readonly foreground: boolean;
}

/** What is wrong with the options, as a sentence. */
export class SipwsError extends Error {
  readonly code = "sipws";
  constructor(message: string) {
    super(message);
    this.name = "SipwsError";
  }
}

const transports = [
  { option: "udpport", scheme: "udp" },
  { option: "tcpport", scheme: "tcp" },
  { option: "port", scheme: "ws" },
  { option: "tlsport", scheme: "wss" },
] as const;

/**
 * @param file the sipws.cfg that was read: `siproc status` and `siproc account` find the server by it
 * @throws OptionValueError, SipwsError
 */
export async function sipwsSettings(given: Arguments, file = resolve("sipws.cfg")): Promise<SipwsSettings> {
  const portOf = (option: string) => optionValue(given, option, "a port from 1 to 65535", readPort);
  const chosen = transports.flatMap(({ option, scheme }) => {
    const port = portOf(option);
    return port === undefined ? [] : [{ scheme, port }];
  });
  if (chosen.length === 0)
    throw new SipwsError("enable at least one transport: -u PORT for UDP, -t for TCP, -p for WS, -s for WSS");
  const httpPort = portOf("httpport");
  const keys = given.operands.filter((key) => key !== "");
  if (httpPort !== undefined && keys.length === 0)
    throw new SipwsError(`-r needs a key that requests must have, as in: siproc sipws -u 5060 -r ${httpPort} KEY`);
  const host = await hostOf(given.options.get("interface")?.[0] ?? "0.0.0.0");
  const pathOf = (option: string) => {
    const [path] = given.options.get(option) ?? [];
    return path === undefined ? undefined : resolve(path);
  };
  const verbose = given.options.get("verbose")?.length ?? 0;
  const [passphrase] = given.options.get("password") ?? [];
  const database = pathOf("db");
  const written = {
    listen: chosen.map(({ scheme, port }) => `${scheme}://${host.includes(":") ? `[${host}]` : host}:${port}`),
    ...(chosen.some(({ scheme }) => scheme === "wss") && {
      tls: {
        cert: plain(pathOf("certificate") ?? resolve("server.pem")),
        key: plain(pathOf("pk") ?? resolve("server.pem")),
        ...(passphrase !== undefined && { passphrase: plain(passphrase) }),
      },
    }),
    // Who is registered outlives a restart as accounts do, but changes too often for their file.
    store: database === undefined ? "memory:" : `sqlite:${plain(database)}.state`,
    accounts: "store",
    routes: [
      { method: "OPTIONS", reply: 200 },
      { location: true, auth: true },
    ],
    log: { level: verbose >= 3 ? "debug" : verbose === 2 ? "warn" : "error" },
  };
  const read = await readConfig(new TextEncoder().encode(JSON.stringify(written)), file);
  if (!read.ok) throw new SipwsError([...new Set(read.problems.map(({ message }) => message))].join("; "));
  return {
    config: { ...read.config, folder: dirname(file) },
    http: httpPort === undefined ? undefined : httpSettings(host, httpPort, keys),
    database,
    request: pathOf("data"),
    pidFile: pathOf("pidfile"),
    foreground: given.options.has("foreground"),
  };
}

function httpSettings(host: string, port: number, keys: readonly string[]): ControlSettings {
  return {
    listen: [{ host, port }],
    keys: keys.map((key, at) => ({ name: `key ${at + 1}`, key, scopes: ["admin"] })),
    tls: undefined,
    console: false,
    // Who provisions puts one account after the other; wrong keys have a limit of their own.
    requestsPerSecond: 1000,
    webhooks: [],
  };
}

/** What stands for itself in a configuration, whatever it holds. */
function plain(text: string): string {
  return text.replaceAll("$", "$$$$");
}

function readPort(text: string): number | undefined {
  const port = /^\d{1,5}$/.test(text) ? Number(text) : 0;
  return port > 0 && port < 65_536 ? port : undefined;
}

/** An IP address; names are looked up. */
async function hostOf(written: string): Promise<string> {
  const bare = written.replace(/^\[|\]$/g, "");
  if (isIP(bare) !== 0) return bare;
  try {
    return (await lookup(bare)).address;
  } catch {
    throw new OptionValueError("interface", written, "an IP address of this machine, or a name of it");
  }
}
