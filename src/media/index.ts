/** The media engine's only door: sessions on the main thread, their packets in a worker. */
import { compiled } from "../own-program.ts";
import { MainThread, type WorkerPort } from "./main-thread.ts";
import { RelayEngine } from "./relay/main-thread.ts";
import type { RelayOptions } from "./relay/types.ts";
import type { MediaEngine, MediaOptions } from "./types.ts";

export { dtlsFingerprint } from "./dtls/certificate.ts";
export { lateBounds } from "./lateness.ts";
export { type PcmStream, readPcm, SoundError } from "./pcm-reader.ts";
export type { RelayEngine } from "./relay/main-thread.ts";
export type { RelayOptions, RelayTotals } from "./relay/types.ts";
export { StreamResampler } from "./tap-resample.ts";
export * from "./types.ts";
export { wavHeader } from "./wav-writer.ts";

/**
 * In a compiled binary all modules lie at the top of the embedded tree, and `src/media/worker.ts` must be a further entry
 * point beside `src/main.ts`: it is found below their common folder.
 */
function createWorker(): WorkerPort {
  return new Worker(new URL(compiled ? "./media/worker.ts" : "./worker.ts", import.meta.url).href);
}

/**
 * Starts the media worker and waits until its first ports are bound.
 * @param worker makes the worker; for tests
 * @throws MediaError `no-ports` when no pair of ports in the range can be bound, `failed` when the worker cannot start.
 */
export async function startMedia(options: MediaOptions, worker: () => WorkerPort = createWorker): Promise<MediaEngine> {
  const engine = new MainThread(options, worker);
  await engine.start();
  return engine;
}

/**
 * A relay whose worker is not started yet: it may turn out later that there is something to relay. See `RelayEngine.start`.
 * @param worker makes the worker; for tests
 */
export function createRelay(options: RelayOptions, worker: () => WorkerPort = createWorker): RelayEngine {
  return new RelayEngine(options, worker);
}

/**
 * Starts the relay, in a worker of its own, and waits until its first ports are bound.
 * @throws MediaError `no-ports` when no pair of ports in the range can be bound, `failed` when the worker cannot start.
 */
export async function startRelay(options: RelayOptions, worker?: () => WorkerPort): Promise<RelayEngine> {
  const engine = createRelay(options, worker);
  await engine.start();
  return engine;
}
