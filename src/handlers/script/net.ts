/** fetch for scripts: only where `allow: net` says, also after a redirect, within bounds of size and time. */
import { ScriptHostError } from "./errors.ts";
import { bounds } from "./settings.ts";

export interface FetchRequest {
  method: string;
  headers: [name: string, value: string][];
  redirect: "follow" | "manual" | "error";
}

export interface FetchAnswer {
  status: number;
  statusText: string;
  url: string;
  redirected: boolean;
  headers: [name: string, value: string][];
  body: Uint8Array;
}

/** Decided by the connection, or by us. */
const reserved =
  /^(host|connection|content-length|transfer-encoding|upgrade|te|trailer|keep-alive|expect|proxy-.*|sec-.*|accept-encoding)$/;

/**
 * `allow` holds exact hosts, `*.suffix` and `host:port`, in lower case. An entry without a port allows the ports of http and
 * https only. What address a name leads to is the resolver's business: allow names whose owner you trust.
 */
export function isHostAllowed(url: URL, allow: readonly string[]): boolean {
  if (url.protocol !== "http:" && url.protocol !== "https:") return false;
  const host = url.hostname.toLowerCase().replace(/\.$/, "");
  return allow.some((entry) => {
    const split = /^(.*?)(?::(\d+))?$/.exec(entry.startsWith("[") || !/:.*:/.test(entry) ? entry : `[${entry}]`);
    const name = (split?.[1] ?? "").toLowerCase();
    const port = split?.[2];
    const actual = url.port === "" ? (url.protocol === "https:" ? "443" : "80") : url.port;
    if (port === undefined ? url.port !== "" : port !== actual) return false;
    return name.startsWith("*.") ? host.endsWith(name.slice(1)) && host.length > name.length - 1 : host === name;
  });
}

/** A URL that PLAY may fetch, where `allow` names its host. */
export function resolveUrl(
  name: string,
  allow: readonly string[],
): { ok: true; path: string } | { ok: false; reason: string } {
  const url = URL.parse(name);
  if (url === null || url.username !== "" || url.password !== "")
    return { ok: false, reason: `${JSON.stringify(name.slice(0, 200))} is no URL that can be played` };
  if (!isHostAllowed(url, allow))
    return { ok: false, reason: `${url.origin} may not be asked: \`allow: net\` does not name it` };
  return { ok: true, path: url.href };
}

/** A request from JSON that a script made. Throws ScriptHostError "argument". */
export function readRequest(json: string): FetchRequest {
  const parsed: unknown = JSON.parse(json);
  const get = (name: string): unknown =>
    typeof parsed === "object" && parsed !== null ? Reflect.get(parsed, name) : undefined;
  const method = String(get("method")).toUpperCase();
  if (!/^(GET|HEAD|POST|PUT|PATCH|DELETE|OPTIONS)$/.test(method))
    throw new ScriptHostError("argument", `fetch knows no method ${JSON.stringify(method)}`);
  const redirect = get("redirect");
  if (redirect !== "follow" && redirect !== "manual" && redirect !== "error")
    throw new ScriptHostError("argument", "redirect must be `follow`, `manual` or `error`");
  const headers: [string, string][] = [];
  const given = get("headers");
  for (const pair of Array.isArray(given) ? given : []) {
    const [name, value]: unknown[] = Array.isArray(pair) ? pair : [];
    if (typeof name !== "string" || typeof value !== "string" || !/^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,256}$/.test(name))
      throw new ScriptHostError("argument", `not a header name: ${JSON.stringify(name)}`);
    if (value.length > 8192 || /[^\t\x20-\x7e\x80-\xff]/.test(value))
      throw new ScriptHostError("argument", `header ${name} has a value that cannot be sent`);
    if (reserved.test(name.toLowerCase()))
      throw new ScriptHostError("argument", `header ${name} is not a script's to set`);
    headers.push([name, value]);
    if (headers.length > 100) throw new ScriptHostError("argument", "more than 100 headers");
  }
  return { method, headers, redirect };
}

/** Throws ScriptHostError: "permission" where `allow` does not reach, "limit" for a body too large; or the network's error. */
export async function fetchFor(
  target: string,
  request: FetchRequest,
  body: Uint8Array<ArrayBuffer> | undefined,
  options: { allow: readonly string[]; signal: AbortSignal },
): Promise<FetchAnswer> {
  let url = parseUrl(target);
  let { method } = request;
  let headers = request.headers;
  const signal = AbortSignal.any([options.signal, AbortSignal.timeout(bounds.fetchMilliseconds)]);
  for (let hop = 0; ; hop++) {
    if (!isHostAllowed(url, options.allow))
      throw new ScriptHostError("permission", `fetch of ${url.origin} is not allowed: \`allow: net\` does not name it`);
    if (url.username !== "" || url.password !== "")
      throw new ScriptHostError("argument", "a URL with a password in it is not fetched");
    const response = await fetch(url, {
      method,
      headers,
      redirect: "manual",
      signal,
      ...(body !== undefined && method !== "GET" && method !== "HEAD" ? { body } : {}),
    });
    const location = response.headers.get("location");
    if (![301, 302, 303, 307, 308].includes(response.status) || location === null || request.redirect === "manual")
      return {
        status: response.status,
        statusText: response.statusText,
        url: url.href,
        redirected: hop > 0,
        headers: [...response.headers],
        body: await readBody(response),
      };
    await response.body?.cancel();
    if (request.redirect === "error") throw new ScriptHostError("argument", `${url.href} redirects to ${location}`);
    if (hop >= bounds.redirects) throw new ScriptHostError("limit", `more than ${bounds.redirects} redirects`);
    const next = parseUrl(location, url.href);
    if (next.origin !== url.origin) headers = headers.filter(([name]) => !/^(authorization|cookie)$/i.test(name));
    if (response.status === 303 || (response.status < 303 && method === "POST")) {
      method = method === "HEAD" ? "HEAD" : "GET";
      body = undefined;
      headers = headers.filter(([name]) => !/^content-/i.test(name));
    }
    url = next;
  }
}

function parseUrl(text: string, base?: string): URL {
  const url = URL.parse(text, base);
  if (url === null) throw new ScriptHostError("argument", `not a URL: ${JSON.stringify(text.slice(0, 200))}`);
  return url;
}

async function readBody(response: Response): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  let length = 0;
  const reader = response.body?.getReader();
  for (;;) {
    const read = await reader?.read();
    if (read === undefined || read.done) return Buffer.concat(parts);
    parts.push(read.value);
    length += read.value.length;
    if (length > bounds.body) {
      await reader?.cancel();
      throw new ScriptHostError("limit", `the body is larger than ${bounds.body} octets`);
    }
  }
}
