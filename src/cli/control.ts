/**
 * The HTTP listener of `control:` and what hangs below its paths, joined with a running server. Its parts are loaded only where
 * it is configured.
 */
import type { Config } from "../config/index.ts";
import type { Console } from "../console/index.ts";
import { History, sampleEvery } from "../control/history.ts";
import type { Mount } from "../control/http/mount.ts";
import type { HttpServer } from "../control/http/server.ts";
import type { Lifecycle } from "../control/lifecycle.ts";
import { poorMos } from "../control/quality.ts";
import type { Log } from "../log.ts";
import type { LogTail } from "../log-tail.ts";
import type { Server } from "../server/index.ts";
import { ensureSelfSigned } from "../transport/index.ts";
import { sipwsMounts } from "./sipws-mounts.ts";

export interface ControlParts {
  readonly config: Config;
  readonly server: Server;
  readonly lifecycle: Lifecycle;
  readonly log: Log;
  /** Its last lines. */
  readonly logs: LogTail;
}

/** ms that the last events may take to their webhooks. */
const farewell = 2000;

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
  const [{ openHttp }, { apiMount }, { metricsMount }, consoleDoor, { Webhooks }] = await Promise.all([
    import("../control/http/server.ts"),
    import("../control/api/index.ts"),
    import("../control/metrics/mount.ts"),
    import("../console/index.ts"),
    import("../control/webhooks.ts"),
  ]);
  const history = keepHistory(server);
  let current = settings;
  const mounts = [
    apiMount({ server, lifecycle, log, logs, history: history.kept }),
    ...(settings.sipws ? await sipwsMounts({ server, log, settings: () => current }) : []),
    metricsMount(() => server.measures.families()),
    ...(settings.console ? [consoleMount(new consoleDoor.Console())] : []),
    // Each further part is one line here.
  ];
  readyCertificate(config, log);
  const http = openHttp({ settings, mounts, log });
  const webhooks = new Webhooks({ feed: server.feed, log });
  webhooks.use(settings.webhooks);
  for (const url of http.urls)
    log.info(`the API listens on ${url}/v1/`, settings.console ? { console: `${url}/` } : {});
  if (settings.keys.length === 0)
    log.warn("the HTTP API has no keys: whoever is on this machine may do everything; add control.keys");
  return {
    ...http,
    use(next) {
      current = next;
      http.use(next);
      webhooks.use(next.webhooks);
    },
    async close() {
      history.stop();
      await webhooks.close(farewell);
      await http.close();
    },
  };
}

/** A self-signed certificate for first steps is made where it is missing. @throws TransportError where it cannot be written. */
function readyCertificate({ control, advertise }: Config, log: Log): void {
  const tls = control?.tls;
  if (tls?.selfSigned !== true) return;
  const made = ensureSelfSigned(tls, advertise === undefined ? [] : [advertise], Date.now());
  if (made !== undefined)
    log.info("made a self-signed certificate", { file: tls.cert, for: made.slice(0, 6).join(" ") });
}

/** The console's files need no key; what it shows it asks the API for. */
function consoleMount(served: Console): Mount {
  return { prefix: "/", scope: undefined, answer: (request, url) => served.answer(request, url) };
}

/** Keeps how the server stands from now on. */
function keepHistory(server: Pick<Server, "control" | "keeping" | "measures">) {
  const { control, keeping, measures } = server;
  const kept = new History({
    status: () => control.status(),
    packets: () => measures.packets(),
    answers: () => measures.answers(),
    poor: () => keeping.quality.below(poorMos),
  });
  const forget = keeping.onRecord((record) => kept.call(record));
  const timer = setInterval(() => kept.sample(), sampleEvery * 1000);
  timer.unref();
  return {
    kept,
    stop() {
      clearInterval(timer);
      forget();
    },
  };
}
