/** The page with a phone, served where ws and wss listen, and a certificate for first steps. */
import type { Config, TlsSettings } from "../config/config.ts";
import type { Log } from "../log.ts";
import { Page } from "../page/index.ts";
import { ensureSelfSigned, type HttpHook } from "../transport/index.ts";
import { turnCredentials } from "./turn.ts";

/** Answers browsers that want no WebSocket; undefined: the configuration has no page. */
export function pageHook({ page, listen }: Config): HttpHook | undefined {
  if (page === undefined) return undefined;
  const securePort = listen.find(({ transport }) => transport === "wss")?.port;
  const { turn } = page;
  const served = new Page({
    ...page,
    securePort: securePort === 0 ? undefined : securePort,
    turn: turn?.anonymous ? () => turnCredentials(turn, "anonymous", Date.now()) : undefined,
  });
  return (request) => served.answer(request);
}

/** What `tls` says, once its files are there. @throws TransportError where a self-signed certificate cannot be written. */
export function readyTls({ tls, listen, advertise }: Config, log: Log): TlsSettings | undefined {
  if (tls?.selfSigned !== true) return tls;
  if (!listen.some(({ transport }) => transport === "tls" || transport === "wss")) return undefined;
  const made = ensureSelfSigned(tls, advertise === undefined ? [] : [advertise], Date.now());
  if (made !== undefined)
    log.info("made a self-signed certificate", { file: tls.cert, for: made.slice(0, 6).join(" ") });
  log.warn("the certificate is self-signed: browsers and phones warn of it; name a real one for more than first steps");
  return tls;
}
