/** Taps as the main thread has them: what a session gives out for each, and where the worker's records go. */
import { readMark, readTapBatch, type TapBatch, type TapRecord, tapKind, writeMark } from "./tap-channel.ts";
import type { MediaTap, TapListener, TapSettings } from "./types.ts";

/** The open taps of all sessions, by number. */
export class MainTaps {
  readonly #batch: TapBatch;
  readonly #taps = new Map<number, { session: number; listener: TapListener }>();
  #last = 0;

  constructor(batch: TapBatch) {
    this.#batch = batch;
  }

  open(session: number, settings: TapSettings, listener: TapListener): MediaTap {
    this.#last = (this.#last % 0xffffffff) + 1;
    const tap = this.#last;
    this.#taps.set(tap, { session, listener });
    this.#batch.add(session, tap, tapKind.open, new TextEncoder().encode(JSON.stringify(settings)));
    return {
      write: (sound) => this.#batch.add(session, tap, tapKind.audio, sound),
      mark: (id) => this.#batch.add(session, tap, tapKind.mark, writeMark(id)),
      clear: () => this.#batch.add(session, tap, tapKind.clear),
      close: () => {
        if (this.#taps.delete(tap)) this.#batch.add(session, tap, tapKind.close);
      },
    };
  }

  /** Takes a message of the worker. */
  receive(message: Uint8Array): void {
    for (const record of readTapBatch(message)) this.#take(record);
  }

  /** The session is over: nothing comes of its taps any more. */
  forget(session: number): void {
    for (const [id, tap] of this.#taps) if (tap.session === session) this.#taps.delete(id);
  }

  #take({ tap, kind, payload }: TapRecord): void {
    const listener = this.#taps.get(tap)?.listener;
    switch (kind) {
      case tapKind.audio:
        return listener?.sound(payload);
      case tapKind.mark: {
        const { id, cleared } = readMark(payload);
        return listener?.mark?.(id, cleared);
      }
      case tapKind.overflow:
        return listener?.overflow?.();
    }
  }
}
