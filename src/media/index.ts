/** The media engine's only door: sessions on the main thread, their packets in a worker. */
import { type MediaEngine, MediaError, type MediaOptions } from "./types.ts";

export * from "./types.ts";

/**
 * Starts the media worker and waits until its first ports are bound.
 * @throws MediaError `no-ports` when no pair of ports in the range can be bound.
 */
export function startMedia(_options: MediaOptions): Promise<MediaEngine> {
  return Promise.reject(new MediaError("failed", "the media engine is not built yet"));
}
