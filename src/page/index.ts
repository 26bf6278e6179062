/** The page with a phone that is served where browsers connect: its files, with headers that let nobody misuse them. */
import { createHash } from "node:crypto";
import { pageScript } from "./bundle.ts";
import { contentSecurityPolicy, permissionsPolicy } from "./headers.ts";
import { icon, licences, type PageOptions, pageHtml, pageStyle } from "./html.ts";

export type { PageOptions } from "./html.ts";

interface PageFile {
  readonly type: string;
  readonly body: Uint8Array<ArrayBuffer>;
  readonly zipped: Uint8Array<ArrayBuffer>;
  readonly tag: string;
}

/** Longer ones are nobody's; the transport bounds them, too. */
const maxPath = 100;

/** The page's files by their paths, each made when it is first asked for. */
export class Page {
  readonly #options: PageOptions;
  readonly #made = new Map<string, Promise<PageFile>>();
  readonly #files: ReadonlyMap<string, { type: string; text: () => string | Promise<string> }>;

  constructor(options: PageOptions) {
    this.#options = options;
    this.#files = new Map([
      ["/", { type: "text/html; charset=utf-8", text: () => pageHtml(options) }],
      ["/siproc.js", { type: "text/javascript; charset=utf-8", text: pageScript }],
      ["/siproc.css", { type: "text/css; charset=utf-8", text: () => pageStyle }],
      ["/icon.svg", { type: "image/svg+xml", text: () => icon }],
      ["/licences.txt", { type: "text/plain; charset=utf-8", text: () => licences }],
    ]);
  }

  /** Answers a request of HTTP. Nothing that it does changes anything. */
  async answer(request: globalThis.Request): Promise<globalThis.Response> {
    const { pathname, host, protocol } = new URL(request.url);
    const headers = new Headers({
      "content-security-policy": contentSecurityPolicy({ host, frames: this.#options.frames }),
      "permissions-policy": permissionsPolicy,
      "referrer-policy": "no-referrer",
      "x-content-type-options": "nosniff",
    });
    if (this.#options.frames.length === 0) headers.set("x-frame-options", "DENY");
    if (protocol === "https:") headers.set("cross-origin-opener-policy", "same-origin");
    const file = pathname.length <= maxPath ? await this.#file(pathname) : undefined;
    if (file === undefined) return plain(404, "There is no such page here; the phone is at /.", headers);
    if (request.method !== "GET" && request.method !== "HEAD") {
      headers.set("allow", "GET, HEAD");
      return plain(405, "This page can only be read.", headers);
    }
    headers.set("content-type", file.type);
    headers.set("cache-control", "no-cache");
    headers.set("etag", file.tag);
    headers.set("vary", "accept-encoding");
    // Other sites embed the script; what it does there, it does with their visitors' consent.
    headers.set("cross-origin-resource-policy", pathname === "/siproc.js" ? "cross-origin" : "same-origin");
    if (request.headers.get("if-none-match") === file.tag) return new Response(null, { status: 304, headers });
    const zips = /(^|,)\s*gzip\s*(;\s*q=(0\.\d*[1-9]|1)|,|$)/i.test(request.headers.get("accept-encoding") ?? "");
    if (zips) headers.set("content-encoding", "gzip");
    return new Response(zips ? file.zipped : file.body, { headers });
  }

  #file(path: string): Promise<PageFile> | undefined {
    const known = this.#files.get(path);
    if (known === undefined) return undefined;
    const there = this.#made.get(path);
    if (there !== undefined) return there;
    const made = makeFile(known);
    this.#made.set(path, made);
    // Whoever asks next tries anew.
    made.catch(() => this.#made.delete(path));
    return made;
  }
}

async function makeFile({ type, text }: { type: string; text: () => string | Promise<string> }): Promise<PageFile> {
  const body = new Uint8Array(Buffer.from(await text()));
  const tag = `"${createHash("sha256").update(body).digest("base64url").slice(0, 22)}"`;
  return { type, body, zipped: new Uint8Array(Bun.gzipSync(body)), tag };
}

function plain(status: number, text: string, headers: Headers): globalThis.Response {
  headers.set("content-type", "text/plain; charset=utf-8");
  headers.set("cache-control", "no-store");
  return new Response(`${text}\n`, { status, headers });
}
