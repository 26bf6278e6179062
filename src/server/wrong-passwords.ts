/** Wrong passwords in the log: the first ones in full, since somebody may have mistyped; of those who guess by the thousand, how many. */
import type { Log } from "../log.ts";
import type { Clock } from "../sip/clock.ts";
import { Episode } from "./episode.ts";

/** Milliseconds without one after which the next are told in full again. */
const calm = 10_000;
/** Told in full until then. */
const inFull = 20;

export class WrongPasswords {
  readonly #log: Log;
  readonly #episode: Episode;
  #told = 0;

  constructor(clock: Clock, log: Log) {
    this.#log = log;
    this.#episode = new Episode({
      clock,
      calm,
      began: () => {
        this.#told = 0;
      },
      passed: ({ notes }) => {
        if (notes > inFull)
          log.info("further passwords were wrong, or their users unknown", { requests: notes - inFull });
      },
    });
  }

  /** `user` is what was claimed. */
  tell(user: string | undefined, source: string): void {
    this.#episode.note();
    if (this.#told++ < inFull)
      this.#log.info("a wrong password, or an unknown user", { user: user?.slice(0, 100), source });
  }

  /** Nobody is told any more: the server stops. */
  stop(): void {
    this.#episode.stop();
  }
}
