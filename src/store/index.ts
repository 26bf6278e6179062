/** The store's only door: what is kept over a restart. */
import { resolve } from "node:path";
import type { Log } from "../log.ts";
import type { Clock } from "../sip/clock.ts";
import { memoryStore } from "./memory.ts";
import { sqliteStore } from "./sqlite.ts";
import { type Store, StoreError } from "./types.ts";
import type { WorkerPort } from "./write-behind.ts";

export { memoryStore } from "./memory.ts";
export * from "./types.ts";

export interface StoreOptions {
  readonly log: Log;
  readonly clock: Clock;
  /** Where the path in the URL counts from; by default, where the program was started. */
  readonly folder?: string | undefined;
  /** Makes the worker; for tests. */
  readonly worker?: (() => WorkerPort) | undefined;
}

function createWorker(): WorkerPort {
  return new Worker(new URL("./worker.ts", import.meta.url).href);
}

/**
 * Opens `memory:` or `sqlite:PATH`; the file is made when it is not there.
 * What was put into it over a second ago is there after `kill -9`; after a loss of power, what the disk had taken.
 * @throws StoreError
 */
export async function openStore(url: string, options: StoreOptions): Promise<Store> {
  if (url === "memory:") return memoryStore();
  const [, path] = /^sqlite:(?:\/\/(?=\/))?(.+)$/.exec(url) ?? [];
  if (path === undefined)
    throw new StoreError("bad-url", `“${url}” is no store; expected memory: or sqlite: and the path of a file`);
  const { folder = ".", log, clock, worker = createWorker } = options;
  return await sqliteStore(resolve(folder, path), { log, clock, worker });
}
