/** A few files over HTTP, as the pages of siproc have them: each made when it is first asked for, packed, and not sent twice. */
import { createHash } from "node:crypto";

export interface StaticFile {
  /** The media type, with its charset. */
  readonly type: string;
  text(): string | Promise<string>;
}

interface Made {
  readonly type: string;
  readonly body: Uint8Array<ArrayBuffer>;
  readonly zipped: Uint8Array<ArrayBuffer>;
  readonly tag: string;
}

/** Longer ones are nobody's; the transport bounds them, too. */
const maxPath = 100;

export class StaticFiles {
  readonly #files: ReadonlyMap<string, StaticFile>;
  readonly #made = new Map<string, Promise<Made>>();

  /** @param files - by their paths, `/` among them. */
  constructor(files: Readonly<Record<string, StaticFile>>) {
    this.#files = new Map(Object.entries(files));
  }

  has(path: string): boolean {
    return path.length <= maxPath && this.#files.has(path);
  }

  /**
   * Answers a request of HTTP. Nothing that it does changes anything.
   *
   * @param headers - what every answer has; the answer's own are put into it.
   * @param missing - what stands where there is no such file.
   */
  async answer(request: Request, { headers, missing }: { headers: Headers; missing: string }): Promise<Response> {
    const { pathname } = new URL(request.url);
    const known = pathname.length <= maxPath ? this.#files.get(pathname) : undefined;
    if (known === undefined) return plain(404, missing, headers);
    if (request.method !== "GET" && request.method !== "HEAD") {
      headers.set("allow", "GET, HEAD");
      return plain(405, "This page can only be read.", headers);
    }
    const file = await this.#file(pathname, known);
    headers.set("content-type", file.type);
    headers.set("cache-control", "no-cache");
    headers.set("etag", file.tag);
    headers.set("vary", "accept-encoding");
    if (request.headers.get("if-none-match") === file.tag) return new Response(null, { status: 304, headers });
    const zips = /(^|,)\s*gzip\s*(;\s*q=(0\.\d*[1-9]|1)|,|$)/i.test(request.headers.get("accept-encoding") ?? "");
    if (zips) headers.set("content-encoding", "gzip");
    return new Response(zips ? file.zipped : file.body, { headers });
  }

  #file(path: string, known: StaticFile): Promise<Made> {
    const there = this.#made.get(path);
    if (there !== undefined) return there;
    const made = make(known);
    this.#made.set(path, made);
    // Whoever asks next tries anew.
    made.catch(() => this.#made.delete(path));
    return made;
  }
}

async function make({ type, text }: StaticFile): Promise<Made> {
  const body = new Uint8Array(Buffer.from(await text()));
  const tag = `"${createHash("sha256").update(body).digest("base64url").slice(0, 22)}"`;
  return { type, body, zipped: new Uint8Array(Bun.gzipSync(body)), tag };
}

function plain(status: number, text: string, headers: Headers): Response {
  headers.set("content-type", "text/plain; charset=utf-8");
  headers.set("cache-control", "no-store");
  return new Response(`${text}\n`, { status, headers });
}
