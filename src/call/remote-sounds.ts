/**
 * Sounds at URLs: fetched to a temporary file, from which the media worker plays them. Who may ask which host is decided before;
 * here a redirect may not leave it. Bounded in size, time, number, and in what is kept.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

export interface RemoteSoundLimits {
  /** The largest file, octets. */
  size: number;
  /** How long one may take, ms. */
  time: number;
  /** For how long it is played again without being fetched again, ms. */
  fresh: number;
  /** Files that are kept, and that are fetched at once. */
  files: number;
  fetches: number;
}

export const defaultRemoteSoundLimits: RemoteSoundLimits = {
  size: 64 << 20,
  time: 30_000,
  fresh: 60_000,
  files: 64,
  fetches: 32,
};
const maxRedirects = 5;

/** Why a sound cannot be had, in words for the author of a script. */
export class RemoteSoundError extends Error {
  readonly code = "remote-sound";
  override name = "RemoteSoundError";
}

/** Whether PLAY means a URL. */
export function isSoundUrl(file: string): boolean {
  return /^https?:\/\//i.test(file);
}

interface Kept {
  readonly path: Promise<string>;
  /** When it was there; undefined while it is on its way. */
  since: number | undefined;
}

export class RemoteSounds {
  readonly #limits: RemoteSoundLimits;
  readonly #now: () => number;
  /** By URL, the one fetched longest ago first. */
  readonly #kept = new Map<string, Kept>();
  #folder: string | undefined;
  #files = 0;
  #fetching = 0;

  /** @param now ms on a steady clock */
  constructor(limits: RemoteSoundLimits = defaultRemoteSoundLimits, now: () => number = () => performance.now()) {
    this.#limits = limits;
    this.#now = now;
  }

  /**
   * The path of a file with what the URL gives.
   * @throws RemoteSoundError
   */
  async fetch(url: string): Promise<string> {
    const known = this.#kept.get(url);
    if (known !== undefined && (known.since === undefined || this.#now() - known.since < this.#limits.fresh))
      return await known.path;
    if (this.#fetching >= this.#limits.fetches) throw new RemoteSoundError("too many sounds are being fetched");
    this.#forget(url);
    const kept: Kept = { path: this.#fetch(url), since: undefined };
    this.#kept.set(url, kept);
    for (const oldest of this.#kept.keys()) {
      if (this.#kept.size <= this.#limits.files) break;
      this.#forget(oldest);
    }
    try {
      const path = await kept.path;
      kept.since = this.#now();
      return path;
    } catch (error) {
      if (this.#kept.get(url) === kept) this.#kept.delete(url);
      throw error;
    }
  }

  #forget(url: string): void {
    const kept = this.#kept.get(url);
    this.#kept.delete(url);
    // Who plays it has it open.
    kept?.path.then(
      (path) => rm(path, { force: true }),
      () => {},
    );
  }

  async #fetch(url: string): Promise<string> {
    this.#fetching++;
    try {
      const response = await follow(url, AbortSignal.timeout(this.#limits.time));
      const path = join(this.#place(), `${++this.#files}`);
      const writer = Bun.file(path).writer();
      let size = 0;
      try {
        for await (const part of response.body ?? []) {
          size += part.length;
          if (size > this.#limits.size) throw new RemoteSoundError(`it is larger than ${this.#limits.size >> 20} MiB`);
          writer.write(part);
          await writer.flush();
        }
      } finally {
        await writer.end();
      }
      return path;
    } catch (error) {
      if (error instanceof RemoteSoundError) throw error;
      const timeout = error instanceof Error && error.name === "TimeoutError";
      if (timeout) throw new RemoteSoundError("it takes too long to come");
      const code = error instanceof Error && "code" in error ? String(error.code) : "";
      const certificate = /CERT|SELF_SIGNED|VERIFY/.test(code);
      throw new RemoteSoundError(
        certificate ? `the certificate of its host is not trusted (${code})` : "its host cannot be reached",
      );
    } finally {
      this.#fetching--;
    }
  }

  #place(): string {
    if (this.#folder === undefined) {
      const folder = mkdtempSync(join(tmpdir(), "siproc-sounds-"));
      process.once("exit", () => rmSync(folder, { recursive: true, force: true }));
      this.#folder = folder;
    }
    return this.#folder;
  }
}

async function follow(url: string, signal: AbortSignal): Promise<Response> {
  let next = URL.parse(url);
  for (let hop = 0; next !== null && hop <= maxRedirects; hop++) {
    const { origin } = next;
    const response: Response = await fetch(next.href, { redirect: "manual", signal });
    const location = response.headers.get("location");
    if (response.status >= 200 && response.status < 300) return response;
    await response.body?.cancel();
    if (response.status < 300 || response.status >= 400 || location === null)
      throw new RemoteSoundError(`its host answers ${response.status}`);
    next = URL.parse(location, next.href);
    if (next !== null && next.origin !== origin) throw new RemoteSoundError(`it redirects to another host`);
  }
  throw new RemoteSoundError(next === null ? "it is no URL" : "it redirects too often");
}
