/** The page with a phone that is served where browsers connect: its files, with headers that let nobody misuse them. */
import { StaticFiles } from "../static-files.ts";
import { pageScript } from "./bundle.ts";
import { contentSecurityPolicy, permissionsPolicy } from "./headers.ts";
import { icon, licences, type PageOptions, pageHtml, pageStyle, turnPath } from "./html.ts";

export type { PageOptions } from "./html.ts";

export class Page {
  readonly #options: PageOptions;
  readonly #files: StaticFiles;

  constructor(options: PageOptions) {
    this.#options = options;
    this.#files = new StaticFiles({
      "/": { type: "text/html; charset=utf-8", text: () => pageHtml(options) },
      "/siproc.js": { type: "text/javascript; charset=utf-8", text: pageScript },
      "/siproc.css": { type: "text/css; charset=utf-8", text: () => pageStyle },
      "/icon.svg": { type: "image/svg+xml", text: () => icon },
      "/licences.txt": { type: "text/plain; charset=utf-8", text: () => licences },
    });
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
    if (pathname === turnPath && this.#options.turn !== undefined && request.method === "GET")
      return credentials(this.#options.turn(), headers);
    // Other sites embed the script; what it does there, it does with their visitors' consent.
    headers.set("cross-origin-resource-policy", pathname === "/siproc.js" ? "cross-origin" : "same-origin");
    return await this.#files.answer(request, { headers, missing: "There is no such page here; the phone is at /." });
  }
}

/** Made anew for who asks, on whatever site the button stands. */
function credentials(made: object, headers: Headers): globalThis.Response {
  headers.set("cache-control", "no-store");
  headers.set("access-control-allow-origin", "*");
  headers.set("cross-origin-resource-policy", "cross-origin");
  return Response.json(made, { headers });
}
