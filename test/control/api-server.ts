/** A whole server with its HTTP API on loopback, from a configuration file in a folder of its own. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { openControl } from "../../src/cli/control.ts";
import { loadConfig } from "../../src/config/index.ts";
import type { Lifecycle, Reloaded } from "../../src/control/lifecycle.ts";
import { createLog } from "../../src/log.ts";
import { LogTail } from "../../src/log-tail.ts";
import { type Server, startServer } from "../../src/server/index.ts";

export interface ApiServer {
  readonly server: Server;
  readonly folder: string;
  /** `http://127.0.0.1:…` */
  readonly url: string;
  /** The SIP port. */
  readonly port: number;
  /** What was logged. */
  readonly log: string[];
  readonly reloads: { count: number; answer: Reloaded };
  readonly stops: { count: number };
  /** Takes over keys, as a reload does. */
  use(keys: readonly string[]): void;
  ask(method: string, path: string, body?: unknown, more?: Readonly<Record<string, string>>): Promise<Answered>;
  close(): Promise<void>;
}

export interface Answered {
  readonly status: number;
  readonly headers: Headers;
  // Tests look at what they expect there.
  readonly body: Readonly<Record<string, unknown>> & readonly Readonly<Record<string, unknown>>[];
}

export const adminKey = "the-key-of-the-tests";

/** `yaml`: all but `listen` and `domains`; `control` is named there. `files`: by name, in the configuration's folder. */
export async function openApiServer(
  yaml: string,
  files: Readonly<Record<string, string>> = {},
  key: string | undefined = adminKey,
  domains = "domains: [example.com]\n",
): Promise<ApiServer> {
  const folder = mkdtempSync(join(tmpdir(), "siproc-api-"));
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, name)), { recursive: true });
    writeFileSync(join(folder, name), text, { mode: name.endsWith(".sh") ? 0o755 : 0o644 });
  }
  const file = join(folder, "siproc.yaml");
  writeFileSync(file, `listen: udp://127.0.0.1:0\n${domains}${yaml}\n`);
  const loaded = await loadConfig(file);
  if (!loaded.ok) throw new TypeError(loaded.problems.map(({ message }) => message).join("; "));
  const { config } = loaded;
  const log: string[] = [];
  const lines = createLog({ level: "debug", format: "pretty", write: (line) => log.push(line) });
  const server = await startServer(config, { log: lines });
  const reloads = {
    count: 0,
    answer: { taken: true, problems: [], warnings: [], restart: [] } satisfies Reloaded as Reloaded,
  };
  const stops = { count: 0 };
  const lifecycle: Lifecycle = {
    get stage() {
      return stops.count > 0 ? ("draining" as const) : ("serving" as const);
    },
    async reload() {
      reloads.count++;
      return reloads.answer;
    },
    stop: () => stops.count++,
  };
  const http = await openControl({ config, server, lifecycle, log: lines, logs: new LogTail() });
  const [url = ""] = http?.urls ?? [];
  return {
    ...{ server, folder, url, log, reloads, stops },
    port: server.listening[0]?.local.port ?? 0,
    use(keys) {
      const { control } = config;
      if (control === undefined) throw new TypeError("there is no control:");
      http?.use({ ...control, keys: keys.map((key) => ({ name: key, key, scopes: ["admin"] as const })) });
    },
    async ask(method, path, body, more = {}) {
      const response = await fetch(`${url}${path}`, {
        method,
        headers: {
          ...(key !== undefined && { Authorization: `Bearer ${key}` }),
          ...(body !== undefined && { "Content-Type": "application/json" }),
          ...more,
        },
        ...(body !== undefined && { body: typeof body === "string" ? body : JSON.stringify(body) }),
      });
      const text = await response.text();
      const isJson = /json/.test(response.headers.get("content-type") ?? "");
      return { status: response.status, headers: response.headers, body: isJson ? JSON.parse(text) : text };
    },
    async close() {
      await http?.close();
      await server.stop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

export const control = `control: { listen: 127.0.0.1:0, requests_per_second: 0, keys: [${adminKey}, { name: reader, key: only-for-reading, scopes: [read] }, { name: clerk, key: only-for-accounts, scopes: [accounts] }, { name: operator, key: only-for-calls, scopes: [calls] }] }`;
