/** The console: a web page for operators, served beside the HTTP API that it asks for everything. */
import { StaticFiles } from "../static-files.ts";
import { consoleScript, consoleStyle } from "./bundle.ts";
import { consoleHtml, consoleIcon, consoleLicences } from "./html.ts";

/** Scripts, styles and connections of this server alone, nothing inline, in nobody's frame; recordings are played from memory. */
const policy = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self'",
  "media-src 'self' blob:",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join("; ");

/** The console's files. They are the same for everybody and say nothing of the server, so they need no key. */
export class Console {
  readonly #files = new StaticFiles({
    "/": { type: "text/html; charset=utf-8", text: () => consoleHtml },
    "/console.js": { type: "text/javascript; charset=utf-8", text: consoleScript },
    "/console.css": { type: "text/css; charset=utf-8", text: consoleStyle },
    "/icon.svg": { type: "image/svg+xml", text: () => consoleIcon },
    "/licences.txt": { type: "text/plain; charset=utf-8", text: () => consoleLicences },
  });

  /** Answers a request of HTTP for one of the files; undefined: it is for none of them. */
  answer(request: Request, url: URL): Promise<Response> | undefined {
    if (!this.#files.has(url.pathname)) return undefined;
    const headers = new Headers({
      "content-security-policy": policy,
      "permissions-policy": "microphone=(), camera=(), geolocation=(), payment=()",
      "referrer-policy": "no-referrer",
      "x-content-type-options": "nosniff",
      "x-frame-options": "DENY",
      "cross-origin-resource-policy": "same-origin",
    });
    if (url.protocol === "https:") headers.set("cross-origin-opener-policy", "same-origin");
    return this.#files.answer(request, { headers, missing: "There is nothing here." });
  }
}
