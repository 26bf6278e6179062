/** The built binary, dist/siproc, serving one test: its own folder, its own ports, its log. */
import { cpSync, existsSync } from "node:fs";
import { resolve } from "node:path";
import { temporaryFolder } from "./folder.ts";
import { freePort, mediaPorts, untilBound } from "./ports.ts";
import { Program, ProgramError } from "./program.ts";

export const repository = resolve(import.meta.dir, "../../..");
export const binary = process.env.SIPROC_BINARY ?? resolve(repository, "dist/siproc");

export interface ServerOptions {
  /** The YAML after `listen` and `media.ports`, which are set here: routes, scripts, log, … */
  config: string;
  /** Handlers, sounds and whatever else stands in the folder: path → content. */
  files?: Readonly<Record<string, string | Uint8Array>>;
  /** Also put a copy of the repository's own scripts/ there. */
  scripts?: boolean;
  env?: Record<string, string | undefined>;
  /** 127.0.0.1 by default; `::1` for IPv6. */
  host?: string;
  /** Further addresses for UDP and TCP, on the same port. */
  hosts?: readonly string[];
  /** RTP ports to use, an even number; 200 by default. */
  mediaPorts?: number;
  /** Both by default. */
  codecs?: readonly ("PCMU" | "PCMA" | "G722" | "opus")[];
  /** Log warnings and errors only, for load. That it listens is then seen by its port. */
  quiet?: boolean;
  /** More of `media:`, as in a flow mapping. */
  media?: string;
  /** Further listeners, each on a port of its own. Those with TLS need `tls` in `config`. */
  listen?: readonly ("tls" | "ws" | "wss")[];
  /** Words put before the command, such as `taskset -c 0`. */
  prefix?: readonly string[];
}

export interface Server {
  host: string;
  /** SIP over UDP and TCP. */
  port: number;
  /** Of the further listeners; 0 for those that were not asked for. */
  ports: Readonly<Record<"tls" | "ws" | "wss", number>>;
  /** `host:port`, as SIPp wants it. */
  address: string;
  /** First and last RTP port. */
  media: readonly [number, number];
  /** Milliseconds from its start to its listening. */
  startup: number;
  folder: string;
  /** With which it was started in its folder. */
  command: readonly string[];
  program: Program;
  /** The calls that came in, as its log says, and that have not ended: the log's ids of them. */
  calls(): string[];
  /** SIGTERM, and the exit code. */
  stop(): Promise<number>;
}

/** Starts dist/siproc; resolves when it listens. */
export async function siproc(options: ServerOptions): Promise<Server> {
  if (!existsSync(binary))
    throw new ProgramError(`${binary} is not built: run npm run build, or npm test, which builds it`);
  const port = await freePort();
  const host = options.host ?? "127.0.0.1";
  const inUri = (address: string) => (address.includes(":") ? `[${address}]` : address);
  const shown = inUri(host);
  const media = await mediaPorts(options.mediaPorts ?? 200);
  const ports = { tls: 0, ws: 0, wss: 0 };
  for (const transport of options.listen ?? []) ports[transport] = await freePort();
  const listeners = [
    ...[host, ...(options.hosts ?? [])].flatMap((address) => [
      `udp://${inUri(address)}:${port}`,
      `tcp://${inUri(address)}:${port}`,
    ]),
    ...(options.listen ?? []).map((transport) => `${transport}://${shown}:${ports[transport]}`),
  ];
  const config = [
    `listen: ${JSON.stringify(listeners)}`,
    `media: { ports: ${media.join("-")}, codecs: [${(options.codecs ?? ["PCMU", "PCMA"]).join(", ")}], ${options.media ?? ""} }`,
    options.quiet ? "log: { level: warn }" : "",
    options.config,
    "",
  ].join("\n");
  const folder = temporaryFolder("server", { ...options.files, "siproc.yaml": config });
  if (options.scripts) cpSync(resolve(repository, "scripts"), resolve(folder, "scripts"), { recursive: true });
  const began = performance.now();
  const command = [...(options.prefix ?? []), binary, "run", "siproc.yaml"];
  const program = new Program({
    command,
    cwd: folder,
    ...(options.env === undefined ? {} : { env: options.env }),
  });
  if (options.quiet) {
    // The last of its listeners that it opens.
    const last = options.listen?.at(-1);
    if (!(await untilBound(last === undefined ? port : ports[last], "tcp", 10_000, program.pid)))
      throw new ProgramError(`${binary} listens to nothing:\n${program.lines.join("\n")}`);
  } else await program.line(/listening/i);
  const startup = performance.now() - began;
  return {
    host,
    port,
    ports,
    address: `${shown}:${port}`,
    media,
    startup,
    folder,
    command,
    program,
    calls: () => {
      const live = new Set<string>();
      for (const line of program.lines) {
        const [, what, id = ""] = /(a call comes in|the call has ended) call=(\w+)/.exec(line) ?? [];
        if (what === "a call comes in") live.add(id);
        else live.delete(id);
      }
      return [...live];
    },
    async stop() {
      const code = await program.stop();
      const leak = program.lines.find((line) => secret.test(line));
      if (leak !== undefined) throw new ProgramError(`a secret is in the log: ${leak}`);
      return code;
    },
  };
}

/** What stands in no log, at whatever level, whatever a test has done (R10): what passwords, SRTP and ICE are keyed with. */
const secret = /\bnonce=|\bresponse="?[0-9a-f]{16}|\binline:[\w+/]{10}|\ba=crypto|\bice-pwd\b|PRIVATE KEY/i;
