/** What a WebSocket port answers to a request that wants no WebSocket: whatever the owner of the port says. */
import type { Log } from "../../log.ts";
import type { Address } from "../../sip/flow.ts";
import { isHostName } from "../../sip/host.ts";
import { formatAddress } from "../address.ts";
import { answer, type HttpRequest, plainAnswer } from "./http.ts";

/** Answers a request of HTTP; `globalThis.Request`, not SIP's. */
export type HttpHook = (request: Request) => Response | Promise<Response>;

export interface PageOptions {
  readonly http: HttpHook | undefined;
  readonly secure: boolean;
  /** Our address, for a request that names no host. */
  readonly local: Address;
  readonly log: Log;
}

const withoutBody = new Set(["GET", "HEAD"]);
/** Methods that `Request` does not take. */
const untaken = new Set(["CONNECT", "TRACE", "TRACK"]);
/** Those that say how the octets travel, which is ours to say. */
const hopByHop = new Set(["connection", "content-length", "keep-alive", "transfer-encoding", "upgrade"]);

/** The whole answer. Never rejects: what the hook throws is logged and becomes a 500. */
export async function pageFor(request: HttpRequest, options: PageOptions): Promise<Uint8Array> {
  const { http, log } = options;
  if (http === undefined) {
    return plainAnswer(404, "Nothing is here but SIP over WebSocket: connect with the sub-protocol sip (RFC 7118).");
  }
  if (untaken.has(request.method)) return plainAnswer(405, "This method is not served.");
  try {
    const response = await http(webRequest(request, options));
    const headers: string[] = [];
    for (const [name, value] of response.headers) if (!hopByHop.has(name)) headers.push(`${name}: ${value}`);
    const body = request.method === "HEAD" ? new Uint8Array(0) : new Uint8Array(await response.arrayBuffer());
    return answer(response.status, headers, body);
  } catch (error) {
    log.error("a page could not be made", { reason: error instanceof Error ? error.message : String(error) });
    return plainAnswer(500, "This page could not be made.");
  }
}

function webRequest({ method, target, headers, body }: HttpRequest, { secure, local }: PageOptions): Request {
  const host = headers.get("host") ?? "";
  const [, name = "", port] = /^([^:]+|\[[0-9a-fA-F:.]+\])(:\d{1,5})?$/.exec(host) ?? [];
  const authority = isHostName(name) || name.startsWith("[") ? `${name}${port ?? ""}` : formatAddress(local);
  const url = new URL(`${secure ? "https" : "http"}://${authority}${target}`).href;
  return new Request(url, {
    method,
    headers: [...headers],
    ...(withoutBody.has(method) ? {} : { body: new Blob([body]) }),
  });
}
