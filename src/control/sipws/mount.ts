/** SIPWS's requests over HTTP: POST with the key in the body, and GET. */
import { isLoopback } from "../../ip.ts";
import type { Log } from "../../log.ts";
import { readBody } from "../http/body.ts";
import { Guesses, Keys } from "../http/keys.ts";
import { type Asking, type Mount, mayDo } from "../http/mount.ts";
import { problem } from "../http/problem.ts";
import { Rate } from "../http/rate.ts";
import { refused } from "../http/server.ts";
import type { ControlKey } from "../settings.ts";
import { errorCodes, type Signal } from "./request.ts";
import { type Pieces, Sipws, type SipwsParts } from "./sipws.ts";

export interface SipwsMountOptions extends SipwsParts {
  readonly log: Log;
  /** Asked for at each request, since a reload changes them. */
  readonly keys: () => readonly ControlKey[];
  /** Whether no key is needed at all. */
  readonly open?: (() => boolean) | undefined;
  /** Who may GET the accounts: everybody, as with SIPWS itself, those with a key, or others answer it. */
  readonly get: "everybody" | "key" | "others";
  /** ms, of any epoch. */
  readonly now?: () => number;
}

/** Octets of a body: some 30,000 accounts. */
export const mostSipwsBody = 4 * 1_048_576;
/** Wrong keys from one address: so many at once, and then one in so many seconds. */
const wrongKeys = { burst: 10, perSecond: 0.2 };

/**
 * Answers below a path. In `siproc sipws` that is `/`: SIPWS looks at no path.
 * @param prefix `/`, or `/sipws`
 */
export function sipwsMount(prefix: string, options: SipwsMountOptions): Mount {
  const { keys, log, get, now = () => performance.now() } = options;
  const sipws = new Sipws(options);
  const wrong = new Rate({ ...wrongKeys, now });
  const guesses = new Guesses();
  const may = ({ scopes }: Pick<Asking, "scopes">, signal: Signal | undefined) =>
    // Who may change accounts may not stop the service.
    signal === "start" || signal === "stop" ? scopes.has("admin") : mayDo({ scopes }, "accounts");
  const isKey = (key: string, signal: Signal | undefined) => {
    const found = new Keys(keys()).find(key);
    return found !== undefined && may(found, signal);
  };

  const limited = (address: string) =>
    problem("too-many", "too many wrong keys came from this address; wait", {
      headers: { "Retry-After": String(wrong.wait(address)) },
    });

  const post = async (request: Request, asking: Asking): Promise<Response> => {
    const { address } = asking;
    // Behind a proxy on this machine everybody has its address: a right key must not wait for the wrong ones of others.
    if (!isLoopback(address) && !wrong.has(address)) return limited(address);
    const octets = await readBody(request, mostSipwsBody);
    if (octets instanceof Response) return octets;
    let given: string | undefined;
    const { code, reason, pieces } = await sipws.post(textOf(octets), (key, signal) => {
      given = key;
      // A key in the header, or no key where none is configured, is as good as one in the body.
      return key === undefined || options.open?.() === true ? may(asking, signal) : isKey(key, signal);
    });
    if (code === errorCodes.key) {
      if (!wrong.has(address)) return limited(address);
      // A program that has a wrong key, and asks again and again, is nobody who guesses.
      if (guesses.isNew(address, given ?? "")) {
        wrong.take(address);
        log.warn("a wrong key was given to change accounts", { source: address });
      }
    } else if (code === errorCodes.request || code === errorCodes.unwritten)
      log.warn("accounts could not be changed as was asked", { source: address, reason });
    return sent(pieces);
  };

  return {
    prefix,
    scope: undefined,
    answer(request, _, asking) {
      if (request.method === "POST") return post(request, asking);
      if (get === "others") return undefined;
      if (request.method !== "GET" && request.method !== "HEAD")
        return problem("wrong-method", "POST a request, or GET the accounts", {
          headers: { Allow: "GET, HEAD, POST" },
        });
      if (get === "key" && !mayDo(asking, "read", "accounts")) return refused(asking, "read", "accounts");
      return sent(sipws.database());
    },
  };
}

/** What is no UTF-8 is no JSON either. */
function textOf(octets: Uint8Array): string {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(octets);
  } catch {
    return "";
  }
}

/** Sends a long answer piece by piece, and lets others have their turn in between. */
function sent(pieces: Pieces): Response {
  const encoder = new TextEncoder();
  const body = new ReadableStream<Uint8Array>({
    async pull(controller) {
      let piece = pieces.next();
      for (; piece.done !== true && piece.value === ""; piece = pieces.next()) await breathe();
      if (piece.done === true) return controller.close();
      controller.enqueue(encoder.encode(piece.value));
      await breathe();
    },
  });
  return new Response(body, { headers: { "Content-Type": "application/json; charset=utf-8" } });
}

function breathe(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
