/** The worker's end of the taps' channel: records to the taps of their sessions, and what taps tell back. */

import type { TapEvents, Taps } from "./tap.ts";
import { readMark, readTapBatch, TapBatch, type TapRecord, tapKind, writeMark } from "./tap-channel.ts";
import type { TapSettings } from "./types.ts";

/** What of a session taps need. */
export interface Tapped {
  readonly taps: Taps;
  openTap(id: number, settings: TapSettings, events: TapEvents): void;
  closeTap(id: number): void;
}

export class TapPort {
  readonly #sessionOf: (id: number) => Tapped | undefined;
  readonly #batch: TapBatch;

  constructor(sessionOf: (id: number) => Tapped | undefined, post: (message: Uint8Array) => void) {
    this.#sessionOf = sessionOf;
    this.#batch = new TapBatch(post);
  }

  receive(message: Uint8Array): void {
    for (const record of readTapBatch(message)) {
      const session = this.#sessionOf(record.session);
      if (session !== undefined) this.#take(session, record);
    }
  }

  #take(on: Tapped, { session, tap, kind, payload }: TapRecord): void {
    switch (kind) {
      case tapKind.open:
        // Written by `tap-main.ts`, this same program.
        return on.openTap(tap, JSON.parse(new TextDecoder().decode(payload)) as TapSettings, {
          sound: (sound) => this.#batch.add(session, tap, tapKind.audio, sound),
          mark: (id, cleared) => this.#batch.add(session, tap, tapKind.mark, writeMark(id, cleared)),
          overflow: () => this.#batch.add(session, tap, tapKind.overflow),
        });
      case tapKind.audio:
        return on.taps.get(tap)?.write(payload);
      case tapKind.mark:
        return on.taps.get(tap)?.mark(readMark(payload).id);
      case tapKind.clear:
        return on.taps.get(tap)?.clear();
      case tapKind.close:
        return on.closeTap(tap);
    }
  }
}
