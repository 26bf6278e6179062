/** Calls that no route takes: the first is told in full, since somebody may have dialled wrong; a scanner's are counted. */
import type { Log } from "../log.ts";
import type { Clock } from "../sip/clock.ts";
import type { Request } from "../sip/message.ts";
import { withoutPassword } from "../sip/uri.ts";
import { Episode } from "./episode.ts";

/** Milliseconds without such a call after which the next is told in full again. */
const calm = 10_000;

export class Unrouted {
  readonly #log: Log;
  readonly #episode: Episode;

  constructor(clock: Clock, log: Log) {
    this.#log = log;
    this.#episode = new Episode({
      clock,
      calm,
      passed: ({ notes }) => {
        if (notes > 1) log.info("further calls fitted no route and got 404", { calls: notes - 1 });
      },
    });
  }

  tell(request: Request, source: string): void {
    if (!this.#episode.active)
      this.#log.info("a call fits no route and gets 404", {
        callId: request.callId,
        to: withoutPassword(request.uri),
        from: withoutPassword(request.from.uriText),
        source,
      });
    this.#episode.note();
  }

  /** Nobody is told any more: the server stops. */
  stop(): void {
    this.#episode.stop();
  }
}
