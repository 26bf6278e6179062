/** What hangs below a path of the HTTP listener, and what it is told of who asks. */
import type { Scope } from "../settings.ts";

export interface Mount {
  /** `/v1/`, `/metrics`: the path itself, or with a `/` at its end all below it. The longest that fits is asked first. */
  readonly prefix: string;
  /** What a key must allow; undefined: who asks needs no key, or the mount looks at `asking.scopes` itself. */
  readonly scope: Scope | undefined;
  /** Undefined: there is nothing here, and the next mount is asked. */
  answer(request: Request, url: URL, asking: Asking): Response | undefined | Promise<Response | undefined>;
}

/** Who asks. */
export interface Asking {
  /** The IP address. */
  readonly address: string;
  /** The name of the key; undefined: none was given. */
  readonly key: string | undefined;
  /** What it may do; all, where no keys are configured; none without a key. */
  readonly scopes: ReadonlySet<Scope>;
  /**
   * The answer goes on for as long as the client likes: it is not closed for being silent. The signal aborts when the client has
   * gone, or its key does not count any more: then the answer ends.
   */
  lasting(): AbortSignal;
}

/** Whether `asking` may do what needs one of these. */
export function mayDo(asking: Pick<Asking, "scopes">, ...needed: readonly Scope[]): boolean {
  return asking.scopes.has("admin") || needed.some((scope) => asking.scopes.has(scope));
}
