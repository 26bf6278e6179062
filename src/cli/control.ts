/**
 * The HTTP listener of `control:` and what hangs below its paths, joined with a running server. Its parts are loaded only where
 * it is configured.
 */
import type { Config } from "../config/index.ts";
import type { HttpServer } from "../control/http/server.ts";
import type { Lifecycle } from "../control/lifecycle.ts";
import type { Log } from "../log.ts";
import type { LogTail } from "../log-tail.ts";
import type { Server } from "../server/index.ts";
import { sipwsMounts } from "./sipws-mounts.ts";

export interface ControlParts {
  readonly config: Config;
  readonly server: Server;
  readonly lifecycle: Lifecycle;
  readonly log: Log;
  /** Its last lines. */
  readonly logs: LogTail;
}

/** Opens it; undefined: the configuration has none. Throws HttpError, whose message says what cannot be had. */
export async function openControl({
  config,
  server,
  lifecycle,
  log,
  logs,
}: ControlParts): Promise<HttpServer | undefined> {
  const { control: settings } = config;
  if (settings === undefined) return undefined;
  const [{ openHttp }, { apiMount }, { metricsMount }] = await Promise.all([
    import("../control/http/server.ts"),
    import("../control/api/index.ts"),
    import("../control/metrics/mount.ts"),
  ]);
  let current = settings;
  const mounts = [
    apiMount({ server, lifecycle, log, logs, settings }),
    ...(settings.sipws ? await sipwsMounts({ server, log, settings: () => current }) : []),
    metricsMount(() => server.measures.families()),
    // Each further part is one line here.
  ];
  const http = openHttp({ settings, mounts, log });
  for (const url of http.urls) log.info(`the API listens on ${url}/v1/`);
  if (settings.keys.length === 0)
    log.warn("the HTTP API has no keys: whoever is on this machine may do everything; add control.keys");
  return {
    ...http,
    use(next) {
      current = next;
      http.use(next);
    },
  };
}
