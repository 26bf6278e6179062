/** The little HTTP/1.1 (RFC 9112) that a WebSocket port needs: one request, one answer, then the connection closes. Sans-IO. */
import { isToken } from "../../sip/text.ts";

export interface HttpRequest {
  readonly method: string;
  /** The request-target, which starts with "/". */
  readonly target: string;
  /** Names in lower case; values of the same name joined with ", ". */
  readonly headers: ReadonlyMap<string, string>;
  readonly body: Uint8Array;
}

export interface HttpLimits {
  /** Octets of the request line and the header lines. */
  readonly maxHead: number;
  readonly maxBody: number;
}

export type HttpArrival =
  | { readonly type: "request"; readonly request: HttpRequest; readonly rest: Uint8Array }
  /** What was sent is no request that we take: the whole answer. */
  | { readonly type: "refused"; readonly answer: Uint8Array };

/** Collects one request. */
export class HttpReader {
  readonly #limits: HttpLimits;
  #octets: Buffer = Buffer.alloc(0);
  #length = 0;
  #scanned = 0;
  #head: { request: Omit<HttpRequest, "body">; start: number; end: number } | undefined;

  constructor(limits: HttpLimits) {
    this.#limits = limits;
  }

  get pending(): number {
    return this.#length;
  }

  /** The request once it is whole, with what was sent behind it. */
  push(chunk: Uint8Array): HttpArrival | undefined {
    this.#append(chunk);
    if (this.#head === undefined) {
      const octets = this.#octets.subarray(0, this.#length);
      const end = octets.indexOf("\r\n\r\n", Math.max(0, this.#scanned - 3), "latin1");
      this.#scanned = this.#length;
      if (end > this.#limits.maxHead || (end < 0 && this.#length > this.#limits.maxHead)) {
        return refused(431, "The header of this request is too large.");
      }
      if (end < 0) return looksLikeHttp(octets) ? undefined : refused(400, "This is no request of HTTP.");
      const head = parseHead(octets.toString("latin1", 0, end));
      if (head === undefined) return refused(400, "This request cannot be read.");
      if (head.headers.has("transfer-encoding")) return refused(411, "A body needs a Content-Length.");
      const length = head.headers.get("content-length") ?? "0";
      if (!/^\d{1,9}$/.test(length)) return refused(400, "The Content-Length cannot be read.");
      if (Number(length) > this.#limits.maxBody) return refused(413, "The body of this request is too large.");
      this.#head = { request: head, start: end + 4, end: end + 4 + Number(length) };
    }
    const { request, start, end } = this.#head;
    if (this.#length < end) return undefined;
    const octets = this.#octets.subarray(0, this.#length);
    return {
      type: "request",
      request: { ...request, body: octets.subarray(start, end) },
      rest: octets.subarray(end),
    };
  }

  #append(chunk: Uint8Array): void {
    const needed = this.#length + chunk.length;
    if (needed > this.#octets.length) {
      const room = Buffer.allocUnsafeSlow(Math.max(needed, 2 * this.#octets.length));
      this.#octets.copy(room, 0, 0, this.#length);
      this.#octets = room;
    }
    this.#octets.set(chunk, this.#length);
    this.#length = needed;
  }
}

/** A method, as far as it is there: garbage need not wait for its end. */
function looksLikeHttp(octets: Buffer): boolean {
  return /^[A-Z]{0,20}($| (\/|$))/.test(octets.toString("latin1", 0, 24));
}

function parseHead(head: string): Omit<HttpRequest, "body"> | undefined {
  const [start = "", ...lines] = head.split("\r\n");
  const [, method, target] = /^([A-Z]{1,20}) (\/[\x21-\x7e]{0,4000}) HTTP\/1\.[01]$/.exec(start) ?? [];
  if (method === undefined || target === undefined) return undefined;
  const headers = new Map<string, string>();
  for (const line of lines) {
    const colon = line.indexOf(":");
    const name = line.slice(0, colon).toLowerCase();
    // No folded lines, no space before the colon (RFC 9112 §5.1, §5.2).
    if (colon < 1 || !isToken(name)) return undefined;
    const value = line.slice(colon + 1).replace(/^[ \t]+|[ \t]+$/g, "");
    const before = headers.get(name);
    if (before !== undefined && (name === "host" || name === "content-length")) return undefined;
    headers.set(name, before === undefined ? value : `${before}, ${value}`);
  }
  return { method, target, headers };
}

function refused(status: number, why: string): HttpArrival {
  return { type: "refused", answer: plainAnswer(status, why) };
}

const reasons: Readonly<Record<number, string>> = {
  101: "Switching Protocols",
  200: "OK",
  204: "No Content",
  301: "Moved Permanently",
  302: "Found",
  304: "Not Modified",
  400: "Bad Request",
  401: "Unauthorized",
  403: "Forbidden",
  404: "Not Found",
  405: "Method Not Allowed",
  411: "Length Required",
  413: "Content Too Large",
  426: "Upgrade Required",
  431: "Request Header Fields Too Large",
  500: "Internal Server Error",
  503: "Service Unavailable",
};

/** An answer of one line of text. `headers`: whole lines. */
export function plainAnswer(status: number, why: string, headers: readonly string[] = []): Uint8Array {
  return answer(status, ["Content-Type: text/plain; charset=utf-8", ...headers], Buffer.from(`${why}\n`));
}

/** A whole answer, after which the connection closes. */
export function answer(status: number, headers: readonly string[], body: Uint8Array): Uint8Array {
  const length = status === 204 || status === 304 ? [] : [`Content-Length: ${body.length}`];
  const lines = [`HTTP/1.1 ${status} ${reasons[status] ?? "-"}`, ...headers, ...length, "Connection: close"];
  return Buffer.concat([Buffer.from(`${lines.join("\r\n")}\r\n\r\n`, "latin1"), body]);
}
